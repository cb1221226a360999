"""Rows that handlers ask for: the user's own tables in `inbox.db`, made and widened on first use.

A row carries `mail_id` and `step`, unique together, and is written in the transaction that says "done": exactly once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from inbox.errors import Failed
from inbox.model import Row
from inbox.store.columns import KEY, check_row
from inbox.store.values import text, to_json

_SQLITE_INTEGER = range(-(1 << 63), 1 << 63)


def write_row(db: sqlite3.Connection, row: Row, mail_id: str, step: int) -> None:
    """Write one row. Failed, with the remedy, when the table or its columns cannot be; sqlite3.Error when the disk cannot."""
    write_rows(db, [(row, mail_id, step)])


def write_rows(db: sqlite3.Connection, rows: Iterable[tuple[Row, str, int]]) -> None:
    """Write rows, each with the id of its mail and the number of its step: all of them, or none when one of them raises Failed."""
    alike: dict[tuple[str, tuple[str, ...]], list[tuple[Any, ...]]] = {}
    db.execute("savepoint the_rows")
    try:
        for row, mail_id, step in rows:
            shape = (row.table, tuple(row.values))
            if shape not in alike:
                check_row(row)
            alike.setdefault(shape, []).append((mail_id, step, *map(_column, row.values.values())))
        for (table, columns), records in alike.items():
            _write_alike(db, table, (*KEY, *columns), records)
    except Failed:
        db.execute("rollback to the_rows")
        db.execute("release the_rows")
        raise
    db.execute("release the_rows")


def _write_alike(db: sqlite3.Connection, table: str, columns: Sequence[str], records: Sequence[tuple[Any, ...]]) -> None:
    """Write rows of one table and the same columns."""
    try:
        _insert(db, table, columns, records)
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError, OverflowError) as error:
        raise Failed(f"table {table!r} does not take the row: {error}; change the table or the values of the rule") from error
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_ERROR:
            raise  # the disk, not the row
        raise Failed(f"table {table!r} cannot be written: {error}; choose another name or fewer columns") from error


def _insert(db: sqlite3.Connection, table: str, columns: Sequence[str], records: Sequence[tuple[Any, ...]]) -> None:
    """Insert as the table stands; only when it or a column is missing, make it and insert again."""
    names, marks = ", ".join(map(_quoted, columns)), ", ".join("?" * len(columns))
    sql = f"insert into {_quoted(table)}({names}) values ({marks})"  # noqa: S608  names are checked and quoted
    try:
        db.executemany(sql, records)
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error) and "no column named" not in str(error):
            raise
        _make_room(db, table, dict(zip(columns, records[0], strict=True)))
        db.executemany(sql, records)


def _make_room(db: sqlite3.Connection, name: str, record: Mapping[str, Any]) -> None:
    """Make the table, or add the columns that it lacks; names differ by more than the case of letters."""
    found = db.execute("select name from sqlite_master where type = 'table' and name = ? collate nocase", (name,)).fetchone()
    table = Database(db, execute_plugins=False, recursive_triggers=False).table(found["name"] if found else name)
    if found:
        known = {column.lower() for column in table.columns_dict}
        for column, value in record.items():
            if column.lower() not in known:
                table.add_column(column, _type(value))
    else:
        table.create({column: _type(value) for column, value in record.items()}, not_null=KEY)
    table.create_index(KEY, unique=True, if_not_exists=True)


def _type(value: Any) -> type:
    return str if value is None else type(value)


def _column(value: Any) -> Any:
    """A value as SQLite takes it: lists and objects as JSON, numbers that are too large as text."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (list, dict, tuple)):
        try:
            return to_json(value)
        except (TypeError, ValueError) as error:
            raise Failed(f"a column holds what JSON cannot say ({error}); use text, numbers, lists and mappings of these") from None
    if isinstance(value, int) and value not in _SQLITE_INTEGER:
        return str(value)
    return value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
