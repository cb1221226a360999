"""How many events there were, by the hour, and how identities stand, in DynamoDB.

    tally#DAY       HOUR#KIND#HASH#SHARD    a number, with what it counts; KIND `h` (identity, template, variant) or `d` (domain, identity)
    stops           IDENTITY                why an identity is stopped, or when it was resumed and what was counted until then

Figures are spread over shards, so that many who count at once are not in each other's way.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from inbox.model import isoformat
from inbox.reputation import bounce_class
from inbox.sending import SendingEvent, Standing, Tally
from inbox.store.dynamodb.base import Base
from inbox.store.dynamodb.layout import odd
from inbox.store.dynamodb.table import Action, Key, Update, When
from inbox.store.tallies import HOUR, By, check, domain_of, hour_of
from inbox.store.values import micros, moment, text
from inbox.store.who import operator

_SHARDS = 8
_DAYS_BACK = 400
_HOURS = ("identity", "template", "variant")
_DOMAINS = ("domain", "identity")


class Tallies(Base):
    """Events by the hour, and identities."""

    def series(
        self, by: Sequence[By] = (), *, since: datetime | None = None, until: datetime | None = None, identity: str | None = None
    ) -> list[Tally]:
        """As `inbox.store.tallies.Tallies.series`; days are read one by one, 400 at most."""
        by = check(by)
        counted = Counter[tuple[Any, ...]]()
        for item in self._counted("d" if "domain" in by else "h", since, until):
            if identity is None or item.get("identity", "") == identity.lower():
                values = tuple(int(item["hour"]) if name == "hour" else item.get(name, "") for name in by)
                counted[(*values, item["type"], item.get("class", ""))] += int(item["number"])
        return [_tally(key, number, by) for key, number in sorted(counted.items())]

    def _counted(self, kind: str, since: datetime | None, until: datetime | None) -> Iterator[Mapping[str, Any]]:
        now = self._now()
        first, last = since or now - timedelta(days=_DAYS_BACK), until or now + timedelta(hours=1)
        day = first
        while day.date() <= last.date():
            for item in self._table.query("#pk = :pk AND begins_with(#sk, :kind)", {"pk": _day(day), "kind": f"{kind}#"}):
                if hour_of(first) <= int(item["hour"]) and (until is None or int(item["hour"]) < hour_of(until)):
                    yield item
            day += timedelta(days=1)

    # identities

    def standing(self, identity: str, window: timedelta, now: datetime) -> Standing:
        """What was counted for an identity within the window (from the full hour before it), or since it was resumed."""
        stop, since = self._table.get(_stop(identity)), now - window
        before: Mapping[str, int] = {}
        if stop and "resumed_at" in stop and moment(int(stop["resumed_at"])) > since:
            since, before = moment(int(stop["resumed_at"])), json.loads(stop["before"])
        counted = {name: max(number - before.get(name, 0), 0) for name, number in self._totals(identity, since).items()}
        why, at = (stop["why"], moment(int(stop["since"]))) if stop and "why" in stop else (None, None)
        return Standing(identity, since, counted["send"], counted["bounce"], counted["complaint"], why, at)

    def standings(self, window: timedelta, now: datetime) -> list[Standing]:
        """The same for every identity that sent within the window, or is stopped."""
        sent = {tally.identity for tally in self.series(("identity",), since=now - window) if tally.identity}
        return [self.standing(identity, window, now) for identity in sorted(sent | set(self.stopped()))]

    def _totals(self, identity: str, since: datetime) -> dict[str, int]:
        found = {"send": 0, "bounce": 0, "complaint": 0}
        for tally in self.series(since=since, identity=identity):
            if tally.type in found and tally.subtype in (None, "permanent"):
                found[tally.type] += tally.number
        return found

    def stopped(self) -> list[str]:
        """Identities that are stopped."""
        return sorted(item["identity"] for item in self._table.query("#pk = :pk", {"pk": "stops"}) if "why" in item)

    def may_send(self, identity: str | None) -> str | None:
        """Why an identity is stopped; None when it is not."""
        item = self._table.get(_stop(identity)) if identity else None
        if not item or "why" not in item:
            return None
        since = isoformat(moment(int(item["since"])))
        return f"{identity} is stopped since {since}: {item['why']}; when the reason is gone: inbox identity resume {identity}"

    def stop(self, identity: str, why: str) -> bool:
        """Let an identity send nothing more, until it is resumed; whether that is new."""
        put = {"identity": identity.lower(), "since": micros(self._now()), "why": text(why)}
        return self._table.write(Update(_stop(identity), put, when=When("attribute_not_exists(#why)")))

    def resume(self, identity: str, *, who: str | None = None) -> bool:
        """Let a stopped identity send again; what was counted before does not count any more. Whether it was stopped."""
        now = self._now()
        put = {"resumed_at": micros(now), "before": json.dumps(self._totals(identity, now)), "who": who or operator()}
        return self._table.write(Update(_stop(identity), put, remove=("why",), when=When("attribute_exists(#why)")))


def count(event: SendingEvent) -> list[Action]:
    """What adds an event to the figures."""
    said = {
        "identity": (text(event.identity) or "").lower(),
        "template": text(event.template) or "",
        "variant": text(event.variant) or "",
        "domain": domain_of(event),
    }
    counted = {"type": event.type, "class": bounce_class(event) or "", "hour": hour_of(event.at)}
    return [_add(event, kind, {**counted, **{name: said[name] for name in names}}) for kind, names in (("h", _HOURS), ("d", _DOMAINS))]


def _add(event: SendingEvent, kind: str, said: Mapping[str, Any]) -> Update:
    name = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:24]
    shard = hashlib.sha256(event.key.encode("utf-8", "replace")).digest()[0] % _SHARDS
    return Update((_day(event.at), f"{kind}#{said['hour']}#{name}#{shard}"), said, add={"number": 1})


def _day(at: datetime) -> str:
    return f"tally#{at.astimezone(UTC):%Y-%m-%d}"


def _stop(identity: str) -> Key:
    return "stops", odd(identity.lower())


def _tally(key: tuple[Any, ...], number: int, by: Sequence[By]) -> Tally:
    found: dict[str, Any] = dict(zip(by, key, strict=False))
    if "hour" in found:
        found["hour"] = moment(found["hour"] * HOUR)
    return Tally(key[-2], number, key[-1] or None, **found)
