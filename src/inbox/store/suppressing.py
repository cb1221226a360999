"""The suppression list in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

from inbox.store.base import Base
from inbox.store.values import micros, moment, text
from inbox.suppression import Suppression, folded

_BATCH = 5000


class Suppressing(Base):
    """Addresses that no mail is to be sent to, by one identity or by all."""

    def suppress(self, address: str, reason: str, source: str, until: datetime | None = None, identity: str | None = None) -> None:
        """Put an address on the list until a time (None: for good); what the list said of it before (for that identity) is replaced."""
        entry = Suppression(folded(address), reason, source, datetime.now(UTC), until, identity)
        with self._connections.write() as db:
            enlist(db, entry)

    def suppressed(self, address: str, identity: str | None = None) -> Suppression | None:
        """What the list says of an address, for all identities or else for this one; None when it is not on it, or its time is over."""
        sql = "select * from inbox_suppressions where address = ? and identity in ('', ?) order by identity"
        with self._connections.read() as db:
            rows = db.execute(sql, (folded(address), (identity or "").lower())).fetchall()
        return next((found for found in map(_entry, rows) if found.holds()), None)

    def why_suppressed(self, address: str, identity: str | None = None) -> str | None:
        """Why no mail is to be sent to an address (by this identity); None when there is no reason."""
        found = self.suppressed(address, identity)
        return found.why() if found else None

    def suppress_all(self, entries: Iterable[Suppression]) -> int:
        """Put many on the list, each as it is; how many. One transaction for some thousand: what was written stays when a later one fails."""
        number, rest = 0, iter(entries)
        while batch := list(islice(rest, _BATCH)):
            with self._connections.write() as db:
                for entry in batch:
                    enlist(db, entry)
            number += len(batch)
        return number

    def suppressions(self, identity: str | None = None) -> Iterator[Suppression]:
        """The list, by address, without those whose time is over; of one identity only, if it is named. Read in pages."""
        last = ("", "")
        sql = "select * from inbox_suppressions where (address, identity) > (?, ?) order by address, identity limit ?"
        while True:
            with self._connections.read() as db:
                rows = db.execute(sql, (*last, _BATCH)).fetchall()
            if not rows:
                return
            last = (rows[-1]["address"], rows[-1]["identity"])
            found = (entry for entry in map(_entry, rows) if entry.holds())
            yield from (entry for entry in found if identity is None or entry.identity == identity.lower())

    def unsuppress(self, address: str, identity: str | None = None) -> bool:
        """Take an address off the list (for that identity; None: what stands there for all); whether it was on it."""
        with self._connections.write() as db:
            sql = "delete from inbox_suppressions where address = ? and identity = ?"
            return bool(db.execute(sql, (folded(address), (identity or "").lower())).rowcount)


_COLUMNS = "inbox_suppressions(identity, address, reason, source, since, until) values (?, ?, ?, ?, ?, ?)"
_LONGER = """ on conflict(address, identity) do update set reason = excluded.reason, source = excluded.source, since = excluded.since,
    until = excluded.until where until is not null and (excluded.until is null or excluded.until > until)"""


def enlist(db: sqlite3.Connection, entry: Suppression, *, longer: bool = False) -> None:
    """Put one address on the list, within a transaction. `longer`: what stands there stays, unless this one ends later."""
    values = (
        text((entry.identity or "").lower()),
        folded(entry.address),
        text(entry.reason),
        text(entry.source),
        micros(entry.since),
        micros(entry.until) if entry.until else None,
    )
    db.execute(f"insert into {_COLUMNS}{_LONGER}" if longer else f"insert or replace into {_COLUMNS}", values)


def _entry(row: sqlite3.Row) -> Suppression:
    until = moment(row["until"]) if row["until"] is not None else None
    return Suppression(row["address"], row["reason"], row["source"], moment(row["since"]), until, row["identity"] or None)
