"""The suppression list in SQLite."""

from __future__ import annotations

from datetime import UTC, datetime

from inbox.store.base import Base
from inbox.store.suppression import Suppression, folded
from inbox.store.values import micros, moment, text


class Suppressing(Base):
    """Addresses that no mail is to be sent to."""

    def suppress(self, address: str, reason: str, source: str, until: datetime | None = None) -> None:
        """Put an address on the list until a time (None: for good); what the list said of it before is replaced."""
        values = (folded(address), text(reason), text(source), micros(datetime.now(UTC)), micros(until) if until else None)
        with self._connections.write() as db:
            db.execute("insert or replace into inbox_suppressions(address, reason, source, since, until) values (?, ?, ?, ?, ?)", values)

    def suppressed(self, address: str) -> Suppression | None:
        """What the list says of an address; None when it is not on it, or its time is over."""
        with self._connections.read() as db:
            row = db.execute("select * from inbox_suppressions where address = ?", (folded(address),)).fetchone()
        if row is None:
            return None
        until = moment(row["until"]) if row["until"] is not None else None
        found = Suppression(row["address"], row["reason"], row["source"], moment(row["since"]), until)
        return found if found.holds() else None

    def unsuppress(self, address: str) -> bool:
        """Take an address off the list; whether it was on it."""
        with self._connections.write() as db:
            return bool(db.execute("delete from inbox_suppressions where address = ?", (folded(address),)).rowcount)
