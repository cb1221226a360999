"""Facts of attachments. A condition on a list holds when it holds for any attachment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox import Message


def attachment(message: Message) -> bool | None:
    """True when there is an attachment, else absent: write `attachment: {exists: true}`."""
    return bool(message.attachments) or None


def name(message: Message) -> tuple[str, ...]:
    """File names of the attachments, made safe."""
    return tuple(item.filename for item in message.attachments if item.filename)


def declared_type(message: Message) -> tuple[str, ...]:
    """Media types as the sender declares them: `application/pdf`."""
    return tuple(item.type for item in message.attachments if item.type)


def detected_type(message: Message) -> tuple[str, ...]:
    """Media types as the first octets of the files show them."""
    return tuple(item.detected_type for item in message.attachments if item.detected_type)


def size(message: Message) -> tuple[int, ...]:
    """Sizes in octets, decoded."""
    return tuple(item.size for item in message.attachments)


def sha256(message: Message) -> tuple[str, ...]:
    """SHA-256 of each decoded file, in hexadecimal."""
    return tuple(item.sha256 for item in message.attachments)


def count(message: Message) -> int:
    """Number of attachments."""
    return len(message.attachments)


FACTS: Mapping[str, Callable[..., object]] = {
    "attachment": attachment,
    "attachment.name": name,
    "attachment.type": declared_type,
    "attachment.detected": detected_type,
    "attachment.size": size,
    "attachment.sha256": sha256,
    "attachment.count": count,
}
