"""The guard of every header field that we write (RFC 5322 section 2.2, RFC 2047).

A value can come from a stranger's mail. Whatever is no visible text in it (CR, LF, NUL, other control characters) becomes one blank, so a
value stays one value; a name must be a name. What is not plain ASCII is written as encoded words, and so is text that would read like one.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterable, Iterator

_NAME = re.compile(r"[!-9;-~]{1,76}")
_UNSEEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LOCAL = re.compile(r'[^\s"(),:;<>@\[\\\]\x00-\x1f\x7f]{1,64}|"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"')
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]|\[IPv6:[0-9A-Fa-f:.]+\]")
_TOKEN = re.compile(r"[!-~]+")
_ENCODED = re.compile(r"=\?[^?]*\?[bqBQ]\?")
_LINE, _LONGEST = 78, 900  # octets: where lines are folded, and how long one word may be before it is encoded


def check_name(name: str) -> str:
    """The name itself; ValueError unless it can be the name of a header field (RFC 5322 section 3.6.8)."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a header field: letters, digits and dashes, no blank, no colon")
    return name


def clean(value: str) -> str:
    """The value in one line: every run of control characters becomes one blank."""
    return " ".join(part for part in map(str.strip, _UNSEEN.split(value)) if part)


def field(name: str, value: str) -> bytes:
    """One header field of free text, folded, with its CRLF. ValueError when the name is none."""
    check_name(name)
    text = clean(value)
    words = re.findall(r"\s*\S+", f" {text}")
    if not text.isascii() or "=?" in text or any(len(word) > _LONGEST for word in words):
        words = [" " + word for word in encoded_words(text, _LINE - 2 - len(name))]
    return _fold(f"{name}:", words)


def tokens(name: str, values: Iterable[str]) -> bytes:
    """One header field of words that must stay as they are (message ids), one folding blank between them; words that cannot are left out,
    those too that some would decode (RFC 2047). Nothing when no word is left.
    """
    kept = [value for value in values if _TOKEN.fullmatch(value) and len(value) <= _LONGEST and not _ENCODED.search(value)]
    return _fold(f"{check_name(name)}:", [" " + value for value in kept]) if kept else b""


def addresses(name: str, parties: Iterable[tuple[str, str]]) -> bytes:
    """One header field of addresses, from pairs of display name and address. ValueError when one is no address."""
    items = [party(display, address) for display, address in parties]
    words = [" " + word for word in ", ".join(items).split(" ")]
    return _fold(f"{check_name(name)}:", words)


def party(display: str, address: str) -> str:
    """`Name <address>` as it stands in a header field; only the address when there is no name."""
    plain, shown = check_address(address), " ".join(clean(display).split())
    if not shown:
        return plain
    if not shown.isascii() or "=?" in shown or any(len(word) > _LONGEST // 2 for word in shown.split(" ")):
        return f"{' '.join(encoded_words(shown, _LINE - 2))} <{plain}>"
    if not _ATOM.fullmatch(shown):
        shown = '"' + re.sub(r'(["\\])', r"\\\1", shown) + '"'
    return f"{shown} <{plain}>"


def check_address(address: str) -> str:
    """The address with its domain as A-labels; ValueError unless it is one address (RFC 5321 section 4.1.2)."""
    local, _, domain = address.rpartition("@")
    plain = ascii_domain(domain)
    if not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(plain) or _UNSEEN.search(local):
        raise ValueError(f"{address!r} is not an address")
    return f"{local}@{plain}"


def ascii_domain(domain: str) -> str:
    """A domain with A-labels (RFC 5890) in place of letters that are not ASCII; upper case stays in labels that are."""
    if domain.isascii():
        return domain
    labels = re.split("[.\u3002\uff0e\uff61]", unicodedata.normalize("NFKC", domain))
    return ".".join(label if label.isascii() else "xn--" + label.lower().encode("punycode").decode("ascii") for label in labels)


def encoded_words(text: str, first: int) -> Iterator[str]:
    """Encoded words (RFC 2047), UTF-8 in base64, each at most 75 octets long; the first has less room behind the name."""
    room = max((min(first, 75) - 12) // 4 * 3, 9)
    part = b""
    for letter in text:
        octets = letter.encode()
        if len(part) + len(octets) > room:
            yield _encoded_word(part)
            part, room = b"", 45
        part += octets
    yield _encoded_word(part)


def _encoded_word(octets: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(octets).decode()}?="


def _fold(start: str, words: Iterable[str]) -> bytes:
    """Words, each with its blanks in front, in lines of at most 78 octets where that can be; no line is blank."""
    lines = [start]
    for word in words:
        fits = len(lines[-1].encode()) + len(word.encode()) <= _LINE
        if fits or lines[-1] == start:
            lines[-1] += word
        else:
            lines.append(word)
    return "\r\n".join(lines).encode() + b"\r\n"
