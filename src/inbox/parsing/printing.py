"""A message as JSON: the contract with everybody outside. Every key is always there; absent is None."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inbox.model import isoformat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inbox.model import Envelope, Json
    from inbox.parsing.message import Message


def message_dict(message: Message, envelope: Envelope | None) -> dict[str, Json]:
    return {
        "size": message.size,
        "sha256": message.sha256,
        "headers": [{"name": header.name, "value": header.decoded.text} for header in message.headers],
        "from": _each(message.from_),
        "sender": _each(message.sender),
        "reply_to": _each(message.reply_to),
        "to": _each(message.to),
        "cc": _each(message.cc),
        "bcc": _each(message.bcc),
        "subject": message.subject,
        "date": isoformat(message.date) if message.date else None,
        "message_id": message.message_id,
        "in_reply_to": list(message.in_reply_to),
        "references": list(message.references),
        "thread": message.thread,
        "text": message.text,
        "html": message.html,
        "reply": message.reply.to_dict(),
        "attachments": _each(message.attachments),
        "calendar": message.calendar,
        "amp": message.amp,
        "security": _maybe(message.security),
        "list": _maybe(message.list),
        "automatic": _maybe(message.automatic),
        "may_reply": message.may_reply(envelope).to_dict(),
        "bounce": _maybe(message.bounce),
        "complaint": _maybe(message.complaint),
        "defects": _each(message.defects),
    }


def _each(items: Iterable[Any]) -> list[Json]:
    return [item.to_dict() for item in items] if items else []


def _maybe(item: Any) -> Json:
    return item.to_dict() if item is not None else None
