"""Whether a mail is to be answered at all: the guard of RFC 3834, and what a rule asks besides, as Sieve's vacation does (RFC 5230)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from inbox.sending import automatic_ids, made_at

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail

QUICK = timedelta(seconds=10)
"""An answer to a reply of ours that comes sooner after the mail that we answered was not written by a person."""


def unanswerable(mail: Mail, message: Message) -> str | None:
    """Why a program must not answer this mail; None when it may."""
    asked = message.may_reply(mail.envelope)
    if not asked.ok or mail.envelope.sender is None:
        return "; ".join(asked.reasons) or "null sender"
    if answers_us(message) and _quick(mail, message):
        return f"it answers a reply of ours within {QUICK.seconds} s: a program wrote it"
    return None


def answers_us(message: Message) -> bool:
    """Whether it refers to an automatic reply of ours, or of another installation."""
    return bool(automatic_ids((*message.in_reply_to, *message.references)))


def _quick(mail: Mail, message: Message) -> bool:
    """The id of the mail that we answered stands in the Message-ID of the reply, and says when it came."""
    made = [made_at(found) for found in automatic_ids((*message.in_reply_to, *message.references))]
    return any(timedelta(0) <= mail.received_at - at < QUICK for at in made)


@dataclass(frozen=True)
class Wanted:
    """What the options of a rule ask of a mail: to come between two days, both included, and to name us."""

    from_date: str | None
    until_date: str | None
    timezone: str
    only_if_named: bool
    addresses: tuple[str, ...]

    def why_not(self, mail: Mail, message: Message, own: tuple[str, ...]) -> str | None:
        """Why a mail to `own` is not what the rule answers; None when it is."""
        return self._out_of_time(mail) or (self._unnamed(message, own) if self.only_if_named else None)

    def _out_of_time(self, mail: Mail) -> str | None:
        if not (self.from_date or self.until_date):
            return None
        day = mail.received_at.astimezone(ZoneInfo(self.timezone)).date().isoformat()
        if self.from_date and day < self.from_date:
            return f"replies begin on {self.from_date}"
        return f"replies ended on {self.until_date}" if self.until_date and day > self.until_date else None

    def _unnamed(self, message: Message, own: tuple[str, ...]) -> str | None:
        """RFC 5230 section 4.5: mail to a list, a blind copy."""
        mine = {_plain(address) for address in (*own, *self.addresses)}
        named = {_plain(one.address) for one in (*message.to, *message.cc, *message.bcc)}
        return None if mine & named else "none of our addresses stands in To or Cc"


def _plain(address: str) -> str:
    local, at, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"


def problems(from_date: str | None, until_date: str | None, timezone: str) -> Iterator[str]:
    """What is wrong with dates and time zone, found at load."""
    for name, text in (("from_date", from_date), ("until_date", until_date)):
        if text and not _is_date(text):
            yield f"{name}: {text!r} is no date; write 2026-12-24"
    if from_date and until_date and from_date > until_date:
        yield f"until_date {until_date} is before from_date {from_date}"
    try:
        ZoneInfo(timezone)
    except (ValueError, OSError, KeyError):
        yield f"timezone: there is no {timezone!r}; write a name such as Europe/Berlin"


def _is_date(text: str) -> bool:
    """ISO 8601 in its long form only, which sorts as it reads."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
