"""DNS of a test: a table of records, and how often it was asked."""

from __future__ import annotations

from collections import defaultdict

import pytest

from inbox.auth import NotFound, Temporary


class Zone:
    """`resolver(name, type)` over (name, type, value). The value "TIMEOUT", or a type "*", means no answer in time."""

    def __init__(self, *records):
        self.names = defaultdict(list)
        self.asked = []
        for name, kind, value in records:
            self.names[name.lower().rstrip(".")].append((kind, value))

    def __call__(self, name, kind, depth=0):
        name = name.lower().rstrip(".")
        self.asked.append((name, kind))
        if name not in self.names:
            raise NotFound(name)
        values = [value for own, value in self.names[name] if own == kind]
        if "TIMEOUT" in values or (not values and any(own == "*" for own, _ in self.names[name])):
            raise Temporary(name)
        for own, target in self.names[name]:
            if not values and own == "CNAME" and depth < 8:
                return self(target, kind, depth + 1)
        return [text(kind, value) for value in values]


def text(kind, value):
    if isinstance(value, list):
        return f"{value[0]} {value[1]}" if kind == "MX" else "".join(value)
    return value


@pytest.fixture
def zone():
    return Zone
