"""A time limit on code of strangers (facts, handlers): the main thread is interrupted by an alarm.

The handler is set by `_signal.signal`, which `signal.signal` wraps: before Python 3.12 the wrapper looks for every handler among its enums
in vain, which costs more than all else here, several times for each mail.
"""

from __future__ import annotations

import signal
import threading
import types
from _signal import signal as set_handler  # type: ignore[import-not-found]


class TimeUp(BaseException):
    """Code took longer than it may. No Exception, so that `except Exception` in a handler does not swallow it."""


class time_limit:  # noqa: N801 (used as a context manager, as a function would be)
    """Raise TimeUp in the body after so many seconds; whether the limit is this one's is handed out.

    Only the main thread can be interrupted; in others, and within another limit, the body runs as it is (the watchdog is left).
    """

    __slots__ = ("_before", "_own", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._own = False

    def __enter__(self) -> bool:
        if threading.current_thread() is not threading.main_thread() or signal.getitimer(signal.ITIMER_REAL)[0]:
            return False
        self._before = set_handler(signal.SIGALRM, self._alarm)
        self._own = True
        signal.setitimer(signal.ITIMER_REAL, self._seconds, 1)  # again each second: a bare `except:` may swallow the first
        return True

    def __exit__(self, *_: object) -> None:
        if not self._own:
            return
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        except BaseException:  # an alarm may come just before the line above has run
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise
        finally:
            set_handler(signal.SIGALRM, self._before)

    def _alarm(self, _signal: int, _frame: types.FrameType | None) -> None:
        raise TimeUp(f"took longer than {self._seconds:g} s")
