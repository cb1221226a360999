"""What stands within leaves that are no multipart: files in texts (uuencode, yEnc) and in winmail.dat. They become parts of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inbox.parsing.bodies import is_body
from inbox.parsing.embedded import find_embedded
from inbox.parsing.header import Header
from inbox.parsing.media import Media
from inbox.parsing.structure import Part

if TYPE_CHECKING:
    from inbox.parsing.defects import Defects
    from inbox.parsing.limits import Limits
    from inbox.parsing.tnef import Span, Tnef, TnefFile

_AS_SENT = ("7bit", "8bit", "binary")
_TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")
_NAMELESS = "application/octet-stream"


def with_contents(parts: list[Part], limits: Limits, defects: Defects) -> list[Part]:
    """The parts, each followed by the files within it."""
    found: list[Part] = []
    for part in parts:
        found.append(part)
        if part.container or len(found) > limits.parts:
            continue
        if part.media.value == "text/plain" and part.disposition.value != "attachment":
            found += _files_in_text(part, limits)
        elif part.media.value in _TNEF or (part.media.value == _NAMELESS and _is_winmail(part)):
            found += _unpacked(part, any(is_body(one) and one.body < one.end for one in parts), limits, defects)
    return found


def _files_in_text(part: Part, limits: Limits) -> list[Part]:
    """Quoted-printable leaves the letters of `begin` alone, so that one search tells whether it is worth decoding."""
    if part.raw.find(b"begin ", part.body, part.end) < 0 or part.encoding not in (*_AS_SENT, "quoted-printable"):
        return []
    raw, start, end = part.raw, part.body, part.end
    if part.encoding not in _AS_SENT:
        raw = part.transferred(2 * limits.text).octets
        start, end = 0, len(raw)
    blocks = find_embedded(raw, start, end)
    if not blocks:
        return []
    edges = [start, *(edge for block in blocks for edge in (block.start, block.end)), end]
    part.rest = b"".join(raw[edges[n] : edges[n + 1]] for n in range(0, len(edges), 2))
    return [Part.within_leaf(part, raw, block.start, block.end, _media(_NAMELESS, block.name), block.encoding) for block in blocks]


def _media(kind: str, name: bytes) -> Media:
    return Media(kind, {"name": name.decode("latin-1")} if name else {})


def _is_winmail(part: Part) -> bool:
    name = part.disposition.get("filename") or part.media.get("name")
    return (name or "").lower() == "winmail.dat"


def _unpacked(part: Part, has_text: bool, limits: Limits, defects: Defects) -> list[Part]:
    """The files of a winmail.dat, those of messages within it too; its text where the mail has no other."""
    from inbox.parsing.tnef import read_tnef  # noqa: PLC0415 (few mails have one)

    found: list[Part] = []
    waiting = [(part, part.transferred().octets, has_text)]
    while waiting and len(found) < limits.parts:
        holder, octets, told = waiting.pop(0)
        tnef = read_tnef(octets)
        if tnef is None:
            defects.add("tnef-invalid", holder.where, octets[:20].hex())
            continue
        found += [] if told else _texts_of(holder, octets, tnef)
        for file in tnef.files:
            inner = _file_of(holder, octets, file)
            found.append(inner)
            if file.embedded and inner.depth < limits.depth:
                waiting.append((inner, octets[inner.body : inner.end], True))
    return found


def _texts_of(holder: Part, octets: bytes, tnef: Tnef) -> list[Part]:
    """Plain text and HTML say the same: they stand side by side in a multipart/alternative."""
    spans = [(kind, span) for kind, span in (("text/plain", tnef.text), ("text/html", tnef.html)) if span and span.start < span.end]
    if not spans:
        return _rich_text_of(holder, octets, tnef)
    both = Part.within_leaf(holder, octets, 0, 0, Media("multipart/alternative", {}), "binary")
    both.container = True
    return [both, *(_text_of(both, octets, kind, span) for kind, span in spans)]


def _rich_text_of(holder: Part, octets: bytes, tnef: Tnef) -> list[Part]:
    """Where the words are RTF alone, they are a file: the mail has no text then."""
    from inbox.parsing.tnef import plain_rtf  # noqa: PLC0415 (as above)

    rtf = plain_rtf(octets[tnef.rtf.start : tnef.rtf.end]) if tnef.rtf else None
    media = Media("application/rtf", {"name": "message.rtf"})
    return [Part.within_leaf(holder, rtf, 0, len(rtf), media, "binary")] if rtf else []


def _text_of(parent: Part, octets: bytes, kind: str, span: Span) -> Part:
    end = span.start + len(octets[span.start : span.end].rstrip(b"\0"))
    end += (end - span.start) % 2 if span.charset == "utf-16le" else 0
    part = Part.within_leaf(parent, octets, span.start, end, Media(kind, {"charset": span.charset or "cp1252"}), "binary")
    part.__dict__["disposition"] = Media("", {})
    return part


def _file_of(holder: Part, octets: bytes, file: TnefFile) -> Part:
    kind = "application/ms-tnef" if file.embedded else file.type or _NAMELESS
    part = Part.within_leaf(holder, octets, file.data.start, file.data.end, Media(kind.lower(), {}), "binary")
    if file.name:
        name = "".join(f"%{octet:02x}" for octet in file.name.encode("utf-8", "replace"))
        part.media = Media(part.media.value, {"name*": f"utf-8''{name}"})
    if file.content_id:
        part.fields = [Header("Content-ID", file.content_id.encode("ascii", "replace").decode())]
    return part
