"""Events of mail that left, as Amazon SES publishes them (SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS").

Whoever reads SES's events reads these. What SES has no word for has ours: `Reply`. An address on the suppression list is what it is there: a
bounce of the subtype OnAccountSuppressionList. What is not known is left out; `messageId` is that of SES, where SES sent the mail, else our
Message-ID without its brackets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from inbox.model import isoformat
from inbox.parsing.bounce_reasons import best_status
from inbox.sending import EventType, SendingEvent

_COMPLAINTS = frozenset(("abuse", "auth-failure", "fraud", "not-spam", "other", "virus"))
_ENHANCED = "smtp; "


def event_json(event: SendingEvent, *, source: str | None = None, sent_at: datetime | None = None) -> dict[str, Any]:
    """What SES publishes of an event. `source`: the envelope sender of the mail, None when it is not known; `sent_at`: when it was taken for sending."""
    word, part, content = _PARTS[event.type]
    return {"eventType": word, "mail": _mail(event, source, sent_at or event.at), part: content(event, sent_at)}


def _mail(event: SendingEvent, source: str | None, sent_at: datetime) -> dict[str, Any]:
    message_id = event.message_id or ""
    tags = {"ses:from-domain": event.identity, "template": event.template, "variant": event.variant, "experiment": event.experiment}
    found: dict[str, Any] = {
        "timestamp": isoformat(sent_at),
        "messageId": message_id.strip("<>") or event.mail or event.key,
        "source": source or "<>",
        "destination": [event.recipient] if event.recipient else [],
        "headersTruncated": False,
        "tags": {name: [value] for name, value in tags.items() if value},
    }
    if message_id.startswith("<"):
        found["commonHeaders"] = {"messageId": message_id}
    return found


def _bounce(event: SendingEvent, _sent_at: datetime | None) -> dict[str, Any]:
    type_, _, subtype = (event.subtype or "undetermined/undetermined").partition("/")
    return {
        "bounceType": _camel(type_),
        "bounceSubType": _camel(subtype or "general"),
        "bouncedRecipients": _diagnosed(event, "failed"),
        "timestamp": isoformat(event.at),
        "feedbackId": event.key,
    }


def _suppressed(event: SendingEvent, _sent_at: datetime | None) -> dict[str, Any]:
    return {**_bounce(event, None), "bounceType": "Permanent", "bounceSubType": "OnAccountSuppressionList"}


def _complaint(event: SendingEvent, _sent_at: datetime | None) -> dict[str, Any]:
    found = {
        "complainedRecipients": [{"emailAddress": event.recipient}] if event.recipient else [],
        "timestamp": isoformat(event.at),
        "feedbackId": event.key,
    }
    return {**found, "complaintFeedbackType": event.subtype} if event.subtype in _COMPLAINTS else found


def _delivery(event: SendingEvent, sent_at: datetime | None) -> dict[str, Any]:
    took = (event.at - sent_at).total_seconds() if sent_at else 0
    return {
        "timestamp": isoformat(event.at),
        "processingTimeMillis": max(0, round(1000 * took)),
        "recipients": [event.recipient] if event.recipient else [],
        "smtpResponse": event.detail or "",
    }


def _delay(event: SendingEvent, _sent_at: datetime | None) -> dict[str, Any]:
    delay_type = _camel(event.subtype.rpartition("/")[2]) if event.subtype else "General"
    return {"timestamp": isoformat(event.at), "delayType": delay_type, "delayedRecipients": _diagnosed(event, None)}


def _said(name: str) -> Callable[[SendingEvent, datetime | None], dict[str, Any]]:
    """A part of a time and the words of who reports it."""
    return lambda event, _: {"timestamp": isoformat(event.at), name: event.detail or ""}


def _failure(event: SendingEvent, _sent_at: datetime | None) -> dict[str, Any]:
    return {"templateName": event.template or "", "errorMessage": event.detail or ""}


def _reply(event: SendingEvent, _sent_at: datetime | None) -> dict[str, Any]:
    return {"timestamp": isoformat(event.at), "recipients": [event.recipient] if event.recipient else []}


_PARTS: Mapping[EventType, tuple[str, str, Callable[[SendingEvent, datetime | None], dict[str, Any]]]] = {
    "send": ("Send", "send", lambda _event, _sent_at: {}),
    "delivery": ("Delivery", "delivery", _delivery),
    "delivery_delay": ("DeliveryDelay", "deliveryDelay", _delay),
    "bounce": ("Bounce", "bounce", _bounce),
    "suppressed": ("Bounce", "bounce", _suppressed),
    "complaint": ("Complaint", "complaint", _complaint),
    "reject": ("Reject", "reject", lambda event, _: {"reason": event.detail or ""}),
    "rendering_failure": ("Rendering Failure", "failure", _failure),
    "open": ("Open", "open", _said("userAgent")),
    "click": ("Click", "click", _said("link")),
    "subscription": ("Subscription", "subscription", _said("source")),
    "reply": ("Reply", "reply", _reply),
}
"""SES's word for an event, the name of its part, and what that holds."""


def _diagnosed(event: SendingEvent, action: str | None) -> list[dict[str, str]]:
    if not event.recipient:
        return []
    status = best_status(None, event.detail)
    said = {
        "emailAddress": event.recipient,
        "action": action,
        "status": status,
        "diagnosticCode": event.detail and f"{_ENHANCED}{event.detail}",
    }
    return [{name: value for name, value in said.items() if value}]


def _camel(words: str) -> str:
    """`no_email` as SES writes it: `NoEmail`."""
    return "".join(word[:1].upper() + word[1:] for word in words.split("_"))
