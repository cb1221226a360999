"""A time limit on code of strangers (facts, handlers): the main thread is interrupted by an alarm."""

from __future__ import annotations

import signal
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager


class TimeUp(BaseException):
    """Code took longer than it may. No Exception, so that `except Exception` in a handler does not swallow it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[bool]:
    """Raise TimeUp in the body after so many seconds; whether the limit is this one's is handed out.

    Only the main thread can be interrupted; in others, and within another limit, the body runs as it is (the watchdog is left).
    """
    if threading.current_thread() is not threading.main_thread() or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield False
        return

    def alarm(_signal: int, _frame: types.FrameType | None) -> None:
        raise TimeUp(f"took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)  # again each second: a bare `except:` may swallow the first
    try:
        yield True
    finally:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        finally:  # an alarm may come just before the line above has run
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
