"""Descriptors: how many connections the process can hold, and what happens when the system gives no more.

A connection needs one descriptor, and one more while a big mail of it is written. The door takes no more connections than fit, so that
the next one hears 421 instead of nothing. When others use the descriptors up all the same, accepting goes on by itself: uvloop closes
what it cannot take, asyncio tries again a second later; it is told once a minute, not each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import resource
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inbox.refusals import COUNTER as REFUSED

if TYPE_CHECKING:
    from inbox.ports import Counter
    from inbox.tables import Limits

_LOG = logging.getLogger("inbox.smtp")
_FOR_EACH = 2  # the connection, and the file of a big mail
_FOR_US = 32  # files of the database, pipes of workers, health, look-ups
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_TELL_EVERY = 60.0


def fit(limits: Limits) -> Limits:
    """The limits with as many connections as there are descriptors for, after asking for all that this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _in_use() + _FOR_US + _FOR_EACH * limits.connections
    if soft < needed:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard) if hard != resource.RLIM_INFINITY else needed, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed or soft == resource.RLIM_INFINITY:
        return limits
    room = max(1, (soft - needed) // _FOR_EACH + limits.connections)
    extra = {"descriptors": soft, "needed": needed, "connections": room, "limit": limits.connections}
    _LOG.warning("fewer connections than set: raise the limit of open files (LimitNOFILE, ulimit -n)", extra=extra)
    return limits.model_copy(update={"connections": room})


def _in_use() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class Shortage:
    """What the event loop calls when something goes wrong in it: a lack of descriptors is told once a minute, the rest goes on as before."""

    def __init__(self, counter: Counter, loop: asyncio.AbstractEventLoop) -> None:
        self._counter, self._loop = counter, loop
        self._before: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = loop.get_exception_handler()
        self._quiet_until = 0.0
        loop.set_exception_handler(self)

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """`context` as asyncio has it."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _SHORT and "accept" in str(context.get("message", "")):
            self._tell(error)
        elif self._before is not None:
            self._before(loop, context)
        else:
            loop.default_exception_handler(context)

    def _tell(self, error: OSError) -> None:
        now = self._loop.time()
        if now >= self._quiet_until:
            self._quiet_until = now + _TELL_EVERY
            self._counter.count(REFUSED, reason="descriptors")
            _LOG.error("no descriptor for a connection; it is tried again", extra={"reason": "descriptors", "why": str(error)})
