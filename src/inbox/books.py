"""The ledger as a whole: what a store writes down of mail that left, and what follows from it.

An event and the suppression that it brings are written in one transaction, so that neither is there without the other. Whether an identity is
to be stopped is asked after that, from what is counted: whoever notes the next event asks again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from inbox.ports import Ledger
from inbox.reputation import bounce_class, history, is_soft, suppression_of, why_stop
from inbox.sending import SendingEvent, Standing
from inbox.tables import Identity

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.ports import Counter
    from inbox.suppression import Suppression

_LOG = logging.getLogger("inbox.sending")


class SendingStore(Ledger, Protocol):
    """A store that keeps a ledger."""

    def note(self, events: Sequence[SendingEvent], suppressions: Mapping[str, Suppression] | None = None) -> Sequence[SendingEvent]:
        """As `Ledger.note`; with each event that is new, the suppression under its key. One that lasts longer stays."""

    def standing(self, identity: str, window: timedelta, now: datetime) -> Standing:
        """What was counted for an identity within the window (from the full hour before it), or since it was resumed."""

    def stop(self, identity: str, why: str) -> bool:
        """Let an identity send nothing more, until it is resumed; whether that is new."""


class Books:
    """The ledger of a store (`inbox.ports.Ledger`), with the consequences that `[sending]` and `[identities]` name."""

    def __init__(self, store: SendingStore, settings: Settings, counter: Counter | None = None) -> None:
        self._store, self._settings, self._counter = store, settings, counter

    def note(self, events: Sequence[SendingEvent]) -> Sequence[SendingEvent]:
        """Write events down with what follows from them; those that were new."""
        entries = {event.key: entry for event in events if (entry := self._entry(event))}
        new = self._written(events, entries)
        for event in new:
            self._tell(event, entries.get(event.key))
        for identity in {event.identity for event in new if event.identity and self._harms(event)}:
            self._watch(identity)
        return new

    def _written(self, events: Sequence[SendingEvent], entries: Mapping[str, Suppression]) -> Sequence[SendingEvent]:
        """Events, suppressions and what is to be told of them, in one transaction."""
        store, notifications = self._store, self._settings.notifications
        from inbox.send.notices import Keeping, noted  # noqa: PLC0415  most mails come to nothing that is noted

        if not notifications or not isinstance(store, Keeping):
            return store.note(events, entries)
        return noted(store, lambda: self._store.note(events, entries), events, notifications, self._settings.hostname)

    def _entry(self, event: SendingEvent) -> Suppression | None:
        sending = self._settings.sending
        soft = event.recipient is not None and is_soft(event)
        before = self._store.events(recipient=event.recipient, since=event.at - history(sending)) if soft else ()
        return suppression_of(event, sending, before)

    def _tell(self, event: SendingEvent, entry: Suppression | None) -> None:
        if self._counter:
            self._counter.count("inbox_sending_events_total", type=event.type, identity=event.identity or "")
            if entry:
                self._counter.count("inbox_suppressions_total", type=event.type)
        if entry:
            _LOG.warning("address suppressed", extra={"address": entry.address, "identity": entry.identity, "why": entry.reason})

    @staticmethod
    def _harms(event: SendingEvent) -> bool:
        return event.type == "complaint" or bounce_class(event) == "permanent"

    def _watch(self, identity: str) -> None:
        """Stop an identity whose rates are too high, and say so where it is heard."""
        sending, now = self._settings.sending, datetime.now(UTC)
        standing = self._store.standing(identity, timedelta(seconds=sending.window), now)
        why = why_stop(standing, self._settings.identities.get(identity, Identity()), sending)
        if why and self._store.stop(identity, why):
            _LOG.error("identity stopped", extra={"identity": identity, "why": why, "remedy": f"inbox identity resume {identity}"})

    # what the store alone knows

    def events(self, **asked: Any) -> Sequence[SendingEvent]:
        return self._store.events(**asked)

    def sent(self, *message_ids: str) -> Sequence[SendingEvent]:
        return self._store.sent(*message_ids)

    def delivered(self, mail: str, n: int) -> Collection[str]:
        return self._store.delivered(mail, n)

    def why_suppressed(self, address: str, identity: str | None = None) -> str | None:
        return self._store.why_suppressed(address, identity)

    def may_send(self, identity: str | None) -> str | None:
        return self._store.may_send(identity)

    def wait_for(self, name: str, rate: str, amount: int = 1) -> float:
        return self._store.wait_for(name, rate, amount)
