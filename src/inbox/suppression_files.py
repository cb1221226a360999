"""Suppression lists as CSV: our own, and those that providers give out. Read line by line, so that their length does not matter.

Ours: `address,identity,reason,source,since,until`. Others are read by the names of their columns: an address (`email`, `Email address`,
`recipient`), why (`reason`, `error`, `type`), since when (`created`, `created_at`, `LastUpdateTime`: ISO 8601, RFC 5322, or seconds since 1970).
A file without a header, as SES imports it, has address and reason.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from inbox.errors import Problem
from inbox.model import isoformat
from inbox.suppression import Suppression, folded

COLUMNS = ("address", "identity", "reason", "source", "since", "until")
_NAMES: Mapping[str, Sequence[str]] = {
    "address": ("address", "email", "emailaddress", "recipient", "emailaddresses"),
    "identity": ("identity",),
    "reason": ("reason", "error", "type"),
    "source": ("source",),
    "since": ("since", "created", "createdat", "lastupdatetime", "lastupdatedtime", "dateadded", "timestamp"),
    "until": ("until", "expires"),
}
_ADDRESS = re.compile(r'(?:"[^"\x00-\x1f\x7f]+"|[^\s\x00-\x1f\x7f@<>",;]+)@[^\s\x00-\x1f\x7f@<>",;]+')
_SHOWN = 60


def read(lines: Iterable[str], name: str, now: datetime) -> Iterator[Suppression | Problem]:
    """An entry or a problem for each line that is not empty. `now`: since when, for those that do not say."""
    rows = csv.reader(lines)
    columns: Mapping[str, int] | None = None
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if columns is None:
                columns, is_header = _columns(row)
                if "address" not in columns:
                    yield Problem(name, rows.line_num, 1, "no column is called address or email; name the columns in the first line")
                    return
                if is_header:
                    continue
            yield _entry(row, columns, name, rows.line_num, now)
    except csv.Error as error:
        yield Problem(name, rows.line_num, 1, f"{error}; this is no CSV")


class Writable(Protocol):
    """What a file has that is written to."""

    def write(self, text: str, /) -> object: ...


def write(entries: Iterable[Suppression], file: Writable) -> int:
    """Our own form; how many there were."""
    rows, number = csv.writer(file, lineterminator="\n"), 0
    rows.writerow(COLUMNS)
    for number, entry in enumerate(entries, 1):  # noqa: B007  the last number is how many
        said = entry.to_dict()
        rows.writerow([_inert(str(said[column] or "")) for column in COLUMNS])
    return number


def _inert(cell: str) -> str:
    """What a spreadsheet would take for a formula (words of a stranger's server may stand in a reason) gets a quote in front."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t") and not _ADDRESS.fullmatch(cell) else cell


def _columns(row: Sequence[str]) -> tuple[Mapping[str, int], bool]:
    """Which cell is what; whether this row says so itself."""
    words = [re.sub(r"[^a-z]", "", cell.lower()) for cell in row]
    if _ADDRESS.fullmatch(row[0].strip().lstrip("\ufeff")):
        return {"address": 0, "reason": 1}, False
    found = {column: next((words.index(name) for name in names if name in words), None) for column, names in _NAMES.items()}
    return {column: place for column, place in found.items() if place is not None}, True


def _entry(row: Sequence[str], columns: Mapping[str, int], name: str, line: int, now: datetime) -> Suppression | Problem:
    said = {column: row[place].strip().lstrip("\ufeff") if place < len(row) else "" for column, place in columns.items()}
    address = said["address"]
    if not _ADDRESS.fullmatch(address) or len(address) > 320:
        return Problem(name, line, columns["address"] + 1, f"{address[:_SHOWN]!r} is no address")
    try:
        since, until = _moment(said.get("since", "")), _moment(said.get("until", ""))
    except ValueError as error:
        return Problem(name, line, 1, str(error))
    reason, source = said.get("reason") or "imported", said.get("source") or "import"
    return Suppression(folded(address), reason.removeprefix("'"), source, since or now, until, (said.get("identity") or "").lower() or None)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        if re.fullmatch(r"\d{9,11}", text):
            return datetime.fromtimestamp(int(text), UTC)
        at = datetime.fromisoformat(text) if text[:1].isdigit() and "-" in text[:5] else parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:_SHOWN]!r} is no time; write {isoformat(datetime(2026, 1, 31, 12, tzinfo=UTC))}") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def read_ses(listed: Any, name: str, now: datetime) -> Iterator[Suppression | Problem]:
    """What the API of SES answers to ListSuppressedDestinations; problems are counted by entry."""
    entries = listed.get("SuppressedDestinationSummaries") if isinstance(listed, Mapping) else None
    if not isinstance(entries, list):
        yield Problem(
            name, 1, 1, "there is no list SuppressedDestinationSummaries in it; write it with: aws sesv2 list-suppressed-destinations"
        )
        return
    columns = {"address": 0, "reason": 1, "since": 2, "source": 3}
    for number, entry in enumerate(entries, 1):
        found = entry if isinstance(entry, Mapping) else {}
        row = [str(found.get(key) or "") for key in ("EmailAddress", "Reason", "LastUpdateTime")]
        yield _entry([*row, "Amazon SES"], columns, f"{name}, entry {number}", 0, now)
