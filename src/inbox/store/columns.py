"""What names tables and columns of rows may have, the same in every store."""

from __future__ import annotations

from inbox.errors import Failed
from inbox.model import Row

OWN_PREFIX = "inbox_"
"""Tables of ours begin so; all other names are free for rows of the user."""

KEY = ("mail_id", "step")
_NAME_LENGTH = 64


def check_row(row: Row) -> None:
    """Failed for names that are ours, SQLite's, or no names."""
    if row.table.lower().startswith((OWN_PREFIX, "sqlite_", "_sqlite")):
        raise Failed(f"table {row.table!r} belongs to inbox or SQLite; choose a name that does not begin with {OWN_PREFIX} or sqlite_")
    names = [name.lower() for name in row.values]
    if taken := [name for name in KEY if name in names]:
        raise Failed(f"column {taken[0]!r} is written by inbox itself; choose another name")
    if len(set(names)) < len(names):
        raise Failed(f"table {row.table!r}: two columns have the same name but for the case of letters")
    for name in (row.table, *row.values):
        if not name.strip() or len(name) > _NAME_LENGTH or not name.isprintable():
            raise Failed(f"{name[:_NAME_LENGTH]!r} is no name for a table or column; use 1 to {_NAME_LENGTH} printable characters")
