"""One table of DynamoDB: reads that are strongly consistent, writes with conditions, transactions; its errors are the store's."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from inbox import aws
from inbox.errors import Failed, StoreError
from inbox.store.dynamodb.attributes import Item, plain_item, typed, typed_item

Key = tuple[str, str]
"""pk and sk."""

MOST = 100
"""Actions of one transaction, keys of one BatchGetItem."""

_CONFLICTS = frozenset(("TransactionConflictException", "TransactionInProgressException", "TransactionConflict"))
_TRIES = 12


@dataclass(frozen=True, slots=True)
class When:
    """A condition: `#name` is an attribute, `:name` one of `values`."""

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __and__(self, other: When) -> When:
        return When(f"({self.text}) AND ({other.text})", {**self.values, **other.values})


NEW = When("attribute_not_exists(#pk)")
"""The item is not there."""


@dataclass(frozen=True, slots=True)
class Put:
    """Write an item as a whole."""

    item: Item
    when: When | None = None

    def request(self, table: str) -> dict[str, Any]:
        return {"TableName": table, "Item": typed_item(self.item), **_expressions(self.when)}


@dataclass(frozen=True, slots=True)
class Update:
    """Change attributes of an item, which is made if it is not there. What is put as None is removed: the key of an index is there or not, never null."""

    key: Key
    put: Mapping[str, Any] = field(default_factory=dict)
    remove: Sequence[str] = ()
    add: Mapping[str, Any] = field(default_factory=dict)
    when: When | None = None

    def request(self, table: str) -> dict[str, Any]:
        put = {name: value for name, value in self.put.items() if value is not None}
        clauses = [
            ("SET", [f"#{name} = :put_{name}" for name in put]),
            ("REMOVE", [f"#{name}" for name in (*self.remove, *(name for name in self.put if name not in put))]),
            ("ADD", [f"#{name} :add_{name}" for name in self.add]),
        ]
        text = " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses if parts)
        values = {f"put_{name}": value for name, value in put.items()} | {f"add_{name}": value for name, value in self.add.items()}
        return {"TableName": table, "Key": typed_key(self.key), "UpdateExpression": text, **_expressions(self.when, text, values)}


Action = Put | Update


def typed_key(key: Key) -> dict[str, dict[str, str]]:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def _expressions(when: When | None, text: str = "", values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Condition, and the names and values that it and `text` speak of."""
    said = {**(values or {}), **(when.values if when else {})}
    names = re.findall(r"#(\w+)", f"{text} {when.text if when else ''}")
    found: dict[str, Any] = {"ConditionExpression": when.text} if when else {}
    if names:
        found["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
    if said:
        found["ExpressionAttributeValues"] = {f":{name}": typed(value) for name, value in said.items()}
    return found


class Table:
    """A table by name. Every method raises StoreError when DynamoDB does not do what was asked."""

    def __init__(self, name: str, client: Any) -> None:
        self.name, self.client = name, client

    def get(self, key: Key) -> dict[str, Any] | None:
        """One item, as it is now."""
        with self.asking("GetItem"):
            answer = self.client.get_item(TableName=self.name, Key=typed_key(key), ConsistentRead=True)
        return plain_item(answer["Item"]) if answer.get("Item") else None

    def get_all(self, keys: Sequence[Key]) -> list[dict[str, Any]]:
        """Those items that are there, as they are now, in the order of the keys."""
        return [item for start in range(0, len(keys), MOST) for item in self._get_some(keys[start : start + MOST])]

    def _get_some(self, keys: Sequence[Key]) -> list[dict[str, Any]]:
        found: dict[Key, dict[str, Any]] = {}
        left: list[Any] = [typed_key(key) for key in dict.fromkeys(keys)]
        for wait in _waits():
            if not left:
                return [found[key] for key in keys if key in found]
            wait()
            with self.asking("BatchGetItem"):
                answer = self.client.batch_get_item(RequestItems={self.name: {"Keys": left, "ConsistentRead": True}})
            for item in map(plain_item, answer["Responses"].get(self.name, ())):
                found[item["pk"], item["sk"]] = item
            left = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
        raise StoreError(f"table {self.name!r} is too busy to be read; it is tried again")

    def query(self, text: str, values: Mapping[str, Any], *, index: str | None = None, **more: Any) -> Iterator[dict[str, Any]]:
        """Items of one partition, by sort key, read in pages; strongly consistent unless an index is asked."""
        ask = {"TableName": self.name, "KeyConditionExpression": text, "ConsistentRead": index is None, **named(text, values), **more}
        if index is not None:
            ask["IndexName"] = index
        while True:
            with self.asking("Query"):
                answer = self.client.query(**ask)
            yield from map(plain_item, answer["Items"])
            if not answer.get("LastEvaluatedKey"):
                return
            ask["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def some(self, text: str, values: Mapping[str, Any], index: str, limit: int) -> list[dict[str, Any]]:
        """The first items of a partition of an index."""
        return list(islice(self.query(text, values, index=index, Limit=min(max(limit, 1), MOST)), max(limit, 0)))

    def count(self, text: str, values: Mapping[str, Any], *, where: str | None = None, index: str | None = None) -> int:
        """How many items of one partition fit."""
        ask = {"TableName": self.name, "KeyConditionExpression": text, "ConsistentRead": index is None, "Select": "COUNT"}
        ask |= (
            named(f"{text} {where or ''}", values)
            | ({"FilterExpression": where} if where else {})
            | ({"IndexName": index} if index else {})
        )
        total = 0
        while True:
            with self.asking("Query"):
                answer = self.client.query(**ask)
            total += int(answer["Count"])
            if not answer.get("LastEvaluatedKey"):
                return total
            ask["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def write(self, action: Action) -> bool:
        """Do one thing; False when its condition does not hold."""
        name, call = ("PutItem", self.client.put_item) if isinstance(action, Put) else ("UpdateItem", self.client.update_item)
        return self._written(name, lambda: call(**action.request(self.name)))

    def delete(self, key: Key) -> bool:
        """Remove an item; False when it was not there."""
        request = {"TableName": self.name, "Key": typed_key(key), **_expressions(When("attribute_exists(#pk)"))}
        return self._written("DeleteItem", lambda: self.client.delete_item(**request))

    def transact(self, actions: Sequence[Action]) -> bool:
        """Do up to 100 things, all or none; False when a condition does not hold."""
        if len(actions) == 1:
            return self.write(actions[0])
        items = [{type(action).__name__: action.request(self.name)} for action in actions]
        return self._written("TransactWriteItems", lambda: self.client.transact_write_items(TransactItems=items))

    def _written(self, name: str, call: Callable[[], Any]) -> bool:
        """Again after a while when another transaction is in the way."""
        for wait in _waits():
            wait()
            try:
                with aws.calling(f"dynamodb:{name} {self.name}"):
                    call()
            except aws.AwsError as error:
                if _conditional(error):
                    return False
                if not _conflict(error):
                    raise self._error(error) from None
            except Failed as error:
                raise self._error(error) from None
            else:
                return True
        raise StoreError(f"table {self.name!r}: other writers were in the way of {name}; it is tried again")

    @contextmanager
    def asking(self, name: str) -> Iterator[None]:
        try:
            with aws.calling(f"dynamodb:{name} {self.name}"):
                yield
        except (aws.AwsError, Failed) as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> StoreError:
        """The store's word for an error of AWS, with the remedy where there is one."""
        if isinstance(error, aws.AwsMissing):
            region = self.client.meta.region_name
            return StoreError(f"there is no table {self.name!r} in {region}; make it with: inbox store create dynamodb://{self.name}")
        if re.search(r"(?i)key element|the key|type mismatch for key|does not have the specified index|index: \w+ not", str(error)):
            return StoreError(f"table {self.name!r} is not one of ours ({error}); name another one, made with: inbox store create")
        return StoreError(f"the store failed: {error}; what was not kept is tried again")


def named(text: str, values: Mapping[str, Any]) -> dict[str, Any]:
    names = {f"#{name}": name for name in re.findall(r"#(\w+)", text)}
    return {"ExpressionAttributeNames": names, "ExpressionAttributeValues": {f":{name}": typed(value) for name, value in values.items()}}


def _conditional(error: aws.AwsError) -> bool:
    cancelled = error.code == "TransactionCanceledException" and "ConditionalCheckFailed" in str(error)
    return cancelled or error.code == "ConditionalCheckFailedException"


def _conflict(error: aws.AwsError) -> bool:
    return error.code in _CONFLICTS or (error.code == "TransactionCanceledException" and "TransactionConflict" in str(error))


def _waits() -> Iterator[Callable[[], None]]:
    """Before the first try nothing; then 10 ms and twice as long each time, up to a second, each by chance between half and all of it."""
    yield lambda: None
    for number in range(_TRIES):
        yield lambda number=number: time.sleep(min(1.0, 0.01 * 2**number) * random.uniform(0.5, 1))  # type: ignore[misc]  # noqa: S311  spreads load, hides nothing
