"""What a mail that came in says of mail that we sent: it bounced, somebody complains, somebody answers. Pure but for looking up Message-IDs.

Anybody can write such a mail, so it counts only as far as what it names is ours: it must name the Message-ID of a mail that left, which those know
who had that mail, and it speaks for recipients of that mail only. Nobody can have an address suppressed that we never wrote to; and a mail that
was passed on with the Message-ID of its author, whom nobody vouches for, brings no bounces and complaints.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from inbox.suppression import folded

if TYPE_CHECKING:
    from inbox.model import Mail
    from inbox.parsing.message import Message
    from inbox.parsing.reports import Bounce, BounceRecipient, Complaint
    from inbox.sending import EventType, SendingEvent

Sent = Callable[..., Sequence["SendingEvent"]]
"""The `send` events of the first mail of ours among some Message-IDs; none when there is none (`inbox.ports.Ledger.sent`)."""

OWN = frozenset(("send", "event"))
"""Envelope sources of mail that waits to leave, and of notices of events: they say nothing of other mail, whatever they quote."""
_MOST_IDS = 4  # an answer names what it answers first; what stands further back was answered before
_ACTIONS: Mapping[str, EventType] = {
    "failed": "bounce",
    "delayed": "delivery_delay",
    "delivered": "delivery",
    "relayed": "delivery",
    "expanded": "delivery",
}
_NO_COMPLAINTS = frozenset(("not-spam", "auth-failure", "dmarc", "miscategorized"))
_OPT_OUT = frozenset(("opt-out", "opt-out-list"))
_REPORTS = frozenset(("multipart/report", "message/delivery-status", "message/global-delivery-status", "message/feedback-report"))
_PROGRAM = re.compile(r"(?i)(?:mailer|mail)?-?daemon|post-?master|bounces?|mail-?deliver|double-?bounce")
UNDETERMINED = "undetermined/undetermined"


def read(message: Message, mail: Mail, sent: Sent) -> tuple[SendingEvent, ...]:
    """Events about mail that we sent, in what a mail says; none for nearly all mail, which is found out from a few fields."""
    if mail.envelope.source in OWN:
        return ()
    if _may_report(message, mail):
        if (bounce := message.bounce) is not None:
            return tuple(_bounced(bounce, _secret(_found([bounce.original_message_id, *_named(message)], sent)), mail))
        if (complaint := message.complaint) is not None:
            return tuple(_complained(complaint, _secret(_found([complaint.original_message_id, *_named(message)], sent)), mail))
    return tuple(_answered(message, mail, sent))


def _may_report(message: Message, mail: Mail) -> bool:
    """Reports come from the null sender or somebody called like a program, or say by their type what they are (RFC 6522)."""
    sender = mail.envelope.sender
    return sender is None or message.media in _REPORTS or bool(_PROGRAM.match(sender))


def subtype_of(type_: str | None, subtype: str | None) -> str:
    """Type and subtype of a bounce as events have them, from the words of SES: `Permanent`, `NoEmail` -> `permanent/no_email`."""
    return f"{_snake(type_ or 'Undetermined')}/{_snake(subtype or type_ or 'Undetermined')}"


def _snake(word: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower()


def _named(message: Message) -> Iterator[str]:
    """Message-IDs that a mail answers, nearest first."""
    yield from message.in_reply_to
    yield from reversed(message.references)


def _found(ids: Iterable[str | None], sent: Sent) -> Sequence[SendingEvent]:
    """Recipients of the first mail of ours among these Message-IDs."""
    asked = tuple(islice(dict.fromkeys(id_ for id_ in ids if id_), _MOST_IDS))
    return sent(*asked) if asked else ()


def _secret(sent: Sequence[SendingEvent]) -> list[SendingEvent]:
    """Those whose Message-ID only their recipients know: we made it, or Amazon SES did. One that came with a mail that was passed on is its author's,
    who could otherwise have everybody suppressed whom his mail is forwarded to.
    """
    return [event for event in sent if event.mail is None or _is_secret(event, event.mail)]


def _is_secret(event: SendingEvent, mail: str) -> bool:
    name = (event.message_id or "").lstrip("<")
    return event.key.startswith(f"{mail}.0:") or name.startswith(f"{mail}.") or "@" not in name


def _bounced(bounce: Bounce, sent: Sequence[SendingEvent], mail: Mail) -> Iterator[SendingEvent]:
    known = _by_address(sent)
    if not bounce.recipients and len(sent) == 1:
        yield _event(sent[0], "bounce", mail, UNDETERMINED, None)
    for recipient in bounce.recipients:
        about = known.get(folded(recipient.address)) or known.get(folded(recipient.final_recipient or ""))
        if about:
            yield _fate(about, recipient, mail)


def _fate(about: SendingEvent, recipient: BounceRecipient, mail: Mail) -> SendingEvent:
    kind = _ACTIONS.get(recipient.action or "failed", "bounce")
    subtype = subtype_of(recipient.type, recipient.subtype) if kind == "bounce" else None
    return _event(about, kind, mail, subtype, recipient.diagnostic or recipient.status)


def _complained(complaint: Complaint, sent: Sequence[SendingEvent], mail: Mail) -> Iterator[SendingEvent]:
    """Of those whom the report names, or, since most reports hide that, of the one that the mail went to."""
    if complaint.type in _NO_COMPLAINTS:
        return
    known = _by_address(sent)
    named = [known[folded(address)] for address in complaint.recipients if folded(address) in known]
    for about in named or (sent if len(sent) == 1 else ()):
        if complaint.type in _OPT_OUT:
            yield _event(about, "subscription", mail, "unsubscribed", complaint.type)
        else:
            yield _event(about, "complaint", mail, complaint.type, None)


def _answered(message: Message, mail: Mail, sent: Sent) -> Iterator[SendingEvent]:
    """A person answers: no program, and not our own mail that comes back."""
    if mail.envelope.sender is None or not ("in-reply-to" in message.names or "references" in message.names):
        return
    found = _found(_named(message), sent)
    if not found or message.automatic is not None or message.loops:
        return
    known = _by_address(found)
    authors = [author.address for author in message.from_]
    about = next((known[folded(author)] for author in authors if folded(author) in known), found[0])
    one = about if len(found) == 1 or folded(about.recipient or "") in map(folded, authors) else replace(about, recipient=None)
    own = message.message_id or mail.id
    name = own if len(own) <= 200 else hashlib.sha256(own.encode("utf-8", "replace")).hexdigest()
    yield replace(one, key=f"{_letter(about)}:{name}:reply", type="reply", at=mail.received_at, detail=f"mail {mail.id}")


def _by_address(sent: Sequence[SendingEvent]) -> dict[str, SendingEvent]:
    return {folded(event.recipient): event for event in sent if event.recipient}


def _event(about: SendingEvent, kind: EventType, mail: Mail, subtype: str | None, detail: str | None) -> SendingEvent:
    """An event of the letter and recipient of a `send` event; heard twice, it is the same."""
    return replace(about, key=f"{_letter(about)}:{kind}", type=kind, at=mail.received_at, subtype=subtype, detail=detail)


def _letter(about: SendingEvent) -> str:
    return about.key.removesuffix(":send")
