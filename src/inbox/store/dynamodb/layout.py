"""Where what stands in the table: the names of all keys."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

from inbox.model import Mail
from inbox.store.dynamodb.table import Key

BELOW_RAW = "z"
"""All items of a mail sort below this, but for its octets."""

RAW = "z-raw"
DAYS, OPEN = "days", "open"
"""The two indexes: mails by day of arrival; mails that are not settled, by when they are due."""

_SHARDS = 8
_LONG = 900


def odd(text: str) -> str:
    """Text within a key: printable ASCII; what is too long by its hash."""
    said = json.dumps(text)[1:-1]
    return said if len(said) <= _LONG else f"sha256-{hashlib.sha256(said.encode()).hexdigest()}"


def source_key(mail: Mail) -> Key:
    """The item that makes an arrival unique."""
    return (f"id#{mail.id}" if mail.source_key is None else f"key#{odd(mail.source_key)}", "key")


def mail_key(mail_id: str) -> Key:
    return f"mail#{mail_id}", "mail"


def plan_key(mail_id: str) -> Key:
    return f"mail#{mail_id}", "plan"


def raw_key(mail_id: str) -> Key:
    return f"mail#{mail_id}", RAW


def step_key(mail_id: str, n: int) -> Key:
    return f"mail#{mail_id}", f"step#{n:06}"


def outcome_key(mail_id: str, k: int) -> Key:
    return f"mail#{mail_id}", f"outcome#{k:017}"


def row_key(table: str, mail_id: str, n: int) -> Key:
    return f"row#{table}", f"{mail_id}#{n:06}"


def day(at: datetime) -> str:
    """The partition of the index `days`."""
    return f"{at:%Y-%m-%d}"


def days_back(at: datetime, number: int) -> list[str]:
    return [day(at - timedelta(days=n)) for n in range(number)]


def open_for_work(mail_id: str) -> str:
    """The partition of the index `open` for a mail with steps to do: one of eight, so that no single one has to take all."""
    return f"work#{int(mail_id[-1], 36) % _SHARDS if mail_id[-1:].isalnum() and mail_id.isascii() else 0}"


def all_open() -> list[str]:
    return [f"work#{n}" for n in range(_SHARDS)]
