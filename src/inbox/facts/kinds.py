"""Facts of what kind of mail it is: from a list, written by a program, a bounce, a complaint; and whether it may be answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Envelope


def mailing_list(message: Message) -> bool | None:
    """True for mail of a mailing list, else absent (RFC 2919, RFC 2369)."""
    return message.list is not None or None


def list_id(message: Message) -> str | None:
    """List-Id of the mailing list (RFC 2919)."""
    return message.list.id if message.list else None


def list_unsubscribe(message: Message) -> str | tuple[str, ...] | None:
    """Where to unsubscribe (List-Unsubscribe, RFC 2369)."""
    return (message.list.unsubscribe or None) if message.list else None


def automatic(message: Message) -> str | None:
    """Kind of a mail that no human wrote: auto-reply vacation bounce delay complaint receipt list bulk daemon; else absent."""
    return message.automatic.kind if message.automatic else None


def may_reply(message: Message, envelope: Envelope) -> bool:
    """Whether the mail may be answered by a program (RFC 3834 section 2)."""
    return message.may_reply(envelope).ok


def bounce(message: Message) -> bool | None:
    """True for a report of delivery, by its fields (RFC 3464) or its words, else absent."""
    return message.bounce is not None or None


def bounce_address(message: Message) -> tuple[str, ...]:
    """Addresses that the report is about."""
    return _each(message, "address")


def bounce_status(message: Message) -> tuple[str, ...]:
    """Status codes of the report: `5.1.1` (RFC 3463)."""
    return _each(message, "status")


def bounce_reason(message: Message) -> tuple[str, ...]:
    """Reasons of the report, from a closed set."""
    return _each(message, "reason")


def bounce_permanent(message: Message) -> tuple[bool, ...]:
    """Whether the server gave up on the mail; false while it still tries."""
    recipients = message.bounce.recipients if message.bounce else ()
    return tuple(item.permanent for item in recipients if item.permanent is not None)


def bounce_type(message: Message) -> tuple[str, ...]:
    """What SES would say of the addresses: `Permanent` (send them no more), `Transient`, `Undetermined`."""
    return _each(message, "type")


def bounce_message_id(message: Message) -> str | None:
    """Message-ID of the mail that came back."""
    return message.bounce.original_message_id if message.bounce else None


def _each(message: Message, part: str) -> tuple[str, ...]:
    recipients = message.bounce.recipients if message.bounce else ()
    return tuple(value for item in recipients if (value := getattr(item, part)))


def complaint(message: Message) -> str | None:
    """Type of a complaint, `abuse` for example (feedback report, RFC 5965), else absent."""
    return (message.complaint.type or "other") if message.complaint else None


FACTS: Mapping[str, Callable[..., object]] = {
    "list": mailing_list,
    "list.id": list_id,
    "list.unsubscribe": list_unsubscribe,
    "automatic": automatic,
    "may_reply": may_reply,
    "bounce": bounce,
    "bounce.address": bounce_address,
    "bounce.status": bounce_status,
    "bounce.reason": bounce_reason,
    "bounce.permanent": bounce_permanent,
    "bounce.type": bounce_type,
    "bounce.message_id": bounce_message_id,
    "complaint": complaint,
}
