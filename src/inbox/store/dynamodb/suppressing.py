"""The suppression list in DynamoDB: an item for all identities, and one for each that has its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from inbox.store.dynamodb.base import Base
from inbox.store.dynamodb.layout import odd
from inbox.store.dynamodb.table import Put
from inbox.store.dynamodb.whole import scan
from inbox.store.values import micros, moment, text
from inbox.suppression import Suppression, folded


class Suppressing(Base):
    """Addresses that no mail is to be sent to, by one identity or by all."""

    def suppress(self, address: str, reason: str, source: str, until: datetime | None = None, identity: str | None = None) -> None:
        """Put an address on the list until a time (None: for good); what the list said of it before (for that identity) is replaced."""
        self._table.write(Put(entry_item(Suppression(folded(address), reason, source, self._now(), until, identity))))

    def suppress_all(self, entries: Iterable[Suppression]) -> int:
        """Put many on the list, each as it is; how many."""
        number = 0
        for number, entry in enumerate(entries, 1):  # noqa: B007  the last number is how many
            self._table.write(Put(entry_item(entry)))
        return number

    def suppressions(self, identity: str | None = None) -> Iterator[Suppression]:
        """The list, in no order, without those whose time is over; of one identity only, if it is named. The whole table is read for it."""
        for entry in map(_entry, scan(self._table, "begins_with(#pk, :kind)", {"kind": "suppressed#"})):
            if entry.holds() and (identity is None or entry.identity == identity.lower()):
                yield entry

    def suppressed(self, address: str, identity: str | None = None) -> Suppression | None:
        """What the list says of an address, for all identities or else for this one; None when it is not on it, or its time is over."""
        keys = [_suppressed(address)] + ([_suppressed(address, identity)] if identity else [])
        return next((found for found in map(_entry, self._table.get_all(keys)) if found.holds()), None)

    def why_suppressed(self, address: str, identity: str | None = None) -> str | None:
        """Why no mail is to be sent to an address (by this identity); None when there is no reason."""
        found = self.suppressed(address, identity)
        return found.why() if found else None

    def unsuppress(self, address: str, identity: str | None = None) -> bool:
        """Take an address off the list (for that identity; None: what stands there for all); whether it was on it."""
        return self._table.delete(_suppressed(address, identity))


def entry_item(entry: Suppression) -> dict[str, Any]:
    """The item of one address; DynamoDB may remove it when its time is over."""
    pk, sk = _suppressed(entry.address, entry.identity)
    item = {"pk": pk, "sk": sk, "address": folded(entry.address), "reason": text(entry.reason), "source": text(entry.source)}
    ends = {"until": micros(entry.until), "expires": int(entry.until.timestamp()) + 1} if entry.until else {}
    return {**item, "since": micros(entry.since), **ends, **({"identity": entry.identity.lower()} if entry.identity else {})}


def _suppressed(address: str, identity: str | None = None) -> tuple[str, str]:
    return f"suppressed#{odd(folded(address))}", f"suppressed#{odd(identity.lower())}" if identity else "suppressed"


def _entry(item: dict[str, Any]) -> Suppression:
    until = moment(item["until"]) if "until" in item else None
    return Suppression(item["address"], item["reason"], item["source"], moment(item["since"]), until, item.get("identity"))
