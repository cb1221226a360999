"""The header block: octets -> fields, by offsets (RFC 5322 section 2.2).

A block that is well made, which most are, is split by one pattern; that nothing was left out shows by its length. Any other is split at
line ends that are not followed by a blank. It ends at the first empty line; a line that is no field ends it too, and is the first line of
the text then (as Postfix and the standard library have it). Line ends are CRLF or LF.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

from inbox.parsing.defects import Defects
from inbox.parsing.header import Header
from inbox.parsing.limits import Limits
from inbox.parsing.words import Hint

_FIELDS = re.compile(r"([!-9;-~]++):((?:[^\n]++|\n[ \t])*+)\n?")
_NEXT_FIELD = re.compile(r"\n(?![ \t])")
_NAME = re.compile(r"[!-9;-~]+[ \t]*")
_RETURN = re.compile(r"\r[^\r\n]")
_BLANK_LINE = re.compile(rb"\n\r*+\n")
_BLANKS = " \t\r\n\v\f"


class Block(NamedTuple):
    """The fields of a header and the offset of what follows them."""

    fields: list[Header]
    body: int


def blank_line(raw: bytes, start: int) -> tuple[int, int, int]:
    """(offset of the line end before it, end of the header, begin of the body) of the next empty line; the end of `raw` when none comes."""
    found = _BLANK_LINE.search(raw, start)
    return (found.start(), found.start() + 1, found.end()) if found else (len(raw), len(raw), len(raw))


class Placed(Protocol):
    """What a header belongs to; it is asked for its name only when something is odd."""

    @property
    def where(self) -> str: ...


class FieldReader:
    """Reads header blocks within `limits`; what is odd goes to `defects`. `hint`: the charset for octets that nobody declared."""

    def __init__(self, limits: Limits, defects: Defects, hint: Hint) -> None:
        self.limits, self.defects, self.hint = limits, defects, hint
        self.small = min(limits.header, limits.header_block)

    def read(self, raw: bytes, start: int, stop: int, body: int, part: Placed) -> Block:
        """The fields of `part` between two offsets. `body`: where its text begins if every line up to `stop` is a field."""
        if start == stop:
            return Block([], body)
        if stop - start <= self.small:
            block = raw[start:stop].decode("latin-1")
            self._note_returns(block, part)
            found = _FIELDS.findall(block)
            length = sum([len(name) + len(text) for name, text in found]) + 2 * len(found)
            if length - (not block.endswith("\n")) == len(block) and len(found) <= self.limits.headers:
                hint = self.hint
                return Block([Header(name, text, hint) for name, text in found], body)
        else:
            self._note_returns(raw[start : min(stop, start + self.limits.header_block)].decode("latin-1"), part)
        return self._mended(raw, start, stop, body, part.where)

    def _note_returns(self, block: str, part: Placed) -> None:
        if block.count("\r") != block.count("\r\n") and _RETURN.search(block):
            self.defects.add("line-ends", part.where, "bare CR within the header")

    def _mended(self, raw: bytes, start: int, stop: int, body: int, where: str) -> Block:
        fields: list[Header] = []
        offset = start
        for chunk in self._chunks(raw, start, stop, where):
            name, colon, value = chunk.partition(":")
            if colon and _NAME.fullmatch(name):
                fields.append(self._field(name.rstrip(), value))
            elif chunk.strip(_BLANKS) and not self._skipped(chunk, where, first=offset == start):
                self.defects.add("header-end-missing", where, _octets(chunk[:60]))
                return Block(fields, offset)
            offset += len(chunk) + 1
        return Block(fields, body)

    def _chunks(self, raw: bytes, start: int, stop: int, where: str) -> list[str]:
        most = self.limits.header_block
        block = raw[start : min(stop, start + most)].decode("latin-1")
        if stop - start > most:
            self.defects.add("header-block-cut", where, f"{stop - start} octets, {most} read")
            block = block[: block.rfind("\n") + 1] or block
        chunks = _NEXT_FIELD.split(block, self.limits.headers)
        if len(chunks) > self.limits.headers and chunks.pop().strip(_BLANKS):
            self.defects.add("headers-capped", where, f"more than {self.limits.headers} fields")
        return chunks

    def _field(self, name: str, value: str) -> Header:
        if len(value) <= self.limits.header:
            return Header(name, value, self.hint)
        self.defects.add("header-cut", name.lower(), f"{len(value)} octets, {self.limits.header} read")
        return Header(name, value[: self.limits.header], self.hint, cut=True)

    def _skipped(self, chunk: str, where: str, *, first: bool) -> bool:
        """Lines that are no fields and still do not end the header: the first one of an mbox file, a stray folded line, an empty name."""
        if (first and chunk.startswith(("From ", ">From ", " ", "\t"))) or chunk.startswith(":"):
            self.defects.add("header-malformed", where, _octets(chunk[:60]))
            return True
        return False


def _octets(text: str) -> bytes:
    return text.encode("latin-1")
