"""The header block: octets -> fields, by offsets (RFC 5322 section 2.2).

A block is split at line ends that are not followed by a blank. It ends at the first empty line; a line that is no field ends it too, and
is the first line of the text then (as Postfix and the standard library have it). Line ends are CRLF or LF.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from inbox.parsing.defects import Defects
from inbox.parsing.limits import Limits

_NEXT_FIELD = re.compile(rb"\n(?![ \t])")
_NAME = re.compile(rb"[!-9;-~]+[ \t]*")
_BLANK_LINE = re.compile(rb"\n\r?\n")


class Field(NamedTuple):
    """One header field. `raw`: the octets after the colon, folded as they came, without the last line end; `cut`: some are missing."""

    name: str
    raw: bytes
    cut: bool = False


class Block(NamedTuple):
    """The fields of a header and the offset of what follows them."""

    fields: list[Field]
    body: int


def blank_line(raw: bytes, start: int) -> tuple[int, int, int]:
    """(offset of the line end before it, end of the header, begin of the body) of the next empty line; the end of `raw` when none comes."""
    found = _BLANK_LINE.search(raw, start)
    return (found.start(), found.start() + 1, found.end()) if found else (len(raw), len(raw), len(raw))


def read_block(raw: bytes, start: int, stop: int, body: int, limits: Limits, where: str, defects: Defects) -> Block:
    """The fields between two offsets. `body`: where the text begins if every line up to `stop` is a field."""
    fields: list[Field] = []
    offset = start
    for chunk in _chunks(raw, start, stop, limits, where, defects):
        name, colon, value = chunk.partition(b":")
        if colon and _NAME.fullmatch(name):
            fields.append(_field(name, value, limits, defects))
        elif chunk.strip() and not _skipped(chunk, where, first=offset == start, defects=defects):
            defects.add("header-end-missing", where, chunk[:60])
            return Block(fields, offset)
        offset += len(chunk) + 1
    return Block(fields, body)


def _chunks(raw: bytes, start: int, stop: int, limits: Limits, where: str, defects: Defects) -> list[bytes]:
    block = raw[start : min(stop, start + limits.header_block)]
    if stop - start > limits.header_block:
        defects.add("header-block-cut", where, f"{stop - start} octets, {limits.header_block} read")
        block = block[: block.rfind(b"\n") + 1] or block
    chunks = _NEXT_FIELD.split(block, limits.headers)
    if len(chunks) > limits.headers and (chunks.pop()).strip():
        defects.add("headers-capped", where, f"more than {limits.headers} fields")
    return chunks


def _field(name: bytes, value: bytes, limits: Limits, defects: Defects) -> Field:
    text = name.decode("ascii").rstrip()
    if len(value) <= limits.header:
        return Field(text, value.rstrip(b"\r\n"))
    defects.add("header-cut", text.lower(), f"{len(value)} octets, {limits.header} read")
    return Field(text, value[: limits.header], cut=True)


def _skipped(chunk: bytes, where: str, *, first: bool, defects: Defects) -> bool:
    """Lines that are no fields and still do not end the header: the first one of an mbox file, a stray folded line, an empty name."""
    if (first and chunk.startswith((b"From ", b">From ", b" ", b"\t"))) or chunk.startswith(b":"):
        defects.add("header-malformed", where, chunk[:60])
        return True
    return False
