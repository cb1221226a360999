"""What facts and handlers remember (`inbox.ports.Memory`), models, versions of the rules, and counters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from inbox.errors import NotFound, StoreError
from inbox.model import Envelope, Mail
from inbox.ports import Budget
from inbox.store import budgets as times_of
from inbox.store.dynamodb.base import Base
from inbox.store.dynamodb.layout import mail_key, odd
from inbox.store.dynamodb.octets import Octets
from inbox.store.dynamodb.table import MOST, NEW, Put, Table, Update, When
from inbox.store.values import micros, text

_TRIES = 50
_LATE = timedelta(days=8)
"""How long it is known what a step took: longer than any step is tried."""
_SPARE = timedelta(days=1)
"""How much longer than its window a mark is kept."""


class StoredMemory:
    """The memory of one table; a read-only one notes nothing."""

    def __init__(self, table: Table, octets: Octets, *, read_only: bool) -> None:
        self._table, self._octets, self._read_only = table, octets, read_only

    def earlier(self, kind: str, key: str, mail: Mail, window: timedelta) -> int:
        """As `inbox.ports.Memory.earlier`. A read-only memory notes nothing: a mail that was never noted counts all.

        A mark is an item; another one counts them, and both are written in one transaction: of two mails at the same time one is first.
        """
        pk = f"mark#{odd(kind)}#{odd(key)}"
        number = self._number(pk, mail, window)
        values = {"pk": pk, "mark": "mail#", "own": f"mail#{mail.id}", "since": micros(mail.received_at - window), "number": number}
        where = "#n < :number AND #received >= :since AND #mail <> :own"
        return self._table.count("#pk = :pk AND begins_with(#sk, :mark)", values, where=where)

    def _number(self, pk: str, mail: Mail, window: timedelta) -> int:
        """The place of a mail among those that were noted; it is noted now unless it was."""
        own, count = (pk, f"mail#{mail.id}"), (pk, "count")
        expires = int((mail.received_at + window + _SPARE).timestamp())
        for _ in range(_TRIES):
            found = {item["sk"]: item for item in self._table.get_all([own, count])}
            if (mark := found.get(own[1])) is not None:
                if mark["expires"] < expires and not self._read_only:  # a longer window than before
                    self._table.write(Update(own, {"expires": expires}))
                return int(mark["n"])
            if self._read_only:
                return 1 << 62
            seen = found.get("count", {"n": 0})["n"]
            mark = {"pk": pk, "sk": own[1], "mail": own[1], "n": seen + 1, "received": micros(mail.received_at), "expires": expires}
            same = When("#n = :seen", {"seen": seen}) if seen else NEW
            if self._table.transact([Update(count, {"n": seen + 1}, when=same), Put(mark, NEW)]):
                return int(mark["n"])
        raise StoreError("too many mails were noted under one key at the same time; it is tried again")

    def take(self, mail: Mail, n: int, budgets: Sequence[Budget]) -> Budget | None:
        """As `inbox.ports.Memory.take`. A read-only memory takes nothing and says whether there is room.

        A budget is an item with its times and the number of its writings, what a step took is another one; all are written in one transaction.
        """
        own = (f"took#{mail.id}", f"step#{n}")
        keys = [(f"budget#{odd(budget.name)}", "budget") for budget in budgets]
        for _ in range(_TRIES):
            found = {(item["pk"], item["sk"]): item for item in self._table.get_all([own, *keys])}
            if own in found:
                return None
            actions: list[Put] = []
            for key, budget in zip(keys, budgets, strict=True):
                put = _taken(key, found.get(key), budget, micros(mail.received_at))
                if put is None:
                    return budget
                actions.append(put)
            mark = {"pk": own[0], "sk": own[1], "expires": int((mail.received_at + _LATE).timestamp())}
            if self._read_only or self._table.transact([Put(mark, NEW), *actions]):
                return None
        raise StoreError("too many steps took of one budget at the same time; it is tried again")

    def load(self, name: str) -> bytes | None:
        """A model by name, or None."""
        item = self._table.get((f"model#{odd(name)}", "model"))
        return self._octets.unpack(item) if item else None

    def sender_of(self, mail_id: str) -> str | None:
        """The envelope sender of a mail that is kept, or None."""
        item = self._table.get(mail_key(mail_id)) if mail_id.isalnum() and mail_id.isascii() else None
        return Envelope.from_dict(json.loads(item["envelope"])).sender if item else None


def _taken(key: tuple[str, str], item: Mapping[str, Any] | None, budget: Budget, at: int) -> Put | None:
    """The item of a budget after one more was taken; None when it is used up."""
    seen = int(item["n"]) if item else 0
    times = times_of.taken(bytes(item["times"]) if item else b"", budget.number, budget.seconds, at)
    if times is None:
        return None
    ends = times_of.expires(times, budget.seconds) // 1_000_000 + int(_LATE.total_seconds())
    same = When("#n = :seen", {"seen": seen}) if seen else NEW
    return Put({"pk": key[0], "sk": key[1], "n": seen + 1, "times": times, "expires": ends}, same)


class Records(Base):
    """Models, rules and counters in the table."""

    def memory(self, *, read_only: bool = False) -> StoredMemory:
        """What facts and handlers may know of other mails."""
        return StoredMemory(self._table, self._octets, read_only=read_only)

    def save_model(self, name: str, data: bytes) -> None:
        """Keep a model under a name; the one before is replaced."""
        packed = self._octets.pack(f"model-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}", data)
        self._table.write(Put({"pk": f"model#{odd(name)}", "sk": "model", "at": micros(self._now()), **packed}))

    def remember_rules(self, version: str, source: str) -> None:
        """Keep the text of a version of the rules, so that a plan can be explained later."""
        pk = f"rules#{odd(version)}"
        if version in self._rules or self._table.get((pk, "rules")) is not None:
            self._rules.add(version)
            return
        packed = self._octets.pack(f"rules-{version[:64]}", (text(source) or "").encode())
        self._table.write(Put({"pk": pk, "sk": "rules", "at": micros(self._now()), **packed}, NEW))
        self._rules.add(version)

    def rules_text(self, version: str) -> str:
        """The text of a version of the rules; NotFound."""
        item = self._table.get((f"rules#{odd(version)}", "rules"))
        if item is None:
            raise NotFound(f"the store does not know rules of version {version[:12]}")
        return self._octets.unpack(item).decode()

    def add_counts(self, deltas: Iterable[tuple[str, str, float]]) -> None:
        """Add to counters: (name, labels as JSON, how much)."""
        sums: dict[tuple[str, str], float] = {}
        for name, labels, much in deltas:
            sums[name, labels] = sums.get((name, labels), 0) + much
        actions = [
            Update(("counts", f"{odd(name)}#{odd(labels)}"), {"name": name, "labels": labels}, add={"value": much})
            for (name, labels), much in sums.items()
        ]
        for start in range(0, len(actions), MOST):
            self._table.transact(actions[start : start + MOST])

    def counts(self) -> dict[tuple[str, str], float]:
        """Every counter: (name, labels as JSON) -> value."""
        items: Sequence[dict[str, float]] = list(self._table.query("#pk = :pk", {"pk": "counts"}))
        return {(str(item["name"]), str(item["labels"])): item["value"] for item in items}
