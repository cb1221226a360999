"""What a worker has in hand, where its supervisor can see it: a small file that both have mapped.

The file's name ends in `-shm` as that of SQLite's shared memory does: it means nothing after a restart, and is never synced.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inbox.deadline import TimeUp


@dataclass(frozen=True, slots=True)
class InHand:
    """What a worker was doing: step `n` of a mail (0: reading, judging, or telling of it), to end at `deadline` (monotonic seconds)."""

    mail: str
    n: int
    deadline: float


class Slot:
    """A file of 40 octets that worker and supervisor have mapped: who works, on what, until when. No system call to write it."""

    _FORM = struct.Struct("<II20sId")  # generation (odd while it is written), process id, mail, step, deadline

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, self._FORM.size)
            self._map = mmap.mmap(descriptor, self._FORM.size)
        finally:
            os.close(descriptor)
        self._generation = 0
        self._pid = 0

    def clear(self) -> None:
        """Before a worker starts: nobody is ready."""
        self._pid = 0
        self.end()

    def ready(self) -> None:
        """The worker takes signals from now on."""
        self._pid = os.getpid()
        self.end()

    def begin(self, mail: str, n: int, seconds: float) -> None:
        """Something begins that may take so long."""
        self._write(mail.encode("ascii"), n, time.monotonic() + seconds)

    def end(self) -> None:
        """Nothing is in hand."""
        self._write(b"", 0, 0.0)

    def _write(self, mail: bytes, n: int, deadline: float) -> None:
        self._generation = (self._generation + 2) & 0xFFFFFFFE
        self._map[0:4] = (self._generation + 1).to_bytes(4, "little")
        self._FORM.pack_into(self._map, 0, self._generation + 1, self._pid, mail, n, deadline)
        self._map[0:4] = self._generation.to_bytes(4, "little")

    def pid(self) -> int:
        """Of the worker that is ready, or 0."""
        pid: int = self._FORM.unpack_from(self._map)[1]
        return pid

    def read(self) -> InHand | None:
        """What is in hand; None for nothing, or when it is being written at this moment."""
        generation, _, mail, n, deadline = self._FORM.unpack_from(self._map)
        name = mail.rstrip(b"\0").decode("ascii", "replace")
        return InHand(name, n, deadline) if name and not generation & 1 else None

    @contextmanager
    def holding(self, mail: str, n: int, seconds: float) -> Iterator[None]:
        """`begin` and `end` around something. What ends the process leaves the slot as it is: the supervisor reads it."""
        self.begin(mail, n, seconds)
        try:
            yield
        except (Exception, TimeUp):
            self.end()
            raise
        self.end()
