"""Python values as DynamoDB's typed attributes, and back (API reference, AttributeValue)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Item = Mapping[str, Any]

_DIGITS = 38
"""DynamoDB's numbers have so many."""


def typed(value: Any) -> dict[str, Any]:
    """One value: text, number, octets, list, mapping, set of texts, None. TypeError for anything else."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value.encode("utf-8", "replace").decode()}
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, (bytes, bytearray)):
        return {"B": bytes(value)}
    if isinstance(value, (set, frozenset)):
        return {"SS": sorted(value)}
    if isinstance(value, (list, tuple)):
        return {"L": [typed(item) for item in value]}
    if isinstance(value, Mapping):
        return {"M": {str(name): typed(item) for name, item in value.items()}}
    raise TypeError(f"{type(value).__name__} is no value of an item; use text, numbers, lists and mappings of these")


def _number(value: float) -> dict[str, str]:
    """A number; as text what DynamoDB has no number for."""
    if isinstance(value, int):
        return {"N" if abs(value) < 10**_DIGITS else "S": str(value)}
    fits = math.isfinite(value) and (value == 0 or 1e-130 < abs(value) < 1e126)
    return {"N" if fits else "S": repr(value)}


def plain(attribute: Mapping[str, Any]) -> Any:
    """The value of one attribute."""
    ((kind, value),) = attribute.items()
    if kind == "N":
        return int(value) if value.lstrip("-").isdigit() else float(value)
    if kind == "B":
        return bytes(value)
    if kind == "L":
        return [plain(item) for item in value]
    if kind == "M":
        return plain_item(value)
    if kind in ("SS", "NS", "BS"):
        return set(value)
    return None if kind == "NULL" else value


def typed_item(item: Item) -> dict[str, dict[str, Any]]:
    """An item; attributes that are None are left out."""
    return {name: typed(value) for name, value in item.items() if value is not None}


def plain_item(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: plain(attribute) for name, attribute in item.items()}
