"""What stands within leaves that are no multipart: files in texts (uuencode, yEnc). They become parts of their own."""

from __future__ import annotations

from inbox.parsing.embedded import find_embedded
from inbox.parsing.limits import Limits
from inbox.parsing.media import Media
from inbox.parsing.structure import Part

_AS_SENT = ("7bit", "8bit", "binary")


def with_contents(parts: list[Part], limits: Limits) -> list[Part]:
    """The parts, each followed by the files within it."""
    found: list[Part] = []
    for part in parts:
        found.append(part)
        if part.media.value == "text/plain" and not part.container and part.disposition.value != "attachment":
            found += _files_in_text(part, limits)
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
    return [Part.within_leaf(part, raw, block.start, block.end, _media(block.name), block.encoding) for block in blocks]


def _media(name: bytes) -> Media:
    return Media("application/octet-stream", {"name": name.decode("latin-1")} if name else {})
