"""The words of the project as frozen data: Envelope, Mail, Verdict, Decision, Step, Plan, Outcome, Reply, Receipt.

Nothing here does anything but hold, check and print itself. Every class that travels has `to_dict()`; what is stored also has
`from_dict()`. Times are aware datetimes in UTC; durations are seconds; sizes are octets.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Literal

Json = None | bool | int | float | str | list[Any] | dict[str, Any]
"""What JSON can say."""

Value = None | bool | int | float | str | tuple[Any, ...]
"""What a fact can be. None: absent. A tuple: a condition holds when it holds for any item."""


OutcomeState = Literal["done", "deferred", "failed", "dead", "skipped", "suppressed", "held", "refused"]
"""done; deferred: due again; failed: given up, the rule goes on; dead: given up, somebody must look; skipped: an earlier step of the
rule ended it; suppressed: not sent, since its recipients are on the suppression list; held: the mail is in quarantine; refused: the
recipient was refused by a rule."""

MailState = Literal["kept", "waiting", "settled", "dead", "quarantined"]
"""kept: not judged yet; waiting: judged, some step is due now or later; settled: all done; dead: a step gave up; quarantined: held."""

OnError = Literal["retry", "continue", "stop", "quarantine"]

EMPTY: Mapping[str, Any] = MappingProxyType({})
_ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_PAIRS = tuple(first + second for first in _ID_LETTERS for second in _ID_LETTERS)


def new_id(now: float | None = None) -> str:
    """A mail id: 20 characters, sorts by time (48 bits of milliseconds, 52 random bits), Crockford's base 32 in lower case."""
    number = (int((time.time() if now is None else now) * 1000) << 52) | (int.from_bytes(os.urandom(7), "big") >> 4)
    return "".join([_ID_PAIRS[number >> shift & 1023] for shift in range(90, -1, -10)])


def id_time(id_: str) -> float:
    """When an id of `new_id` was made, in seconds since 1970, to the millisecond."""
    number = 0
    for letter in id_:
        number = number << 5 | _ID_LETTERS.index(letter)
    return (number >> 52) / 1000


def isoformat(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: 2026-11-24T06:09:38.120Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who a mail is really from and for, as the source saw it (RFC 5321 section 2.3.1).

    `sender` None is the null sender; `tls` the protocol's name ("TLSv1.3") or None; `auth` the authenticated user; `source` where the
    mail came in: smtp, lmtp, file, ses; `certificate` the one that the client showed and that was verified: its SHA-256 in hexadecimal, a
    blank, its subject; `verdicts` what a source that checks mail itself says of it, in lower case: `{"spam": "pass", "dmarc": "fail"}`.
    """

    sender: str | None = None
    recipients: tuple[str, ...] = ()
    helo: str | None = None
    ip: str | None = None
    tls: str | None = None
    auth: str | None = None
    source: str = "file"
    certificate: str | None = None
    verdicts: Mapping[str, str] | None = None

    def to_dict(self) -> dict[str, Json]:
        return {
            "sender": self.sender,
            "recipients": list(self.recipients),
            "helo": self.helo,
            "ip": self.ip,
            "tls": self.tls,
            "auth": self.auth,
            "source": self.source,
            "certificate": self.certificate,
            "verdicts": dict(self.verdicts) if self.verdicts else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Envelope:
        return cls(**{**data, "recipients": tuple(data["recipients"])})


@dataclass(frozen=True, slots=True)
class Raw:
    """The octets of a mail: in memory (`data`) or in a file (`path`). They are never changed.

    `place`: where they lie for good besides, `s3://BUCKET/KEY` (or `…?versionId=VERSION`): exactly these octets, kept by somebody else.
    """

    size: int
    sha256: str
    data: bytes | None = None
    path: Path | None = None
    place: str | None = None

    @classmethod
    def of(cls, data: bytes) -> Raw:
        return cls(len(data), hashlib.sha256(data).hexdigest(), data=data)

    def read(self) -> bytes:
        """All octets; OSError when the file is gone."""
        if self.data is not None:
            return self.data
        return self._file().read_bytes()

    def open(self) -> BinaryIO:
        """A binary stream over the octets."""
        return BytesIO(self.data) if self.data is not None else self._file().open("rb")

    def _file(self) -> Path:
        if self.path is None:
            raise FileNotFoundError("the raw mail was removed; only its receipt is left")
        return self.path


@dataclass(frozen=True, slots=True)
class Mail:
    """One arrival. `source_key` names it at its source (`ses:<messageId>`): a second arrival with the same key is the same mail."""

    id: str
    envelope: Envelope
    content: Raw
    received_at: datetime
    source_key: str | None = None

    @classmethod
    def of(cls, data: bytes, envelope: Envelope, *, source_key: str | None = None) -> Mail:
        """A mail that arrives now."""
        return cls(new_id(), envelope, Raw.of(data), datetime.now(UTC), source_key)

    @property
    def raw(self) -> bytes:
        return self.content.read()

    @property
    def size(self) -> int:
        return self.content.size

    @property
    def sha256(self) -> str:
        return self.content.sha256

    def to_dict(self) -> dict[str, Json]:
        return {
            "id": self.id,
            "source": self.envelope.source,
            "received_at": isoformat(self.received_at),
            "size": self.size,
            "sha256": self.sha256,
            "envelope": self.envelope.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """What the sender is told: code (RFC 5321 section 4.2), enhanced status (RFC 3463), one line of printable ASCII."""

    code: int
    status: str
    text: str

    def __str__(self) -> str:
        """The reply line without CRLF, at most 510 octets; whatever is not printable ASCII becomes a question mark."""
        text = self.text
        if not (text.isascii() and text.isprintable()):
            text = "".join(c if " " <= c <= "~" else "?" for c in text)
        return f"{self.code} {self.status} {text}"[:510]

    def to_dict(self) -> dict[str, Json]:
        return {"code": self.code, "status": self.status, "text": self.text}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Reply:
        return cls(data["code"], data["status"], data["text"])


ACCEPTED = Reply(250, "2.0.0", "kept")
INTERNAL = Reply(451, "4.3.0", "Local error, try again later")
"""The answer to every fault of ours: temporary, with fixed text."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One condition of a rule: what was asked, what was seen, yes or no.

    `fact` is None for the groups `any`, `all`, `not`, whose parts are `children`. `seen` is shortened; `note` says why a fact is absent.
    `recipient` is set where the answer differs from one recipient to the other.
    """

    fact: str | None
    operator: str
    value: Json
    seen: Json
    matched: bool
    note: str | None = None
    recipient: str | None = None
    children: tuple[Verdict, ...] = ()

    def to_dict(self) -> dict[str, Json]:
        return {
            "fact": self.fact,
            "operator": self.operator,
            "value": self.value,
            "seen": self.seen,
            "matched": self.matched,
            "note": self.note,
            "recipient": self.recipient,
            "children": [child.to_dict() for child in self.children],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Verdict:
        return cls(**{**data, "children": tuple(cls.from_dict(child) for child in data["children"])})


@dataclass(frozen=True, slots=True)
class Decision:
    """What one rule said of one mail: for which recipients it matched, and why or why not."""

    rule: str
    matched: bool
    recipients: tuple[str, ...] = ()
    conditions: tuple[Verdict, ...] = ()
    note: str | None = None
    shadow: bool = False

    def to_dict(self) -> dict[str, Json]:
        return {
            "rule": self.rule,
            "matched": self.matched,
            "recipients": list(self.recipients),
            "conditions": [verdict.to_dict() for verdict in self.conditions],
            "note": self.note,
            "shadow": self.shadow,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Decision:
        conditions = tuple(Verdict.from_dict(verdict) for verdict in data["conditions"])
        return cls(**{**data, "recipients": tuple(data["recipients"]), "conditions": conditions})


@dataclass(frozen=True, slots=True)
class Step:
    """One handler asked for by one rule. `n` counts from 1 within the plan and, with the mail id, is the key of its effect.

    `values`: what the rule captured and what rules `set` for these recipients; templates of handlers may read it.
    """

    n: int
    rule: str
    handler: str
    options: Mapping[str, Any] = field(default_factory=dict)
    recipients: tuple[str, ...] = ()
    on_error: OnError = "retry"
    timeout: float | None = None
    when_done: Literal["stop"] | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Json]:
        return {
            "n": self.n,
            "rule": self.rule,
            "handler": self.handler,
            "options": dict(self.options),
            "recipients": list(self.recipients),
            "on_error": self.on_error,
            "timeout": self.timeout,
            "when_done": self.when_done,
            "values": dict(self.values),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Step:
        return cls(**{**data, "recipients": tuple(data["recipients"])})


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to become of a mail, and why: deterministic on (mail, rules version), stored before anything is done.

    `decisions` holds the rules that were reached; rules that the index ruled out (`passed_over` of them) are made visible again from
    `seen`, the values that conditions read, by `inbox.rules.expand`. `refused` maps recipients to the reply that refuses them.
    `in_order`: no step is begun before all steps ahead of it have ended, also those of other rules.
    """

    rules_version: str
    reply: Reply = ACCEPTED
    labels: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    steps: tuple[Step, ...] = ()
    refused: Mapping[str, Reply] = field(default_factory=dict)
    seen: Mapping[str, Json] = field(default_factory=dict)
    passed_over: int = 0
    in_order: bool = False

    def to_dict(self) -> dict[str, Json]:
        return {
            "rules_version": self.rules_version,
            "reply": self.reply.to_dict(),
            "labels": list(self.labels),
            "values": dict(self.values),
            "decisions": [decision.to_dict() for decision in self.decisions],
            "steps": [step.to_dict() for step in self.steps],
            "refused": {recipient: reply.to_dict() for recipient, reply in self.refused.items()},
            "seen": dict(self.seen),
            "passed_over": self.passed_over,
            "in_order": self.in_order,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        return cls(
            rules_version=data["rules_version"],
            reply=Reply.from_dict(data["reply"]),
            labels=tuple(data["labels"]),
            values=data["values"],
            decisions=tuple(Decision.from_dict(decision) for decision in data["decisions"]),
            steps=tuple(Step.from_dict(step) for step in data["steps"]),
            refused={recipient: Reply.from_dict(reply) for recipient, reply in data["refused"].items()},
            seen=data["seen"],
            passed_over=data["passed_over"],
            in_order=data.get("in_order", False),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt at one step ended. `n` 0 is the mail itself (a refused recipient, a quarantined poison mail)."""

    n: int
    state: OutcomeState
    attempt: int
    detail: str | None
    at: datetime

    def to_dict(self) -> dict[str, Json]:
        return {"n": self.n, "state": self.state, "attempt": self.attempt, "detail": self.detail, "at": isoformat(self.at)}


@dataclass(frozen=True, slots=True)
class Row:
    """A row that the store writes in the same transaction as "done": exactly once per (mail id, step)."""

    table: str
    values: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Done:
    """What a handler may return instead of a short text: the detail, a row to be written with it, and whether the mail is held.

    `stop`: what else is not done any more: the later steps of its "rule", or those of "all" rules, for all recipients.
    """

    detail: str | None = None
    row: Row | None = None
    hold: bool = False
    stop: Literal["rule", "all"] | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The whole truth about one mail: mail, plan, outcomes, the reply to the sender, the state."""

    mail: Mail
    plan: Plan | None
    outcomes: tuple[Outcome, ...] = ()
    reply: Reply = ACCEPTED
    state: MailState = "kept"

    def with_decisions(self, decisions: tuple[Decision, ...]) -> Receipt:
        """The same receipt with every rule in the open (`inbox.rules.expand`)."""
        return replace(self, plan=replace(self.plan, decisions=decisions)) if self.plan else self

    def to_dict(self) -> dict[str, Json]:
        return {
            "mail": self.mail.to_dict(),
            "plan": self.plan.to_dict() if self.plan else None,
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
            "reply": self.reply.to_dict(),
            "state": self.state,
        }
