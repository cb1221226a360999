"""What Amazon SES tells of mail that was sent, as events of the ledger. SES has proven who it is (`sns.py`), so its word counts for other mail of the account too.

A mail that left from here is known by its Message-ID or the id that SES gave it: its events have its keys, so that a bounce that also comes as a mail,
or a delivery that the way out noted, counts once. Any other mail is named by the id of SES.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inbox.feedback import Sent, subtype_of
from inbox.sending import EventType, SendingEvent
from inbox.sources.ses.fields import items, mapping, text, texts
from inbox.sources.ses.intake import log_feedback
from inbox.suppression import folded

if TYPE_CHECKING:
    from inbox.ports import Ledger
    from inbox.sources.ses.records import Feedback

_TYPES: Mapping[str, EventType] = {
    "bounce": "bounce",
    "complaint": "complaint",
    "delivery": "delivery",
    "delay": "delivery_delay",
    "send": "send",
    "reject": "reject",
    "rendering-failure": "rendering_failure",
    "open": "open",
    "click": "click",
    "subscription": "subscription",
}
_OFTEN = frozenset(("open", "click", "subscription"))  # may happen many times to one mail
_NO_COMPLAINTS = frozenset(("not-spam", "auth-failure"))
_LISTED = "OnAccountSuppressionList"


def attend(feedback: Feedback, ledger: Ledger) -> None:
    """Note what SES tells, durably, and say so in the log. StoreError: SES is to tell it again."""
    log_feedback(feedback)
    if found := events(feedback, ledger.sent):
        ledger.note(found)


def events(feedback: Feedback, sent: Sent) -> tuple[SendingEvent, ...]:
    """One event for each recipient that is meant. What we have no word for, and complaints that are none, give no event."""
    kind = _TYPES.get(feedback.feedback)
    if kind is None or not feedback.message_id or feedback.complaint in _NO_COMPLAINTS:
        return ()
    if _LISTED in (feedback.bounce_subtype, feedback.complaint_subtype):
        kind = "suppressed"
    ids = [one for one in (feedback.own_message_id, feedback.message_id) if one]
    known = {folded(event.recipient): event for event in sent(*ids) if event.recipient}
    return tuple(_event(feedback, kind, recipient, known) for recipient in _recipients(feedback))


def _recipients(feedback: Feedback) -> Iterable[str | None]:
    """Those that SES names; who opened or clicked it does not say, but a mail to one recipient has no other."""
    if feedback.recipients is not None:
        return feedback.recipients
    destination = texts(mapping(feedback.original, "mail"), "destination") or ()
    return destination if len(destination) == 1 else (None,)


def _event(feedback: Feedback, kind: EventType, recipient: str | None, known: Mapping[str, SendingEvent]) -> SendingEvent:
    about = known.get(folded(recipient)) if recipient else next(iter(known.values()), None)
    base = about or _stranger(feedback, recipient)
    letter = base.key.removesuffix(":send")
    if kind in _OFTEN:
        letter = f"{letter}:{_moment(feedback)}"
    subtype, detail = _subtype(feedback, kind), _detail(feedback, recipient)
    at = feedback.at or datetime.now(UTC)
    whom = base.recipient if recipient else None
    return replace(base, key=f"{letter}:{kind}", type=kind, at=at, recipient=whom, subtype=subtype, detail=detail)


def _stranger(feedback: Feedback, recipient: str | None) -> SendingEvent:
    """The `send` event of a mail that did not leave from here."""
    mail = mapping(feedback.original, "mail")
    tags = mapping(mail, "tags")
    named = {name: next(iter(texts(tags, name) or ()), None) for name in ("ses:from-domain", "template", "variant", "experiment")}
    identity = named.pop("ses:from-domain") or (text(mail, "source") or "").strip("<> ").rpartition("@")[2]
    return SendingEvent(
        f"ses:{feedback.message_id}:{recipient or ''}:send",
        "send",
        feedback.at or datetime.now(UTC),
        recipient=recipient,
        identity=identity.lower() or None,
        message_id=feedback.message_id,
        **named,
    )


def _moment(feedback: Feedback) -> str:
    """What tells one opening or click from another."""
    said = f"{feedback.at.isoformat() if feedback.at else ''} {text(_part(feedback), 'link') or ''}"
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:16]


def _part(feedback: Feedback) -> Mapping[str, Any]:
    """What SES says beside `mail`: the words of this type of event."""
    names = {"delay": "deliveryDelay", "rendering-failure": "failure"}
    return mapping(feedback.original, names.get(feedback.feedback, feedback.feedback))


def _subtype(feedback: Feedback, kind: EventType) -> str | None:
    if feedback.bounce_type:
        return subtype_of(feedback.bounce_type, feedback.bounce_subtype)
    if kind == "subscription":
        wanted = mapping(_part(feedback), "newTopicPreferences")
        return "unsubscribed" if wanted.get("unsubscribeAll") is True else "changed"
    return feedback.complaint or feedback.delay


def _detail(feedback: Feedback, recipient: str | None) -> str | None:
    """The words of who reports it: of the recipient's server, or of SES."""
    part = _part(feedback)
    named = [*items(part, "bouncedRecipients"), *items(part, "delayedRecipients")]
    own = next((one for one in named if text(one, "emailAddress") == recipient), {})
    said = text(own, "diagnosticCode", "status") or text(part, "smtpResponse", "reason", "errorMessage", "link")
    return said.removeprefix("smtp; ") if said else None
