"""Notices: what `[notifications]` asks to be told of events, as mails of the source `event` with a plan of one step, `notify`.

They are kept in the transaction that notes the event, so that an event and what is to be told of it are there together or not at all; and they
are told as any step is carried out: tried again, dead letters in the end. What a notice itself comes to is no event: there is never a notice
about a notice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Protocol, runtime_checkable

from inbox.aws.ses_events import event_json
from inbox.errors import NotFound
from inbox.model import Envelope, Mail, Plan, Step
from inbox.send import headers as guard
from inbox.sending import NOTICE, SENT, EventType, SendingEvent
from inbox.suppression import folded
from inbox.tables import Notification


@dataclass(frozen=True, slots=True)
class Sent:
    """What is known of the mail that an event is about: its envelope sender, and when it was taken for sending."""

    sender: str | None = None
    at: datetime | None = None


@runtime_checkable
class Keeping(Protocol):
    """A store whose events and mails can be kept in one transaction."""

    def transaction(self) -> AbstractContextManager[None]:
        """Group calls of this thread into one durable transaction."""

    def keep_all(self, mails: Sequence[tuple[Mail, Plan | None]]) -> Sequence[str]:
        """Keep mails with their plans; one whose source key is known is there already."""

    def events(self, *, mail: str | None, recipient: str | None, type: EventType | None, limit: int | None) -> Sequence[SendingEvent]:  # noqa: A002
        """Events of a mail, a recipient and a type, oldest first."""

    def mail(self, mail_id: str) -> Mail:
        """One mail; NotFound."""


def noted(
    store: Keeping,
    note: Callable[[], Sequence[SendingEvent]],
    events: Sequence[SendingEvent],
    notifications: Mapping[str, Notification],
    hostname: str,
) -> Sequence[SendingEvent]:
    """Note events, and in the same transaction keep notices of those that are new and wanted. `note` gives those that are new."""
    if not wanted(events, notifications):
        return note()
    with store.transaction():
        new = note()
        store.keep_all([*notices(new, notifications, lambda event: _sent(store, event), hostname)])
    return new


def _sent(store: Keeping, event: SendingEvent) -> Sent:
    """What the store knows of the mail that an event is about; only of mail that was made here is the envelope sender ours."""
    if event.mail is None:
        return Sent()
    try:
        envelope = store.mail(event.mail).envelope
    except NotFound:
        return Sent()
    sends = store.events(mail=event.mail, recipient=event.recipient, type="send", limit=1)
    return Sent(envelope.sender if envelope.source == SENT else None, sends[0].at if sends else None)


def wanted(events: Iterable[SendingEvent], notifications: Mapping[str, Notification]) -> bool:
    """Whether anybody wants to be told of any of them."""
    readers = _readers(notifications)
    return any(_wants(notification, event, readers) for event in events for notification in notifications.values())


def notices(
    events: Iterable[SendingEvent], notifications: Mapping[str, Notification], sent: Callable[[SendingEvent], Sent], hostname: str
) -> Iterator[tuple[Mail, Plan | None]]:
    """One mail with its plan for each event and each notification that wants it; the same event gives the same source key."""
    readers = _readers(notifications)
    for event in events:
        for name, notification in notifications.items():
            if _wants(notification, event, readers):
                raw = _raw(event, sent(event))
                mail = Mail.of(raw, Envelope(None, (), source=NOTICE), source_key=f"{NOTICE}:{name}:{event.key}")
                yield mail, Plan("", steps=(Step(1, name, "notify", options(notification, event.identity, hostname)),))


def options(notification: Notification, identity: str | None, hostname: str) -> dict[str, Any]:
    """The options of the handler notify: its secret as a reference; e-mail comes from this host, or else from the identity itself."""
    own = hostname if "." in hostname else identity or hostname
    found = {"to": notification.to, "secret": notification.secret, "from_": f"postmaster@{own}"}
    return {name: value for name, value in found.items() if value is not None}


def _readers(notifications: Mapping[str, Notification]) -> frozenset[str]:
    """Addresses that are told by e-mail."""
    return frozenset(folded(one.to) for one in notifications.values() if _by_mail(one))


def _by_mail(notification: Notification) -> bool:
    return "@" in notification.to and not notification.to.lower().startswith(("http:", "https:", "arn:"))


def _wants(notification: Notification, event: SendingEvent, readers: frozenset[str]) -> bool:
    """Mail to who is told by e-mail may be such a notice, of which Amazon SES tells like of any other mail: no e-mail about it, or they never end."""
    if event.type not in notification.events or notification.identity not in (None, event.identity):
        return False
    return not (_by_mail(notification) and event.recipient and folded(event.recipient) in readers)


def _raw(event: SendingEvent, sent: Sent) -> bytes:
    content = event_json(event, source=sent.sender, sent_at=sent.at)
    about = f"{content['eventType']} {event.recipient or ''}".strip()
    return b"".join(
        (
            guard.field("Date", format_datetime(event.at.astimezone(UTC))),
            guard.field("Subject", about),
            guard.field("Auto-Submitted", "auto-generated"),
            b"MIME-Version: 1.0\r\nContent-Type: application/json\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
            json.dumps(content, indent=1).replace("\n", "\r\n").encode("ascii"),
            b"\r\n",
        )
    )
