"""What all sides of the store share: its table, its octets, how long things are kept, and what this process has in hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from inbox.errors import NotFound
from inbox.store.dynamodb.layout import BELOW_RAW, mail_key
from inbox.store.dynamodb.mails import Found, Hand
from inbox.store.dynamodb.octets import Octets
from inbox.store.dynamodb.table import Table
from inbox.store.values import micros


@dataclass(frozen=True, slots=True)
class Retention:
    """Days after which DynamoDB may remove what belongs to a settled mail: its octets, and the rest. None: never."""

    days: int | None = None
    raw_days: int | None = None


class Base:
    """One table, for all threads of a process."""

    def __init__(self, table: Table, octets: Octets, retention: Retention, now: Callable[[], datetime] | None = None) -> None:
        self._table, self._octets, self._retention = table, octets, retention
        self._now = now or (lambda: datetime.now(UTC))
        self._hands: dict[str, Hand] = {}  # mail id: the hold that this process has
        self._rules: set[str] = set()  # versions that are known to be in the table
        self._lock = threading.Lock()
        self._last = 0

    def _found(self, mail_id: str) -> Found:
        """All of a mail but its octets, as it is now; NotFound."""
        found = Found.of(self._table.query("#pk = :pk AND #sk < :raw", {"pk": mail_key(mail_id)[0], "raw": BELOW_RAW}))
        if found is None:
            raise NotFound(f"there is no mail {mail_id} in the store; `inbox list` shows the ids")
        return found

    def _next(self) -> int:
        """A number for an outcome: microseconds since 1970, but larger than any before."""
        with self._lock:
            self._last = max(self._last + 1, micros(self._now()))
            return self._last
