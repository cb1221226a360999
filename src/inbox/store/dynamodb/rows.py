"""Rows that handlers ask for: items `row#TABLE`, one for each mail and step, written in the transaction that says "done"."""

from __future__ import annotations

from typing import Any

from inbox.errors import Failed
from inbox.model import Row
from inbox.store.columns import check_row
from inbox.store.dynamodb.attributes import typed
from inbox.store.dynamodb.layout import row_key

_LARGEST = 380_000


def row_item(row: Row, mail_id: str, step: int) -> dict[str, Any]:
    """The item of a row. Failed, with the remedy, when it cannot be one."""
    check_row(row)
    pk, sk = row_key(row.table, mail_id, step)
    try:
        size = _size(typed(dict(row.values)))
    except TypeError as error:
        raise Failed(f"a column holds what an item cannot ({error})") from None
    if size > _LARGEST:
        raise Failed(f"a row of {size:,} octets is too large for an item; keep less of it in the row, and files in S3")
    return {"pk": pk, "sk": sk, "mail_id": mail_id, "step": step, "values": dict(row.values)}


def _size(attribute: Any) -> int:
    """About what DynamoDB counts: names and values in UTF-8."""
    if isinstance(attribute, dict):
        return sum(len(str(name).encode()) + 3 + _size(value) for name, value in attribute.items())
    if isinstance(attribute, list):
        return sum(1 + _size(value) for value in attribute)
    return len(attribute if isinstance(attribute, bytes) else str(attribute).encode("utf-8", "replace"))
