"""The embedded store: one folder with `inbox.db` (SQLite) and `blobs/`."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inbox.errors import StoreCorrupt, StoreError
from inbox.model import Mail
from inbox.store.archive import Archive
from inbox.store.blobs import Blobs
from inbox.store.connections import DATABASE, Connections, as_store_error, connect, create, sync_folder
from inbox.store.experiments import SqliteExperiments
from inbox.store.finding import Finding
from inbox.store.holds import Holds
from inbox.store.leases import hand_lease
from inbox.store.ledger import SqliteLedger
from inbox.store.memory import Records
from inbox.store.operations import Operations
from inbox.store.ownership import Role, check_not_lost, prepare_folder
from inbox.store.schema import bring_up_to_date
from inbox.store.settling import Settling
from inbox.store.standings import Standings
from inbox.store.suppressing import Suppressing
from inbox.store.tallies import Tallies
from inbox.store.work import Work

_QUICK, _THOROUGH = 64 << 20, 1 << 30
"""Octets of a database up to which it is checked at every start, and after an unclean end; a larger one, its small tables only."""


class SqliteStore(Holds, Settling, Archive, Finding, Operations, Records, Suppressing, SqliteLedger, SqliteExperiments, Tallies, Standings):
    """Everything that is kept, in one folder. One object serves all threads of a process; several processes may have the folder open."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self._connections = Connections(folder / DATABASE, read_only=read_only)
        self._blobs = Blobs(folder / "blobs")
        self._roles: dict[str, Role] = {}
        self._hands = {}

    def own(self, role: str, patience: float = 0.0) -> int:
        """Have a role (`serve`, `work`) in this folder until the store is closed; the descriptor of its lock is returned.

        `patience`: seconds to wait for another owner to end. The database is checked first. Raises StoreLocked, StoreCorrupt.
        """
        if role not in self._roles:
            owned = Role(self.folder, role, patience)
            try:
                if not self._roles:
                    self._check(thorough=owned.unclean)
            except BaseException:
                os.close(owned.descriptor)  # not emptied: the next start checks again
                raise
            self._roles[role] = owned
            if role == "serve":  # nobody else receives now, so what is half written is nobody's
                self._blobs.sweep()
        return self._roles[role].descriptor

    def _check(self, *, thorough: bool) -> None:
        """StoreCorrupt when SQLite finds damage."""
        size = (self.folder / DATABASE).stat().st_size
        if size <= _QUICK or (thorough and size <= _THOROUGH):
            questions = ["pragma quick_check(1)"]
        else:
            questions = [f"pragma quick_check({table})" for table in ("inbox_mails", "inbox_steps", "inbox_states")] if thorough else []
        with self._connections.read() as db:
            for question in questions:
                answer = db.execute(question).fetchone()[0]
                if answer != "ok":
                    raise as_store_error(sqlite3.DatabaseError(f"malformed: {answer}"))

    @contextmanager
    def working_on(self, mail: Mail) -> Iterator[Work]:
        """Keep a mail and work on it here and now, while no worker takes it: its journal.

        At the end the mail gets the state that its steps give it; one that could not be judged is left to the workers.
        """
        lease = hand_lease()
        self.keep_all([(mail, None)], lease=lease)
        with self.by_hand(lease):
            yield self
            receipt = self.receipt(mail.id)
            if receipt.plan is not None:
                self.finish(mail, receipt.plan)

    def durability(self) -> str:
        """How SQLite was asked to write, as read back from it."""
        with self._connections.read() as db:
            mode, level = (db.execute(f"pragma {name}").fetchone()[0] for name in ("journal_mode", "synchronous"))
        return f"journal_mode {mode}, synchronous {('off', 'normal', 'full', 'extra')[level]}"

    def close(self) -> None:
        """Close the connections and give roles up."""
        self._connections.close()
        for role in self._roles.values():
            role.give_up()
        self._roles.clear()


def open_store(folder: Path, *, read_only: bool = False) -> SqliteStore:
    """Open the store in a folder; it is made when there is none, unless `read_only`.

    Raises StoreCorrupt when the database is damaged or lost (never a new, empty one in its place), StoreError when it cannot be opened
    durably.
    """
    folder = folder.absolute()
    path = folder / DATABASE
    try:
        check_not_lost(folder)
        if not path.exists():
            if read_only:
                raise StoreError(f"there is no store in {folder}; name its folder with --dir, or start `inbox serve`")
            _make(folder)
        elif not read_only:
            prepare_folder(folder)
        _bring_up_to_date(path, read_only=read_only)
        return SqliteStore(folder, read_only=read_only)
    except (sqlite3.Error, OSError) as error:
        raise _cannot_open(folder, error) from error


def _make(folder: Path) -> None:
    prepare_folder(folder)
    sync_folder(folder.parent)
    try:
        create(folder / DATABASE)
    except FileExistsError:
        return  # another process was quicker


def _bring_up_to_date(path: Path, *, read_only: bool) -> None:
    connection = connect(path, read_only=read_only)
    try:
        bring_up_to_date(connection, read_only=read_only)
    finally:
        connection.close()


def _cannot_open(folder: Path, error: Exception) -> StoreError:
    found = as_store_error(error)
    if isinstance(found, StoreCorrupt):
        return found
    remedy = ""
    if folder.exists() and not os.access(folder, os.W_OK):
        remedy = "; the folder is read-only for this user: make it writable (mount, owner, mode), or name another one with --dir"
    return StoreError(f"the store in {folder} cannot be opened: {error}{remedy}")
