"""Connections to `inbox.db`: opened in one way, handed out one a thread, thrown away after any error.

A failed sync is never tried again on the same connection (what the kernel then holds of the file is unknown): whatever raises inside a
write closes the connection, and the next call opens a new one. That is also how the store comes back when the disk has room again.
Another connection stays open all the time: while one does, SQLite keeps in shared memory how far the log is valid. If the last one were
closed, the next would read the log anew and take the transaction whose sync had failed for a good one; what is acknowledged on top of it
would go with it in a power cut. As it is, the next transaction is written over it.

Two kinds of transaction. *Durable* ones run with synchronous=FULL: when they return, all that was committed before them is on stable
storage. *Light* ones (leases, marks) run with synchronous=NORMAL: they are in the log in order, and synced by the next durable one. A
power cut can lose the last of them, which is right: a lease is void at start, and a mark that is lost was never acted on durably.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from inbox.errors import InboxError, StoreCorrupt, StoreError

DATABASE = "inbox.db"
Purpose = Literal["read", "durable", "light"]
_PATIENCE = 5.0  # seconds to wait for another process that writes
_RECOVER = (
    "stop inbox, keep a copy of the folder, then write what can be read into a new database with sqlite3's .dump, "
    'as docs/durability.md says under "A damaged store"'
)


def as_store_error(error: Exception) -> StoreError:
    """The store's own error for one of SQLite or the system: StoreCorrupt when the file is damaged."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "malformed" in str(error) or "not a database" in str(error):
        return StoreCorrupt(f"the database {DATABASE} is damaged ({error}); nothing is written to it. To recover: {_RECOVER}")
    return StoreError(f"the store failed: {error}; nothing was acknowledged, it is tried again with a new connection")


def connect(path: Path, *, durable: bool = True, read_only: bool = False) -> sqlite3.Connection:
    """Open an existing database; WAL and the sync level are set and read back. StoreError when they do not hold."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        timeout=_PATIENCE,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.row_factory = sqlite3.Row
    try:
        _prepare(connection, durable=durable, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, *, durable: bool, read_only: bool) -> None:
    mode = connection.execute("pragma journal_mode" if read_only else "pragma journal_mode=wal").fetchone()[0]
    level = 2 if durable else 1
    connection.execute(f"pragma synchronous={level}")
    found = connection.execute("pragma synchronous").fetchone()[0]
    if mode != "wal" or found != level:
        raise StoreError(
            f"SQLite runs with journal_mode={mode}, synchronous={found} where wal and {level} are needed; put the folder on a local disk"
        )
    connection.execute("pragma cache_size=-6000")
    if read_only:
        connection.execute("pragma query_only=1")


class Connections:
    """A pool of connections for the threads of one process."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path, self.read_only = path, read_only
        self._idle: dict[Purpose, deque[sqlite3.Connection]] = {"read": deque(), "durable": deque(), "light": deque()}
        self._mine = threading.local()
        self._watchers: list[sqlite3.Connection] = []
        self._closed = False
        self._file = _identity(path)
        if not read_only:
            self._watchers.append(connect(path, durable=False))  # stays until the end, see above

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with: the one of the thread's transaction, if it is in one."""
        if (current := getattr(self._mine, "connection", None)) is not None:
            yield current
            return
        with self._borrowed("read") as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """As `read`, and all that is read is of one moment."""
        with self.read() as connection:
            if connection.in_transaction:
                yield connection
                return
            connection.execute("begin")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("rollback")

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction, committed at the end; within another one of the same thread, a part of that one."""
        if (current := getattr(self._mine, "connection", None)) is not None:
            yield current
            return
        with self._borrowed("durable" if durable else "light") as connection:
            _begin(connection)
            self._check_file()
            self._mine.connection = connection
            try:
                yield connection
            finally:
                self._mine.connection = None
            connection.execute("commit")

    def data_version(self) -> int:
        """A number that changes when any other connection has committed; asked on a connection of the thread's own."""
        with self.translated():
            watcher = getattr(self._mine, "watcher", None)
            if watcher is None:
                watcher = self._mine.watcher = connect(self.path, read_only=self.read_only)
                self._watchers.append(watcher)
            try:
                number: int = watcher.execute("pragma data_version").fetchone()[0]
            except sqlite3.Error:
                self._mine.watcher = None
                self._watchers.remove(watcher)
                _close(watcher)
                raise
        return number

    @contextmanager
    def _borrowed(self, purpose: Purpose) -> Iterator[sqlite3.Connection]:
        """A connection of the pool; after an error of the database it is closed, and so are the idle ones."""
        with self.translated():
            connection = self._take(purpose)
            try:
                yield connection
            except BaseException as error:
                self._end(connection, purpose, error)
                raise
            self._give_back(connection, purpose)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of SQLite and the system become the store's own."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise as_store_error(error) from error

    def _take(self, purpose: Purpose) -> sqlite3.Connection:
        if self._closed:
            raise StoreError("the store is closed")
        try:
            return self._idle[purpose].pop()
        except IndexError:
            connection = connect(self.path, durable=purpose != "light", read_only=self.read_only)
            if purpose != "read":
                connection.execute("pragma busy_timeout=0")  # `_begin` waits in its own way
            return connection

    def _give_back(self, connection: sqlite3.Connection, purpose: Purpose) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle[purpose].append(connection)

    def _end(self, connection: sqlite3.Connection, purpose: Purpose, error: BaseException) -> None:
        """An error of ours (no such mail) rolls back and keeps the connection; any other one closes it."""
        if isinstance(error, InboxError) and not isinstance(error, StoreError):
            if connection.in_transaction:
                connection.execute("rollback")
            self._give_back(connection, purpose)
            return
        _close(connection)
        self.forget()

    def forget(self) -> None:
        """Close the connections that nobody uses."""
        for pool in self._idle.values():
            while pool:
                _close(pool.pop())

    def close(self) -> None:
        self._closed = True
        self.forget()
        while self._watchers:
            _close(self._watchers.pop())

    def _check_file(self) -> None:
        """A database that was moved away or replaced would take mail that nobody finds again."""
        if _identity(self.path) != self._file:
            raise StoreError(f"{self.path} was moved or replaced while it was open; put it back, or restart")


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _begin(connection: sqlite3.Connection) -> None:
    """Become the one writer. Polls in short steps: SQLite's own waiting grows to 100 ms, and a writer's turn takes one."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("begin immediate")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() > until:
                raise
            time.sleep(0.0005)
        else:
            return


def _close(connection: sqlite3.Connection) -> None:
    try:
        connection.close()
    except sqlite3.Error:
        return  # what could not be committed is rolled back by whoever opens the file next


def create(path: Path) -> None:
    """Make an empty database file that only its owner can read; SQLite gives its log the same mode."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
