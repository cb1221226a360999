"""What became of mail that left, in SQLite (`inbox.ports.Ledger`): events, and rates that all processes share."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from inbox.rates import Rate
from inbox.sending import EventType, SendingEvent
from inbox.store.base import Base
from inbox.store.suppressing import enlist
from inbox.store.tallies import count
from inbox.store.values import micros, moment, text
from inbox.suppression import Suppression, folded

_ADD = (
    "insert or ignore into inbox_sending_events(key, type, at, mail, recipient, address, identity, message_id, template, variant, subtype,"
    " detail, experiment) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_DETAIL = 1000


class SqliteLedger(Base):
    """Events of mail that left; every call is durable when it returns, but for rates, which a power cut may give back."""

    def note(self, events: Sequence[SendingEvent], suppressions: Mapping[str, Suppression] | None = None) -> list[SendingEvent]:
        """Write events down, count them, and suppress what comes under the key of one; those that were new. The same key again changes nothing.

        A suppression that lasts longer stays as it is.
        """
        if not events:
            return []
        with self._connections.write() as db:
            new = [event for event in events if db.execute(_ADD, _values(event)).rowcount]
            count(db, new)
            for event in new:
                if suppressions and (entry := suppressions.get(event.key)):
                    enlist(db, entry, longer=True)
        return new

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
        """Events that fit all that is given (`since` included, `until` not), oldest first, or newest first. Addresses compare without case."""
        ids = spellings(message_id) if message_id is not None else ()
        asked: list[tuple[str, Sequence[Any]]] = [
            ("mail = ?", [mail] if mail is not None else []),
            (f"message_id in ({', '.join('?' * len(ids))})", ids),
            ("address = ?", [folded(recipient)] if recipient is not None else []),
            ("identity = ?", [identity] if identity is not None else []),
            ("type = ?", [type] if type is not None else []),
            ("at >= ?", [micros(since)] if since is not None else []),
            ("at < ?", [micros(until)] if until is not None else []),
        ]
        given = [(condition, values) for condition, values in asked if values]
        where = " and ".join(condition for condition, _ in given) or "1"
        order = "at desc, n desc" if newest else "at, n"
        sql = f"select * from inbox_sending_events where {where} order by {order} limit ?"  # noqa: S608  constants
        values = [value for _, part in given for value in part]
        with self._connections.read() as db:
            return [_event(row) for row in db.execute(sql, [*values, -1 if limit is None else limit])]

    def sent(self, *message_ids: str) -> list[SendingEvent]:
        """The `send` events of the first of these mails that left from here: one for each recipient."""
        names = [spellings(message_id) for message_id in message_ids]
        asked = [name for spelled in names for name in spelled]
        sql = f"select message_id from inbox_sending_events where message_id in ({', '.join('?' * len(asked))})"  # noqa: S608  marks
        with self._connections.read() as db:
            known = {row["message_id"] for row in db.execute(sql, asked)}
        first = next((spelled for spelled in names if known.intersection(spelled)), None)
        return self._sent(first[0]) if first else []

    def _sent(self, message_id: str) -> list[SendingEvent]:
        found = self.events(message_id=message_id)
        if sent := [event for event in found if event.type == "send"]:
            return sent
        letters = {event.key.partition(":")[0] for event in found}  # SES names a mail when it has it: later than we noted `send`
        mails = {event.mail for event in found if event.mail}
        return [event for mail in mails for event in self.events(mail=mail, type="send") if event.key.partition(":")[0] in letters]

    def delivered(self, mail: str, n: int) -> Collection[str]:
        """Recipients that the next hop has taken step `n` of a mail for, as they were written."""
        events = self.events(mail=mail, type="delivery")
        return {event.recipient for event in events if event.recipient and event.key.startswith(f"{mail}.{n}:")}

    # rates

    def wait_for(self, name: str, rate: str, amount: int = 1) -> float:
        """Take `amount` from a bucket that all processes share and that fills at `rate` (`"14/1s"`): 0; else the seconds until it holds that."""
        allowed = Rate.read(rate)
        if allowed is None:
            return 0.0
        with self._connections.write(durable=False) as db:
            row = db.execute("select spent from inbox_buckets where name = ?", (name,)).fetchone()
            wait, spent = allowed.take(row[0] if row else 0.0, time.time(), amount)
            if not wait:
                db.execute("insert or replace into inbox_buckets(name, spent) values (?, ?)", (name, spent))
        return wait


def spellings(message_id: str) -> tuple[str, ...]:
    """How an event may name the mail of a Message-ID: with brackets or without; what SES gave it stands before the @ of what it writes."""
    bare = message_id.strip().strip("<>")
    local, _, domain = bare.rpartition("@")
    ses = (local,) if local and domain.lower().endswith("amazonses.com") else ()
    return (bare, f"<{bare}>", *ses)


def _values(event: SendingEvent) -> tuple[Any, ...]:
    return (
        text(event.key),
        event.type,
        micros(event.at),
        event.mail,
        text(event.recipient),
        folded(event.recipient) if event.recipient else None,
        text(event.identity),
        text(event.message_id),
        text(event.template),
        text(event.variant),
        text(event.subtype),
        text(event.detail[:_DETAIL]) if event.detail else None,
        text(event.experiment),
    )


def _event(row: sqlite3.Row) -> SendingEvent:
    return SendingEvent(
        row["key"],
        row["type"],
        moment(row["at"]),
        row["mail"],
        row["recipient"],
        row["identity"],
        row["message_id"],
        row["template"],
        row["variant"],
        row["subtype"],
        row["detail"],
        row["experiment"],
    )
