"""What operators do to mails: try dead ones again, drop them, release held ones. Who did it stands in the mail's item (`note`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inbox.errors import NotFound, StoreError
from inbox.model import Outcome, OutcomeState, isoformat
from inbox.perform import ENDED
from inbox.store.dynamodb.journal import Journal
from inbox.store.dynamodb.layout import mail_key, open_for_work, step_key
from inbox.store.dynamodb.mails import Found, outcome_attributes
from inbox.store.dynamodb.table import MOST, Action, Update, When
from inbox.store.values import micros
from inbox.store.who import operator


class Operations(Journal):
    """The operator's side of the store. Each call is one transaction; of a mail with more than 99 such steps, the last one frees the mail."""

    def dead_retry(self, mail_id: str, *, who: str | None = None) -> None:
        """Make the dead steps of a mail due now; what is done is not done again. NotFound when it is not dead."""
        found = self._in_state(mail_id, ("dead",))
        steps: list[Action] = [
            Update(step_key(mail_id, n), {"state": "deferred", "due": 0}) for n, state in found.states.items() if state == "dead"
        ]
        self._free(found, steps, f"retried by {who or operator()}")

    def release_quarantine(self, mail_id: str, *, who: str | None = None) -> None:
        """Let a held mail go on: held steps count as done, other steps go on, a poison mail has its strikes back. NotFound when not held."""
        found, name = self._in_state(mail_id, ("quarantined",)), who or operator()
        steps: list[Action] = [self._ended(found, n, "done", f"released by {name}") for n, state in found.states.items() if state == "held"]
        steps += [Update(step_key(mail_id, n), {"due": 0}) for n, state in found.states.items() if state == "deferred"]
        self._free(found, steps, f"released by {name}")

    def dead_drop(self, mail_id: str, *, who: str | None = None) -> None:
        """Give a dead or held mail up for good: its open steps become `failed`, it settles; mail and receipt stay. NotFound otherwise."""
        found, name = self._in_state(mail_id, ("dead", "quarantined")), who or operator()
        plan, states = found.plan_of(self._octets), found.states
        still_open = [step.n for step in plan.steps if states.get(step.n) not in ENDED - {"dead", "held"}] if plan else []
        self._together([self._ended(found, n, "failed", f"dropped by {name}") for n in still_open])
        end = Update(mail_key(mail_id), {"state": "settled", **self._note(f"dropped by {name}")}, ("open", "due", "lease", "until"))
        expiring = self._expiring(self._found(mail_id))
        if expiring and (days := self._retention.days):
            end = Update(end.key, {**end.put, "expires": self._after(days)}, end.remove)
        self._changed([end, *expiring], found)

    def _free(self, found: Found, steps: Sequence[Action], words: str) -> None:
        """A mail that goes on, once its steps say so."""
        mail_id = found.mail["pk"].partition("#")[2]
        put = {"strikes": 0, "open": open_for_work(mail_id), "due": micros(self._now()), **self._note(words)}
        put["state"] = "waiting" if found.plan else "kept"
        self._together(steps[MOST - 1 :])
        self._changed([Update(mail_key(mail_id), put, ("lease", "until")), *steps[: MOST - 1]], found)

    def _ended(self, found: Found, n: int, state: OutcomeState, detail: str) -> Update:
        mail_id = found.mail["pk"].partition("#")[2]
        attempts = found.steps.get(n, {}).get("attempts", 0)
        outcome = Outcome(n, state, attempts, detail, self._now())
        put = {"state": state, "due": 0, f"o{self._next():017}": outcome_attributes(outcome)}
        return Update(step_key(mail_id, n), put)

    def _together(self, actions: Sequence[Action]) -> None:
        for start in range(0, len(actions), MOST):
            self._table.transact(actions[start : start + MOST])

    def _changed(self, actions: Sequence[Action], found: Found) -> None:
        """The first action is about the mail: it is still in the state in which it was found."""
        first = actions[0]
        assert isinstance(first, Update)
        same = When("#state = :was", {"was": found.mail["state"]})
        if not self._table.transact([Update(first.key, first.put, first.remove, when=same), *actions[1:]]):
            raise StoreError("the mail has changed meanwhile; look at it again")

    def _note(self, words: str) -> dict[str, Any]:
        return {"note": f"{words}, {isoformat(self._now())}"}

    def _in_state(self, mail_id: str, states: Sequence[str]) -> Found:
        found = self._found(mail_id)
        if found.state not in states:
            raise NotFound(f"mail {mail_id} is {found.state}, not {' or '.join(states)}")
        return found
