"""Reports of programs: what became of a mail (RFC 3464) and that somebody complains about one (RFC 5965)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inbox.parsing.structure import Part
from inbox.parsing.words import decode_value

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATUS_PARTS = ("message/delivery-status", "message/global-delivery-status")
_GROUPS = re.compile(rb"\n[ \t]*\r?\n")
_FOLDS = re.compile(rb"\r?\n[ \t]+")
_MOST_OCTETS = 1 << 20
_MOST_RECIPIENTS = 1000
_MOST_DIAGNOSTIC = 1000
_DELIVERED = ("delivered", "relayed", "expanded")


@dataclass(frozen=True, slots=True)
class BounceRecipient:
    """What became of the mail for one address.

    `action`: failed, delayed, delivered, relayed, expanded. `status`: RFC 3463. `reason`: unknown, other, no-mailbox, suppressed,
    unsubscribed, mailbox-full, too-large, expired, content, attachment; None when it was delivered. `permanent`: it is of no use to send to
    this address again; None when nobody can tell. `diagnostic`: the words of the server.
    """

    address: str
    action: str | None
    status: str | None
    reason: str | None
    permanent: bool | None
    diagnostic: str | None

    def to_dict(self) -> dict[str, str | bool | None]:
        names = ("address", "action", "status", "reason", "permanent", "diagnostic")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Bounce:
    """A report of delivery; without recipients when none could be read."""

    recipients: tuple[BounceRecipient, ...]

    def to_dict(self) -> dict[str, list[dict[str, str | bool | None]]]:
        return {"recipients": [recipient.to_dict() for recipient in self.recipients]}


@dataclass(frozen=True, slots=True)
class Complaint:
    """A feedback report. `type`: abuse, fraud, virus, other, not-spam, auth-failure, or a new word. `recipients`: who complains, if told."""

    type: str
    recipients: tuple[str, ...]

    def to_dict(self) -> dict[str, str | list[str]]:
        return {"type": self.type, "recipients": list(self.recipients)}


def read_bounce(parts: list[Part]) -> Bounce | None:
    """The delivery report of a mail, or None when it has none. Reports within attached messages are not meant."""
    found = [part for part in parts if part.media.value in _STATUS_PARTS and not part.within]
    if not found:
        return None
    recipients: dict[str, BounceRecipient] = {}
    for part in found:
        for group in _groups(part):
            recipient = _recipient(group)
            if recipient and len(recipients) < _MOST_RECIPIENTS:
                recipients.setdefault(recipient.address.lower(), recipient)
    return Bounce(tuple(recipients.values()))


def read_complaint(parts: list[Part]) -> Complaint | None:
    """The feedback report of a mail, or None when it has none."""
    part = next((part for part in parts if part.media.value == "message/feedback-report" and not part.within), None)
    if part is None:
        return None
    fields: dict[str, list[str]] = {}
    for group in _groups(part):
        for name, values in group.items():
            fields.setdefault(name, []).extend(values)
    people = [_address(value) for name in ("original-rcpt-to", "removal-recipient") for value in fields.get(name, ())]
    kind = (fields.get("feedback-type") or ["other"])[0].lower()
    return Complaint(kind[:40] or "other", tuple(dict.fromkeys(one for one in people if one)))


def _groups(part: Part) -> Iterator[dict[str, list[str]]]:
    """Groups of fields, names in lower case; an empty line stands between them (RFC 3464 section 2.1.1)."""
    for octets in _GROUPS.split(part.transferred(_MOST_OCTETS).octets, 2 * _MOST_RECIPIENTS):
        group: dict[str, list[str]] = {}
        for line in _FOLDS.sub(b" ", octets).splitlines():
            name, colon, value = line.partition(b":")
            if colon:
                group.setdefault(name.strip().decode("ascii", "replace").lower(), []).append(decode_value(value).text)
        if group:
            yield group


def _recipient(group: dict[str, list[str]]) -> BounceRecipient | None:
    from inbox.parsing.bounce_reasons import reason_of, status_of  # noqa: PLC0415 (their patterns: only for reports)

    named = [value for name in ("final-recipient", "original-recipient") for value in group.get(name, ())]
    address = next((found for value in named if (found := _address(value))), None)
    if not address:
        return None
    action = _word(group, "action")
    diagnostic = (group.get("diagnostic-code") or [""])[0].partition(";")[2].strip()[:_MOST_DIAGNOSTIC] or None
    status = status_of((group.get("status") or [""])[0])
    if action in _DELIVERED:
        return BounceRecipient(address, action, status, None, None, diagnostic)
    reason, permanent = reason_of(action, status, diagnostic)
    return BounceRecipient(address, action, status, reason, permanent, diagnostic)


def _word(group: dict[str, list[str]], name: str) -> str | None:
    words = re.findall(r"[a-z-]+", (group.get(name) or [""])[0].lower())
    return words[0] if words else None


def _address(value: str) -> str | None:
    """`rfc822; user@example.org` -> `user@example.org`; None for what is no address."""
    found = value.rpartition(";")[2].strip().strip("<>").strip()
    return found if "@" in found and " " not in found and len(found) <= 320 else None
