"""What operators do to mails: try dead ones again, drop them, release held ones. Each is recorded with who and when."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from inbox.errors import NotFound
from inbox.model import Json, Outcome, isoformat
from inbox.store.base import Base
from inbox.store.values import moment
from inbox.store.who import operator


@dataclass(frozen=True, slots=True)
class DeadStep:
    """A step that gave up, and why."""

    mail: str
    n: int
    rule: str
    handler: str
    attempts: int
    detail: str | None
    at: datetime

    def to_dict(self) -> dict[str, Json]:
        return {
            "mail": self.mail,
            "n": self.n,
            "rule": self.rule,
            "handler": self.handler,
            "attempts": self.attempts,
            "detail": self.detail,
            "at": isoformat(self.at),
        }


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was done to a mail from outside."""

    at: datetime
    kind: str
    mail: str
    who: str | None
    detail: str | None


class Operations(Base):
    """The operator's side of the store."""

    def dead_list(self, limit: int = 50) -> list[DeadStep]:
        """The dead steps of dead mails, newest mail first; at most `limit` mails."""
        sql = (
            "select m.id, s.n, s.rule, s.handler, s.attempts, o.detail, o.at from"
            " (select seq, id from inbox_mails where state = 'dead' order by seq desc limit ?) m"
            " join inbox_steps s on s.seq = m.seq and s.state = 'dead'"
            " join inbox_outcomes o on o.seq = s.seq and o.n = s.n and o.k = (select max(k) from inbox_outcomes where seq = s.seq and n = s.n)"
            " order by m.seq desc, s.n"
        )
        with self._connections.read() as db:
            return [
                DeadStep(r["id"], r["n"], r["rule"], r["handler"], r["attempts"], r["detail"], moment(r["at"]))
                for r in db.execute(sql, (limit,))
            ]

    def dead_retry(self, mail_id: str, *, who: str | None = None) -> None:
        """Make the dead steps of a mail due now; what is done is not done again. NotFound when it is not dead."""
        with self._connections.write() as db:
            seq = self._in_state(db, mail_id, ("dead",))
            db.execute("update inbox_steps set state = 'deferred', due_at = 0 where seq = ? and state = 'dead'", (seq,))
            db.execute("update inbox_mails set state = 'waiting', due_at = 0, strikes = 0 where seq = ?", (seq,))
            self._record(db, "retried", mail_id, who or operator(), None)

    def dead_drop(self, mail_id: str, *, who: str | None = None) -> None:
        """Give a dead or held mail up for good: its open steps become `failed`, it settles; mail and receipt stay. NotFound otherwise."""
        name = who or operator()
        with self._connections.write() as db:
            seq = self._in_state(db, mail_id, ("dead", "quarantined"))
            now = datetime.now(UTC)
            open_steps = "seq = ? and (state is null or state in ('dead', 'held', 'deferred'))"
            for row in db.execute(f"select n, attempts from inbox_steps where {open_steps}", (seq,)).fetchall():  # noqa: S608  constant
                self._add_outcome(db, seq, Outcome(row["n"], "failed", row["attempts"], f"dropped by {name}", now))
            db.execute(f"update inbox_steps set state = 'failed', due_at = 0 where {open_steps}", (seq,))  # noqa: S608  constant
            db.execute("update inbox_mails set state = 'settled', due_at = 0 where seq = ?", (seq,))
            self._record(db, "dropped", mail_id, name, None)

    def release_quarantine(self, mail_id: str, *, who: str | None = None) -> None:
        """Let a held mail go on: held steps count as done, other steps go on, a poison mail has its strikes back. NotFound when not held."""
        name = who or operator()
        with self._connections.write() as db:
            seq = self._in_state(db, mail_id, ("quarantined",))
            now = datetime.now(UTC)
            for row in db.execute("select n, attempts from inbox_steps where seq = ? and state = 'held'", (seq,)).fetchall():
                self._add_outcome(db, seq, Outcome(row["n"], "done", row["attempts"], f"released by {name}", now))
            db.execute("update inbox_steps set state = 'done', due_at = 0 where seq = ? and state = 'held'", (seq,))
            db.execute("update inbox_steps set due_at = 0 where seq = ? and state = 'deferred'", (seq,))
            judged = db.execute("select 1 from inbox_plans where seq = ?", (seq,)).fetchone()
            state = "waiting" if judged else "kept"
            db.execute("update inbox_mails set state = ?, due_at = 0, strikes = 0, lease = null where seq = ?", (state, seq))
            self._record(db, "released", mail_id, name, None)

    def history(self, mail_id: str) -> list[Event]:
        """What was done to a mail from outside, oldest first."""
        with self._connections.read() as db:
            rows = db.execute("select at, kind, mail, who, detail from inbox_events where mail = ? order by n", (mail_id,)).fetchall()
        return [Event(moment(row["at"]), row["kind"], row["mail"], row["who"], row["detail"]) for row in rows]

    def _in_state(self, db: sqlite3.Connection, mail_id: str, states: Sequence[str]) -> int:
        seq = self._seq(db, mail_id)
        (state,) = db.execute("select state from inbox_mails where seq = ?", (seq,)).fetchone()
        if state not in states:
            raise NotFound(f"mail {mail_id} is {state}, not {' or '.join(states)}")
        return seq
