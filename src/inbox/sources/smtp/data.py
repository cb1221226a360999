r"""The octets behind DATA (RFC 5321 section 4.5.2) and BDAT (RFC 3030), read in bulk.

Theory of operation. The end of DATA is CRLF.CRLF and nothing else; the CRLF before the first octet is thought of, so that a dot at the very
start ends an empty mail. What comes in is searched as it comes, first for a dot at the beginning of a line: without one there is neither an
end nor a dot that was stuffed. The longest tail that may be the beginning of CRLF.CRLF is held back, so that what is let go never ends
within CRLF or CRLF-dot. Each block that is let go can therefore be judged by itself: it has a bare CR or LF exactly when it holds more of
them than twice its CRLFs; a dot that was stuffed is the one behind a CRLF. No loop goes over lines. BDAT says how long its chunks are: no
dots, only a CR at the end of a chunk is held back. A mail that is refused is read to its end, and not kept.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import re
from pathlib import Path

from inbox.model import INTERNAL, Raw, Reply, new_id
from inbox.sources.smtp import replies

_LOG = logging.getLogger("inbox.smtp")
_CRLF, _DOT, _END = b"\r\n", b"\r\n.", b"\r\n.\r\n"
_ENDING = re.compile(rb"\r\n|\r|\n")
_CRUMB = 1024  # octets
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

IN_MEMORY = 1 << 20
"""Octets of a mail that are held in memory; a bigger one goes to a file while it arrives."""

BLOCK = 1 << 18
"""Octets that are written to the file at once."""


class Body:
    """One mail as it arrives: behind DATA, or in BDAT chunks (`chunked`). `problem` is why it is refused, once that is known; `spooled` whether it is in a file; `seconds` what its chunks took."""

    def __init__(self, limit: int, *, mend: bool, folder: Path, chunked: bool = False) -> None:
        self.problem: Reply | None = None
        self.reason = ""
        self.received = 0
        self.seconds = 0.0
        self.size = 0
        self._limit, self._mend, self._folder = limit, mend, folder
        self._held = b"" if chunked else _CRLF
        self._begun = chunked
        self._hash = hashlib.sha256()
        self._blocks: list[bytes] = []
        self._waiting = 0
        self._file: int | None = None
        self._path: Path | None = None

    def feed(self, data: bytes) -> bytes | None:
        """Take what came behind DATA. None: the mail goes on; else what came behind the final dot."""
        self.received += len(data)
        data = self._held + data
        first = data.find(_DOT) if b"." in data else -1  # the single octet is found ten times as fast
        end = data.find(_END, first) if first >= 0 else -1
        if end >= 0:
            self._let_go(data[: end + 2], stuffed=end > first)
            return data[end + 5 :]
        kept = _tail(data)
        self._held = data[len(data) - kept :]
        self._let_go(data[: len(data) - kept], stuffed=first >= 0)
        return None

    def add(self, chunk: bytes) -> None:
        """Take octets of a BDAT chunk."""
        self.received += len(chunk)
        chunk = self._held + chunk
        self._held = b"\r" if chunk.endswith(b"\r") else b""
        self._let_go(chunk[: len(chunk) - len(self._held)], stuffed=False)

    def end(self) -> None:
        """The last chunk was there."""
        held, self._held = self._held, b""
        self._let_go(held, stuffed=False)

    def _let_go(self, block: bytes, *, stuffed: bool) -> None:
        if self.problem or not block:
            return
        bare = 2 * block.count(_CRLF) != len(block) - len(block.translate(None, _CRLF))
        if not self._mend and (bare or b"\0" in block):
            self.refuse(replies.BARE_ENDINGS, "line endings")
            return
        if stuffed:
            block = block.replace(_DOT, _CRLF)
        if bare:
            block = _ENDING.sub(_CRLF, block)
        if not self._begun:
            block, self._begun = block[2:], True
        self.size += len(block)
        if self.size > self._limit:
            self.refuse(replies.TOO_BIG, "size")
            return
        self._hash.update(block)
        if self._blocks and len(block) < _CRUMB and len(self._blocks[-1]) < _CRUMB:
            self._blocks[-1] += block  # each object costs more than what a crumb holds
        else:
            self._blocks.append(block)
        self._waiting += len(block)

    def refuse(self, reply: Reply, reason: str) -> None:
        """Keep nothing of this mail."""
        self.problem, self.reason = reply, reason
        self._blocks.clear()
        self._waiting = 0

    @property
    def full(self) -> bool:
        """Whether `spill` should be called."""
        return self._waiting > (IN_MEMORY if self._path is None else BLOCK)

    @property
    def spooled(self) -> bool:
        return self._path is not None

    def spill(self) -> None:
        """Write what waits to the file. It blocks: not on the event loop. When the disk refuses, the mail is refused for now."""
        blocks, self._blocks, self._waiting = self._blocks, [], 0
        try:
            if self._file is None:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                path = self._folder / f"{new_id()}.eml"
                self._file, self._path = os.open(path, _NEW, 0o600), path
            for block in blocks:
                _write(self._file, block)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            _LOG.error("a mail cannot be spooled", extra={"why": str(error)})
            self.refuse(replies.NO_SPACE if full else INTERNAL, "disk" if full else "internal")

    def close(self) -> None:
        """The file is whole. It blocks."""
        if self._waiting and self._file is not None:
            self.spill()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def discard(self) -> None:
        """Remove the file; whoever kept the mail has it under another name. It blocks."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._path is not None:
            with contextlib.suppress(OSError):  # the next start removes it
                self._path.unlink()

    def content(self) -> Raw:
        """The whole mail, unstuffed."""
        digest = self._hash.hexdigest()
        if self._path is not None:
            return Raw(self.size, digest, path=self._path)
        return Raw(self.size, digest, data=self._blocks[0] if len(self._blocks) == 1 else b"".join(self._blocks))


def _tail(data: bytes) -> int:
    """How many octets at the end may begin CRLF.CRLF."""
    for length in (4, 3, 2, 1):
        if data.endswith(_END[:length]):
            return length
    return 0


def _write(file: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(file, view) :]


def sweep(folder: Path) -> None:
    """Remove what a process that ended early left behind: none of it was answered with 250."""
    for path in folder.glob("*.eml"):
        path.unlink(missing_ok=True)
