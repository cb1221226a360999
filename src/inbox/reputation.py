"""What bounces and complaints have for consequences: who is not sent to any more, and when an identity is stopped. Pure.

The rules are those of Amazon SES where it has some: a permanent bounce puts the address on the list of the whole account, and an account
with 5 % bounces or 0.1 % complaints is under review (Amazon SES, "Reputation"); temporary bounces count there for nothing, here in a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from inbox.suppression import Suppression, folded

if TYPE_CHECKING:
    from inbox.sending import SendingEvent, Standing
    from inbox.tables import Identity, Sending

_NOT_THE_ADDRESS = frozenset(("message_too_large", "content_rejected", "attachment_rejected", "unsubscribed_recipient"))
"""Subtypes of temporary bounces that say nothing of the address."""
_SHORT = 200


def bounce_class(event: SendingEvent) -> str | None:
    """`permanent`, `transient`, `undetermined` of a bounce; None for any other event."""
    if event.type != "bounce":
        return None
    found = (event.subtype or "").partition("/")[0]
    return found if found in ("permanent", "transient") else "undetermined"


def is_soft(event: SendingEvent) -> bool:
    """Whether it is a bounce that other mail to this address may not share, but does if it goes on so.

    A temporary one of which nobody says why is none: so Amazon SES reports answers of people who are out of office.
    """
    found, subtype = bounce_class(event), event.subtype or ""
    if found is None or found == "permanent" or (subtype == "transient/general" and not event.detail):
        return False
    return subtype.partition("/")[2] not in _NOT_THE_ADDRESS


def suppression_of(event: SendingEvent, sending: Sending, before: Sequence[SendingEvent] = ()) -> Suppression | None:
    """Whom an event puts on the suppression list. `before`: what is known of this recipient, `history(sending)` back; asked for soft bounces."""
    if not event.recipient:
        return None
    address, source = folded(event.recipient), f"{event.type} {event.mail or event.message_id or event.key}"
    said = f": {event.detail[:_SHORT]}" if event.detail else ""
    if bounce_class(event) == "permanent":
        return Suppression(address, f"bounced for good{said}", source, event.at)
    if event.type == "suppressed" and event.subtype:
        return Suppression(address, "on the suppression list of the account at Amazon SES", source, event.at)
    if event.type == "complaint":
        whose = event.identity if sending.complaint == "identity" else None
        return Suppression(address, f"complained{said}", source, event.at, identity=whose)
    if event.type == "subscription" and event.subtype == "unsubscribed":
        return Suppression(address, "unsubscribed", source, event.at, identity=event.identity)
    if is_soft(event) and (number := soft_in_a_row(before, event, sending)) >= sending.soft_bounces:
        until = event.at + timedelta(seconds=sending.soft_for)
        return Suppression(address, f"bounced {number} times in a row{said}", source, event.at, until)
    return None


def history(sending: Sending) -> timedelta:
    """How far back `soft_in_a_row` looks: a bounce may come days after its mail."""
    return timedelta(seconds=2 * sending.soft_within)


def soft_in_a_row(before: Iterable[SendingEvent], last: SendingEvent, sending: Sending) -> int:
    """How many mails in a row, up to the one of `last`, had a soft bounce, and not longer ago than `soft_within`.

    In the order in which they were sent: one that a next hop took may bounce days later, so mails behind the last one say nothing yet. A
    mail that was taken and did not bounce ends the row; one that bounced for what was in it neither counts nor ends it.
    """
    since = last.at - timedelta(seconds=sending.soft_within)
    letters: dict[str, list[SendingEvent]] = {}
    for event in sorted([*(one for one in before if one.key != last.key), last], key=lambda one: one.at):
        letters.setdefault(_letter(event), []).append(event)
    number = 0
    for letter, events in letters.items():
        bounces = [event for event in events if event.type == "bounce"]
        if any(is_soft(event) and event.at >= since for event in bounces):
            number += 1
        elif not bounces and any(event.type == "delivery" for event in events):
            number = 0
        if letter == _letter(last):
            break
    return number


def _letter(event: SendingEvent) -> str:
    """Events of one mail to one recipient have the same key but for its last word, the type."""
    return event.key.rpartition(":")[0]


def why_stop(standing: Standing, limits: Identity, sending: Sending) -> str | None:
    """Why an identity is to send nothing more for now; None when its rates are in order or say nothing yet."""
    if standing.sends < sending.least:
        return None
    if standing.bounces >= limits.bounces * standing.sends:
        return f"{_share(standing.bounces, standing)} bounced for good, {_percent(limits.bounces)} are too many"
    if standing.complaints >= max(sending.least_complaints, limits.complaints * standing.sends):
        return f"{_share(standing.complaints, standing)} complained, {_percent(limits.complaints)} are too many"
    return None


def _share(number: int, standing: Standing) -> str:
    return f"{number} of {standing.sends} recipients ({_percent(number / standing.sends)})"


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
