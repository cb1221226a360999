"""Keep: a group of mails in one durable transaction. What `keep_all` has returned for may be acknowledged."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from inbox.model import Mail, Outcome, Plan
from inbox.store.base import Base
from inbox.store.blobs import SMALL
from inbox.store.values import envelope_json, micros, text

_INTO_MAILS = "insert into inbox_mails(seq, raw_seq, lease, first, id, source_key, envelope, sender, received_at, size, sha256) values "
_INTO_RAW = "insert into inbox_raw(seq, data) values "
_AT_ONCE = 16
"""Rows of one statement. SQLite runs a statement without Python's lock and waits for it several times around each: few are quick."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail that is to be kept, with its plan where it was judged already. `columns`: what can be said of it before it has a number."""

    mail: Mail
    plan: Plan | None
    columns: tuple[Any, ...]

    @classmethod
    def of(cls, mail: Mail, plan: Plan | None = None) -> Arrival:
        """Work out the columns; that is done before the writer's turn, which is short."""
        sender = text(mail.envelope.sender)
        columns = (mail.id, text(mail.source_key), envelope_json(mail.envelope), sender, micros(mail.received_at), mail.size, mail.sha256)
        return cls(mail, plan, columns)


class Arrivals(Base):
    """The receiving side of the store."""

    def keep_all(self, mails: Sequence[tuple[Mail, Plan | None]], *, lease: str | None = None) -> list[str]:
        """As `keep_arrivals`, for mails (with their plans, where they were judged already); octets of large ones are written first."""
        for mail, _ in mails:
            self.put_large(mail)
        return self.keep_arrivals([Arrival.of(mail, plan) for mail, plan in mails], lease=lease)

    def keep_arrivals(self, arrivals: Sequence[Arrival], *, lease: str | None = None) -> list[str]:
        """Keep a group of mails in one durable transaction; octets of large ones are there already (`put_large`).

        The id under which each is kept is returned: its own; or that of the earlier arrival, for one whose source key was there with all
        of its recipients. One that brings new recipients is kept for those only. Raises StoreError; then none of the group is kept.
        """
        with self._connections.write() as db:
            (last,) = db.execute("select coalesce(max(seq), 0) from inbox_mails").fetchone()
            numbered = list(enumerate(arrivals, last + 1))
            _insert(db, [(seq, arrival) for seq, arrival in numbered if arrival.mail.source_key is None], lease)
            return [self._keep(db, seq, arrival, lease) for seq, arrival in numbered]

    def put_large(self, mail: Mail) -> None:
        """Write the octets of a large mail to its file, durably; nothing for a small one, or if that was done. Raises StoreError."""
        if mail.size > SMALL:
            with self._connections.translated():
                self._blobs.put(mail.content)

    def _keep(self, db: sqlite3.Connection, seq: int, arrival: Arrival, lease: str | None) -> str:
        mail, plan = arrival.mail, arrival.plan
        if mail.source_key is not None:
            first = _first(db, mail.source_key)
            if first is not None:
                known = _recipients(db, first["seq"])
                fresh = tuple(recipient for recipient in mail.envelope.recipients if recipient not in known)
                if not fresh:
                    self._record(db, "arrived again", first["id"], None, f"as {mail.id}, nothing new")
                    return str(first["id"])
                self._record(db, "arrived again", first["id"], None, f"as {mail.id}, with new recipients: {', '.join(fresh)}")
                plan, arrival = None, Arrival.of(replace(mail, envelope=replace(mail.envelope, recipients=fresh)))
            _insert(db, [(seq, arrival)], lease, first)
        if plan is not None:
            self._store_plan(db, seq, plan)
            for outcome in _refusals(plan):
                self._add_outcome(db, seq, outcome)
        return mail.id


def _insert(db: sqlite3.Connection, arrivals: Sequence[tuple[int, Arrival]], lease: str | None, first: sqlite3.Row | None = None) -> None:
    """Insert mails and the octets of small ones. `first`: an earlier arrival; its octets are shared if they are the same."""
    number = first["seq"] if first is not None else None
    mails, raws = [], []
    for seq, arrival in arrivals:
        mail, raw_seq = arrival.mail, None
        if mail.size <= SMALL:
            shared = first is not None and first["sha256"] == mail.sha256
            raw_seq = first["raw_seq"] if first is not None and shared else seq
            if not shared:
                raws.append((seq, mail.raw))
        mails.append((seq, raw_seq, lease, number, *arrival.columns))
    _insert_rows(db, _INTO_RAW, raws)
    _insert_rows(db, _INTO_MAILS, mails)


def _insert_rows(db: sqlite3.Connection, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        marks = f"({','.join('?' * len(some[0]))})"
        db.execute(into + ",".join([marks] * len(some)), list(chain.from_iterable(some)))


def _first(db: sqlite3.Connection, source_key: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        "select seq, id, raw_seq, sha256 from inbox_mails where source_key = ? and first is null", (text(source_key),)
    ).fetchone()
    return row


def _recipients(db: sqlite3.Connection, first: int) -> set[str]:
    """All recipients of a mail and of the arrivals that followed it."""
    rows = db.execute(
        "select envelope from inbox_mails where seq = ?1 union all select envelope from inbox_mails where first = ?1", (first,)
    )
    return {recipient for row in rows for recipient in json.loads(row[0])["recipients"]}  # json_each cannot say lone surrogates


def _refusals(plan: Plan) -> list[Outcome]:
    now = datetime.now(UTC)
    return [Outcome(0, "refused", 0, f"{recipient}: {reply}", now) for recipient, reply in plan.refused.items()]
