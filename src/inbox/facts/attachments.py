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


def mismatch(message: Message) -> bool | None:
    """True when a file is something else than its declared type or the extension of its name says, else absent."""
    return any(item.mismatch for item in message.attachments) or None


def program(message: Message) -> bool | None:
    """True when a file, or a member of an archive, is a program, a script, a shortcut or a disk image, by name or content; else absent."""
    return any(item.program for item in message.attachments) or None


def archive(message: Message) -> tuple[str, ...]:
    """Kinds of the archives among the attachments: zip tar gzip bzip2 xz 7z rar. They are looked into one level deep."""
    return tuple(item.archive.kind for item in message.attachments if item.archive)


def archive_odd(message: Message) -> tuple[str, ...]:
    """What is odd about archives: encrypted bomb unsafe-name link nested capped broken unlisted."""
    return tuple(word for item in message.attachments if item.archive for word in item.archive.odd)


def archive_name(message: Message) -> tuple[str, ...]:
    """Names of files in archives, as they are stored there."""
    return tuple(member.name for item in message.attachments if item.archive for member in item.archive.members)


def archive_type(message: Message) -> tuple[str, ...]:
    """Media types of files in archives, as their first octets show them."""
    return tuple(member.type for item in message.attachments if item.archive for member in item.archive.members if member.type)


def archive_size(message: Message) -> tuple[int, ...]:
    """Octets of each archive when it is unpacked, as far as was looked."""
    return tuple(item.archive.size for item in message.attachments if item.archive)


FACTS: Mapping[str, Callable[..., object]] = {
    "attachment": attachment,
    "attachment.name": name,
    "attachment.type": declared_type,
    "attachment.detected": detected_type,
    "attachment.size": size,
    "attachment.sha256": sha256,
    "attachment.count": count,
    "attachment.mismatch": mismatch,
    "attachment.program": program,
    "archive": archive,
    "archive.odd": archive_odd,
    "archive.name": archive_name,
    "archive.type": archive_type,
    "archive.size": archive_size,
}
