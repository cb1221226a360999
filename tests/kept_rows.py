"""Rows that handlers asked for, as each kind of store keeps them."""

from __future__ import annotations

import sqlite3
from typing import Any


def rows_of(store: Any, table: str) -> list[dict[str, Any]]:
    """The rows of a table, by mail and step: their values, `mail_id` and `step`."""
    if hasattr(store, "_table"):
        found = store._table.query("#pk = :pk", {"pk": f"row#{table}"})
        return [{"mail_id": item["mail_id"], "step": item["step"], **item["values"]} for item in found]
    with store._connections.read() as db:
        try:
            return [dict(row) for row in db.execute(f'select * from "{table}" order by mail_id, step')]
        except sqlite3.OperationalError:
            return []
