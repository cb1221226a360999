"""The way out of everything that leaves (`inbox.ports.Outbox`): suppression, identity, rates, signature, transport, and events about each recipient.

With a ledger and a mail to tell events of, each recipient has a fate of its own: who got the mail is not sent to again when it is tried again,
whoever else was refused for now. Without, nobody gets it until nobody is refused for now (`Letter.whole`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from inbox.errors import Deferred, Failed, Suppressed
from inbox.parsing.bounce_reasons import best_status, bounce_type, reason_of
from inbox.ports import NOTHING, Ledger, Transport
from inbox.rates import Rate
from inbox.send.compose import crlf
from inbox.send.fields import field_of, fields_of
from inbox.send.seven_bit import downgrade
from inbox.sending import About, Answer, Answers, EventType, Letter, SendingEvent

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.send.identities import Identities, Identity

OpenTransport = Callable[[str | None], Transport]
"""Opens the way that a URL names; None is the server of [relay]."""

_PATIENCE = 1.0
"""Seconds that one step waits for its turn under a rate; a longer wait is the queue's."""
_ADDRESS = re.compile(r"[^\s<>@\"]+@([^\s<>@\",;]+)")


@dataclass(frozen=True, slots=True)
class _Sending:
    """One call: what is sent, and what events about it have in common."""

    sender: str | None
    raw: bytes
    about: About
    message_id: str | None
    signs: bool


class _Bucket(NamedTuple):
    name: str
    rate: str
    number: int


class Outbound:
    """The Outbox of handlers and of mail that is made here.

    `ledger`: what became of mail before, None where nothing is kept. `open_transport`: a transport lives as long as this object, so that its
    connections do.
    """

    def __init__(
        self,
        settings: Settings,
        identities: Identities,
        open_transport: OpenTransport,
        ledger: Ledger | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._settings, self._identities, self._open, self._ledger, self._sleep = settings, identities, open_transport, ledger, sleep
        self._transports: dict[str | None, Transport] = {}

    def send(self, sender: str | None, recipients: Sequence[str], raw: bytes, *, about: About = NOTHING) -> str:
        """Hand one mail to the next hop; its answers in one line.

        It is signed as the identity (`about.identity`, else the domain of From, else that of the envelope sender), unless it bears its signature
        already or came from elsewhere (it has Received fields) and nobody named the identity: what strangers write is not vouched for.
        Suppressed: all recipients are on the suppression list. Deferred: the identity is stopped, a rate is reached, or some are refused for
        now. Failed: some are refused for good; the others got it.
        """
        identity = self._identity(about, sender, raw)
        named = replace(about, identity=identity.domain if identity else about.identity)
        sending = _Sending(sender, crlf(raw), named, field_of(raw, "message-id"), bool(about.identity) or field_of(raw, "received") is None)
        wanted = tuple(dict.fromkeys(recipients))
        had = self._had(about)
        left, suppressed = self._allowed(sending, [recipient for recipient in wanted if recipient not in had])
        if not left:
            if suppressed and not had:
                raise Suppressed("; ".join(f"{recipient}: {why}" for recipient, why in suppressed.items()))
            return _with_suppressed("delivered before", suppressed)
        self._check_identity(identity)
        answers = self._deliver(sending, identity, left)
        self._note(_events(sending, answers))
        return _with_suppressed(_result(answers), suppressed)

    # before

    def _identity(self, about: About, sender: str | None, raw: bytes) -> Identity | None:
        author = _ADDRESS.search(field_of(raw, "from") or "")
        for name in (about.identity, author[1] if author else None, sender):
            if name and (found := self._identities.of(name)):
                return found
        return None

    def _had(self, about: About) -> frozenset[str]:
        if self._ledger is None or about.mail is None:
            return frozenset()
        return frozenset(self._ledger.delivered(about.mail, about.n))

    def _allowed(self, sending: _Sending, recipients: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        """Whom mail may go to, and why not to the others, of whom an event is noted."""
        ledger, about = self._ledger, sending.about
        if ledger is None:
            return [*recipients], {}
        reasons = {recipient: why for recipient in recipients if (why := ledger.why_suppressed(recipient, about.identity))}
        self._note([_event(about, recipient, "suppressed", sending.message_id, why) for recipient, why in reasons.items()])
        return [recipient for recipient in recipients if recipient not in reasons], reasons

    def _check_identity(self, identity: Identity | None) -> None:
        why = self._ledger.may_send(identity.domain) if self._ledger and identity else None
        if why:
            raise Deferred(why)

    # sending

    def _deliver(self, sending: _Sending, identity: Identity | None, recipients: list[str]) -> Answers:
        url = self._url(identity)
        whole = self._ledger is None or sending.about.mail is None
        rates = self._rates(identity, url)
        now = recipients if whole else recipients[: min([bucket.number for bucket in rates], default=len(recipients))]
        self._wait(rates, len(now))
        letter = Letter(sending.sender, tuple(now), self._signed(sending, identity), whole)
        try:
            answers = dict(self._transport(url).deliver(letter))
        except Failed as error:
            self._note([_event(sending.about, recipient, "reject", sending.message_id, str(error)) for recipient in now])
            raise
        for recipient in recipients[len(now) :]:
            answers[recipient] = Answer("deferred", "its turn comes later: more would be over the rate")
        return answers

    def _url(self, identity: Identity | None) -> str | None:
        return (identity.transport if identity else None) or self._settings.sending.transport

    def _transport(self, url: str | None) -> Transport:
        if url not in self._transports:
            self._transports[url] = self._open(url)
        return self._transports[url]

    def _rates(self, identity: Identity | None, url: str | None) -> list[_Bucket]:
        """The buckets that a letter is taken from; that of the identity first: what is taken in vain is its own."""
        found = [(f"identity {identity.domain}", identity.settings.rate)] if identity else []
        found += [("all mail", self._settings.sending.rate)]
        found += [(f"transport {url or 'relay'}", rate) for rate in self._transport(url).rates()]
        return [_Bucket(name, text, rate.number) for name, text in found if self._ledger and (rate := Rate.read(text))]

    def _wait(self, rates: Sequence[_Bucket], amount: int) -> None:
        """Take from each bucket; a short wait is waited for here, so that mail goes out evenly. Deferred for a longer one."""
        patience = _PATIENCE
        for bucket in rates:
            while wait := self._ledger.wait_for(f"{bucket.name} {bucket.rate}", bucket.rate, amount) if self._ledger else 0:
                if wait <= patience:
                    self._sleep(wait)
                    patience -= wait
                    continue
                raise Deferred(f"the rate of {bucket.name} is reached: {bucket.rate}", retry_after=wait)

    def _signed(self, sending: _Sending, identity: Identity | None) -> bytes:
        """In seven bits where that is possible, so that no server on the way has to convert it and break the signature (RFC 6376 section 5.3)."""
        if identity is None or not sending.signs or _is_signed(sending.raw, identity.domain):
            return sending.raw
        return identity.sign(sending.raw if _is_signed(sending.raw) else downgrade(sending.raw) or sending.raw)

    # after

    def _note(self, events: Sequence[SendingEvent]) -> None:
        if self._ledger and events:
            self._ledger.note([event for event in events if event.mail])


def _is_signed(raw: bytes, domain: str | None = None) -> bool:
    """Whether the mail bears a DKIM signature of this domain; None: of anybody, or an ARC seal."""
    if domain is None:
        return any(field_of(raw, name) is not None for name in ("dkim-signature", "arc-message-signature"))
    tag = re.compile(rf"(?:^|;)\s*d\s*=\s*{re.escape(domain)}\s*(?:;|$)", re.IGNORECASE)
    return any(tag.search(value) for value in fields_of(raw, "dkim-signature"))


_TYPES: Mapping[str, EventType] = {"delivered": "delivery", "deferred": "delivery_delay", "refused": "bounce"}


def _events(sending: _Sending, answers: Answers) -> list[SendingEvent]:
    events = []
    for recipient, answer in answers.items():
        message_id = answer.message_id or sending.message_id
        subtype = bounce_subtype(answer.text) if answer.state == "refused" else None
        events += [_event(sending.about, recipient, "send", message_id, None)]
        events += [_event(sending.about, recipient, _TYPES[answer.state], message_id, answer.text, subtype)]
    return events


def _event(
    about: About, recipient: str, type_: EventType, message_id: str | None, detail: str | None, subtype: str | None = None
) -> SendingEvent:
    return SendingEvent(
        key=f"{about.mail}.{about.n}:{recipient}:{type_}",
        type=type_,
        at=datetime.now(UTC),
        mail=about.mail,
        recipient=recipient,
        identity=about.identity,
        message_id=message_id,
        template=about.template,
        variant=about.variant,
        experiment=about.experiment,
        subtype=subtype,
        detail=detail,
    )


def bounce_subtype(text: str) -> str:
    """SES's bounce type and subtype of a refusal: `permanent/no_email`."""
    status = best_status(None, text)
    type_, subtype = bounce_type(reason_of(status, text), status) or ("Undetermined", "Undetermined")
    return f"{_snake(type_)}/{_snake(subtype)}"


def _snake(word: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", word).lower()


def _result(answers: Answers) -> str:
    """The answers in one line, or what is raised for them."""
    by_state: dict[str, list[str]] = {"delivered": [], "deferred": [], "refused": []}
    for recipient, answer in answers.items():
        by_state[answer.state].append(answer.text if answer.state == "delivered" else f"{recipient}: {answer.text}")
    taken = "; ".join(dict.fromkeys(by_state["delivered"]))
    if by_state["deferred"]:
        waits = [answer.retry_after for answer in answers.values() if answer.state == "deferred" and answer.retry_after]
        raise Deferred("; ".join(by_state["deferred"] + by_state["refused"]), retry_after=max(waits, default=None))
    if by_state["refused"]:
        raise Failed("; ".join(by_state["refused"]) + (f"; the other recipients got it: {taken}" if taken else ""))
    return taken


def _with_suppressed(text: str, suppressed: Mapping[str, str]) -> str:
    left_out = "; ".join(f"{recipient} left out: {why}" for recipient, why in suppressed.items())
    return f"{text}; {left_out}" if left_out else text
