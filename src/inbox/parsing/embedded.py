"""Files that stand within a text: uuencode (POSIX `uuencode`) and yEnc (draft 1.3). Found by offsets, decoded by C codecs."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_UU_BEGIN = re.compile(rb"begin [0-7]{3,4} ([^\r\n]{1,255})\r?\n(?=[!-M`][ -`]{0,84}[ \t]*\r?\n)")
_UU_END = re.compile(rb"\nend[ \t]*\r?(?=\n|\Z)")
_UU_FULL_LINES = re.compile(rb"(?:M[ -`]{60}[ \t]*+\r?\n)*+")
_UU_FULL = re.compile(rb"M([ -`]{60})")
_YENC_BEGIN = re.compile(rb"=ybegin ([^\r\n]{1,512})\r?\n(?:=ypart [^\r\n]{0,200}\r?\n)?")
_YENC_NAME = re.compile(rb"name=(.*)")
_YENC_ESCAPE = re.compile(rb"=(.)", re.DOTALL)
_TO_BASE64 = bytes.maketrans(bytes(range(32, 97)), b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/A")
_MINUS_42 = bytes((octet - 42) % 256 for octet in range(256))
_MOST_FILES = 100


class Embedded(NamedTuple):
    """A file within a text: offsets of the whole block, its name as sent, and how it is encoded."""

    start: int
    end: int
    name: bytes
    encoding: str


def find_embedded(octets: bytes, start: int, end: int) -> list[Embedded]:
    """The files between two offsets, in order, at most 100. A block without its end is text."""
    found: list[Embedded] = []
    ended: set[str] = set()  # encodings whose end does not come any more
    for at in _begins(octets, start, end):
        if len(found) >= _MOST_FILES or len(ended) == 2:
            break
        if not found or at >= found[-1].end:
            block = _uu(octets, at, end, ended) if octets[at] == 98 else _yenc(octets, at, end, ended)
            found += [block] if block else []
    return found


def _begins(octets: bytes, start: int, end: int) -> Iterator[int]:
    """Offsets of lines that begin with `begin ` or `=ybegin `."""
    at = start
    while (at := octets.find(b"begin ", at, end)) >= 0:
        line = at - 2 if octets[max(start, at - 2) : at] == b"=y" else at
        if line == start or octets[line - 1] == 10:
            yield line
        at += 6


def _uu(octets: bytes, at: int, end: int, ended: set[str]) -> Embedded | None:
    begin = _UU_BEGIN.match(octets, at, end) if "uu" not in ended else None
    stop = _UU_END.search(octets, begin.end() - 1, end) if begin else None
    if begin and not stop:
        ended.add("uu")
    return Embedded(at, stop.end(), begin[1].strip(), "x-uuencode") if begin and stop else None


def _yenc(octets: bytes, at: int, end: int, ended: set[str]) -> Embedded | None:
    begin = _YENC_BEGIN.match(octets, at, end) if "yenc" not in ended else None
    stop = octets.find(b"\n=yend ", begin.end() - 1, end) if begin else -1
    if not begin or stop < 0:
        ended |= {"yenc"} if begin else set()
        return None
    line = octets.find(b"\n", stop + 1, end)
    named = _YENC_NAME.search(begin[1])
    return Embedded(at, line if line >= 0 else end, named[1].strip().strip(b'"') if named else b"", "x-yenc")


def decode_uu(octets: bytes) -> bytes:
    """The octets of uuencoded lines, with or without the lines `begin` and `end` around them. What is no such line is skipped."""
    at = octets.find(b"begin ")
    begin = _UU_BEGIN.match(octets, at) if at >= 0 else None
    body = begin.end() if begin else 0
    stop = _UU_END.search(octets, max(0, body - 1))
    last = stop.start() + 1 if stop else len(octets)
    full = _UU_FULL_LINES.match(octets, body, last)
    lines = full.end() if full else body
    digits = b"".join(_UU_FULL.findall(octets, body, lines)).translate(_TO_BASE64)
    return binascii.a2b_base64(digits) + b"".join(map(_uu_line, octets[lines:last].splitlines()))


def _uu_line(line: bytes) -> bytes:
    """One line by the length that it begins with; mailers cut blanks off its end or add a check digit (as `uu` of the standard library has it)."""
    length = (line[0] - 32) & 63 if line and 32 <= line[0] <= 96 else 0
    try:
        return binascii.a2b_uu(line[: 1 + (length * 4 + 2) // 3]) if length else b""
    except binascii.Error:
        return b""


def decode_yenc(octets: bytes) -> bytes:
    """The octets of yEnc lines, with or without the lines `=ybegin` and `=yend` around them."""
    at = octets.find(b"=ybegin ")
    begin = _YENC_BEGIN.match(octets, at) if at >= 0 else None
    body = begin.end() if begin else 0
    stop = octets.find(b"\n=yend ", max(0, body - 1))
    data = octets[body : stop if stop >= 0 else len(octets)].translate(None, b"\r\n")
    return _YENC_ESCAPE.sub(lambda match: bytes([(match[1][0] - 64) % 256]), data).translate(_MINUS_42)
