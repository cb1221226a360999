"""The store itself, and how its address is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from inbox import aws
from inbox.errors import ConfigError
from inbox.store.dynamodb.arrivals import Arrivals
from inbox.store.dynamodb.base import Retention
from inbox.store.dynamodb.creation import check_table, create_table
from inbox.store.dynamodb.ledger import DynamoLedger
from inbox.store.dynamodb.listing import Listing
from inbox.store.dynamodb.memory import Records
from inbox.store.dynamodb.octets import Octets
from inbox.store.dynamodb.operations import Operations
from inbox.store.dynamodb.suppressing import Suppressing
from inbox.store.dynamodb.table import Table
from inbox.store.dynamodb.tallies import Tallies

_LEAST_DAYS = 15
"""Queues give events again for up to 14 days; a repeat that comes when its key is gone would be a new mail."""


class DynamoStore(Arrivals, Operations, Listing, Records, Suppressing, DynamoLedger, Tallies):
    """Everything that is kept, in one table (and a bucket for what is large). One object serves all threads of a process."""

    def check(self) -> None:
        """ConfigError unless the table is there and one of ours."""
        check_table(self._table.name, self._table.client)

    def create(self) -> bool:
        """Make the table; False when it was there. ConfigError, StoreError."""
        return create_table(self._table.name, self._table.client)

    def close(self) -> None:
        """Nothing to do: clients belong to the process."""


@dataclass(frozen=True, slots=True)
class Place:
    """`dynamodb://TABLE?raw=s3://BUCKET/PREFIX&days=30&raw_days=15`, read."""

    table: str
    raw: tuple[str, str] | None
    retention: Retention

    @classmethod
    def read(cls, url: str) -> Place:
        """ConfigError says what is wrong with the address."""
        parts = urlsplit(url)
        if parts.scheme != "dynamodb" or not re.fullmatch(r"[A-Za-z0-9_.-]{3,255}", parts.netloc) or parts.path.strip("/"):
            raise ConfigError(f"{url!r} names no table; write dynamodb://TABLE, 3 to 255 letters, digits, '_', '.' and '-'")
        asked = dict(parse_qsl(parts.query, keep_blank_values=True))
        if unknown := asked.keys() - {"raw", "days", "raw_days"}:
            raise ConfigError(f"{url!r}: a store in DynamoDB has no option {min(unknown)!r}; it has raw, days and raw_days")
        days = _days(url, asked, "days", _LEAST_DAYS)
        return cls(parts.netloc, _raw(url, asked.get("raw")), Retention(days, _days(url, asked, "raw_days", 1) or days))


def _days(url: str, asked: Mapping[str, str], name: str, least: int) -> int | None:
    if name not in asked:
        return None
    if not asked[name].isdigit() or not least <= int(asked[name]) <= 36_500:
        raise ConfigError(f"{url!r}: {name} is a number of days from {least} on; leave it out to keep mails for good")
    return int(asked[name])


def _raw(url: str, place: str | None) -> tuple[str, str] | None:
    if place is None:
        return None
    found = re.fullmatch(r"s3://([a-z0-9.-]{3,63})(?:/(.*))?", place)
    if not found:
        raise ConfigError(f"{url!r}: raw names where large mails go, raw=s3://BUCKET/PREFIX")
    prefix = (found[2] or "").strip("/")
    return found[1], f"{prefix}/" if prefix else ""


def open_dynamodb(url: str, settings: Mapping[str, Any] | None = None) -> DynamoStore:
    """The store that `dynamodb://TABLE?…` names; `settings`: region and endpoint of AWS. Nothing is asked of AWS yet. ConfigError."""
    place = Place.read(url)
    table = Table(place.table, aws.client("dynamodb", settings))
    return DynamoStore(table, Octets(table, lambda: aws.client("s3", settings), place.raw), place.retention)
