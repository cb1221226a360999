"""Rates of a handler as they stand in `[handlers.NAME]`: so many within so long, or `off`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from inbox.rates import Rate

MOST = 10_000
"""Times that a budget remembers."""


def rates(settings: Mapping[str, Any], defaults: Mapping[str, str]) -> dict[str, Rate]:
    """The rates that are in force, by name."""
    read = {name: Rate.read(str(settings.get(name, default))) for name, default in defaults.items()}
    return {name: rate for name, rate in read.items() if rate}


def within(seconds: float) -> str:
    """A time in words: `1 d`, `90 s`."""
    for size, word in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {word}"
    return f"{seconds:g} s"


def problems(handler: str, settings: Mapping[str, Any], defaults: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the settings of a handler, found at load."""
    for name, value in settings.items():
        if name not in defaults:
            yield f"[handlers.{handler}] has no setting {name!r}; it has {', '.join(defaults)}"
            continue
        try:
            rate = Rate.read(str(value))
        except ValueError as error:
            yield f"[handlers.{handler}] {name}: {error}"
        else:
            if rate and rate.number > MOST:
                yield f"[handlers.{handler}] {name}: {rate.number} is too many to remember; at most {MOST}, within a shorter time, or off"
