"""The parts of a mail by offsets into its octets (RFC 2046), in one pass, without recursion.

    raw:  header | preamble  --b CRLF header | body  --b CRLF header | body  --b-- CRLF epilogue
                             ^ a delimiter line ends every part that was opened after the multipart it belongs to

Delimiters are found with `bytes.find` and compared whole (`--bx` is not the boundary `b`). The next empty line is remembered, so that every
octet is looked at a fixed number of times, however the mail is made. What senders do wrong with boundaries is tried in a second pass.
"""

from __future__ import annotations

from typing import NamedTuple

from inbox.parsing.boundaries import common_start, ends_with_returns, guess_boundary, squeezed, with_feeds
from inbox.parsing.defects import Defects
from inbox.parsing.fields import FieldReader, blank_line
from inbox.parsing.header import Header
from inbox.parsing.lazy import lazy
from inbox.parsing.limits import Limits
from inbox.parsing.media import Media, read_disposition, read_type
from inbox.parsing.transfer import Decoding, Transferred, decode_transfer, encoding_of
from inbox.parsing.words import Hint, no_hint

_LONGEST_DELIMITER = 1000
_MOST_GUESSES = 10
_MOST_MISSES = 50_000
_NO_MEDIA = Media("", {})
_TEXT = Media("text/plain", {})
_MESSAGE = Media("message/rfc822", {})
_MESSAGES = ("message/rfc822", "message/global")
_CONTAINERS = ("multipart/", "message/")
_ELSEWHERE = {"message/partial": "partial", "message/external-body": "external-body"}
_ENCODED = ("base64", "quoted-printable")
_ONCE = ("content-type", "content-transfer-encoding", "content-disposition", "content-id")


class Part:
    """One entity: its header, and the octets of its body from `body` to `end` of `raw`.

    `number`: its place among its siblings, from 1. `inner`: how many stand directly within it (they know it, it does not know them: no cycles). `within` counts the message/rfc822 parts around it. `opening` and `closing`: offsets of the
    first delimiter line of a multipart and of what follows its last one; -1 when there is none. `rest`: the octets of a text without the files that stood
    within it, if any did.
    """

    __slots__ = (
        "__dict__", "body", "closing", "container", "depth", "end", "fields", "inner", "media", "number", "opening", "parent", "raw", "rest", "within",
    )  # fmt: skip

    def __init__(self, raw: bytes, start: int, end: int, parent: Part | None) -> None:
        self.raw, self.body, self.end, self.parent = raw, start, end, parent
        self.fields: list[Header] = []
        self.rest: bytes | None = None
        self.media, self.container = _TEXT, False
        self.depth = self.number = self.within = self.inner = 0
        self.opening = self.closing = -1
        if parent:
            parent.inner += 1
            self.number = parent.inner
            self.depth = parent.depth + 1
            self.within = parent.within + (parent.media.value in _MESSAGES)

    @classmethod
    def within_leaf(cls, leaf: Part, raw: bytes, start: int, end: int, media: Media, encoding: str) -> Part:
        """A file within a leaf that is no multipart: it has no header, only a name and octets."""
        part = cls(raw, start, end, leaf)
        part.media = media
        part.__dict__ |= {"encoding": encoding, "disposition": Media("attachment", {})}
        return part

    def copy(self) -> Part:
        """The same header before anything was found behind it."""
        part = Part(self.raw, self.body, self.end, None)
        part.fields, part.media, part.parent = self.fields, self.media, self.parent
        part.depth, part.number, part.within = self.depth, self.number, self.within
        part.__dict__["index"] = self.index
        return part

    @property
    def path(self) -> str:
        """Numbers from the outermost level on (`1.2`); the mail itself has none."""
        numbers = []
        part: Part | None = self
        while part and part.number:
            numbers.append(str(part.number))
            part = part.parent
        return ".".join(reversed(numbers))

    @property
    def where(self) -> str:
        return f"part {self.path}" if self.number else "body"

    @lazy
    def index(self) -> dict[str, list[Header]]:
        """Fields by name in lower case, in order."""
        found: dict[str, list[Header]] = {}
        for field in self.fields:
            name = field.name.lower()
            if name in found:
                found[name].append(field)
            else:
                found[name] = [field]
        return found

    def first(self, name: str) -> bytes | None:
        """The raw value of the first field of that name (lower case)."""
        found = self.index.get(name)
        return found[0].raw if found else None

    def said(self, name: str) -> str | None:
        """The same as Latin-1 text."""
        found = self.index.get(name)
        return found[0].text if found else None

    @lazy
    def disposition(self) -> Media:
        text = self.said("content-disposition")
        return read_disposition(text) if text is not None else _NO_MEDIA

    @lazy
    def encoding(self) -> str:
        return encoding_of(self.said("content-transfer-encoding"))

    def transferred(self, limit: int | None = None) -> Transferred:
        """The body with its transfer encoding undone; `limit`: octets as sent that are looked at."""
        end = self.end if limit is None else min(self.end, self.body + limit)
        return decode_transfer(self.raw[self.body : end], self.encoding)

    def pieces(self) -> Decoding:
        """The same piece by piece, for what may be large. A message or multipart comes as it stands."""
        kept = self.container and self.encoding not in _ENCODED
        return Decoding(self.raw, self.body, self.end, "binary" if kept else self.encoding)


def _elsewhere(media: Media, where: str) -> tuple[str, str, str]:
    """The defect of a part whose content is not in this mail, with what its parameters say of it (RFC 2046 sections 5.2.2 and 5.2.3)."""
    said = "; ".join(f"{name}={value}" for name, value in media.parameters.items())
    return _ELSEWHERE[media.value], where, said


class _Delimiter(NamedTuple):
    """A delimiter line: offset of the line end before it, offset behind it, place of its multipart in the path."""

    at: int
    after: int
    place: int
    closing: bool


def read_head(raw: bytes, limits: Limits, defects: Defects, hint: Hint = no_hint) -> Part:
    """The mail itself with its header, and nothing of its body. Never raises."""
    start = 0
    if raw.startswith(b"\xef\xbb\xbf"):
        start = 3
        defects.add("bom", "body", "UTF-8")
    if ends_with_returns(raw, start):
        defects.add("line-ends", "body", "bare CR")
    head = Part(raw, start, len(raw), None)
    _Scanner(head, FieldReader(limits, defects, hint), []).read_head(head)
    return head


def read_structure(head: Part, limits: Limits, defects: Defects, hint: Hint = no_hint) -> list[Part]:
    """All parts in the order of the mail, the mail itself first. Never raises. `head`, from `read_head`, stays as it is."""
    if not head.media.value.startswith(_CONTAINERS):
        return [head]
    parts = _read(head.copy(), [], limits, defects, hint)
    for part in parts:  # grows while it runs
        if part.media.value in _MESSAGES and not part.container and part.encoding in _ENCODED:
            _unwrap(part, parts, limits, defects, hint)
    return parts


def _unwrap(part: Part, parts: list[Part], limits: Limits, defects: Defects, hint: Hint) -> None:
    """Read a message that was encoded as a whole, which RFC 2046 forbids and mailers do."""
    if part.depth < limits.depth and len(parts) <= limits.parts:
        part.container = True
        octets = part.transferred().octets
        root = Part(octets, 0, len(octets), part)
        _Scanner(root, FieldReader(limits, defects, hint), []).read_head(root)
        parts += _read(root, parts, limits, defects, hint)


def _read(root: Part, before: list[Part], limits: Limits, defects: Defects, hint: Hint) -> list[Part]:
    """The parts from `root` on. Where boundaries were in vain, a second pass looks less closely; the one that finds more parts counts."""
    if not root.media.value.startswith(_CONTAINERS):
        return [root]
    found, media = Defects(), root.media
    scanner = _Scanner(root, FieldReader(limits, found, hint), before)
    scanner.scan(root)
    if scanner.in_vain:
        noted = Defects()
        again = root.copy()
        again.media = media
        lenient = _Scanner(again, FieldReader(limits, noted, hint), before, lenient=True)
        lenient.scan(again)
        if len(lenient.parts) > len(scanner.parts):
            scanner, found = lenient, noted
            if lenient.view is not lenient.raw:
                found.add("line-ends", "body", "bare CR")
            elif not any(defect.code == "boundary-guessed" for defect in found):
                found.add("boundary-guessed", root.where, "blanks within")
    defects += found
    return scanner.parts


def outside(part: Part, *, before: bool) -> tuple[int, int]:
    """Offsets of the preamble or the epilogue of a multipart; of nothing when there is none (RFC 2046 section 5.1.1)."""
    if before and part.opening >= 0:
        return part.body, max(part.body, part.opening)
    return (part.closing, part.end) if not before and part.closing >= 0 else (part.end, part.end)


class _Scanner:
    """One pass over the octets of `root`; what it finds is in `parts`, and `before` are those that the mail has already.

    `view`: the octets that are searched, with the offsets of `raw`. `path`: open parts, outermost first. `open`: boundaries of open
    multiparts with their place in the path, and as a mapping in `places`. `misses`: lines that only begin like a delimiter. `in_vain`: a
    boundary was missing or never came.
    """

    def __init__(self, root: Part, reader: FieldReader, before: list[Part], *, lenient: bool = False) -> None:
        self.raw = self.view = root.raw
        self.reader, self.limits, self.defects, self.lenient = reader, reader.limits, reader.defects, lenient
        if b"\r" in self.raw and (lenient or ends_with_returns(self.raw, 0)):
            self.view = with_feeds(self.raw)
        self.most = reader.limits.parts - len(before)
        self.parts: list[Part] = []
        self.path: list[Part] = []
        self.open: list[tuple[bytes, int]] = []
        self.places: dict[bytes, int] = {}
        self.needle = b"\n--"
        self.blank = (-1, 0, 0)
        self.line_end = b"\r\r\n" if self.view[: self.view.find(b"\n") + 1].endswith(b"\r\r\n") else b"\r\n"
        self.guesses = _MOST_GUESSES if lenient else 0
        self.misses = 0
        self.in_vain = False

    def scan(self, root: Part) -> None:
        at = self.enter(root)
        while self.open and (found := self.delimiter(at, len(self.raw))):
            self.leave(found.place + 1, found.at)
            whole = self.path[found.place]
            if whole.opening < 0:
                whole.opening = found.at
            if found.closing:
                whole.closing = found.after
                self.look_behind(found)
                self.forget(found.place, unclosed=False)
                at = found.after - 1
            elif len(self.parts) > self.most:
                self.defects.add("parts-capped", "body", f"more than {self.limits.parts} parts")
                return
            else:
                at = self.enter(self.headed(Part(self.raw, found.after, len(self.raw), whole)))
        if self.misses >= _MOST_MISSES:
            self.defects.add("parts-capped", "body", f"more than {_MOST_MISSES} lines that only begin like a delimiter")
        self.forget(0, unclosed=True)

    def look_behind(self, end: _Delimiter) -> None:
        """Note the part that begins behind the end boundary: it is none (RFC 2046 section 5.1.1), and some programs show it all the same."""
        boundary = next(boundary for boundary, place in reversed(self.open) if place == end.place)
        alone = sum(other == boundary for other, _ in self.open) == 1
        if alone and (behind := self.delimiter(end.after - 1, len(self.raw))) and behind.place == end.place and not behind.closing:
            self.defects.add("parts-behind-end", self.path[end.place].where, boundary)

    def enter(self, part: Part) -> int:
        """Open a part and the messages within it; the offset where the search for delimiters goes on."""
        while True:
            self.parts.append(part)
            self.path.append(part)
            if not self.opens(part):
                return max(part.body - 1, 0)
            part = self.headed(Part(self.raw, part.body, len(self.raw), part))

    def opens(self, part: Part) -> bool:
        """Whether what follows is the header of a message within this part; an open multipart is noted here."""
        kind = part.media.value
        if kind.startswith("text/"):
            return False
        message = kind in _MESSAGES and part.encoding not in _ENCODED and part.body < part.end
        boundary = self.boundary(part) if kind.startswith("multipart/") else b""
        if not (message or boundary):
            return False
        if part.depth >= self.limits.depth or len(self.parts) > self.most:
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
            self.in_vain = True
            self.defects.add("boundary-missing", part.where, part.media.value)
        if self.guesses and (not found or self.view.find(b"\n--" + found, max(part.body - 1, 0)) < 0):
            self.guesses -= 1
            if guessed := guess_boundary(self.view, part.body):
                self.defects.add("boundary-guessed", part.where, guessed)
                found = guessed
        if not found:
            part.media = _TEXT
        return squeezed(found) if self.lenient else found[:_LONGEST_DELIMITER]

    def aim(self) -> None:
        """Look for what all open boundaries begin with: with one multipart that is the whole boundary."""
        self.places = dict(self.open)
        self.needle = b"\n--" if self.lenient else b"\n--" + common_start(self.places)

    def headed(self, part: Part) -> Part:
        self.read_head(part)
        return part

    def read_head(self, part: Part) -> None:
        start = part.body
        stop, body = self.header_end(start)
        if self.open and (found := self.delimiter(max(start - 1, 0), stop)):
            stop = body = found.at + 1  # a header ends at a delimiter line too
        part.fields, part.body = self.reader.read(self.view, start, stop, body, part)
        part.media = self.media(part)
        if len(part.index) < len(part.fields):
            for name in _ONCE:
                if len(part.index.get(name, ())) > 1:
                    self.defects.add("duplicate-header", name, f"{part.where}: {len(part.index[name])} times")

    def header_end(self, start: int) -> tuple[int, int]:
        """Offsets of the empty line after `start` and of what follows it. The last one found is kept: each octet is searched once."""
        if self.view.startswith((b"\n", b"\r\n"), start):
            return start, start + (1 if self.view[start] == 10 else 2)
        if self.blank[0] < start:
            self.blank = blank_line(self.view, start)
        return self.blank[1:]

    def media(self, part: Part) -> Media:
        text = part.said("content-type")
        if text is None:
            return _MESSAGE if part.parent and part.parent.media.value == "multipart/digest" else _TEXT
        media = read_type(text)
        if media.twice:
            self.defects.add("parameter-duplicate", part.where, ", ".join(media.twice))
        if media.value in _ELSEWHERE:
            self.defects.add(*_elsewhere(media, part.where))
        if media.value:
            return media
        self.defects.add("content-type-invalid", part.where, text[:80])
        return Media("text/plain", media.parameters)

    def delimiter(self, at: int, stop: int) -> _Delimiter | None:
        """The next line between two offsets that is a delimiter of an open multipart."""
        view = self.view
        while self.misses < _MOST_MISSES and (at := view.find(self.needle, at, stop)) >= 0:
            after = view.find(b"\n", at + 3, at + 3 + _LONGEST_DELIMITER)
            line = view[at + 3 : after if after >= 0 else at + 3 + _LONGEST_DELIMITER].rstrip()
            line = squeezed(line) if self.lenient else line
            after = after + 1 if after >= 0 else len(view)
            if (place := self.places.get(line)) is not None:
                return _Delimiter(at, after, place, closing=False)
            if line.endswith(b"--") and (place := self.places.get(line[:-2])) is not None:
                return _Delimiter(at, after, place, closing=True)
            at += 3
            self.misses += 1
        return None

    def leave(self, length: int, at: int) -> None:
        """End all parts of the path from `length` on at the line end `at`, which belongs to the delimiter."""
        end = at + 1 - len(self.line_end) if self.view.endswith(self.line_end, 0, at + 1) else at
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
            if not part.inner:
                self.in_vain = True
                part.container, part.media = False, _TEXT
                self.defects.add("boundary-not-found", part.where, boundary)
            elif unclosed:
                self.defects.add("boundary-unclosed", part.where, boundary)
        self.aim()
