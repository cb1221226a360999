"""Keep: a group of mails in one durable transaction. What `keep_all` has returned for may be acknowledged."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from inbox.model import Mail, Outcome, Plan
from inbox.store.base import Base
from inbox.store.blobs import SMALL
from inbox.store.values import envelope_json, micros, text

_COLUMNS = ("seq", "id", "source_key", "first", "raw_seq", "envelope", "sender", "received_at", "size", "sha256", "lease")
_INTO_MAILS = f"insert into inbox_mails({', '.join(_COLUMNS)}) values "
_INTO_RAW = "insert into inbox_raw(seq, data) values "
_AT_ONCE = (64, 16, 4, 1)
"""Rows of one statement. SQLite runs a statement without Python's lock, and takes the lock again after each."""


class Arrivals(Base):
    """The receiving side of the store."""

    def keep_all(self, arrivals: Sequence[tuple[Mail, Plan | None]], *, lease: str | None = None) -> list[str]:
        """Keep a group of mails (with their plans, where they were judged already) in one durable transaction.

        The id under which each is kept is returned: its own; or that of the earlier arrival, for one whose source key was there with all
        of its recipients. One that brings new recipients is kept for those only. Raises StoreError; then none of the group is kept.
        """
        for mail, _ in arrivals:
            self.put_large(mail)
        with self._connections.write() as db:
            (last,) = db.execute("select coalesce(max(seq), 0) from inbox_mails").fetchone()
            numbered = list(enumerate(arrivals, last + 1))
            self._keep_new(db, [(seq, mail) for seq, (mail, _) in numbered if mail.source_key is None], lease)
            return [self._keep(db, seq, mail, plan, lease) for seq, (mail, plan) in numbered]

    def put_large(self, mail: Mail) -> None:
        """Write the octets of a large mail to its file, durably; nothing for a small one, or if that was done. Raises StoreError."""
        if mail.size > SMALL:
            with self._connections.translated():
                self._blobs.put(mail.content)

    def _keep(self, db: sqlite3.Connection, seq: int, mail: Mail, plan: Plan | None, lease: str | None) -> str:
        if mail.source_key is not None:
            first = _first(db, mail.source_key)
            if first is not None:
                known = _recipients(db, first["seq"])
                fresh = tuple(recipient for recipient in mail.envelope.recipients if recipient not in known)
                if not fresh:
                    self._record(db, "arrived again", first["id"], None, f"as {mail.id}, nothing new")
                    return str(first["id"])
                self._record(db, "arrived again", first["id"], None, f"as {mail.id}, with new recipients: {', '.join(fresh)}")
                mail, plan = replace(mail, envelope=replace(mail.envelope, recipients=fresh)), None
            self._insert(db, seq, mail, first, lease)
        if plan is not None:
            self._store_plan(db, seq, plan)
            for outcome in _refusals(plan):
                self._add_outcome(db, seq, outcome)
        return mail.id

    def _keep_new(self, db: sqlite3.Connection, mails: Sequence[tuple[int, Mail]], lease: str | None) -> None:
        """Insert mails that no earlier arrival can be the same as."""
        _insert_all(db, _INTO_RAW, [(seq, mail.raw) for seq, mail in mails if mail.size <= SMALL])
        _insert_all(db, _INTO_MAILS, [_row(seq, mail, None, seq if mail.size <= SMALL else None, lease) for seq, mail in mails])

    def _insert(self, db: sqlite3.Connection, seq: int, mail: Mail, first: sqlite3.Row | None, lease: str | None) -> None:
        small = mail.size <= SMALL
        shared = first is not None and small and first["sha256"] == mail.sha256
        raw_seq = (first["raw_seq"] if first is not None and shared else seq) if small else None
        if small and not shared:
            _insert_all(db, _INTO_RAW, [(seq, mail.raw)])
        _insert_all(db, _INTO_MAILS, [_row(seq, mail, first["seq"] if first is not None else None, raw_seq, lease)])


def _row(seq: int, mail: Mail, first: int | None, raw_seq: int | None, lease: str | None) -> tuple[Any, ...]:
    """One row of inbox_mails, in the order of `_COLUMNS`."""
    return (
        seq,
        mail.id,
        text(mail.source_key),
        first,
        raw_seq,
        envelope_json(mail.envelope),
        text(mail.envelope.sender),
        micros(mail.received_at),
        mail.size,
        mail.sha256,
        lease,
    )


def _insert_all(db: sqlite3.Connection, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert many rows in few statements."""
    start = 0
    for size in _AT_ONCE:
        while len(rows) - start >= size:
            values = list(chain.from_iterable(rows[start : start + size]))
            marks = f"({', '.join('?' * len(rows[start]))})"
            db.execute(into + ", ".join([marks] * size), values)
            start += size


def _first(db: sqlite3.Connection, source_key: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        "select seq, id, raw_seq, sha256 from inbox_mails where source_key = ? and first is null", (text(source_key),)
    ).fetchone()
    return row


def _recipients(db: sqlite3.Connection, first: int) -> set[str]:
    """All recipients of a mail and of the arrivals that followed it."""
    rows = db.execute(
        "select value from inbox_mails, json_each(inbox_mails.envelope, '$.recipients') where seq = ? union all"
        " select value from inbox_mails, json_each(inbox_mails.envelope, '$.recipients') where first = ?",
        (first, first),
    )
    return {row[0] for row in rows}


def _refusals(plan: Plan) -> list[Outcome]:
    now = datetime.now(UTC)
    return [Outcome(0, "refused", 0, f"{recipient}: {reply}", now) for recipient, reply in plan.refused.items()]
