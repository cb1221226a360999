"""The working side: claim, plan, settle, finish. The only place where the state of a mail or a step changes by itself.

    mail:  kept -> waiting -> settled | dead | quarantined        kept -> quarantined (a poison mail)
    step:  (none) -> deferred -> ... -> done | failed | dead | held        (none) -> skipped

A lease is the name of the worker that has a mail in hand. It is no promise: it is void when the supervisor starts, and a mail whose
worker died is given back at once. The leases of hosts that work inline are another matter (`inbox.store.leases`).
"""

from __future__ import annotations

import heapq
import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from inbox.findable import Findable
from inbox.model import Mail, MailState, Outcome, OutcomeState, Plan, Row
from inbox.perform import ENDED, mail_state, next_step, put_off
from inbox.store.base import Base, index
from inbox.store.claims import Claim
from inbox.store.leases import BY_HAND, HELD, STRIKES, alive, until_of
from inbox.store.rows import write_row
from inbox.store.values import LEAVING, MAIL_COLUMNS, mail_of, micros, moment, plan_of, to_json

if TYPE_CHECKING:
    from inbox.tables import Work as WorkSettings

_FREE = "inbox_mails indexed by inbox_mails_due where state in ('kept', 'waiting') and lease is null"  # the planner would take the index on state
CLAIMED = f"""select {MAIL_COLUMNS}, strikes, (select plan from inbox_plans where inbox_plans.seq = inbox_mails.seq) as plan
    from inbox_mails where seq in (select value from json_each(?))"""  # noqa: S608  constant
_FAR = timedelta(hours=25)
"""No step is put off for longer than a day (Retry-After is honoured up to that): what is due later was written by a wrong clock."""

_CRASH_WAIT, _UNJUDGED_WAIT = timedelta(minutes=1), timedelta(seconds=1)


class Work(Base):
    """The working side of the store. Methods are durable when they return, or when the `transaction` around them ends."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Group calls of this thread into one durable transaction. Raises StoreError at its end when nothing of it was kept."""
        with self._connections.write():
            yield

    def claim(self, worker: str, limit: int, now: datetime) -> list[Claim]:
        """Up to `limit` mails that are free and due, oldest due first, leased to `worker`."""
        with self._connections.read() as db:
            if not _due(db, 1, now):
                return []
        with self._connections.write(durable=False) as db:
            chosen = _due(db, limit, now)
            db.executemany("update inbox_mails set lease = ? where seq = ?", [(worker, seq) for seq in chosen])
        with self._connections.snapshot() as db:
            rows = {row["seq"]: row for row in db.execute(CLAIMED, (to_json(chosen),))}
            return [self._claim(db, rows[seq], now) for seq in chosen]

    def _claim(self, db: sqlite3.Connection, row: sqlite3.Row, now: datetime) -> Claim:
        mail = mail_of(row, self._blobs.path)
        if row["plan"] is None:
            return Claim(mail, None, {}, {}, strikes=row["strikes"])
        steps = _steps(db, row["seq"])
        return Claim(
            mail,
            plan_of(row["plan"]),
            {step["n"]: step["state"] for step in steps if step["state"]},
            {step["n"]: step["attempts"] for step in steps},
            frozenset(s["n"] for s in steps if s["state"] == "deferred" and s["due_at"] > micros(now)),
            row["strikes"],
        )

    def next_due(self) -> datetime | None:
        """When the next free mail is due; None when there is none. In the past: now."""
        with self._connections.read() as db:
            row = db.execute(f"select due_at from {_FREE} order by due_at limit 1").fetchone()  # noqa: S608  constant
        return moment(row[0]) if row else None

    def version(self) -> int:
        """A number that changes when another connection has committed: a cheap way to see that something happened."""
        return self._connections.data_version()

    # the journal (inbox.ports.Journal)

    def planned(self, mail: Mail, plan: Plan) -> Plan:
        """Keep the plan unless one is kept already; the plan that holds is returned. NotFound, StoreError."""
        with self._connections.write() as db:
            seq = self._seq(db, mail.id)
            if self._store_plan(db, seq, plan):
                return plan
            return _plan(db, seq) or plan

    def settled(self, mail: Mail, outcome: Outcome, row: Row | None = None, due_at: datetime | None = None) -> None:
        """One outcome, in one transaction with its row. A step that has ended stays as it is: its row is not written twice.

        Failed when the row cannot be written as the rule wants it; then nothing of the call is kept. NotFound, StoreError.
        """
        with self._connections.write() as db:
            seq = self._seq(db, mail.id)
            if outcome.n and _ended(db, seq, outcome.n):
                return
            if row is not None:
                write_row(db, row, mail.id, outcome.n)
            self._add_outcome(db, seq, outcome)
            if outcome.n:
                _move_step(db, seq, outcome, due_at)

    def finish(self, mail: Mail, plan: Plan, words: Findable | None = None) -> MailState:
        """Put the mail into the state that its steps give it and let go of it; a waiting one is due when its earliest step is.

        `words`: what a search finds it by from now on.
        """
        with self._connections.write() as db:
            seq = self._seq(db, mail.id)
            if words is not None:
                index(db, seq, words)
            steps = _steps(db, seq)
            states: dict[int, OutcomeState] = {step["n"]: step["state"] for step in steps if step["state"]}
            state = mail_state(plan, states)
            due = next_step(plan, states, {step["n"]: step["due_at"] for step in steps})
            # a quarantined or dropped mail is the operator's: work that was under way when it was held does not free it
            db.execute(
                "update inbox_mails set state = case when state in ('kept', 'waiting') then ? else state end, due_at = ?, lease = null where seq = ?",
                (state, due, seq),
            )
            found: MailState = db.execute("select state from inbox_mails where seq = ?", (seq,)).fetchone()[0]
            return found

    # leases

    def release(self, worker: str, ids: Sequence[str] | None = None) -> None:
        """Give back what `worker` has in hand (only `ids`, if given): others may claim it at once."""
        with self._connections.write(durable=False) as db:
            if ids is None:
                db.execute("update inbox_mails set lease = null where state in ('kept', 'waiting') and lease = ?", (worker,))
            else:
                db.executemany("update inbox_mails set lease = null where id = ? and lease = ?", [(mail_id, worker) for mail_id in ids])

    def void_leases(self) -> None:
        """At start: no worker lives, so no lease holds. Those of `inbox process` do while that runs, holds (`arrive`) until they run out."""
        with self._connections.write() as db:
            _let_go(db, [lease for lease in _leases(db) if not alive(lease) and until_of(lease) is None])

    def bring_near(self, now: datetime) -> int:
        """Steps that a wrong clock put off for more than a day are due now; how many mails that were."""
        too_far = (micros(now + _FAR),)
        with self._connections.read() as db:
            if not db.execute(f"select 1 from {_FREE} and due_at > ? limit 1", too_far).fetchone():  # noqa: S608  constant
                return 0
        with self._connections.write() as db:
            seqs = [(micros(now), row[0]) for row in db.execute(f"select seq from {_FREE} and due_at > ?", too_far)]  # noqa: S608  constant
            db.executemany("update inbox_mails set due_at = ? where seq = ?", seqs)
            db.executemany("update inbox_steps set due_at = ? where seq = ? and state = 'deferred'", seqs)
        return len(seqs)

    def void_hands(self, strikes: int = STRIKES) -> None:
        """Give back what an `inbox process` had in hand that is gone (killed, for example), and holds that ran out, each with a strike."""
        now = datetime.now(UTC)
        with self._connections.read() as db:
            leases = _leases(db)
        gone = [lease for lease in leases if lease.startswith(BY_HAND) and not alive(lease)]
        ran_out = [lease for lease in leases if (until := until_of(lease)) is not None and until <= now]
        if not gone and not ran_out:
            return
        with self._connections.write() as db:
            _let_go(db, gone)
            for row in db.execute(
                "select id from inbox_mails where lease in (select value from json_each(?))", (to_json(ran_out),)
            ).fetchall():
                self.strike(row["id"], 0, HELD, strikes)

    def strike(self, mail_id: str, n: int, detail: str, limit: int, due_at: datetime | None = None) -> int:
        """A worker died over step `n` of a mail (0: over reading or judging it); how often that happened is returned.

        The step is deferred to `due_at` (None: in a minute) and the mail is free again, a mail without a plan in a second or two; at `limit`
        strikes it is quarantined instead, with an outcome `held` of the mail itself (n 0).
        """
        now = datetime.now(UTC)
        with self._connections.write() as db:
            seq = self._seq(db, mail_id)
            row = db.execute("select strikes, state from inbox_mails where seq = ?", (seq,)).fetchone()
            strikes: int = row["strikes"] + 1
            db.execute("update inbox_mails set strikes = ? where seq = ?", (strikes, seq))
            if row["state"] not in ("kept", "waiting"):
                return strikes
            self._defer_crashed(db, seq, Outcome(n, "deferred", 0, detail, now), due_at or now + _CRASH_WAIT)
            if strikes >= limit:
                words = f"{strikes} workers died over this mail, the last so: {detail}; `inbox quarantine release` tries it again"
                self._add_outcome(db, seq, Outcome(0, "held", strikes, words, now))
                db.execute("update inbox_mails set state = 'quarantined', due_at = 0, lease = null where seq = ?", (seq,))
            else:
                due_again = _after_crash(db, seq, now + strikes * _UNJUDGED_WAIT)
                db.execute("update inbox_mails set due_at = ?, lease = null where seq = ?", (due_again, seq))
        return strikes

    def put_off(self, mail_id: str, detail: str, settings: WorkSettings, wish: float | None = None) -> None:
        """A mail cannot be judged now: it is due again as a step that was deferred would be (`inbox.perform.due`), with an outcome of the
        mail itself (n 0); when `retry_for` is over it is quarantined instead. `wish`: seconds to wait at least.
        """
        now = datetime.now(UTC)
        with self._connections.write() as db:
            row = db.execute("select seq, received_at, state from inbox_mails where id = ?", (mail_id,)).fetchone()
            if row is None or row["state"] != "kept":
                return
            tried = "select count(*) from inbox_outcomes where seq = ? and n = 0 and state = 'deferred'"
            (before,) = db.execute(tried, (row["seq"],)).fetchone()
            outcome, at = put_off(before + 1, moment(row["received_at"]), now, settings, detail, wish)
            self._add_outcome(db, row["seq"], outcome)
            db.execute(
                "update inbox_mails set state = ?, due_at = ?, lease = null where seq = ?",
                ("kept" if at else "quarantined", micros(at) if at else 0, row["seq"]),
            )

    def _defer_crashed(self, db: sqlite3.Connection, seq: int, outcome: Outcome, due_at: datetime) -> None:
        """The attempt that killed its worker, as an outcome; nothing when the plan was not stored yet, or the step has ended."""
        step = db.execute("select state, attempts from inbox_steps where seq = ? and n = ?", (seq, outcome.n)).fetchone()
        if step is None or step["state"] in ENDED:
            return
        crashed = Outcome(outcome.n, outcome.state, step["attempts"] + 1, outcome.detail, outcome.at)
        self._add_outcome(db, seq, crashed)
        _move_step(db, seq, crashed, due_at)

    @contextmanager
    def by_hand(self, lease: str) -> Iterator[None]:
        """Let go of what a lease holds at the end, come what may."""
        try:
            yield
        finally:
            self.release(lease)


def _leases(db: sqlite3.Connection) -> list[str]:
    """Names of those that have mails in hand."""
    sql = "select distinct lease from inbox_mails indexed by inbox_mails_due where state in ('kept', 'waiting') and lease is not null"
    return [row[0] for row in db.execute(sql)]


def _let_go(db: sqlite3.Connection, leases: Sequence[str]) -> None:
    sql = "update inbox_mails set lease = null where state in ('kept', 'waiting') and lease = ?"
    db.executemany(sql, [(lease,) for lease in leases])


def _due(db: sqlite3.Connection, limit: int, now: datetime) -> list[int]:
    """Seqs of free mails that are due: those due at once (0) by arrival, whatever the clock says; the others by time; merged, oldest first.

    Mail that was made here and was not tried yet (`LEAVING`) has every second place, so that a large mailing and mail in do not wait for each other.
    """
    at_once = f"select received_at, seq from {_FREE} and due_at = ? order by seq limit ?"  # noqa: S608  constant
    fresh, leaving = (db.execute(at_once, (due, limit)).fetchall() for due in (0, LEAVING))
    later = db.execute(
        f"select due_at, seq from {_FREE} and due_at > ? and due_at <= ? order by due_at, seq limit ?",  # noqa: S608  constant
        (LEAVING, micros(now), limit),
    ).fetchall()
    both = heapq.merge(map(tuple, fresh), map(tuple, later)) if fresh and later else fresh or later
    found = [row[1] for _, row in zip(range(limit), both, strict=False)]
    return _in_turn(found, [row[1] for row in leaving])[:limit] if leaving else found


def _in_turn(first: list[int], second: list[int]) -> list[int]:
    """One of each as long as there are both, then the rest."""
    return [seq for pair in itertools.zip_longest(first, second) for seq in pair if seq is not None]


def _plan(db: sqlite3.Connection, seq: int) -> Plan | None:
    row = db.execute("select plan from inbox_plans where seq = ?", (seq,)).fetchone()
    return plan_of(row[0]) if row else None


def _steps(db: sqlite3.Connection, seq: int) -> list[Any]:
    return db.execute("select n, state, attempts, due_at from inbox_steps where seq = ? order by n", (seq,)).fetchall()


def _ended(db: sqlite3.Connection, seq: int, n: int) -> bool:
    row = db.execute("select state from inbox_steps where seq = ? and n = ?", (seq, n)).fetchone()
    return row is not None and row[0] in ENDED


def _move_step(db: sqlite3.Connection, seq: int, outcome: Outcome, due_at: datetime | None) -> None:
    db.execute(
        "update inbox_steps set state = ?, attempts = max(attempts, ?), due_at = ? where seq = ? and n = ?",
        (outcome.state, outcome.attempt, micros(due_at) if due_at else 0, seq, outcome.n),
    )


def _after_crash(db: sqlite3.Connection, seq: int, unjudged: datetime) -> int:
    """When a mail is due after a crash: without a plan, at `unjudged`; with one, at once if another step can go on."""
    plan = _plan(db, seq)
    if plan is None:
        return micros(unjudged)
    steps = _steps(db, seq)
    states: dict[int, OutcomeState] = {step["n"]: step["state"] for step in steps if step["state"]}
    return next_step(plan, states, {step["n"]: step["due_at"] for step in steps})
