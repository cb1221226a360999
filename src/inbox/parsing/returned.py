"""The mail that a report is about, as far as it came back: attached, its header alone, or written out below the notice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inbox.parsing.identifiers import read_id
from inbox.parsing.words import decode_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inbox.parsing.structure import Part

_MESSAGES = ("message/rfc822", "message/global")
_HEADERS = ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers", "text/rfc822-header", "text/rfc822")
_MOST_OCTETS = 64 << 10
_LONGEST = 1000
_FIELD = r"(?im)^[>|\s]{{0,4}}{}:[ \t]*(?:\r?\n[>|]?[ \t]+)?([^\r\n]{{1,1000}})"
_MESSAGE_ID = re.compile(_FIELD.format("message-id"))
_IDENTIFIER = re.compile(r"<[^<>\s]{1,998}>")


def returned_parts(parts: list[Part]) -> list[Part]:
    """The parts that hold the returned mail or its header; not those of a mail within it."""
    return [
        part
        for part in parts[1:]
        if not part.within and (part.media.value in (*_MESSAGES, *_HEADERS, "message/partial") or "received" in part.index)
    ]


def returned_field(parts: list[Part], text: str, name: str) -> str | None:
    """The first value of a field of the returned mail; `text`: what stands below the notice."""
    pattern = _MESSAGE_ID if name == "message-id" else re.compile(_FIELD.format(re.escape(name)))
    for words in (*_headers(returned_parts(parts)), text[:_MOST_OCTETS]):
        if found := pattern.search(words):
            return decode_value(found[1].encode("utf-8", "replace")).text.strip() or None
    return None


def original_id(parts: list[Part], text: str, fields: tuple[str, ...]) -> str | None:
    """Message-ID of the mail that the report is about, with its angle brackets, or None.

    `fields`: what else may name it, the best first (Original-Message-ID, In-Reply-To, References; RFC 8098 section 3.2.5).
    """
    returned = returned_field(parts, text, "message-id")
    if returned and (identifier := read_id(returned[:_LONGEST])):
        return identifier
    return next((found[0] for value in fields if (found := _IDENTIFIER.search(value))), None)


def _headers(parts: list[Part]) -> Iterator[str]:
    for part in parts:
        if "received" in part.index:  # the returned mail stands where the header of a part should
            yield "\n".join(f"{field.name}:{field.text.rstrip()}" for field in part.fields)
        octets = part.transferred(_MOST_OCTETS).octets
        text = octets.decode("latin-1").lstrip("\r\n")
        yield re.split(r"\r?\n\r?\n", text, maxsplit=1)[0] if part.media.value in _MESSAGES else text
