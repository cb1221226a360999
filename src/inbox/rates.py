"""Rates: so many within so long. Pure: what is asked with the same times gives the same answers.

Method: the generic cell rate algorithm (ITU-T I.371), a leaky bucket that keeps one number for a key: the time up to which the key has
spent what it is given. `100/1h` allows 100 at once, and then one each 36 s; within any hour never more than 199.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import NamedTuple

from inbox.options import seconds

OFF = "off"
ROOM = 10_000
"""Keys that one table remembers. Who was not seen for longest is forgotten first, so somebody with many addresses cannot fill memory."""

_FORM = re.compile(r"(\d+)\s*/\s*(\d*(?:\.\d+)?)\s*([smhd])")


class Rate(NamedTuple):
    """So many within so many seconds."""

    number: int
    seconds: float

    @classmethod
    def read(cls, text: str) -> Rate | None:
        """`100/1h`, `100/h`, `10/30s`; None for `off`. ValueError says the form."""
        if text.strip().lower() == OFF:
            return None
        found = _FORM.fullmatch(text.strip().lower())
        within = seconds(f"{found[2] or 1}{found[3]}") if found else 0.0
        if not found or not int(found[1]) or not within:
            raise ValueError(f'{text!r} is no rate; write so many within so long, "100/1h" or "10/30s", or "off"')
        return cls(int(found[1]), within)

    def take(self, spent: float, now: float, amount: int = 1) -> tuple[float, float]:
        """Take `amount` at once: seconds to wait and what `spent` stays, or 0 and what it is now. More than `number` is lent to a full bucket."""
        pause = self.seconds / self.number
        begin = max(spent, now)
        wait = begin + min(amount, self.number) * pause - self.seconds - now
        return (wait, spent) if wait > 1e-9 * pause else (0.0, begin + amount * pause)


class Allowances:
    """What each key has left under one rate; at most `room` keys are remembered."""

    def __init__(self, rate: Rate, room: int = ROOM) -> None:
        self._pause = rate.seconds / rate.number
        self._slack = rate.seconds - self._pause
        self._room = room
        self._spent: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._spent)

    def wait(self, key: str, now: float) -> float:
        """In how many seconds one is allowed for this key, 0 for now; nothing is taken. `now` in seconds."""
        wait = self._spent.get(key, now) - now - self._slack
        if wait > 1e-9 * self._pause:
            self._spent.move_to_end(key)
            return wait
        return 0.0

    def take(self, key: str, now: float) -> float:
        """Take one for this key, if it is allowed: what `wait` says."""
        wait = self.wait(key, now)
        if not wait:
            self._spent[key] = max(self._spent.get(key, now), now) + self._pause
            self._spent.move_to_end(key)
            self._forget(now)
        return wait

    def _forget(self, now: float) -> None:
        """Drop whom to know makes no difference any more, two at a time, and whoever is one too many."""
        for _ in range(2):
            oldest = next(iter(self._spent))
            if self._spent[oldest] <= now or len(self._spent) > self._room:
                del self._spent[oldest]
