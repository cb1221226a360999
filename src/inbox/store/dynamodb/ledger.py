"""What became of mail that left, in DynamoDB (`inbox.ports.Ledger`).

A new event is one transaction: the event with its mail, a copy with its recipient, what its Message-ID leads to, its part in the figures, and the
suppression that it brings. So it costs some ten write units; where a mail is one of millions, that is to be known beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from inbox.errors import StoreError
from inbox.rates import Rate
from inbox.sending import EventType, SendingEvent
from inbox.store.dynamodb.base import Base
from inbox.store.dynamodb.layout import DAYS, odd
from inbox.store.dynamodb.suppressing import entry_item
from inbox.store.dynamodb.table import NEW, Action, Key, Put, Update, When
from inbox.store.dynamodb.tallies import count
from inbox.store.ledger import spellings
from inbox.store.values import micros, moment, text
from inbox.suppression import Suppression, folded

_FIELDS = tuple(field.name for field in fields(SendingEvent) if field.name not in ("type", "at"))
_DETAIL = 1000
_DAYS_BACK = 60
_TRIES = 50
_MICROS = 1_000_000


class DynamoLedger(Base):
    """Events of mail that left."""

    def note(self, events: Sequence[SendingEvent], suppressions: Mapping[str, Suppression] | None = None) -> list[SendingEvent]:
        """Write events down, count them, and suppress what comes under the key of one; those that were new. The same key again changes nothing.

        A suppression that lasts longer stays as it is.
        """
        return [event for event in events if self._table.transact(self._writes(event, (suppressions or {}).get(event.key)))]

    def _writes(self, event: SendingEvent, entry: Suppression | None) -> list[Action]:
        item = _item(event)
        if self._retention.days:
            item["expires"] = int((event.at + timedelta(days=self._retention.days)).timestamp())
        key, day = _event_key(event), {"day": f"sending#{event.at.astimezone(UTC):%Y-%m-%d}"}
        writes: list[Action] = [Put({**item, **day, "pk": key[0], "sk": key[1]}, NEW), *count(event)]
        if event.recipient:
            writes.append(Put({**item, "pk": _to(event.recipient), "sk": f"{micros(event.at):017}#{odd(event.key)}"}))
        if event.message_id and event.type in ("send", "delivery"):
            writes.append(Put({"pk": _message(event.message_id), "sk": "message", "of": key[0]}))
        if entry and (suppressed := self._longer(entry)):
            writes.append(suppressed)
        return writes

    def _longer(self, entry: Suppression) -> Put | None:
        item = entry_item(entry)
        there = self._table.get((item["pk"], item["sk"]))
        lasts = there is not None and ("until" not in there or ("until" in item and there["until"] >= item["until"]))
        return None if lasts else Put(item)

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
    ) -> list[SendingEvent]:
        """As `inbox.ports.Ledger.events`. Without mail, Message-ID or recipient, days are read one by one, from `since` on, or the last 60."""
        names = spellings(message_id) if message_id is not None else ()
        found = [
            event
            for event in map(_event, self._items(mail, names, recipient, since, until))
            if (mail is None or event.mail == mail)
            and (not names or event.message_id in names)
            and (recipient is None or folded(event.recipient or "") == folded(recipient))
            and (identity is None or event.identity == identity)
            and (type is None or event.type == type)
            and (since is None or event.at >= since)
            and (until is None or event.at < until)
        ]
        return sorted(found, key=lambda event: (event.at, event.key), reverse=newest)[:limit]

    def _items(
        self, mail: str | None, names: Sequence[str], recipient: str | None, since: datetime | None, until: datetime | None
    ) -> Iterator[Mapping[str, Any]]:
        if mail is not None:
            yield from self._table.query("#pk = :pk", {"pk": f"sent#{mail}"})
        elif names:
            for pk in self._groups(names):
                yield from self._table.query("#pk = :pk", {"pk": pk})
        elif recipient is not None:
            low = f"{micros(since) if since else 0:017}"
            yield from self._table.query("#pk = :pk AND #sk >= :low", {"pk": _to(recipient), "low": low})
        else:
            yield from self._events_by_day(since, until)

    def _events_by_day(self, since: datetime | None, until: datetime | None) -> Iterator[Mapping[str, Any]]:
        now = self._now()
        day, last = since or now - timedelta(days=_DAYS_BACK), until or now + timedelta(days=1)
        while day.date() <= last.date():
            keys = self._table.query("#day = :day", {"day": f"sending#{day.astimezone(UTC):%Y-%m-%d}"}, index=DAYS)
            while page := list(islice(keys, 100)):
                yield from self._table.get_all([(key["pk"], key["sk"]) for key in page])
            day += timedelta(days=1)

    def _groups(self, names: Iterable[str]) -> list[str]:
        """Where the events of the mails with these Message-IDs stand."""
        keys = list(dict.fromkeys((_message(name), "message") for name in names))
        return list(dict.fromkeys(item["of"] for item in self._table.get_all(keys)))

    def sent(self, *message_ids: str) -> list[SendingEvent]:
        """The `send` events of the first of these mails that left from here: one for each recipient."""
        named = [spellings(message_id) for message_id in message_ids]
        known = {item["pk"] for item in self._table.get_all(list({(_message(name), "message") for names in named for name in names}))}
        for names in named:
            if known & {_message(name) for name in names}:
                return self._sent(names)
        return []

    def _sent(self, names: Sequence[str]) -> list[SendingEvent]:
        found = [event for pk in self._groups(names) for event in map(_event, self._table.query("#pk = :pk", {"pk": pk}))]
        letters = {event.key.partition(":")[0] for event in found if event.message_id in names}
        return [event for event in found if event.type == "send" and event.key.partition(":")[0] in letters]

    def delivered(self, mail: str, n: int) -> Collection[str]:
        """Recipients that the next hop has taken step `n` of a mail for, as they were written."""
        return {
            event.recipient for event in self.events(mail=mail, type="delivery") if event.recipient and event.key.startswith(f"{mail}.{n}:")
        }

    def wait_for(self, name: str, rate: str, amount: int = 1) -> float:
        """Take `amount` from a bucket that all processes share and that fills at `rate` (`"14/1s"`): 0; else the seconds until it holds that."""
        allowed = Rate.read(rate)
        if allowed is None:
            return 0.0
        key = (f"bucket#{odd(name)}", "bucket")
        for _ in range(_TRIES):
            item = self._table.get(key)
            wait, spent = allowed.take(int(item["spent"]) / _MICROS if item else 0.0, time.time(), amount)
            when = When("#spent = :before", {"before": item["spent"]}) if item else NEW
            if wait or self._table.write(Update(key, {"spent": int(spent * _MICROS)}, when=when)):
                return wait
        raise StoreError(f"too many others take from {name}; it is tried again")


def _to(recipient: str) -> str:
    return f"to#{odd(folded(recipient))}"


def _message(message_id: str) -> str:
    return f"message#{odd(message_id.strip().strip('<>'))}"


def _event_key(event: SendingEvent) -> Key:
    """Events of one mail stand together."""
    return f"sent#{event.mail or odd(event.message_id or event.key)}", odd(event.key)


def _item(event: SendingEvent) -> dict[str, Any]:
    said = {name: text(value) for name in _FIELDS if (value := getattr(event, name)) is not None}
    if "detail" in said:
        said["detail"] = (said["detail"] or "")[:_DETAIL]
    return {**said, "type": event.type, "at": micros(event.at)}


def _event(item: Mapping[str, Any]) -> SendingEvent:
    said: dict[str, Any] = {name: item.get(name) for name in _FIELDS}
    return SendingEvent(type=item["type"], at=moment(int(item["at"])), **said)
