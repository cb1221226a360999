"""The handler dynamodb-put: put an item about a mail into a table, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from inbox.aws import AwsError, calling, client
from inbox.errors import Failed
from inbox.handlers import aws_names


def dynamodb_put(
    settings: Mapping[str, Any],
    *,
    table: str,
    item: dict[str, Any],
    key: str,
    numbers: list[str] | None = None,
    if_exists: Literal["fail", "keep", "replace"] = "fail",
) -> str:
    """Put an item into a table of DynamoDB, once: a repeat finds it there and changes nothing.

    table: its name or ARN. item: attributes and what they hold, `{id: "{id}", sender: "{sender}"}`: text, numbers, true, false, lists, mappings. key: the
    attribute that is the table's partition key; with `{id}` in it each mail has an item of its own. numbers: names of attributes whose text is stored as a
    number, `[size]`. if_exists: what to do when another item is there: fail, keep it, or replace it.
    """
    values = {name: _number(name, value) if name in (numbers or ()) else _value(value) for name, value in item.items()}
    if values[key] == {"S": ""}:
        raise Failed(f"the key {key!r} would be empty; DynamoDB takes none: put {{id}} into it")
    name = f"{key} = {str(next(iter(values[key].values())))[:200]!r}"
    condition = {} if if_exists == "replace" else _none_or_same(key, values)
    try:
        with calling(f"dynamodb:PutItem {table}"):
            answer = client("dynamodb", settings).put_item(TableName=table, Item=values, ReturnValues="ALL_OLD", **condition)
    except AwsError as error:
        if error.code != "ConditionalCheckFailedException":
            raise
        if if_exists == "keep":
            return f"another item with {name} was there and was kept"
        raise Failed(
            f"{table} holds another item with {name}; give the key more of the mail's own, or if_exists: keep or replace"
        ) from None
    return f"item with {name}" + (" was there already" if condition and answer.get("Attributes") else "")


def _none_or_same(key: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The condition: there is no such item, or exactly this one, which is then written as it is."""
    names = {f"#{n}": name for n, name in enumerate(values)}
    same = " AND ".join(f"#{n} = :{n}" for n in range(len(values)))
    own = next(n for n, name in names.items() if name == key)
    return {
        "ConditionExpression": f"attribute_not_exists({own}) OR ({same})",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {f":{n}": value for n, value in enumerate(values.values())},
    }


def _number(name: str, value: Any) -> dict[str, Any]:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise Failed(f"{name}: {value!r} is no number; take it out of `numbers`") from None
    if not number.is_finite():
        raise Failed(f"{name}: {value!r} is no number that DynamoDB takes")
    return {"N": str(number)}


def _value(value: Any) -> dict[str, Any]:
    """A value in DynamoDB's own form."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (int, float)):
        return {"N": str(value)}
    if isinstance(value, list):
        return {"L": [_value(each) for each in value]}
    if isinstance(value, dict):
        return {"M": {name: _value(each) for name, each in value.items()}}
    return {"S": str(value).encode("utf-8", "replace").decode()}


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options: no table, a key that is not in the item."""
    yield from aws_names.problems("table", options["table"])
    item, numbers = options["item"], options.get("numbers") or ()
    if options["key"] not in item:
        yield f"key: the item has no attribute {options['key']!r}; it has {', '.join(item) or 'none'}"
    for name in numbers:
        if name not in item:
            yield f"numbers: the item has no attribute {name!r}"
