"""Words of mail that leaves: a letter, what a next hop answered to it, and the events that tell what became of it (SES's event types)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from inbox.model import Decision, Json, Mail, Plan, Step, id_time, isoformat

NOTICE = "event"
"""Envelope source of mails that hold an event, to be told to somebody."""

SENT = "send"
"""Envelope source of a mail that was made here to leave: no rule judges it, its plan was kept with it."""

EventType = Literal[
    "send",
    "delivery",
    "delivery_delay",
    "bounce",
    "complaint",
    "reject",
    "rendering_failure",
    "suppressed",
    "reply",
    "open",
    "click",
    "subscription",
]
"""send: taken for sending; delivery: the next hop took it; delivery_delay: it said 4xx; bounce: refused, at once or by a report later;
complaint: a recipient called it spam; reject: not sent, for what is in it; rendering_failure: its template lacks a value; suppressed: not
sent, the recipient is on the suppression list; reply: an answer came into the inbox; open, click: tracking, where it is on;
subscription: the recipient unsubscribed."""


@dataclass(frozen=True, slots=True)
class SendingEvent:
    """One thing that happened to a mail that left. `key` names it: what comes again with the same key is the same event.

    `mail`: id of the mail that left (of the one that is answered or passed on, for replies and forwards); `identity`: the domain it was
    sent as; `message_id`: the Message-ID that it left with, or that SES gave it; `subtype` of a bounce: type and subtype of Amazon SES,
    `permanent/no_email`; `detail`: the words of who reports it; `experiment`: by which its variant was chosen.
    """

    key: str
    type: EventType
    at: datetime
    mail: str | None = None
    recipient: str | None = None
    identity: str | None = None
    message_id: str | None = None
    template: str | None = None
    variant: str | None = None
    subtype: str | None = None
    detail: str | None = None
    experiment: str | None = None

    def to_dict(self) -> dict[str, Json]:
        return {
            "key": self.key,
            "type": self.type,
            "at": isoformat(self.at),
            "mail": self.mail,
            "recipient": self.recipient,
            "identity": self.identity,
            "message_id": self.message_id,
            "template": self.template,
            "variant": self.variant,
            "subtype": self.subtype,
            "detail": self.detail,
            "experiment": self.experiment,
        }


@dataclass(frozen=True, slots=True)
class About:
    """Whose letter it is, for the events about it: the mail and the number of its step, the identity, template, variant and experiment."""

    mail: str | None = None
    n: int = 0
    identity: str | None = None
    template: str | None = None
    variant: str | None = None
    experiment: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """What a transport hands over: envelope sender (None: the null sender), recipients, and octets with CRLF only.

    `whole`: when a recipient is refused for now, nobody gets it now (who sends it cannot remember which of them had it).
    `convert`: a mail that is signed (DKIM, ARC) may be converted to seven bits for a server that takes no others, though its signature breaks.
    """

    sender: str | None
    recipients: tuple[str, ...]
    raw: bytes
    whole: bool = False
    convert: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the next hop said for one recipient: it took the mail, not now, or never; in its words, with its code (250, 450, 550).

    `message_id`: what it calls the mail from now on, where it says so (SES). `retry_after`: seconds that it wants us to wait.
    """

    state: Literal["delivered", "deferred", "refused"]
    text: str
    message_id: str | None = None
    retry_after: float | None = None


Answers = Mapping[str, Answer]
"""One for each recipient of a letter."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many events of one type there were; of bounces, of one class (`permanent`, `transient`, `undetermined`). What was not asked for is None.

    `hour`: its beginning, in UTC; `domain`: that of the recipients.
    """

    type: EventType
    number: int
    subtype: str | None = None
    hour: datetime | None = None
    identity: str | None = None
    domain: str | None = None
    template: str | None = None
    variant: str | None = None

    def to_dict(self) -> dict[str, Json]:
        found: dict[str, Json] = {"type": self.type, "subtype": self.subtype, "number": self.number}
        found |= {"hour": isoformat(self.hour) if self.hour else None, "identity": self.identity, "domain": self.domain}
        return {**found, "template": self.template, "variant": self.variant}


@dataclass(frozen=True, slots=True)
class Standing:
    """How an identity stands: recipients that it sent to `since` then, permanent bounces and complaints meanwhile; why it is stopped, if it is."""

    identity: str
    since: datetime
    sends: int = 0
    bounces: int = 0
    complaints: int = 0
    stopped: str | None = None
    stopped_at: datetime | None = None

    def to_dict(self) -> dict[str, Json]:
        found: dict[str, Json] = {"identity": self.identity, "since": isoformat(self.since), "sends": self.sends}
        found |= {"bounces": self.bounces, "complaints": self.complaints, "stopped": self.stopped}
        return {**found, "stopped_at": isoformat(self.stopped_at) if self.stopped_at else None}


def plan_to_send(mail: Mail, options: Mapping[str, Any] | None = None) -> Plan:
    """The plan of a mail that was made here: one step for each recipient, so that each has a state of its own. The same mail, the same plan."""
    recipients = mail.envelope.recipients
    steps = tuple(Step(number, SENT, "deliver", options or {}, (recipient,)) for number, recipient in enumerate(recipients, 1))
    return Plan(SENT, decisions=(Decision(SENT, True, recipients),), steps=steps)


def expired(mail: Mail, step: Step, why: str | None, *, tried: bool) -> list[SendingEvent]:
    """The end of a step of such a mail that was given up after all the time that mail is tried for, for each recipient: a bounce; or a reject,
    where it was never `tried` (its identity was stopped, for example): then it says nothing about the recipient.
    """
    names = {name: step.options.get(name) for name in ("identity", "template", "variant", "experiment")}
    kind: EventType = "bounce" if tried else "reject"
    subtype, now = "transient/expired" if tried else None, datetime.now(UTC)
    return [
        SendingEvent(f"{mail.id}.0:{one}:{kind}", kind, now, mail.id, one, subtype=subtype, detail=why, **names) for one in step.recipients
    ]


_AUTOMATIC_ID = re.compile(r"<?([0-9a-hjkmnp-tv-z]{20})\.\d{1,6}\.auto@[^<>@\s]+>?", re.IGNORECASE)


def message_id_of(mail: str, n: int, domain: str, *, automatic: bool = False) -> str:
    """The Message-ID of what step `n` of a mail sends: a retry has the same. That of an automatic answer says so (`.auto`)."""
    return f"<{mail}.{n}{'.auto' if automatic else ''}@{domain}>"


def automatic_ids(ids: Iterable[str]) -> tuple[str, ...]:
    """Ids of the mails whose automatic answers, by any installation of inbox, are among these Message-IDs."""
    return tuple(found[1].lower() for one in ids if (found := _AUTOMATIC_ID.fullmatch(one.strip())))


def made_at(mail: str) -> datetime:
    """When the id of a mail was made: milliseconds stand in it."""
    return datetime.fromtimestamp(id_time(mail), UTC)
