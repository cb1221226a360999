"""Files of many recipients: CSV with a header line, or JSON Lines; one mail for each row, the other columns fill the template in."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inbox.errors import ConfigError

_RECIPIENT = ("to", "email")
_REST = "\0rest"  # no name that a column could have


@dataclass(frozen=True, slots=True)
class RowOfFile:
    """Where a row stands, from 1, whom it is for, and what it says of them; or what is wrong with it."""

    file: str
    line: int
    to: str = ""
    data: dict[str, Any] | None = None
    problem: str | None = None

    def wrong(self, text: str) -> str:
        """What is wrong with it, behind its place."""
        return f"{self.file}:{self.line}: {text}"


def read_rows(path: Path) -> Iterator[RowOfFile]:
    """All rows of a file, one at a time. ConfigError: it cannot be read, or has no column for the recipient."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _json_lines(path, file) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv(path, file)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (octet {error.start}); save it as UTF-8") from None
    except csv.Error as error:
        raise ConfigError(f"{path} is not CSV: {error}") from None


def _csv(path: Path, file: Any) -> Iterator[RowOfFile]:
    rows = csv.DictReader(file, restkey=_REST, strict=True)
    names = [name.strip() for name in rows.fieldnames or ()]
    column = next((name for name in names if name.lower() in _RECIPIENT), None)
    if column is None:
        raise ConfigError(f"{path}:1: no column says whom a row is for; call it to, or email")
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ConfigError(f"{path}:1: there are two columns {min(doubled)!r}; give each a name of its own")
    rows.fieldnames = names
    line = rows.line_num + 1
    for row in rows:
        if _REST in row or None in row.values():
            count = len(row) if None not in row.values() else sum(value is not None for value in row.values())
            yield RowOfFile(
                str(path), line, problem=f"has {'more than ' if _REST in row else ''}{count} columns, the first line has {len(names)}"
            )
        else:
            yield RowOfFile(str(path), line, row[column].strip(), {name: value for name, value in row.items() if name != column})
        line = rows.line_num + 1


def _json_lines(path: Path, file: Any) -> Iterator[RowOfFile]:
    for line, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            yield RowOfFile(str(path), line, problem=f"is not JSON: {error}")
            continue
        column = next((name for name in row if name.lower() in _RECIPIENT), None) if isinstance(row, dict) else None
        if column is None or not isinstance(row[column], str):
            yield RowOfFile(str(path), line, problem='says not whom it is for; write {"to": "user@example.com", ...}')
        else:
            yield RowOfFile(str(path), line, row[column].strip(), {name: value for name, value in row.items() if name != column})
