"""Reports of programs: what became of a mail (RFC 3464, and the notices of servers that do not follow it), who complains about one (RFC 5965)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inbox.parsing.delivery_status import STATUS_PARTS, Group, address_of, first, groups, joined, status_parts, word

if TYPE_CHECKING:
    from inbox.parsing.message import Message
    from inbox.parsing.structure import Part

_MOST_OCTETS = 1 << 20
_MOST_RECIPIENTS = 1000
_MOST_DIAGNOSTIC = 1000
_ACTIONS = {
    "failure": "failed",
    "fail": "failed",
    "error": "failed",
    "undeliverable": "failed",
    "expired": "failed",
    "delay": "delayed",
    "deferred": "delayed",
}
DELIVERED = ("delivered", "relayed", "expanded")
_REPORTS_IN = ("multipart/alternative", "multipart/signed", "multipart/encrypted", "multipart/related")


@dataclass(frozen=True, slots=True)
class BounceRecipient:
    """What became of the mail for one address.

    `action`: failed, delayed, delivered, relayed, expanded. `status`: RFC 3463. `reason`: unknown, other, no-mailbox, suppressed,
    unsubscribed, mailbox-full, too-large, expired, content, attachment; None when it was delivered. `permanent`: the server gave up; False
    while it goes on trying, None when nobody can tell. `type`, `subtype`: bounceType and bounceSubType of Amazon SES: whether it is of use to
    send other mail to this address. `diagnostic`: the words of the server. `final_recipient`: where the mail was forwarded to, when that
    is another address.
    """

    address: str
    action: str | None
    status: str | None
    reason: str | None
    permanent: bool | None
    diagnostic: str | None
    final_recipient: str | None = None

    @property
    def type(self) -> str | None:
        return self._types[0]

    @property
    def subtype(self) -> str | None:
        return self._types[1]

    @property
    def _types(self) -> tuple[str, str] | tuple[None, None]:
        from inbox.parsing.bounce_reasons import bounce_type  # noqa: PLC0415 (its patterns: only for reports)

        found = bounce_type(self.reason, self.status) or (None, None)
        return ("Transient", "General") if found[0] == "Permanent" and self.action == "delayed" else found

    def to_dict(self) -> dict[str, str | bool | None]:
        names = ("address", "action", "status", "reason", "permanent", "type", "subtype", "diagnostic", "final_recipient")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Bounce:
    """A report of delivery; without recipients when none could be read. `original_message_id`: of the mail it is about, or None."""

    recipients: tuple[BounceRecipient, ...]
    original_message_id: str | None = None

    def to_dict(self) -> dict[str, list[dict[str, str | bool | None]] | str | None]:
        return {"recipients": [recipient.to_dict() for recipient in self.recipients], "original_message_id": self.original_message_id}


@dataclass(frozen=True, slots=True)
class Complaint:
    """A feedback report. `type`: abuse, fraud, virus, other, not-spam, auth-failure, or a new word. `recipients`: who complains, if told."""

    type: str
    recipients: tuple[str, ...]
    original_message_id: str | None = None

    def to_dict(self) -> dict[str, str | list[str] | None]:
        return {"type": self.type, "recipients": list(self.recipients), "original_message_id": self.original_message_id}


def read_bounce(message: Message) -> Bounce | None:
    """The report of delivery that a mail is, or None. Reports within attached messages are not meant."""
    if message.media in STATUS_PARTS or (message.media.startswith("multipart/") and message.media not in _REPORTS_IN):
        found = status_parts(message.parts)
        if found and not _about_a_complaint(message):
            return of_status(message, found)
    from inbox.parsing.bounce_signs import is_suspect  # noqa: PLC0415 (ordinary mail has no status to read, and few are suspects)

    if not is_suspect(message):
        return None
    from inbox.parsing.bounce_unstructured import read_unstructured  # noqa: PLC0415 (as above)

    return read_unstructured(message)


def _about_a_complaint(message: Message) -> bool:
    return any(part.media.value == "message/feedback-report" and not part.within for part in message.parts)


def of_status(message: Message, found: list[Part]) -> Bounce:
    """What the groups say; what they leave out is taken from the words for people."""
    from inbox.parsing.bounce_unstructured import complete, original_of, read_recipients  # noqa: PLC0415 (its patterns: only for reports)

    recipients: dict[str, BounceRecipient] = {}
    for part in found:
        for group in joined(list(groups(part.transferred(_MOST_OCTETS).octets))):
            recipient = _recipient(group)
            if recipient and len(recipients) < _MOST_RECIPIENTS:
                recipients.setdefault(recipient.address.lower(), recipient)
    told = tuple(complete(message, recipient) for recipient in recipients.values())
    if not told and not any(
        first(group, "final-recipient", "original-recipient") for part in found for group in groups(part.transferred(_MOST_OCTETS).octets)
    ):
        told = read_recipients(message)
    return Bounce(told, original_of(message))


def _recipient(group: Group) -> BounceRecipient | None:
    from inbox.parsing.bounce_reasons import best_status, reason_of, status_of  # noqa: PLC0415 (as above)

    final = next(
        (one for name in ("final-recipient", "x-actual-recipient") for value in group.get(name, ()) if (one := address_of(value))), None
    )
    address = next((one for value in group.get("original-recipient", ()) if (one := address_of(value))), final)
    if not address:
        return None
    action = action_of(first(group, "action"))
    said = first(group, "diagnostic-code", "x-postfix-diagnostic", "x-supplementary-info", "x-display-name")
    diagnostic = (said.partition(";")[2] if ";" in said[:20] else said).strip()[:_MOST_DIAGNOSTIC] or None
    status = best_status(status_of(first(group, "status")), diagnostic)
    reason = None if action in DELIVERED else in_time(action, reason_of(status, diagnostic))
    other = final if final and final.lower() != address.lower() else None
    return BounceRecipient(address, action, status, reason, gave_up(action, status), diagnostic, other)


def in_time(action: str | None, reason: str) -> str:
    """The reason; what is still being tried has not expired, whatever the server says of time-outs."""
    return "other" if action == "delayed" and reason == "expired" else reason


def action_of(value: str) -> str | None:
    """`Failed (permanent)` -> `failed`; also of servers that write `failure`, `delay` or `deferred`."""
    said = word(value)
    return _ACTIONS.get(said, said) if said else None


def gave_up(action: str | None, status: str | None) -> bool | None:
    """By the action (RFC 3464 section 2.3.3), else by the class of the status (RFC 3463 section 3.1); None when it was delivered."""
    if action in DELIVERED:
        return None
    known = {"failed": True, "delayed": False}.get(action or "")
    return known if known is not None or not status else status.startswith("5")


def read_complaint(message: Message) -> Complaint | None:
    """The feedback report that a mail is, or None."""
    if not message.media.startswith("multipart/"):
        return None
    part = next((part for part in message.parts if part.media.value == "message/feedback-report" and not part.within), None)
    if part is None:
        return None
    from inbox.parsing.returned import original_id  # noqa: PLC0415 (only for reports)

    fields: Group = {}
    for group in groups(part.transferred(_MOST_OCTETS).octets):
        for name, values in group.items():
            fields.setdefault(name, []).extend(values)
    people = [address_of(value) for name in ("original-rcpt-to", "removal-recipient") for value in fields.get(name, ())]
    kind = (fields.get("feedback-type") or ["other"])[0].lower()
    return Complaint(kind[:40] or "other", tuple(dict.fromkeys(one for one in people if one)), original_id(message.parts, "", ()))


def with_words(recipient: BounceRecipient, diagnostic: str | None, notice: str) -> BounceRecipient:
    """The same with what the words for people add: a reason where the fields have none that is worth it."""
    from inbox.parsing.bounce_reasons import best_status, reason_of  # noqa: PLC0415 (its patterns: only for reports)

    words = recipient.diagnostic or (diagnostic[:_MOST_DIAGNOSTIC] if diagnostic else None)
    status = best_status(recipient.status, words)
    return replace(recipient, status=status, diagnostic=words, reason=in_time(recipient.action, reason_of(status, words, notice)))
