"""Attachments: every leaf that is not the text of the mail, and every attached message as a whole."""

from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING, BinaryIO

from inbox.parsing.bodies import is_body
from inbox.parsing.defects import Defects
from inbox.parsing.filenames import default_name, harmless, safe_name
from inbox.parsing.filetypes import contradicts, detect_type
from inbox.parsing.lazy import lazy
from inbox.parsing.limits import DEFAULT, Limits
from inbox.parsing.programs import is_program
from inbox.parsing.structure import Part
from inbox.parsing.words import Hint, decode_phrase, decode_value

if TYPE_CHECKING:
    from inbox.parsing.archives import Archive

_HEAD, _TAIL = 1 << 16, 1 << 16
_ENDS = _HEAD + _TAIL
_ID = re.compile(r"<?([^<>\s]+)>?")


class Attachment:
    """One attachment; nothing is decoded before it is asked for.

    `filename`: safe on every system, never empty, at most 255 octets. `filename_raw`: as sent, decoded, on one line, or None. `type`: as declared;
    `detected_type`: what the first octets show, or None. `disposition`: `attachment`, `inline`, another word, or None. `content_id`:
    without angle brackets, or None.
    """

    def __init__(self, part: Part, number: int, defects: Defects, hint: Hint, limits: Limits = DEFAULT) -> None:
        self._part, self._limits = part, limits
        self.type = part.media.value
        self.disposition = part.disposition.value or None
        self.content_id = _content_id(part)
        self.filename_raw = _sent_name(part, hint)
        self.filename = (self.filename_raw and safe_name(self.filename_raw)) or default_name(number, self.type)
        if self.filename_raw is not None and self.filename != harmless(self.filename_raw):
            defects.add("filename-unsafe", part.where, self.filename_raw)
        self._others = _other_names(part, hint) if self.filename_raw is not None else []
        other = (
            [name for name in self._others if _extension(name) not in ("", _extension(self.filename))] if _extension(self.filename) else []
        )
        twice = [*part.disposition.twice, *other]
        if twice:
            defects.add("parameter-duplicate", part.where, ", ".join(twice))

    def content(self) -> bytes:
        """The octets with their transfer encoding undone. Not kept: ask once."""
        return self._part.pieces().whole()

    def open(self) -> BinaryIO:
        """The same as a file to read from, decoded piece by piece: for what is too large to hold."""
        from inbox.parsing.stream import PieceReader  # noqa: PLC0415 (few need it)

        return io.BufferedReader(PieceReader(self._part.pieces()))

    @property
    def size(self) -> int:
        """Octets of the content."""
        return self._seen[0]

    @property
    def sha256(self) -> str:
        """SHA-256 of the content, hexadecimal."""
        return self._seen[1]

    @property
    def detected_type(self) -> str | None:
        """The type that the first octets show, or None when they are not known."""
        return self._seen[2]

    @property
    def defects(self) -> Defects:
        """What was odd about the encoding."""
        return self._seen[3]

    @property
    def mismatch(self) -> bool:
        """Whether the octets are something else than the declared type or the extension of the name says."""
        return contradicts(self.type, self.filename, self.detected_type)

    @property
    def program(self) -> bool:
        """Whether it is a program, a script, a shortcut or a disk image by any of the names it has, or an archive with one in it."""
        if any(is_program(name, self.detected_type) for name in (self.filename, *self._others)):
            return True
        return self.archive is not None and any(one.program for one in self.archive.members)

    @lazy
    def archive(self) -> Archive | None:
        """What is in it, one level deep, when it is an archive; None when it is none."""
        if self.detected_type is None:
            return None
        from inbox.parsing.archives import KINDS, read_archive  # noqa: PLC0415 (few attachments are archives)

        return read_archive(self.content(), self.detected_type, self.filename, self._limits) if self.detected_type in KINDS else None

    def to_dict(self) -> dict[str, str | int | None]:
        names = ("filename", "filename_raw", "type", "detected_type", "size", "sha256", "disposition", "content_id")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        return f"Attachment({self.filename!r}, {self.type!r})"

    @lazy
    def _seen(self) -> tuple[int, str, str | None, Defects]:
        """Everything that needs the octets, from one decoding, piece by piece."""
        pieces, digest = self._part.pieces(), hashlib.sha256()
        size, head, tail = 0, b"", b""
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            if len(head) < _ENDS:
                head += piece
            else:
                tail = piece if len(piece) >= _TAIL else (tail or head[_HEAD:])[-_TAIL:] + piece
        odd = Defects()
        if pieces.code:
            odd.add(pieces.code, self._part.where, pieces.detail)
        detected = detect_type(head[:_HEAD] + tail[-_TAIL:] if tail else head)
        if contradicts(self.type, self.filename, detected):
            odd.add("type-mismatch", self._part.where, f"{self.filename}: {self.type}, and holds {detected}")
        return size, digest.hexdigest(), detected, odd


def read_attachments(parts: list[Part], defects: Defects, hint: Hint, limits: Limits = DEFAULT) -> tuple[Attachment, ...]:
    """In the order of the mail. Of messages within messages only the outermost is one; files within them are."""
    found: list[Attachment] = []
    for part in parts:
        outermost = part.container and not part.within and part.media.value.startswith("message/")
        if outermost or (not part.container and not is_body(part) and not _text_within(part)):
            found.append(Attachment(part, len(found) + 1, defects, hint, limits))
    return tuple(found)


def _text_within(part: Part) -> bool:
    """The text of an attached message is part of that message, no file of its own."""
    return bool(part.within) and part.media.value.startswith(("text/", "multipart/")) and _declared_name(part, lambda: None) is None


def _declared_name(part: Part, hint: Hint) -> str | None:
    name = part.disposition.text("filename", hint)
    return name if name is not None else part.media.text("name", hint)


def _sent_name(part: Part, hint: Hint) -> str | None:
    """The name as sent; encoded words are decoded, although RFC 2047 section 5 forbids them here."""
    name = _declared_name(part, hint)
    if name is None:
        return None
    return decode_phrase(name.encode("utf-8", "replace"), hint).text


def _other_names(part: Part, hint: Hint) -> list[str]:
    """Names beside the one that counts: mail programs differ in which they take, and a sender can give each another one."""
    given = ((part.disposition, "filename"), (part.media, "name"))
    written = {value for media, word in given for key, value in media.parameters.items() if key.partition("*")[0] == word}
    if len(written) < 2:
        return []
    names = [media.text(word, hint) for media, word in given] + [
        media.parameters[word].encode("latin-1").decode("utf-8", "replace") for media, word in given if word in media.parameters
    ]
    return [
        safe for name in dict.fromkeys(names) if name and (safe := safe_name(decode_phrase(name.encode("utf-8", "replace"), hint).text))
    ]


def _extension(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem else ""


def _content_id(part: Part) -> str | None:
    raw = part.first("content-id")
    found = _ID.search(decode_value(raw).text) if raw else None
    return found[1] if found else None
