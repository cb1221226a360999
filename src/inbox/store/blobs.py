"""Octets of large mails: files that are named after what they hold, `blobs/<2 hex>/<sha256>`.

A file is written under a temporary name, synced, renamed, and its folder synced, all before the transaction that names it commits: a row
never names a file that a power cut can take away. A file without a row (the transaction failed) does no harm.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from inbox.errors import StoreError
from inbox.model import Raw
from inbox.store.connections import sync_folder

SMALL = 64 * 1024
"""Octets up to which a mail is kept in the database itself."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Blobs:
    """The folder of large mails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256

    def put(self, raw: Raw) -> None:
        """Make the octets durable under their name. A `raw` in a file is linked, or copied from another file system. OSError, StoreError."""
        target = self.path(raw.sha256)
        self._make_folder(target.parent)
        if not (target.exists() and target.stat().st_size == raw.size):
            with self._temporary() as name:
                _fill(name, raw)
                name.replace(target)
        sync_folder(target.parent)

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        for level in (self.folder, folder):
            with contextlib.suppress(FileExistsError):
                level.mkdir(mode=0o700)
            sync_folder(level.parent)

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[Path]:
        """A name for a file that is not whole yet; whatever is left under it is removed."""
        name = self.folder / f"new-{secrets.token_hex(8)}"
        try:
            yield name
        finally:
            name.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove files that were not whole when their process ended. Only for the process that owns the store."""
        for name in self.folder.glob("new-*"):
            name.unlink(missing_ok=True)


def _fill(name: Path, raw: Raw) -> None:
    if raw.path is not None:
        _link_or_copy(raw.path, name)
    else:
        with os.fdopen(os.open(name, _NEW, 0o600), "wb") as file:
            file.write(raw.read())
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_size != raw.size:
            raise StoreError(f"a mail of {raw.size} octets became {os.fstat(descriptor).st_size} on its way to the disk")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link_or_copy(source: Path, name: Path) -> None:
    """Give the spooled file a second name; the first stays with whoever made it."""
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StoreError(f"{source} is no plain file")
        try:
            os.link(source, name, follow_symlinks=False)
        except OSError:
            with os.fdopen(os.open(name, _NEW, 0o600), "wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
        else:
            name.chmod(0o600)
