"""What became of mail that was sent: notifications of identities and events of configuration sets (ses.md section 14). Never an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from inbox.sources.ses.fields import items, mapping, moment, text, texts
from inbox.sources.ses.records import Feedback


class _Kind(NamedTuple):
    """Our word, the part that holds the details, and where the recipients are: a list in the part, or `mail` for all, or nowhere."""

    word: str
    part: str
    recipients: str | None = None


_KINDS = {
    "Bounce": _Kind("bounce", "bounce", "bouncedRecipients"),
    "Complaint": _Kind("complaint", "complaint", "complainedRecipients"),
    "Delivery": _Kind("delivery", "delivery", "recipients"),
    "DeliveryDelay": _Kind("delay", "deliveryDelay", "delayedRecipients"),
    "Send": _Kind("send", "send", "mail"),
    "Reject": _Kind("reject", "reject", "mail"),
    "Rendering Failure": _Kind("rendering-failure", "failure", "mail"),
    "Open": _Kind("open", "open"),
    "Click": _Kind("click", "click"),
    "Subscription": _Kind("subscription", "subscription"),
}
_OPTED_OUT = "UnsubscribedRecipient"
_PERMANENT = {"Permanent": True, "Transient": False}


def feedback(event: Mapping[str, Any], topic: str | None) -> Feedback:
    """A notification (`notificationType`) or an event (`eventType`). Types and fields that are not known are kept as they are."""
    word = text(event, "notificationType", "eventType") or ""
    kind = _KINDS.get(word, _Kind("unknown", ""))
    part, mail = mapping(event, kind.part), mapping(event, "mail")
    bounce_type, subtype = text(part, "bounceType"), text(part, "bounceSubType")
    return Feedback(
        kind.word,
        word,
        text(mail, "messageId"),
        _recipients(kind, part, mail),
        bounce_type,
        subtype,
        False if subtype == _OPTED_OUT else _PERMANENT.get(bounce_type or ""),
        text(part, "complaintFeedbackType"),
        text(part, "complaintSubType"),
        text(part, "delayType"),
        text(part, "feedbackId"),
        text(mapping(mail, "commonHeaders"), "messageId"),
        moment(part, "timestamp") or moment(mail, "timestamp"),
        topic,
        event,
    )


def _recipients(kind: _Kind, part: Mapping[str, Any], mail: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Only those that the part lists: the mail may have gone to others too, of whom nothing is said."""
    if kind.recipients is None:
        return None
    if kind.recipients == "mail":
        return texts(mail, "destination")
    listed = (text(item, "emailAddress") for item in items(part, kind.recipients))
    return texts(part, kind.recipients) or tuple(address for address in listed if address)
