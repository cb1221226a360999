"""The parts of a mail by offsets into its octets (RFC 2046), in one pass, without recursion.

    raw:  header | preamble  --b CRLF header | body  --b CRLF header | body  --b-- CRLF epilogue
                             ^ a delimiter line ends every part that was opened after the multipart it belongs to

Delimiters are found with `bytes.find` and compared whole (`--bx` is not the boundary `b`). The next empty line is remembered, so that every
octet is looked at a fixed number of times, however the mail is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from inbox.parsing.defects import Defects
from inbox.parsing.fields import Field, blank_line, read_block
from inbox.parsing.lazy import lazy
from inbox.parsing.limits import Limits
from inbox.parsing.media import Media, read_disposition, read_type
from inbox.parsing.transfer import Transferred, decode_transfer, encoding_of

if TYPE_CHECKING:
    from collections.abc import Collection

_LONGEST_DELIMITER = 1000
_NO_MEDIA = Media("", {})
_TEXT = Media("text/plain", {})
_MESSAGE = Media("message/rfc822", {})
_MESSAGES = ("message/rfc822", "message/global")
_ENCODED = ("base64", "quoted-printable")
_ONCE = ("content-type", "content-transfer-encoding", "content-disposition", "content-id")


class Part:
    """One entity: its header, and the octets of its body from `body` to `end` of `raw`.

    `path` counts from 1 at each level (`1.2`), the mail itself has none; `within` counts the message/rfc822 parts around it.
    """

    __slots__ = ("__dict__", "body", "children", "container", "depth", "end", "fields", "media", "parent", "path", "raw", "within")

    def __init__(self, raw: bytes, start: int, end: int, parent: Part | None) -> None:
        self.raw, self.body, self.end, self.parent = raw, start, end, parent
        self.fields: list[Field] = []
        self.children: list[Part] = []
        self.media, self.container = _TEXT, False
        self.depth, self.path, self.within = 0, "", 0
        if parent:
            parent.children.append(self)
            self.depth = parent.depth + 1
            self.path = f"{parent.path}.{len(parent.children)}".lstrip(".")
            self.within = parent.within + (parent.media.value in _MESSAGES)

    @property
    def where(self) -> str:
        return f"part {self.path}" if self.path else "body"

    @lazy
    def index(self) -> dict[str, list[Field]]:
        """Fields by name in lower case, in order."""
        found: dict[str, list[Field]] = {}
        for field in self.fields:
            found.setdefault(field.name.lower(), []).append(field)
        return found

    def first(self, name: str) -> bytes | None:
        """The raw value of the first field of that name (lower case)."""
        found = self.index.get(name)
        return found[0].raw if found else None

    @lazy
    def disposition(self) -> Media:
        raw = self.first("content-disposition")
        return read_disposition(raw) if raw is not None else _NO_MEDIA

    @property
    def encoding(self) -> str:
        return encoding_of(self.first("content-transfer-encoding"))

    def transferred(self, limit: int | None = None) -> Transferred:
        """The body with its transfer encoding undone; `limit`: octets as sent that are looked at."""
        end = self.end if limit is None else min(self.end, self.body + limit)
        return decode_transfer(self.raw[self.body : end], self.encoding)


class _Delimiter(NamedTuple):
    """A delimiter line: offset of the line end before it, offset behind it, place of its multipart in the path."""

    at: int
    after: int
    place: int
    closing: bool


def read_structure(raw: bytes, limits: Limits, defects: Defects) -> list[Part]:
    """All parts in the order of the mail, the mail itself first. Never raises."""
    start = 0
    if raw.startswith(b"\xef\xbb\xbf"):
        start = 3
        defects.add("bom", "body", "UTF-8")
    parts: list[Part] = []
    _Scanner(raw, parts, limits, defects).scan(start, None)
    for part in parts:  # grows while it runs
        if part.media.value in _MESSAGES and not part.container and part.encoding in _ENCODED:
            _unwrap(part, parts, limits, defects)
    return parts


def _unwrap(part: Part, parts: list[Part], limits: Limits, defects: Defects) -> None:
    """Read a message that was encoded as a whole, which RFC 2046 forbids and mailers do."""
    if part.depth < limits.depth and len(parts) <= limits.parts:
        part.container = True
        _Scanner(part.transferred().octets, parts, limits, defects).scan(0, part)


class _Scanner:
    """One pass over `raw`; the parts found are added to `parts`.

    `path`: open parts, outermost first. `open`: boundaries of open multiparts with their place in the path, and as a mapping in `places`.
    """

    def __init__(self, raw: bytes, parts: list[Part], limits: Limits, defects: Defects) -> None:
        self.raw, self.parts, self.limits, self.defects = raw, parts, limits, defects
        self.path: list[Part] = []
        self.open: list[tuple[bytes, int]] = []
        self.places: dict[bytes, int] = {}
        self.needle = b"\n--"
        self.blank = (-1, 0, 0)

    def scan(self, start: int, parent: Part | None) -> None:
        at = self.enter(start, parent)
        while self.open and (found := self.delimiter(at, len(self.raw))):
            self.leave(found.place + 1, found.at)
            if found.closing:
                self.forget(found.place, unclosed=False)
                at = found.after - 1
            elif len(self.parts) > self.limits.parts:
                self.defects.add("parts-capped", "body", f"more than {self.limits.parts} parts")
                return
            else:
                at = self.enter(found.after, self.path[found.place])
        self.forget(0, unclosed=True)

    def enter(self, start: int, parent: Part | None) -> int:
        """Open the part at `start` and the messages within it; the offset where the search for delimiters goes on."""
        while True:
            part = Part(self.raw, start, len(self.raw), parent)
            self.parts.append(part)
            self.path.append(part)
            self.read_head(part, start)
            if not self.opens(part):
                return max(part.body - 1, 0)
            start, parent = part.body, part

    def opens(self, part: Part) -> bool:
        """Whether what follows is the header of a message within this part; an open multipart is noted here."""
        kind = part.media.value
        message = kind in _MESSAGES and part.encoding not in _ENCODED and part.body < part.end
        boundary = self.boundary(part) if kind.startswith("multipart/") else b""
        if not (message or boundary):
            return False
        if part.depth >= self.limits.depth or len(self.parts) > self.limits.parts:
            self.defects.add("nesting", "body", f"deeper than {self.limits.depth}")
            return False
        part.container = True
        if boundary:
            self.open.append((boundary, len(self.path) - 1))
            self.aim()
        return message

    def boundary(self, part: Part) -> bytes:
        found = (part.media.get("boundary") or "").encode("latin-1", "replace").rstrip()
        if not found:
            self.defects.add("boundary-missing", part.where, part.media.value)
            part.media = _TEXT
        return found[:_LONGEST_DELIMITER]

    def aim(self) -> None:
        """Look for what all open boundaries begin with: with one multipart that is the whole boundary."""
        self.places = dict(self.open)
        self.needle = b"\n--" + _common_start(self.places)

    def read_head(self, part: Part, start: int) -> None:
        stop, body = self.header_end(start)
        if self.open and (found := self.delimiter(max(start - 1, 0), stop)):
            stop = body = found.at + 1  # a header ends at a delimiter line too
        part.fields, part.body = read_block(self.raw, start, stop, body, self.limits, part.where, self.defects)
        part.media = self.media(part)
        for name in _ONCE:
            if len(part.index.get(name, ())) > 1:
                self.defects.add("duplicate-header", name, f"{part.where}: {len(part.index[name])} times")

    def header_end(self, start: int) -> tuple[int, int]:
        """Offsets of the empty line after `start` and of what follows it. The last one found is kept: each octet is searched once."""
        if self.raw.startswith((b"\n", b"\r\n"), start):
            return start, start + (1 if self.raw[start] == 10 else 2)
        if self.blank[0] < start:
            self.blank = blank_line(self.raw, start)
        return self.blank[1:]

    def media(self, part: Part) -> Media:
        raw = part.first("content-type")
        if raw is None:
            return _MESSAGE if part.parent and part.parent.media.value == "multipart/digest" else _TEXT
        media = read_type(raw)
        if media.twice:
            self.defects.add("parameter-duplicate", part.where, ", ".join(media.twice))
        if media.value:
            return media
        self.defects.add("content-type-invalid", part.where, raw[:80])
        return Media("text/plain", media.parameters)

    def delimiter(self, at: int, stop: int) -> _Delimiter | None:
        """The next line between two offsets that is a delimiter of an open multipart."""
        while (at := self.raw.find(self.needle, at, stop)) >= 0:
            after = self.raw.find(b"\n", at + 3, at + 3 + _LONGEST_DELIMITER)
            line = self.raw[at + 3 : after if after >= 0 else at + 3 + _LONGEST_DELIMITER].rstrip()
            after = after + 1 if after >= 0 else len(self.raw)
            if (place := self.places.get(line)) is not None:
                return _Delimiter(at, after, place, closing=False)
            if line.endswith(b"--") and (place := self.places.get(line[:-2])) is not None:
                return _Delimiter(at, after, place, closing=True)
            at += 3
        return None

    def leave(self, length: int, at: int) -> None:
        """End all parts of the path from `length` on at the line end `at`, which belongs to the delimiter."""
        end = at - 1 if at and self.raw[at - 1] == 13 else at
        for part in self.path[length:]:
            part.end = max(end, part.body)
        self.forget(length, unclosed=True)
        del self.path[length:]

    def forget(self, place: int, *, unclosed: bool) -> None:
        """Drop the boundaries of the path from `place` on. `unclosed`: their end did not come; without any part they are one text."""
        if not self.open or self.open[-1][1] < place:
            return
        while self.open and self.open[-1][1] >= place:
            boundary, at = self.open.pop()
            part = self.path[at]
            if not part.children:
                part.container, part.media = False, _TEXT
                self.defects.add("boundary-not-found", part.where, boundary)
            elif unclosed:
                self.defects.add("boundary-unclosed", part.where, boundary)
        self.aim()


def _common_start(boundaries: Collection[bytes]) -> bytes:
    """What all begin with: that is what the first and the last in order have in common."""
    if not boundaries:
        return b""
    first, last = min(boundaries), max(boundaries)
    same = next((n for n, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:same]
