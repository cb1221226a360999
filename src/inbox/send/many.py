"""One mail for each row of a file: all rows are looked at before the first one is kept, so that a bad row costs a look and not half of a mailing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from inbox.errors import ConfigError
from inbox.send.rendering import RenderingFailed
from inbox.send.rows import RowOfFile, read_rows

if TYPE_CHECKING:
    from inbox.send.sender import Prepared, Sender, Sent
    from inbox.send.submission import Submission

_GROUP = 200
"""Mails that are kept in one transaction."""


def look_at(sender: Sender, wanted: Submission, path: Path) -> tuple[int, list[str]]:
    """How many rows there are, and what is wrong with which of them; nothing is kept."""
    count, problems, seen = 0, list[str](), dict[str, int]()
    for row in read_rows(path):
        count += 1
        try:
            _prepared(sender, wanted, row)
        except (ConfigError, RenderingFailed) as error:
            problems.append(row.wrong(str(error)))
            continue
        if (first := seen.setdefault(row.to.lower(), row.line)) != row.line:
            problems.append(row.wrong(f"{row.to} was in line {first} already; leave one of the two out"))
    return count, problems


def send_each(sender: Sender, wanted: Submission, path: Path) -> Iterator[list[Sent]]:
    """Keep one mail for each row, some hundred at a time. With an idempotency key each row has one of its own: what was kept before is not kept again."""
    rows = (_prepared(sender, wanted, row) for row in read_rows(path))
    while group := list(islice(rows, _GROUP)):
        yield sender.send_all(group)


def _prepared(sender: Sender, wanted: Submission, row: RowOfFile) -> Prepared:
    if row.problem:
        raise ConfigError(row.problem)
    key = f"{wanted.idempotency_key}:{row.to.lower()}" if wanted.idempotency_key else None
    return sender.prepare(replace(wanted, to=(row.to,), data={**wanted.data, **(row.data or {})}, idempotency_key=key))


def signed_first(sender: Sender, wanted: Submission, path: Path) -> bytes:
    """The octets that the first row gets."""
    return sender.signed_octets(_prepared(sender, wanted, next(read_rows(path))))
