"""Sessions that are kept for the next mail, a few for a short time: most mail goes where the last one went."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from inbox.send.transports.session import Session

_IDLE = 20.0
"""Seconds: shorter than what servers wait, which is 30 s where it is short (Postfix under stress: 10 s, and then it says 421)."""
_LETTERS, _SESSIONS = 100, 10


@dataclass
class _Kept:
    """Sessions by where they lead, the oldest first; of the process that opened them (a fork must not use them too)."""

    process: int = field(default_factory=os.getpid)
    sessions: list[tuple[Hashable, Session]] = field(default_factory=list)

    def close(self) -> None:
        """QUIT to all; in a fork they are only forgotten."""
        sessions, self.sessions = self.sessions, []
        for _, session in sessions:
            session.leave() if self.process == os.getpid() else session.close()


class Pool:
    """`take` and `give` of sessions; what is idle for 20 s, or has had 100 mails, is closed. Safe in threads."""

    def __init__(self, idle: float = _IDLE, letters: int = _LETTERS, sessions: int = _SESSIONS) -> None:
        self._idle, self._letters, self._most = idle, letters, sessions
        self._lock = threading.Lock()
        self._kept = _Kept()
        weakref.finalize(self, self._kept.close)

    def take(self, key: Hashable) -> Session | None:
        """The session to a place that was used last, which is the caller's from now on."""
        with self._locked() as kept:
            for at in range(len(kept.sessions) - 1, -1, -1):
                if kept.sessions[at][0] == key:
                    return kept.sessions.pop(at)[1]
        return None

    def give(self, key: Hashable, session: Session) -> None:
        """Keep a session for the next mail, or close it when it has had enough."""
        session.letters += 1
        session.used_at = time.monotonic()
        if session.letters >= self._letters:
            session.leave()
            return
        with self._locked() as kept:
            kept.sessions.append((key, session))
            if len(kept.sessions) > self._most:
                kept.sessions.pop(0)[1].leave()

    def close(self) -> None:
        """QUIT to all."""
        with self._lock:
            self._kept.close()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[_Kept]:
        """What is kept, without what has been idle for too long, and without what another process opened."""
        with self._lock:
            kept = self._kept
            if kept.process != os.getpid():
                kept.sessions.clear()
                kept.process = os.getpid()
            oldest = time.monotonic() - self._idle
            while kept.sessions and kept.sessions[0][1].used_at < oldest:
                kept.sessions.pop(0)[1].leave()
            yield kept
