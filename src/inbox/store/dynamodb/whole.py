"""What has to read the whole table: for what operators seldom do. The function never does, so its role does not allow it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from inbox.store.dynamodb.attributes import plain_item
from inbox.store.dynamodb.table import Table, named


def scan(table: Table, where: str, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every item of the table that fits, in no order."""
    ask = {"TableName": table.name, "FilterExpression": where, "ConsistentRead": True, **named(where, values)}
    while True:
        with table.asking("Scan"):
            answer = table.client.scan(**ask)
        yield from map(plain_item, answer["Items"])
        if not answer.get("LastEvaluatedKey"):
            return
        ask["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
