"""Mails, plans and outcomes as items, and read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inbox.model import ACCEPTED, Envelope, Mail, MailState, Outcome, OutcomeState, Plan, Receipt
from inbox.store.claims import Claim
from inbox.store.dynamodb.layout import day, mail_key, open_for_work, source_key
from inbox.store.dynamodb.octets import Octets, StoredRaw
from inbox.store.values import envelope_json, micros, moment, text, to_json

WORKABLE = ("kept", "waiting")
_DETAIL = 1200
"""Characters of a detail: fifty of them and more fit into the item of a step (400 KB)."""
Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hand:
    """Whose a mail is, until when (microseconds since 1970)."""

    holder: str
    until: int

    @classmethod
    def of(cls, item: Item) -> Hand | None:
        return cls(item["lease"], item["until"]) if "lease" in item else None

    def attributes(self) -> dict[str, Any]:
        """What stands in the mail's item: it is due again when the hold has run out."""
        return {"lease": self.holder, "until": self.until, "due": self.until}


def mail_item(mail: Mail, hand: Hand, place: str | None) -> dict[str, Any]:
    pk, sk = mail_key(mail.id)
    return {
        "pk": pk,
        "sk": sk,
        "key": source_key(mail)[0],
        "source_key": None if mail.source_key is None else json.dumps(mail.source_key),
        "envelope": envelope_json(mail.envelope),
        "received": micros(mail.received_at),
        "size": mail.size,
        "sha256": mail.sha256,
        "place": place,
        "state": "kept",
        "strikes": 0,
        "day": day(mail.received_at),
        "open": open_for_work(mail.id),
        **hand.attributes(),
    }


def mail_of(item: Item, octets: Octets) -> Mail:
    id_ = item["pk"].partition("#")[2]
    raw = StoredRaw(item["size"], item["sha256"], place=item.get("place"), mail_id=id_, octets=octets)
    key = json.loads(item["source_key"]) if "source_key" in item else None
    return Mail(id_, Envelope.from_dict(json.loads(item["envelope"])), raw, moment(item["received"]), key)


def outcome_attributes(outcome: Outcome) -> dict[str, Any]:
    detail = text(outcome.detail[:_DETAIL] if outcome.detail else outcome.detail)
    return {"s": outcome.state, "a": outcome.attempt, "d": detail, "t": micros(outcome.at)}


def _outcome_of(n: int, said: Item) -> Outcome:
    return Outcome(n, said["s"], said["a"], said["d"], moment(said["t"]))


@dataclass(frozen=True)
class Found:
    """All items of one mail but its octets, as one question brings them."""

    mail: Item
    plan: Item | None
    steps: Mapping[int, Item]
    others: Sequence[Item]

    @classmethod
    def of(cls, items: Iterable[Item]) -> Found | None:
        mail, plan, others = None, None, []
        steps: dict[int, Item] = {}
        for item in items:
            kind, _, rest = item["sk"].partition("#")
            if kind == "mail":
                mail = item
            elif kind == "plan":
                plan = item
            elif kind == "step":
                steps[int(rest)] = item
            else:
                others.append(item)
        return cls(mail, plan, steps, others) if mail else None

    @property
    def state(self) -> MailState:
        """As it is stored; a kept mail that has a plan is waiting, though nothing says so until it is finished."""
        state: MailState = self.mail["state"]
        return "waiting" if state == "kept" and self.plan else state

    @property
    def states(self) -> dict[int, OutcomeState]:
        return {n: item["state"] for n, item in self.steps.items()}

    @property
    def due(self) -> dict[int, int | None]:
        return {n: item.get("due") for n, item in self.steps.items()}

    def outcomes(self) -> tuple[Outcome, ...]:
        """In the order in which they were written."""
        said = [(int(name[1:]), n, item[name]) for n, item in self.steps.items() for name in item if name[0] == "o"]
        said += [(int(item["sk"].partition("#")[2]), item["n"], item) for item in self.others]
        return tuple(_outcome_of(n, one) for _, n, one in sorted(said, key=lambda one: one[:2]))

    def plan_of(self, octets: Octets) -> Plan | None:
        return Plan.from_dict(json.loads(octets.unpack(self.plan))) if self.plan else None

    def claim(self, octets: Octets, now: datetime) -> Claim:
        later = frozenset(n for n, item in self.steps.items() if item["state"] == "deferred" and (item.get("due") or 0) > micros(now))
        plan, mail = self.plan_of(octets), mail_of(self.mail, octets)
        if plan is None:
            return Claim(mail, None, {}, {}, strikes=self.mail["strikes"])
        attempts = {n: item.get("attempts", 0) for n, item in self.steps.items()}
        return Claim(mail, plan, self.states, attempts, later, self.mail["strikes"])

    def receipt(self, octets: Octets) -> Receipt:
        plan = self.plan_of(octets)
        return Receipt(mail_of(self.mail, octets), plan, self.outcomes(), plan.reply if plan else ACCEPTED, self.state)


def plan_json(plan: Plan) -> bytes:
    return to_json(plan.to_dict()).encode("ascii")
