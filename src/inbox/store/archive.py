"""The reading side: receipts, lists, search, figures. Every question is answered from one moment; none scans all mails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inbox.errors import NotFound
from inbox.findable import STATES, Findable
from inbox.model import ACCEPTED, Json, Mail, Receipt
from inbox.store.base import Base, index
from inbox.store.values import MAIL_COLUMNS, SUMMARY_COLUMNS, Summary, mail_of, moment, outcome_of, plan_of, summary_of

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Stats:
    """What is in the store: mails by state, the age in seconds of the oldest that is kept or waits, octets of all mails and of the files."""

    states: dict[str, int]
    oldest: dict[str, float]
    octets: int
    database_octets: int

    def to_dict(self) -> dict[str, Json]:
        return {"states": {**self.states}, "oldest": {**self.oldest}, "octets": self.octets, "database_octets": self.database_octets}

    def gauges(self) -> list[tuple[str, dict[str, str], float]]:
        """The same as gauges for /metrics: (name, labels, value)."""
        return [
            *(("inbox_mails", {"state": state}, float(number)) for state, number in self.states.items()),
            *(("inbox_oldest_seconds", {"state": state}, age) for state, age in self.oldest.items()),
            ("inbox_stored_octets", {}, float(self.octets)),
            ("inbox_database_octets", {}, float(self.database_octets)),
        ]


class Archive(Base):
    """The reading side of the store."""

    def mail(self, mail_id: str) -> Mail:
        """One mail, as it came in; NotFound."""
        with self._connections.read() as db:
            return mail_of(self._mail_row(db, mail_id), self._blobs.path)

    def receipt(self, mail_id: str) -> Receipt:
        """The whole truth about one mail; NotFound."""
        with self._connections.snapshot() as db:
            row = self._mail_row(db, mail_id)
            plan_row = db.execute("select plan from inbox_plans where seq = ?", (row["seq"],)).fetchone()
            rows = db.execute("select n, state, attempt, detail, at from inbox_outcomes where seq = ? order by k", (row["seq"],)).fetchall()
        plan = plan_of(plan_row[0]) if plan_row else None
        outcomes = tuple(outcome_of(row) for row in rows)
        return Receipt(mail_of(row, self._blobs.path), plan, outcomes, plan.reply if plan else ACCEPTED, row["state"])

    def _mail_row(self, db: sqlite3.Connection, mail_id: str) -> sqlite3.Row:
        row: sqlite3.Row | None = db.execute(f"select {MAIL_COLUMNS}, state from inbox_mails where id = ?", (mail_id,)).fetchone()  # noqa: S608
        if row is None:
            raise NotFound(f"there is no mail {mail_id} in the store; `inbox list` shows the ids")
        return row

    def subject(self, mail_id: str) -> str | None:
        """The subject, once the mail was judged; NotFound."""
        with self._connections.read() as db:
            row = db.execute("select subject from inbox_mails where seq = ?", (self._seq(db, mail_id),)).fetchone()
        subject: str | None = row[0]
        return subject

    def mails(
        self,
        state: str | None = None,
        rule: str | None = None,
        label: str | None = None,
        limit: int = 50,
        before: str | None = None,
        after: str | None = None,
    ) -> list[Summary]:
        """Mails, newest first, that fit every filter; `before` and `after` are ids of mails (not in the answer): older, newer than those."""
        with self._connections.snapshot() as db:
            asked = _Question(state, rule, label)
            for sign, mail_id in (("<", before), (">", after)):
                if mail_id is not None:
                    asked.and_(f"{asked.seq} {sign} ?", self._seq(db, mail_id))
            sql = f"select {SUMMARY_COLUMNS} from {asked.sql} order by {asked.seq} desc limit ?"  # noqa: S608  constants
            return [summary_of(row) for row in db.execute(sql, (*asked.values, limit))]

    def count(self, state: str | None = None, rule: str | None = None, label: str | None = None) -> int:
        """How many mails fit every filter."""
        asked = _Question(state, rule, label)
        sql, values = f"select count(*) from {asked.sql}", asked.values  # noqa: S608  constants
        if rule is None and label is None:
            sql, values = "select coalesce(sum(mails), 0) from inbox_states where ? in (state, '')", [state or ""]
        with self._connections.read() as db:
            number: int = db.execute(sql, values).fetchone()[0]
        return number

    def ids(self, state: str | None = None, rule: str | None = None, label: str | None = None) -> Iterator[str]:
        """The ids of all mails that fit, oldest first; read in pages, so that what is written meanwhile is not held up."""
        asked = _Question(state, rule, label)
        sql = f"select inbox_mails.seq, id from {asked.sql} and {asked.seq} > ? order by {asked.seq} limit {_PAGE}"  # noqa: S608  constants
        last = 0
        while True:
            with self._connections.read() as db:
                page = db.execute(sql, (*asked.values, last)).fetchall()
            yield from (row["id"] for row in page)
            if len(page) < _PAGE:
                return
            last = page[-1]["seq"]

    def index(self, mail: Mail, words: Findable) -> None:
        """Make a mail findable; its subject is shown in lists too."""
        with self._connections.write() as db:
            seq = self._seq(db, mail.id)
            index(db, seq, words)

    def stats(self, now: datetime) -> Stats:
        """What is in the store at the moment."""
        with self._connections.snapshot() as db:
            rows = db.execute("select state, mails, octets from inbox_states").fetchall()
            oldest = {state: at for state in ("kept", "waiting") if (at := _oldest(db, state)) is not None}
            pages, size = (db.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "page_size"))
        counts = {row["state"]: row["mails"] for row in rows}
        ages = {state: max(0.0, (now - moment(at)).total_seconds()) for state, at in oldest.items()}
        return Stats({state: counts.get(state, 0) for state in STATES}, ages, sum(row["octets"] for row in rows), pages * size)


def _oldest(db: sqlite3.Connection, state: str) -> int | None:
    """Arrival of the oldest mail in a state: the first by seq, which the index on state gives."""
    row = db.execute("select received_at from inbox_mails where state = ? order by seq limit 1", (state,)).fetchone()
    return row[0] if row else None


class _Question:
    """Which mails: tables and conditions of a SELECT. With a rule or a label it walks the tags in the order of mails, else the mails."""

    def __init__(self, state: str | None, rule: str | None, label: str | None) -> None:
        tags = [(kind, name) for kind, name in (("rule", rule), ("label", label)) if name is not None]
        self.seq = "inbox_tags.seq" if tags else "inbox_mails.seq"
        self.sql = "inbox_tags cross join inbox_mails on inbox_mails.seq = inbox_tags.seq where 1" if tags else "inbox_mails where 1"
        self.values: list[Any] = []
        if tags:
            self.and_("inbox_tags.kind = ? and inbox_tags.name = ?", *tags[0])
        for tag in tags[1:]:
            self.and_(
                "exists (select 1 from inbox_tags other where other.kind = ? and other.name = ? and other.seq = inbox_mails.seq)", *tag
            )
        if state is not None:
            self.and_("inbox_mails.state = ?", state)

    def and_(self, condition: str, *values: Any) -> None:
        self.sql += f" and {condition}"
        self.values += values
