"""Settling in one go: mails that were judged and done with in the same round are written together, a table at a time.

What stands in the store afterwards is what `planned`, `index`, `settled` and `finish` of `inbox.store.work` would have written one by one:
that way costs some twenty statements a mail, this one a share in seven.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from inbox.errors import Failed
from inbox.findable import Findable
from inbox.model import Mail, MailState, OutcomeState, Plan
from inbox.perform import Ended, mail_state, next_step
from inbox.store.base import INDEX, Base, tags, words_of
from inbox.store.rows import write_rows
from inbox.store.values import micros, text, to_json

_NEW = """select id, seq from inbox_mails where id in (select value from json_each(?)) and state = 'kept'
    and not exists (select 1 from inbox_plans where inbox_plans.seq = inbox_mails.seq)
    and not exists (select 1 from inbox_outcomes where inbox_outcomes.seq = inbox_mails.seq)"""


@dataclass(frozen=True)
class Settlement:
    """All that one round made of a mail: its plan, how attempts at its steps ended (in that order, one a step; refusals are of step 0),
    and what a search finds it by.
    """

    mail: Mail
    plan: Plan
    ended: Sequence[Ended]
    words: Findable

    @cached_property
    def last(self) -> dict[int, Ended]:
        """How each step that was tried or skipped ended, by number."""
        return {ended.outcome.n: ended for ended in self.ended}

    @cached_property
    def state(self) -> MailState:
        return mail_state(self.plan, self.states)

    @cached_property
    def states(self) -> dict[int, OutcomeState]:
        return {n: ended.outcome.state for n, ended in self.last.items() if n}

    def worked_out(self) -> Settlement:
        """Work out what takes long: before the writer's turn, which others wait for."""
        _ = self.plan_json, self.state, self.due
        return self

    @cached_property
    def plan_json(self) -> str:
        return to_json(self.plan.to_dict())

    @cached_property
    def due(self) -> int:
        """When the mail is due again, in microseconds; 0: at once, or never."""
        return next_step(self.plan, self.states, {n: micros(ended.due_at) for n, ended in self.last.items() if ended.due_at})


class Settling(Base):
    """The working side of the store for whole batches."""

    def settle_new(self, settlements: Sequence[Settlement]) -> list[MailState | None]:
        """Write what a round made of mails that nobody had judged before; the state of each is returned.

        None, with nothing written, for a mail that is not new any more (judged, or in an operator's hands); and for all when the row of
        any is refused. Those are for the journal, step by step. StoreError.
        """
        with self._connections.write() as db:
            seqs = dict(map(tuple, db.execute(_NEW, (to_json([one.mail.id for one in settlements]),))))
            new = [(seqs[one.mail.id], one) for one in settlements if one.mail.id in seqs]
            try:
                write_rows(db, _rows(new))
            except Failed:
                return [None] * len(settlements)
            _write_plans(db, new)
            _write_outcomes(db, new)
            _write_mails(db, new)
        return [one.state if one.mail.id in seqs else None for one in settlements]


New = Sequence[tuple[int, Settlement]]


def _rows(new: New) -> Iterator[Any]:
    return ((ended.row, one.mail.id, ended.outcome.n) for _, one in new for ended in one.ended if ended.row is not None)


def _write_plans(db: sqlite3.Connection, new: New) -> None:
    db.executemany(
        "insert into inbox_plans(seq, rules_version, plan) values (?, ?, ?)",
        [(seq, one.plan.rules_version, one.plan_json) for seq, one in new],
    )
    db.executemany(
        "insert into inbox_steps(seq, n, rule, handler, state, attempts, due_at) values (?, ?, ?, ?, ?, ?, ?)",
        [(seq, step.n, step.rule, step.handler, *_standing(one.last.get(step.n))) for seq, one in new for step in one.plan.steps],
    )
    db.executemany(
        "insert or ignore into inbox_tags(kind, name, seq) values (?, ?, ?)", [tag for seq, one in new for tag in tags(seq, one.plan)]
    )


def _standing(ended: Ended | None) -> tuple[str | None, int, int | None]:
    """State, attempts and due time of a step."""
    if ended is None:
        return None, 0, None
    return ended.outcome.state, ended.outcome.attempt, micros(ended.due_at) if ended.due_at else 0


def _write_outcomes(db: sqlite3.Connection, new: New) -> None:
    db.executemany(
        "insert into inbox_outcomes(seq, k, n, state, attempt, detail, at) values (?, ?, ?, ?, ?, ?, ?)",
        [
            (seq, k, outcome.n, outcome.state, outcome.attempt, text(outcome.detail), micros(outcome.at))
            for seq, one in new
            for k, outcome in enumerate((ended.outcome for ended in one.ended), 1)
        ],
    )


def _write_mails(db: sqlite3.Connection, new: New) -> None:
    db.executemany(INDEX, [words_of(seq, one.words) for seq, one in new])
    db.executemany(
        "update inbox_mails set state = ?, due_at = ?, lease = null, subject = ? where seq = ?",
        [(one.state, one.due, text(one.words.subject), seq) for seq, one in new],
    )
