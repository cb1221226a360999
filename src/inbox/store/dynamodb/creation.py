"""Making a table, and looking whether one is ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from inbox import aws
from inbox.errors import ConfigError, Failed, StoreError
from inbox.store.dynamodb.layout import DAYS, OPEN

_KEYS = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
_TYPES = {"pk": "S", "sk": "S", "day": "S", "open": "S", "due": "N"}


def _index(name: str, partition: str, sort: str) -> dict[str, Any]:
    keys = [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
    return {"IndexName": name, "KeySchema": keys, "Projection": {"ProjectionType": "KEYS_ONLY"}}


def definition(name: str) -> dict[str, Any]:
    """What CreateTable is asked: paid by request, deletion protected."""
    return {
        "TableName": name,
        "KeySchema": _KEYS,
        "AttributeDefinitions": [{"AttributeName": attribute, "AttributeType": kind} for attribute, kind in _TYPES.items()],
        "GlobalSecondaryIndexes": [_index(DAYS, "day", "pk"), _index(OPEN, "open", "due")],
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
    }


def create_table(name: str, client: Any) -> bool:
    """Make a table with its indexes, wait until it is there, turn TTL on; False when it was there and is one of ours.

    Raises ConfigError when a table of this name has other keys, StoreError when AWS does not do it.
    """
    made = _create(name, client)
    check_table(name, client)
    with _asking(f"dynamodb:UpdateTimeToLive {name}"):
        ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if ttl["TimeToLiveStatus"] in ("DISABLED", "DISABLING"):
            client.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
        elif ttl.get("AttributeName") != "expires":
            raise ConfigError(f"table {name!r} removes items by the attribute {ttl.get('AttributeName')!r}; ours is 'expires'")
    return made


def _create(name: str, client: Any) -> bool:
    try:
        with aws.calling(f"dynamodb:CreateTable {name}"):
            client.create_table(**definition(name))
    except aws.AwsError as error:
        if error.code != "ResourceInUseException":
            raise StoreError(f"table {name!r} was not made: {error}") from None
        return False
    except Failed as error:
        raise ConfigError(f"table {name!r} cannot be made: {error}") from None
    with _asking(f"dynamodb:DescribeTable {name}"):
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 2, "MaxAttempts": 60})
    return True


def check_table(name: str, client: Any) -> None:
    """ConfigError unless the table is there and has our keys and indexes."""
    try:
        with aws.calling(f"dynamodb:DescribeTable {name}"):
            table = client.describe_table(TableName=name)["Table"]
    except aws.AwsMissing:
        region = client.meta.region_name
        raise ConfigError(f"there is no table {name!r} in {region}; make it with: inbox store create dynamodb://{name}") from None
    except (aws.AwsError, Failed) as error:
        raise StoreError(f"table {name!r} cannot be looked at: {error}") from None
    kinds = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    indexes = {one["IndexName"]: one["KeySchema"] for one in table.get("GlobalSecondaryIndexes", ())}
    wanted = {one["IndexName"]: one["KeySchema"] for one in definition(name)["GlobalSecondaryIndexes"]}
    if table["KeySchema"] != _KEYS or any(kinds.get(key) != "S" for key in ("pk", "sk")) or {**indexes, **wanted} != indexes:
        raise ConfigError(
            f"table {name!r} is not one of ours: it needs the keys pk and sk (text) and the indexes {DAYS} and {OPEN}; "
            f"name another one and make it with: inbox store create dynamodb://NAME"
        )


@contextmanager
def _asking(call: str) -> Iterator[None]:
    try:
        with aws.calling(call):
            yield
    except (aws.AwsError, Failed) as error:
        raise StoreError(f"the table was not made ready: {error}") from None
