"""What facts and handlers remember (`inbox.ports.Memory`), models, versions of the rules, and counters."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from inbox.errors import NotFound
from inbox.model import Envelope, Mail
from inbox.ports import Budget
from inbox.store import budgets as times_of
from inbox.store.base import Base
from inbox.store.connections import Connections
from inbox.store.values import micros, text

_LATE = 5 * 86_400 * 1_000_000
"""How late a mail may be worked on, and still find what others took before it: microseconds."""


class StoredMemory:
    """The memory of one store; a read-only one notes nothing."""

    def __init__(self, connections: Connections, *, read_only: bool) -> None:
        self._connections, self._read_only = connections, read_only

    def earlier(self, kind: str, key: str, mail: Mail, window: timedelta) -> int:
        """How many *other* mails noted (kind, key) before this one, and not longer than `window` before it arrived.

        This mail is noted too, once; asking again gives the same answer. A read-only memory notes nothing: a mail that was never noted
        counts all.
        """
        named = (text(kind), text(key), mail.id)
        if not self._read_only:
            self._note(named, mail)
        with self._connections.read() as db:
            row = db.execute("select n from inbox_marks where kind = ? and key = ? and mail = ?", named).fetchone()
            since = micros(mail.received_at - window)
            sql = (
                "select count(*) from inbox_marks where kind = ? and key = ? and mail <> ? and received_at >= ? and n < ?"
                " and exists (select 1 from inbox_mails where id = inbox_marks.mail)"  # judged before the 250, but not kept: it never came
            )
            number: int = db.execute(sql, (*named, since, row[0] if row else 1 << 62)).fetchone()[0]
        return number

    def _note(self, named: tuple[str | None, str | None, str], mail: Mail) -> None:
        """A light transaction: a mark that a power cut takes was never acted on durably, and what is durable later makes it durable."""
        with self._connections.read() as db:
            if db.execute("select 1 from inbox_marks where kind = ? and key = ? and mail = ?", named).fetchone():
                return
        with self._connections.write(durable=False) as db:
            db.execute(
                "insert or ignore into inbox_marks(kind, key, mail, received_at) values (?, ?, ?, ?)", (*named, micros(mail.received_at))
            )

    def take(self, mail: Mail, n: int, budgets: Sequence[Budget]) -> Budget | None:
        """As `inbox.ports.Memory.take`, in one transaction. A read-only memory takes nothing and says whether there is room."""
        if self._read_only:
            with self._connections.read() as db:
                return _take(db, mail, n, budgets)[1]
        with self._connections.write(durable=False) as db:  # light, as marks are
            rows, used_up = _take(db, mail, n, budgets)
            if rows and not used_up:
                db.execute("delete from inbox_budgets where expires < ?", (micros(mail.received_at) - _LATE,))
                db.executemany("insert or replace into inbox_budgets(name, times, expires) values (?, ?, ?)", rows)
                mark = ("took", str(n), mail.id, micros(mail.received_at))
                db.execute("insert into inbox_marks(kind, key, mail, received_at) values (?, ?, ?, ?)", mark)
        return used_up

    def load(self, name: str) -> bytes | None:
        """A model by name, or None."""
        with self._connections.read() as db:
            row = db.execute("select data from inbox_models where name = ?", (name,)).fetchone()
        return bytes(row[0]) if row else None

    def sender_of(self, mail_id: str) -> str | None:
        """The envelope sender of a mail that is kept, or None."""
        with self._connections.read() as db:
            row = db.execute("select envelope from inbox_mails where id = ?", (text(mail_id),)).fetchone()
        return Envelope.from_dict(json.loads(row[0])).sender if row else None


def _take(
    db: sqlite3.Connection, mail: Mail, n: int, budgets: Sequence[Budget]
) -> tuple[list[tuple[str | None, bytes, int]], Budget | None]:
    """The rows of the budgets after one was taken of each, none when that was done before; and the first that is used up."""
    if db.execute("select 1 from inbox_marks where kind = 'took' and key = ? and mail = ?", (str(n), mail.id)).fetchone():
        return [], None
    rows = []
    for budget in budgets:
        row = db.execute("select times from inbox_budgets where name = ?", (text(budget.name),)).fetchone()
        times = times_of.taken(row[0] if row else b"", budget.number, budget.seconds, micros(mail.received_at))
        if times is None:
            return [], budget
        rows.append((text(budget.name), times, times_of.expires(times, budget.seconds)))
    return rows, None


class Records(Base):
    """Models, rules and counters in the store."""

    def memory(self, *, read_only: bool = False) -> StoredMemory:
        """What facts and handlers may know of other mails."""
        return StoredMemory(self._connections, read_only=read_only)

    def save_model(self, name: str, data: bytes) -> None:
        """Keep a model under a name; the one before is replaced."""
        with self._connections.write() as db:
            db.execute("insert or replace into inbox_models(name, data, at) values (?, ?, ?)", (name, data, micros(datetime.now(UTC))))

    def remember_rules(self, version: str, source: str) -> None:
        """Keep the text of a version of the rules, so that a plan can be explained later."""
        with self._connections.read() as db:
            if db.execute("select 1 from inbox_rules where version = ?", (version,)).fetchone():
                return
        with self._connections.write() as db:
            db.execute(
                "insert or ignore into inbox_rules(version, text, at) values (?, ?, ?)", (version, text(source), micros(datetime.now(UTC)))
            )

    def rules_text(self, version: str) -> str:
        """The text of a version of the rules; NotFound."""
        with self._connections.read() as db:
            row = db.execute("select text from inbox_rules where version = ?", (version,)).fetchone()
        if row is None:
            raise NotFound(f"the store does not know rules of version {version[:12]}")
        return str(row[0])

    def add_counts(self, deltas: Iterable[tuple[str, str, float]]) -> None:
        """Add to counters: (name, labels as JSON, how much)."""
        rows = list(deltas)
        if not rows:
            return
        with self._connections.write(durable=False) as db:
            db.executemany(
                "insert into inbox_counts(name, labels, value) values (?, ?, ?)"
                " on conflict(name, labels) do update set value = value + excluded.value",
                rows,
            )

    def counts(self) -> dict[tuple[str, str], float]:
        """Every counter: (name, labels as JSON) -> value."""
        with self._connections.read() as db:
            return {(row["name"], row["labels"]): row["value"] for row in db.execute("select name, labels, value from inbox_counts")}
