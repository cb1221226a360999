"""The folder of a store: its mode, and who owns which role in it (`serve`: receives; `work`: carries plans out)."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from pathlib import Path

from inbox.errors import StoreCorrupt, StoreLocked
from inbox.store.connections import DATABASE

_LOG = logging.getLogger("inbox.store")


def prepare_folder(folder: Path) -> None:
    """Make the folder, or close it to others when it is a store or empty: mode 0700.

    A folder with other files in it keeps its mode (somebody may have said `--dir /tmp`); the files of the store are 0600 all the same.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not folder.stat().st_mode & 0o077:
        return
    if (folder / DATABASE).exists() or not any(folder.iterdir()):
        folder.chmod(0o700)
    else:
        _LOG.warning("the folder of the store is open to others; chmod 700 it", extra={"folder": str(folder)})


def check_not_lost(folder: Path) -> None:
    """StoreCorrupt when the folder was in use and its database is gone: a new, empty one would hide the loss."""
    used = [name for name in ("serve.lock", "work.lock", f"{DATABASE}-wal") if (folder / name).exists()]
    database = folder / DATABASE
    if used and not (database.exists() and database.stat().st_size):
        raise StoreCorrupt(
            f"{database} is gone or empty, but {used[0]} shows that the folder was in use. Put the database back from a copy; "
            f"or, to start with an empty store, move the whole folder away"
        )


class Role:
    """A role that one process at a time has; the lock goes with the process, however that ends.

    The file holds the owner's process id while it is owned and is emptied at the end: what is left in it tells of an unclean end.
    """

    def __init__(self, folder: Path, name: str, patience: float = 0.0) -> None:
        path = folder / f"{name}.lock"
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            self._lock(folder, name, patience)
            self.unclean = bool(os.pread(self.descriptor, 32, 0))
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, str(os.getpid()).encode(), 0)
        except BaseException:
            os.close(self.descriptor)
            raise

    def _lock(self, folder: Path, name: str, patience: float) -> None:
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    owner = os.pread(self.descriptor, 32, 0).decode("ascii", "replace") or "unknown"
                    raise StoreLocked(
                        f"process {owner} has the role {name!r} in {folder} already; stop it, or name another folder with --dir"
                    ) from None
                time.sleep(0.05)
            else:
                return

    def give_up(self) -> None:
        """Let go, cleanly."""
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)
