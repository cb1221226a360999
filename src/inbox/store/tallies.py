"""How many events there were, by the hour, in SQLite: written with the events themselves, so that questions about weeks are quick."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from inbox.reputation import bounce_class
from inbox.sending import SendingEvent, Tally
from inbox.store.base import Base
from inbox.store.values import micros, moment, text

By = Literal["hour", "identity", "domain", "template", "variant"]
HOUR = 3_600_000_000
"""Microseconds."""


class Tallies(Base):
    """Events by the hour."""

    def series(
        self, by: Sequence[By] = (), *, since: datetime | None = None, until: datetime | None = None, identity: str | None = None
    ) -> list[Tally]:
        """How many events of each type, and class of bounces, by what is asked; from the hour of `since` up to, not including, that of `until`.

        ValueError: domains are counted by hour and identity only.
        """
        with self._connections.read() as db:
            return read(db, by, since, until, identity)


def read(
    db: sqlite3.Connection, by: Sequence[By], since: datetime | None = None, until: datetime | None = None, identity: str | None = None
) -> list[Tally]:
    """As `Tallies.series`, within a transaction."""
    by = check(by)
    groups = ", ".join([*by, "type", "class"])
    asked: list[tuple[str, Any]] = [
        ("hour >= ?", hour_of(since) if since else None),
        ("hour < ?", hour_of(until) if until else None),
        ("identity = ?", identity.lower() if identity is not None else None),
    ]
    given = [(condition, value) for condition, value in asked if value is not None]
    where = " and ".join(condition for condition, _ in given) or "1"
    table = f"inbox_sending_{'domains' if 'domain' in by else 'hours'}"
    sql = f"select {groups}, sum(number) as number from {table} where {where} group by {groups} order by {groups}"  # noqa: S608  constants
    return [_tally(row, by) for row in db.execute(sql, [value for _, value in given])]


def check(by: Sequence[By]) -> tuple[By, ...]:
    """What is asked for, each once; ValueError when it is not counted that way."""
    if "domain" in by and ({"template", "variant"} & set(by)):
        raise ValueError("domains are counted by hour and identity, not by template and variant; ask for one or the other")
    return tuple(dict.fromkeys(by))


def count(db: sqlite3.Connection, events: Iterable[SendingEvent]) -> None:
    """Add new events, within the transaction that they are written in."""
    hours, domains = Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]]()
    for event in events:
        hour, identity, ends = hour_of(event.at), (text(event.identity) or "").lower(), (event.type, bounce_class(event) or "")
        hours[hour, identity, text(event.template) or "", text(event.variant) or "", *ends] += 1
        domains[hour, domain_of(event), identity, *ends] += 1
    for table, columns, counted in (("hours", "identity, template, variant", hours), ("domains", "domain, identity", domains)):
        names = f"hour, {columns}, type, class"
        marks = ", ".join("?" * (names.count(",") + 1))
        sql = (
            f"insert into inbox_sending_{table}({names}, number) values ({marks}, ?)"  # noqa: S608  constants
            f" on conflict({names}) do update set number = number + excluded.number"
        )
        db.executemany(sql, [(*key, number) for key, number in counted.items()])


def hour_of(at: datetime) -> int:
    """Hours since 1970."""
    return micros(at) // HOUR


def domain_of(event: SendingEvent) -> str:
    """Of the recipient, in lower case; '' when it is not known."""
    return (text((event.recipient or "").rpartition("@")[2]) or "").lower()


def _tally(row: sqlite3.Row, by: Sequence[By]) -> Tally:
    found = {name: row[name] for name in by}
    if "hour" in found:
        found["hour"] = moment(found["hour"] * HOUR)
    return Tally(row["type"], row["number"], row["class"] or None, **found)
