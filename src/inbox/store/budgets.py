"""Budgets as both stores keep them: the times at which the last of it was taken, eight octets each, oldest first. Pure.

Only the `number` latest times are kept. That loses nothing: if fewer than `number` of those lie within the window before a time, fewer than
`number` of all ever taken do, also when mails come out of the order of their arrival.
"""

from __future__ import annotations

from array import array
from bisect import insort

MOST = 10_000
"""Times that one budget remembers: 80 kB, which fits into an item of DynamoDB."""


def taken(times: bytes, number: int, seconds: float, at: int) -> bytes | None:
    """The times with `at` (microseconds since 1970) among them; None when the budget of so many within so many seconds is used up."""
    number = min(number, MOST)
    known = sorted(array("q", times))
    since = at - round(seconds * 1_000_000)
    if sum(1 for time in known[-number:] if time > since) >= number:
        return None
    insort(known, at)
    return array("q", known[-number:]).tobytes()


def expires(times: bytes, seconds: float) -> int:
    """From when on (microseconds) nothing of it counts any more."""
    return int(max(array("q", times), default=0) + seconds * 1_000_000)
