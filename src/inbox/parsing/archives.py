"""What is in an archive, one level deep: names, sizes and types of its members, and what is odd about it. Nothing is written anywhere, and no more
is unpacked than the limits say: of zip and tar only the first octets of members, to see what they are.
"""

from __future__ import annotations

import bz2
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

from inbox.parsing.charsets import is_utf8
from inbox.parsing.filenames import safe_name
from inbox.parsing.filetypes import detect_type
from inbox.parsing.limits import Limits
from inbox.parsing.programs import is_program

_HEAD = 4096
_UNPACKED_HEAD = 4 << 20
_MOST_UNPACKED = 32 << 20
_MOST_FILES = 1000
_CHUNK = 1 << 18
_LOOKED_INTO = 100
_DIRECTORY = 1 << 20
_XZ_MEMORY = 64 << 20
_SMALL = 1 << 20
_UP = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)|^[/\\]|^[A-Za-z]:|\0")
_DOCUMENTS = re.compile(r"\.(?:docx|xlsx|pptx|dotx|xltx|potx|docm|xlsm|pptm|od[tspg]|epub)$", re.IGNORECASE)
_AES = b"\x06\xf1\x07\x01"  # the coder id of AES-256 in 7z

KINDS = {
    "application/zip": "zip",
    "application/java-archive": "zip",
    "application/vnd.android.package-archive": "zip",
    "application/x-tar": "tar",
    "application/gzip": "gzip",
    "application/x-bzip2": "bzip2",
    "application/x-xz": "xz",
    "application/x-7z-compressed": "7z",
    "application/vnd.rar": "rar",
}
"""Detected types that are archives. Office documents are zip archives too, but documents to people."""


@dataclass(frozen=True, slots=True)
class Member:
    """`name`: as stored. `size`: octets unpacked, as the archive says. `type`: what its first octets show, or None. `encrypted`: needs a password."""

    name: str
    size: int
    type: str | None = None
    encrypted: bool = False

    @property
    def program(self) -> bool:
        """Whether it can be run, by its name or its octets."""
        return is_program(self.name, self.type)


@dataclass(frozen=True, slots=True)
class Archive:
    """`kind`: zip tar gzip bzip2 xz 7z rar. `size`: octets of all members. `odd`: words, in this order, for what holds:

    encrypted: a member needs a password. bomb: unpacked it is far too large. unsafe-name: a member would be written outside of its folder.
    link: a member points elsewhere. nested: a member is an archive. capped: not all was looked at. broken: it cannot be read to its end.
    unlisted: no reader for this kind.
    """

    kind: str
    members: tuple[Member, ...]
    size: int
    odd: tuple[str, ...]


class _Listing:
    """Members while they are being found, and what was odd."""

    def __init__(self, packed: int, limits: Limits) -> None:
        self.members: list[Member] = []
        self.packed, self.limits = packed, limits
        self.size = 0
        self.odd: set[str] = set()

    def add(self, member: Member) -> None:
        self.size += member.size
        self.members.append(member)
        self.note("encrypted", member.encrypted)
        self.note("unsafe-name", bool(_UP.search(member.name)))
        self.note("nested", member.type in KINDS and not _DOCUMENTS.search(member.name))

    def note(self, word: str, holds: bool) -> None:
        if holds:
            self.odd.add(word)

    def full(self) -> bool:
        self.note("capped", len(self.members) >= self.limits.archive_members)
        return len(self.members) >= self.limits.archive_members

    def bomb(self) -> bool:
        """Larger than the limit, or many times what was sent; small files may pack as well as they like."""
        ratio = self.size > self.packed * self.limits.archive_ratio and self.size > _SMALL
        self.note("bomb", ratio or self.size > self.limits.archive_octets)
        return "bomb" in self.odd

    def archive(self, kind: str) -> Archive:
        self.bomb()
        words = ("encrypted", "bomb", "unsafe-name", "link", "nested", "capped", "broken", "unlisted")
        return Archive(kind, tuple(self.members), self.size, tuple(word for word in words if word in self.odd))


def read_archive(octets: bytes, detected: str | None, filename: str, limits: Limits) -> Archive | None:
    """The archive that an attachment is, or None when it is none. Never raises."""
    kind = KINDS.get(detected or "")
    if kind is None:
        return None
    listing = _Listing(len(octets), limits)
    try:
        _READERS[kind](octets, filename, listing)
    except Exception:  # readers of others on hostile files raise what they like; what was found until then counts
        listing.odd.add("capped" if "capped" in listing.odd else "broken")
    return listing.archive(kind)


def _zip(octets: bytes, _filename: str, listing: _Listing) -> None:
    end = octets.rfind(b"PK\x05\x06", max(0, len(octets) - 65_557))
    if end >= 0 and int.from_bytes(octets[end + 12 : end + 16], "little") > _DIRECTORY:
        listing.odd.add("capped")  # a list of many thousands takes seconds to read
        return
    with zipfile.ZipFile(io.BytesIO(octets)) as file:
        for info in file.infolist():
            if listing.full():
                return
            encrypted = bool(info.flag_bits & 1)
            listing.note("link", info.external_attr >> 28 == 0xA)
            look = not encrypted and not info.is_dir() and info.compress_type in (0, 8) and len(listing.members) < _LOOKED_INTO
            kind = _type_within(partial(file.open, info)) if look else None
            listing.add(Member(_zip_name(info), info.file_size, kind, encrypted))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Many programs write UTF-8 without saying so (APPNOTE section 4.4.4, bit 11)."""
    if info.flag_bits & 0x800 or info.orig_filename.isascii():
        return info.orig_filename
    octets = info.orig_filename.encode("cp437", "replace")
    return octets.decode("utf-8", "replace") if is_utf8(octets) else info.orig_filename


def _type_within(member: Callable[[], IO[bytes] | None]) -> str | None:
    try:
        with member() or io.BytesIO() as file:
            return detect_type(file.read(_HEAD))
    except Exception:  # a member that cannot be read still has its name
        return None


def _tar(octets: bytes, _filename: str, listing: _Listing) -> None:
    with tarfile.open(fileobj=io.BytesIO(octets), mode="r:") as file:
        while (info := file.next()) is not None:
            if listing.full():
                return
            listing.note("link", info.issym() or info.islnk())
            look = info.isreg() and len(listing.members) < _LOOKED_INTO
            kind = _type_within(partial(file.extractfile, info)) if look else None
            listing.add(Member(info.name, max(info.size, 0), kind))


def _packed(octets: bytes, filename: str, listing: _Listing, decoder: Callable[[], Any]) -> None:
    """A single packed file, which often is a tar archive."""
    head, size = b"", 0
    for piece in _unpacked(octets, decoder, listing):
        size += len(piece)
        head += piece[: _UNPACKED_HEAD - len(head)]
        listing.size = size
        if listing.bomb():
            break
    if listing.odd & {"capped", "bomb"} and octets.startswith(b"\x1f\x8b"):
        size = max(size, int.from_bytes(octets[-4:], "little"))  # what gzip itself says (RFC 1952 section 2.3.1)
    listing.size = 0
    kind = detect_type(head)
    if kind == "application/x-tar":
        listing.note("capped", size > len(head))
        try:
            _tar(head, filename, listing)
        finally:
            listing.size = max(size, listing.size)
    else:
        listing.add(Member(_inner_name(filename), size, kind))


def _unpacked(octets: bytes, decoder: Callable[[], Any], listing: _Listing) -> Iterator[bytes]:
    """Pieces of at most 256 KiB; several packed files one behind the other are one. Ends early where enough was seen."""
    at = unpacked = files = 0
    while at < len(octets) and octets[at] and files <= _MOST_FILES:
        unpacker = decoder()
        files += 1
        while not unpacker.eof:
            given = octets[at : at + _CHUNK] if getattr(unpacker, "needs_input", True) else b""
            piece = unpacker.decompress(given, _CHUNK)
            at += len(given) - len(getattr(unpacker, "unconsumed_tail", b""))
            unpacked += len(piece)
            yield piece
            if unpacked > _MOST_UNPACKED:
                listing.odd.add("capped")
                return
            if not piece and not given:
                listing.odd.add("broken")
                return
        at -= len(unpacker.unused_data)
    listing.note("capped", files > _MOST_FILES)


def _inner_name(filename: str) -> str:
    stem = re.sub(r"\.(?:gz|bz2|xz|z)$", "", filename, flags=re.IGNORECASE)
    return safe_name(stem) or "file"


def _unlisted(octets: bytes, _filename: str, listing: _Listing) -> None:
    listing.odd.add("unlisted")
    rar4 = octets.startswith(b"Rar!\x1a\x07\0") and len(octets) > 12 and bool(octets[10] & 0x80)
    rar5 = octets.startswith(b"Rar!\x1a\x07\x01\0") and octets[12:14].find(b"\x04") >= 0
    listing.note("encrypted", rar4 or rar5 or (octets.startswith(b"7z") and _AES in octets[-4096:]))


_READERS: dict[str, Callable[[bytes, str, _Listing], None]] = {
    "zip": _zip,
    "tar": _tar,
    "gzip": lambda octets, name, listing: _packed(octets, name, listing, lambda: zlib.decompressobj(wbits=31)),
    "bzip2": lambda octets, name, listing: _packed(octets, name, listing, bz2.BZ2Decompressor),
    "xz": lambda octets, name, listing: _packed(octets, name, listing, lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY)),
    "7z": _unlisted,
    "rar": _unlisted,
}
