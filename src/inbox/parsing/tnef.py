"""winmail.dat: what Exchange packs into one attachment (MS-OXTNEF), read by offsets. Never raises; what is cut off is left out.

    signature key | level id type length data checksum | level id ...        attributes
    count | type id [name] [count] length data padding | type id ...         MAPI properties, within some attributes

Of both only what a reader of mail needs is looked at. No count that the file itself states is believed beyond the octets that are there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from inbox.parsing.charsets import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE = b"\x78\x9f\x3e\x22"
_BODY, _TITLE, _DATA, _RENDERING, _PROPERTIES, _ATTACHMENT, _CODEPAGE = 0x800C, 0x8010, 0x800F, 0x9002, 0x9003, 0x9005, 0x9007
_P_TEXT, _P_HTML, _P_RTF, _P_CODEPAGE = 0x1000, 0x1013, 0x1009, 0x3FDE
_P_NAME, _P_LONG_NAME, _P_SHORT_NAME, _P_OBJECT, _P_TYPE, _P_ID = 0x3001, 0x3707, 0x3704, 0x3701, 0x370E, 0x3712
_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_VARIABLE = (0x00, 0x0D, 0x1E, 0x1F, 0x102)
_UNICODE, _MANY, _NAMED = 0x1F, 0x1000, 0x8000
_INTERFACE = 16  # octets of the GUID before an embedded message
_MOST_ATTRIBUTES, _MOST_PROPERTIES, _MOST_FILES = 5000, 2000, 500
_MOST_RTF = 100_000  # octets; the decoder is slow
_ATTRIBUTE = struct.Struct("<BHHI")
_U32 = struct.Struct("<I")


class Span(NamedTuple):
    """Where something stands within the octets of the file, and its charset (None: octets or unknown)."""

    start: int
    end: int
    charset: str | None = None


_NOTHING = Span(0, 0)


@dataclass(slots=True)
class TnefFile:
    """One attached file: its octets, and what is said of it. `embedded`: it is a message in the same format."""

    data: Span = _NOTHING
    names: dict[int, str] = field(default_factory=dict)
    type: str | None = None
    content_id: str | None = None
    embedded: bool = False

    @property
    def name(self) -> str | None:
        """The best of its names."""
        return next((self.names[key] for key in (_P_LONG_NAME, _TITLE, _P_SHORT_NAME, _P_NAME) if self.names.get(key)), None)


@dataclass(slots=True)
class Tnef:
    """What a winmail.dat holds. `rtf` is compressed (MS-OXRTFCP)."""

    text: Span | None = None
    html: Span | None = None
    rtf: Span | None = None
    files: list[TnefFile] = field(default_factory=list)


class _Property(NamedTuple):
    id: int
    type: int
    start: int
    end: int


def read_tnef(octets: bytes) -> Tnef | None:
    """What stands in the file; None when it is none."""
    if not octets.startswith(SIGNATURE):
        return None
    found = Tnef()
    codepage = "cp1252"
    for id_, start, end in _attributes(octets):
        if id_ == _CODEPAGE and end - start >= 4:
            codepage = f"cp{_U32.unpack_from(octets, start)[0]}"
        elif id_ == _BODY:
            found.text = Span(start, end, codepage)
        elif id_ == _PROPERTIES:
            _take_bodies(octets, start, end, codepage, found)
        elif id_ == _RENDERING and len(found.files) < _MOST_FILES:
            found.files.append(TnefFile())
        elif found.files:
            _take_of_file(octets, id_, Span(start, end, codepage), found.files[-1])
    return found


def _attributes(octets: bytes) -> Iterator[tuple[int, int, int]]:
    """(id, start, end) of the data of each attribute."""
    at = 6
    for _ in range(_MOST_ATTRIBUTES):
        if at + 9 > len(octets):
            return
        _, id_, _, length = _ATTRIBUTE.unpack_from(octets, at)
        yield id_, at + 9, min(at + 9 + length, len(octets))
        at += 9 + length + 2


def _take_bodies(octets: bytes, start: int, end: int, codepage: str, found: Tnef) -> None:
    properties = {one.id: one for one in _properties(octets, start, end)}
    internet = properties.get(_P_CODEPAGE)
    charset = f"cp{_U32.unpack_from(octets, internet.start)[0]}" if internet and internet.end - internet.start == 4 else codepage
    if text := properties.get(_P_TEXT):
        found.text = Span(text.start, text.end, "utf-16le" if text.type == _UNICODE else codepage)
    if html := properties.get(_P_HTML):
        found.html = Span(html.start, html.end, "utf-16le" if html.type == _UNICODE else charset)
    if rtf := properties.get(_P_RTF):
        found.rtf = Span(rtf.start, rtf.end)


def _take_of_file(octets: bytes, id_: int, span: Span, file: TnefFile) -> None:
    if id_ == _DATA:
        file.data = span
    elif id_ == _TITLE:
        file.names[_TITLE] = _text(octets, span)
    elif id_ == _ATTACHMENT:
        for one in _properties(octets, span.start, span.end):
            text = Span(one.start, one.end, "utf-16le" if one.type == _UNICODE else span.charset)
            if one.id in (_P_NAME, _P_LONG_NAME, _P_SHORT_NAME):
                file.names[one.id] = _text(octets, text)
            elif one.id == _P_TYPE:
                file.type = _text(octets, text)
            elif one.id == _P_ID:
                file.content_id = _text(octets, text)
            elif one.id == _P_OBJECT:
                file.embedded = octets.startswith(SIGNATURE, one.start + _INTERFACE)
                file.data = Span(one.start + _INTERFACE * file.embedded, one.end)


def _text(octets: bytes, span: Span) -> str:
    return decode(octets[span.start : min(span.end, span.start + 2000)], span.charset).text.partition("\0")[0]


def _properties(octets: bytes, at: int, end: int) -> Iterator[_Property]:
    """Each property with its first value. Ends where the octets make no sense any more."""
    count = _number(octets, at, end)
    at += 4
    for _ in range(min(count, _MOST_PROPERTIES)):
        if at + 4 > end:
            return
        kind, id_ = struct.unpack_from("<HH", octets, at)
        at = _after_name(octets, at + 4, end) if id_ >= _NAMED else at + 4
        many, kind = bool(kind & _MANY), kind & ~_MANY
        values = 1
        if many or kind in _VARIABLE:
            values = _number(octets, at, end)
            at += 4
        if kind in _FIXED:
            size = 2 if many and kind in (0x02, 0x0B) else _FIXED[kind]
            start, stop, after = at, at + size, at + values * size + (-values * size) % 4
        elif kind in _VARIABLE:
            start, stop, after = _first_value(octets, at, end, values)
        else:
            return
        if start <= stop <= end:
            yield _Property(id_, kind, start, stop)
        at = after


def _after_name(octets: bytes, at: int, end: int) -> int:
    """A named property has a GUID, a kind, and a number or a name before its value."""
    if _number(octets, at + 16, end) == 0:
        return at + 24
    length = _number(octets, at + 20, end)
    return at + 24 + length + (-length) % 4


def _first_value(octets: bytes, at: int, end: int, values: int) -> tuple[int, int, int]:
    """Offsets of the first of several values of any length, and of what follows them all."""
    start = stop = at
    for n in range(min(values, (end - at) // 4 + 1)):
        length = _number(octets, at, end)
        if n == 0:
            start, stop = at + 4, at + 4 + length
        at += 4 + length + (-length) % 4
        if at >= end:
            break
    return start, stop, at


def _number(octets: bytes, at: int, end: int) -> int:
    return int(_U32.unpack_from(octets, at)[0]) if at + 4 <= end else 0


def plain_rtf(octets: bytes) -> bytes | None:
    """RTF that was compressed (MS-OXRTFCP); None when it is too long, broken, or the extra `tnef` is not installed."""
    if not 16 <= len(octets) <= _MOST_RTF:
        return None
    try:
        from compressed_rtf import decompress  # noqa: PLC0415 (an extra, and few mails have it)

        return bytes(decompress(octets))
    except Exception:  # not installed, or a decoder of others on hostile octets: there is no RTF then
        return None
