"""What the rooms ask of each other, as protocols: who starts the program hands the real things in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, runtime_checkable

from inbox.model import Envelope, Mail, Outcome, Plan, Reply, Row, Value
from inbox.sending import About, Answers, EventType, Letter, SendingEvent

NOTHING = About()
"""A letter that events say nothing more of."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What a fact may answer in place of a value: the value, and what receipts say of it; `Noted(None, why)`: absent, through no fault.

    `fault`: the value is what holds since the true one could not be had: nobody is refused for good because of it (451).
    """

    value: Value
    note: str
    fault: bool = False


class Facts(Protocol):
    """The facts of one mail: computed when asked for, each at most once, never raising.

    `failed`: those that could not be had, through no doing of the mail; what they say instead is no reason to refuse anything for good.
    """

    failed: set[str]

    def get(self, name: str) -> Value:
        """The value of a fact, or None when it is absent or failed."""

    def note(self, name: str) -> str | None:
        """Why it is absent, when there is something to say."""


class Budget(NamedTuple):
    """So many within so many seconds, under a name of its own: `reply sender alice@example.org`."""

    name: str
    number: int
    seconds: float


class Memory(Protocol):
    """What facts and handlers may know of other mails. A memory for `explain` notes nothing."""

    def earlier(self, kind: str, key: str, mail: Mail, window: timedelta) -> int:
        """How many *other* mails noted (kind, key) before this one and not longer than `window` before it arrived; this mail is noted too.

        Asking again for the same mail gives the same answer: a mail is noted once and keeps its place.
        """

    def take(self, mail: Mail, n: int, budgets: Sequence[Budget]) -> Budget | None:
        """Take one of each budget for step `n` of a mail, or nothing: the first that is used up is returned, None when all had room.

        All processes together take no more than `number` within any `seconds`, by the times at which the mails arrived. A step that has taken
        has taken: asking again takes nothing more, and the answer is None.
        """

    def load(self, name: str) -> bytes | None:
        """A trained model or another named blob, or None."""

    def sender_of(self, mail_id: str) -> str | None:
        """The envelope sender of a mail that is kept; None for the null sender, and for a mail that is not kept."""


class Outbox(Protocol):
    """The way out for mail that handlers send."""

    def send(self, sender: str | None, recipients: Sequence[str], raw: bytes, *, about: About = NOTHING) -> str:
        """Hand one mail (CRLF only) to the next hop and return its answer.

        Deferred on 4xx and lost connections, Failed on 5xx, Suppressed when all recipients are on the suppression list.
        """


@runtime_checkable
class Queue(Protocol):
    """Where mail that is to leave waits, durably, until it is worked on."""

    def keep_all(self, mails: Sequence[tuple[Mail, Plan]]) -> list[str]:
        """Keep mails with their plans; the ids under which they are kept. A source key that is there already is the same mail."""


class Transport(Protocol):
    """A way to the next hop: an SMTP server, SES, a folder, the recipients' own servers."""

    def deliver(self, letter: Letter) -> Answers:
        """Hand over one letter; an answer for each of its recipients. Deferred when it cannot be tried now; it never raises for an answer."""

    def rates(self) -> Sequence[str]:
        """Rates that the next hop allows us (`"14/1s"`), as far as it says so."""


@runtime_checkable
class Ledger(Protocol):
    """What became of mail that left."""

    def note(self, events: Sequence[SendingEvent]) -> Sequence[SendingEvent]:
        """Write events down, durably; those that were new. The same key again changes nothing."""

    def events(
        self,
        *,
        mail: str | None = None,
        message_id: str | None = None,
        recipient: str | None = None,
        identity: str | None = None,
        type: EventType | None = None,  # noqa: A002  the word of the event
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        newest: bool = False,
    ) -> Sequence[SendingEvent]:
        """Events that fit all that is given (`since` included, `until` not), oldest first, or newest first. Addresses compare without case."""

    def sent(self, *message_ids: str) -> Sequence[SendingEvent]:
        """The `send` events of the mail that left with a Message-ID, or that SES gave it: one for each recipient; none: it is not ours.

        Of several Message-IDs, those of the first that is ours.
        """

    def delivered(self, mail: str, n: int) -> Collection[str]:
        """Recipients that the next hop has taken step `n` of a mail for, as they were written: they are not sent to again."""

    def why_suppressed(self, address: str, identity: str | None = None) -> str | None:
        """Why no mail is to be sent to an address (by this identity); None when there is no reason."""

    def may_send(self, identity: str | None) -> str | None:
        """Why an identity is stopped (too many bounces or complaints); None when it is not."""

    def wait_for(self, name: str, rate: str, amount: int = 1) -> float:
        """Take `amount` from a bucket that all processes share and that fills at `rate` (`"14/1s"`); else the seconds until it holds that."""


class Journal(Protocol):
    """Where plans and outcomes are written down as they come about. Every call is durable when it returns."""

    def planned(self, mail: Mail, plan: Plan) -> Plan:
        """Keep the plan unless one is kept already; the plan that holds is returned."""

    def settled(self, mail: Mail, outcome: Outcome, row: Row | None = None, due_at: datetime | None = None) -> None:
        """One outcome, in one transaction with its row. `due_at`: when a deferred step is due again."""


class Gate(Protocol):
    """What a door asks: may this recipient be served, and take this mail."""

    def admit(self, envelope: Envelope, recipient: str) -> Reply | None:
        """None when the recipient may be served, else the refusal. Pure and quick: it is asked at RCPT time, on the event loop."""

    async def take(self, mail: Mail) -> Sequence[Reply]:
        """One reply for each envelope recipient, in order. A 250 means: durable. Raises when it cannot be promised (answer 451)."""


class Counter(Protocol):
    """Counts and observes for `/metrics` and `inbox stats`; in memory only, so it never blocks."""

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add one value (seconds or octets) to a histogram."""


class Clock(Protocol):
    """The time of day; tests hand in their own."""

    def __call__(self) -> datetime:
        """Now, aware, in UTC."""
