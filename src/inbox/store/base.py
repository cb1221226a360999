"""What all sides of the store share: its connections and files, and the few writes that several of them do."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from inbox.errors import NotFound
from inbox.findable import Findable
from inbox.model import Outcome, Plan
from inbox.sending import SENT
from inbox.store.blobs import Blobs
from inbox.store.connections import Connections
from inbox.store.values import LEAVING, micros, text, to_json

INDEX = "insert or replace into inbox_search(rowid, subject, senders, recipients, text, files) values (?, ?, ?, ?, ?, ?)"
FILE_MARK = "inbox attachment here"
"""Stands before the names of files: what has them is found by it."""
_TEXT, _NAMES = 100_000, 10_000


class Base:
    """Connections and blobs of one store."""

    _connections: Connections
    _blobs: Blobs

    def _seq(self, db: sqlite3.Connection, mail_id: str) -> int:
        row = db.execute("select seq from inbox_mails where id = ?", (mail_id,)).fetchone()
        if row is None:
            raise NotFound(f"there is no mail {mail_id} in the store; `inbox list` shows the ids")
        seq: int = row[0]
        return seq

    def _store_plan(self, db: sqlite3.Connection, seq: int, plan: Plan) -> bool:
        """Write plan, steps and tags; False when a plan is there already. The mail is due at once."""
        added = db.execute(
            "insert or ignore into inbox_plans(seq, rules_version, plan) values (?, ?, ?)",
            (seq, plan.rules_version, to_json(plan.to_dict())),
        ).rowcount
        if not added:
            return False
        db.executemany(
            "insert into inbox_steps(seq, n, rule, handler) values (?, ?, ?, ?)", [(seq, s.n, s.rule, s.handler) for s in plan.steps]
        )
        db.executemany("insert or ignore into inbox_tags(kind, name, seq) values (?, ?, ?)", tags(seq, plan))
        due = LEAVING if plan.rules_version == SENT else 0
        db.execute("update inbox_mails set state = 'waiting', due_at = ? where seq = ? and state = 'kept'", (due, seq))
        return True

    def _add_outcome(self, db: sqlite3.Connection, seq: int, outcome: Outcome) -> None:
        db.execute(
            "insert into inbox_outcomes(seq, k, n, state, attempt, detail, at)"
            " select ?1, coalesce(max(k), 0) + 1, ?2, ?3, ?4, ?5, ?6 from inbox_outcomes where seq = ?1",
            (seq, outcome.n, outcome.state, outcome.attempt, text(outcome.detail), micros(outcome.at)),
        )

    def _record(self, db: sqlite3.Connection, kind: str, mail_id: str, who: str | None, detail: str | None) -> None:
        """An event: who did what to which mail, and when."""
        db.execute(
            "insert into inbox_events(at, kind, mail, who, detail) values (?, ?, ?, ?, ?)",
            (micros(datetime.now(UTC)), kind, mail_id, text(who), text(detail)),
        )


def tags(seq: int, plan: Plan) -> list[tuple[str, str | None, int]]:
    """What a mail is listed by: the rules that matched, and its labels."""
    rules = {decision.rule for decision in plan.decisions if decision.matched}
    return [*(("rule", text(name), seq) for name in rules), *(("label", text(name), seq) for name in set(plan.labels))]


def index(db: sqlite3.Connection, seq: int, words: Findable) -> None:
    """Make a mail findable, and show its subject in lists."""
    db.execute("update inbox_mails set subject = ? where seq = ?", (text(words.subject), seq))
    db.execute(INDEX, words_of(seq, words))


def words_of(seq: int, words: Findable) -> tuple[int | str | None, ...]:
    """The values of `INDEX`."""
    people = (text(some[:_TEXT]) for some in (words.senders, words.recipients))
    files = None if words.files is None else text(f"{FILE_MARK} {words.files[:_NAMES]}")
    return seq, text(words.subject), *people, text((words.text or "")[:_TEXT]), files
