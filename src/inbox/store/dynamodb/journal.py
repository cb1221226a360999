"""The journal (`inbox.ports.Journal`): plans, outcomes with their rows, and the end of a mail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from inbox.errors import StoreError
from inbox.findable import Findable
from inbox.model import Mail, MailState, Outcome, Plan, Row
from inbox.perform import mail_state, next_step
from inbox.store.dynamodb.base import Base
from inbox.store.dynamodb.layout import mail_key, open_for_work, outcome_key, plan_key, raw_key, step_key
from inbox.store.dynamodb.mails import WORKABLE, Found, outcome_attributes, plan_json
from inbox.store.dynamodb.rows import row_item
from inbox.store.dynamodb.table import MOST, NEW, Action, Put, Update, When
from inbox.store.values import micros, text

_OUTCOMES = 50
"""Attempts that stand in the item of their step; later ones have items of their own, so that no item grows without end."""

_TRIES = 20
_NOT_ENDED = When("attribute_not_exists(#state) OR #state = :deferred", {"deferred": "deferred"})


class Journal(Base):
    """The working side of the store."""

    def planned(self, mail: Mail, plan: Plan) -> Plan:
        """As `inbox.ports.Journal.planned`."""
        pk, sk = plan_key(mail.id)
        packed = self._octets.pack(f"plan-{mail.id}", plan_json(plan))
        if self._table.write(Put({"pk": pk, "sk": sk, "rules": plan.rules_version, **packed}, NEW)):
            return plan
        return self._found(mail.id).plan_of(self._octets) or plan

    def settled(self, mail: Mail, outcome: Outcome, row: Row | None = None, due_at: datetime | None = None) -> None:
        """As `inbox.ports.Journal.settled`; a step that has ended stays as it is. Failed when the row cannot be written as the rule wants it."""
        number, said = self._next(), outcome_attributes(outcome)
        pk, sk = outcome_key(mail.id, number)
        apart = Put({"pk": pk, "sk": sk, "n": outcome.n, **said})
        if not outcome.n:
            self._table.write(apart)
            return
        put: dict[str, Any] = {"state": outcome.state, "due": micros(due_at) if due_at else None}
        if outcome.attempt:
            put["attempts"] = outcome.attempt
        actions: list[Action] = []
        if outcome.attempt <= _OUTCOMES:
            put[f"o{number:017}"] = said
        else:
            actions.append(apart)
        if row is not None:
            actions.append(Put(row_item(row, mail.id, outcome.n)))
        self._table.transact([Update(step_key(mail.id, outcome.n), put, when=_NOT_ENDED), *actions])

    def finish(self, mail: Mail, plan: Plan, words: Findable | None = None) -> MailState:
        """As `inbox.store.inline.InlineStore.finish`: a mail that another holder has taken meanwhile stays in its hand."""
        hand = self._hands.get(mail.id)
        for _ in range(_TRIES):
            found = self._found(mail.id)
            if found.mail["state"] not in WORKABLE or (hand and found.mail.get("lease", hand.holder) != hand.holder):
                self._hands.pop(mail.id, None)
                return found.state
            state = mail_state(plan, found.states)
            if self._table.transact(self._end(found, plan, state, words)):
                self._hands.pop(mail.id, None)
                return state
        raise StoreError(f"mail {mail.id} changed all the time; it is finished by whoever comes next")

    def _end(self, found: Found, plan: Plan, state: MailState, words: Findable | None) -> list[Action]:
        """The mail in its new state, in no hand; and with a settled one how long it is kept, in the same transaction."""
        item = found.mail
        id_ = item["pk"].partition("#")[2]
        put: dict[str, Any] = {"state": state}
        remove = ["lease", "until"]
        if words is not None and words.subject is not None:
            put["subject"] = (text(words.subject) or "")[:1000]
        if state == "waiting":
            put |= {"open": open_for_work(id_), "due": next_step(plan, found.states, found.due) or micros(self._now())}
        elif state == "settled":
            remove += ["open", "due"]
        else:
            put |= {"open": state, "due": item["received"]}
        actions = self._expiring(found) if state == "settled" else []
        if actions and (days := self._retention.days):
            put["expires"] = self._after(days)
        return [Update(mail_key(id_), put, remove, when=_same(item)), *actions]

    def _expiring(self, found: Found) -> list[Action]:
        """When what belongs to a settled mail may go. Nothing of another mail is touched, and its source key goes with the last of them."""
        id_ = found.mail["pk"].partition("#")[2]
        actions: list[Action] = []
        if (raw_days := self._retention.raw_days) and not found.mail.get("place"):
            actions.append(Update(raw_key(id_), {"expires": self._after(raw_days)}))
        if days := self._retention.days:
            own = [item for item in (found.plan, *found.steps.values(), *found.others) if item]
            if len(own) > MOST - 3:  # what does not fit into one transaction goes before it: all of it has ended, nothing of it changes
                for item in own[MOST - 3 :]:
                    self._table.write(_kept_for(item, self._after(days)))
            actions += [_kept_for(item, self._after(days)) for item in own[: MOST - 3]]
            actions += self._expiring_key(found.mail["key"], id_, days)
        return actions

    def _expiring_key(self, pk: str, mail_id: str, days: int) -> list[Action]:
        known = self._table.get((pk, "key"))
        if known is None:
            return []
        others = self._table.get_all([mail_key(id_) for id_ in known["ids"] if id_ != mail_id])
        put: dict[str, Any] = {"v": known["v"] + 1}
        if all(item["state"] == "settled" for item in others):
            put["expires"] = self._after(days)
        return [Update((pk, "key"), put, when=When("#v = :seen", {"seen": known["v"]}))]

    def _after(self, days: int) -> int:
        """Seconds since 1970, as DynamoDB's TTL wants them."""
        return int((self._now() + timedelta(days=days)).timestamp())


def _kept_for(item: Mapping[str, Any], expires: int) -> Update:
    return Update((item["pk"], item["sk"]), {"expires": expires})


def _same(item: Mapping[str, Any]) -> When:
    """The mail is in the state and the hand in which it was read."""
    when = When("#state = :was", {"was": item["state"]})
    if "lease" not in item:
        return when & When("attribute_not_exists(#lease)")
    return when & When("#lease = :seen_lease AND #until = :seen_until", {"seen_lease": item["lease"], "seen_until": item["until"]})
