"""Facts of earlier mails: was this one here before, and how many come from one side. They ask the store's memory."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from inbox.facts.addresses import domain_of
from inbox.options import Seconds

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail
    from inbox.ports import Memory

Side = Literal["sender", "sender.domain", "ip", "helo", "auth", "recipient", "source"]


def seen(
    mail: Mail, message: Message, memory: Memory, *, window: Seconds = 7 * 86_400, by: Literal["message-id", "body"] = "message-id"
) -> bool:
    """Whether the same mail came before.

    window: how far back, 7d by default. by: message-id (which can be forged: combine it with another fact), or body, the same text.
    """
    key = message.message_id if by == "message-id" else _fingerprint(message)
    return key is not None and memory.earlier(f"seen:{by}", key, mail, timedelta(seconds=window)) > 0


def _fingerprint(message: Message) -> str | None:
    words = " ".join((message.text or message.html or "").split())
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest() if words else None


def rate(mail: Mail, memory: Memory, *, per: Side = "sender", window: Seconds = 3600) -> int:
    """How many mails came from one side within a time, this one included.

    per: sender, sender.domain, ip, helo, auth, source, or recipient (then the highest of its recipients counts). window: 1h by default.
    """
    within = timedelta(seconds=window)
    return max((1 + memory.earlier(f"rate:{per}", key, mail, within) for key in _keys(mail, per)), default=1)


def _keys(mail: Mail, per: Side) -> tuple[str, ...]:
    envelope = mail.envelope
    if per == "recipient":
        return tuple(recipient.lower() for recipient in envelope.recipients)
    if per == "sender.domain":
        return ((domain_of(envelope.sender) or "") if envelope.sender else "",)
    return ((getattr(envelope, per) or "").lower(),)
