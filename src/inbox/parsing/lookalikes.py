"""Names and addresses that are made to be mistaken for others (Unicode TR 36, UTS 39). What is found is a defect; rules decide what it is worth."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from inbox.parsing.addresses import Address
from inbox.parsing.defects import Defects
from inbox.parsing.domains import mixes_scripts, readable_domain, reads_as_latin

_AUTHORS = ("from", "sender", "reply-to")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
_MARKS = re.compile("[\u061c\u200e\u200f]")
"""They order the signs beside them and turn nothing: ordinary in Hebrew and Arabic text, but not in an address."""
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u034f\u115f\u1160\u180e\u200b\u2060-\u2064\u3164\ufeff\uffa0\U000e0000-\U000e007f]"
)
_ADDRESS = re.compile(r"[\w.+%-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63}){1,10})")
_WORD = re.compile(r"[^\W\d_]+")
_ALIKE = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}


def note_lookalikes(field: str, addresses: Iterable[Address], found: Defects) -> None:
    """Defects of an address field. Plain ASCII names without an address in them, which nearly all are, cost next to nothing."""
    for address in addresses:
        name = address.name or ""
        if "@" in name or not (name.isascii() and name.isprintable()):
            _name(field, name, address, found)
        if not address.local.isascii():
            _local(field, address, found)
        if "xn--" in address.domain:
            _domain(field, address.domain, found)


def note_text(field: str, text: str, found: Defects) -> None:
    """Defects of a text that people read: characters that turn its direction or that nobody sees."""
    if text.isascii() and text.isprintable():
        return
    if turns_direction(text):
        found.add("bidi-control", field, text)
    if _INVISIBLE.search(text):
        found.add("invisible-character", field, text)


def turns_direction(text: str) -> bool:
    """Whether a text has characters that turn the direction of writing: embeddings, overrides and isolates (Unicode TR 9), not the marks LRM, RLM and ALM."""
    return not text.isascii() and bool(_DIRECTION.search(text))


def _name(field: str, name: str, address: Address, found: Defects) -> None:
    note_text(field, name, found)
    if not name.isascii() and any(len(_scripts(word) & _ALIKE) > 1 for word in _WORD.findall(name)):
        found.add("mixed-script", field, name)
    shown = _ADDRESS.search(_INVISIBLE.sub("", unicodedata.normalize("NFKC", name))) if field in _AUTHORS else None
    if shown and shown[1].lower() not in (address.domain, readable_domain(address.domain)):
        found.add("name-is-address", field, f"{name} <{address.address}>")


def _local(field: str, address: Address, found: Defects) -> None:
    if turns_direction(address.local):
        found.add("bidi-control", field, address.address)
    elif _INVISIBLE.search(address.local) or _MARKS.search(address.local):
        found.add("invisible-character", field, address.address)


def _domain(field: str, domain: str, found: Defects) -> None:
    shown = f"{domain} ({readable_domain(domain)})"
    if mixes_scripts(domain):
        found.add("mixed-script", field, shown)
    elif reads_as_latin(domain):
        found.add("homograph", field, shown)


def _scripts(word: str) -> set[str]:
    return {unicodedata.name(letter, "UNKNOWN").split(" ")[0] for letter in word} if not word.isascii() else set()
