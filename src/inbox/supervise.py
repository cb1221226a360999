"""Supervision: worker processes are started, watched, killed when they hang, and started again with back-off when they die.

What a worker had in hand when it died stands in its slot (`inbox.worker.slot`): that mail gets a strike, what else was leased to the worker is
given back. After three strikes the mail is quarantined; the others never wait for more than a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from inbox.errors import InboxError, NotFound, StoreCorrupt, StoreError, StoreLocked
from inbox.perform import due
from inbox.worker.slot import InHand, Slot

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.store import SqliteStore

_LOG = logging.getLogger("inbox.supervise")
GRACE = 5.0
"""Seconds beyond a deadline before a worker is killed: its own alarm comes first."""

_LOOK = 0.1
_FIRST_WAIT, _LONGEST_WAIT, _LIVED = 0.1, 30.0, 10.0
_STOP_SECONDS = 25.0
_TIDY_EVERY = 60.0
_OWN_PATIENCE = 5.0  # orphans of a supervisor that was killed are killed with it, but not in no time


class _Child:
    """One worker process after the other, under one name."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.path = name, folder / f"{name}-shm"
        self.slot = Slot(self.path)
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.not_before = 0.0
        self.wait = _FIRST_WAIT
        self.hung = False

    def start(self, settings: Settings, environment: Mapping[str, str], lock: int) -> None:
        """Settings go in on standard input: nobody sees them among arguments or in the environment."""
        self.slot.clear()
        self.hung = False
        command = [sys.executable, *_isolation(), "-m", "inbox.worker", self.name, str(self.path), str(lock)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, pass_fds=(lock,))  # noqa: S603  ourselves
        self.started = time.monotonic()
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self.process.stdin as pipe:
            pipe.write(settings.model_dump_json().encode())

    def overdue(self, grace: float) -> InHand | None:
        """What it hangs in."""
        in_hand = self.slot.read()
        return in_hand if in_hand and time.monotonic() > in_hand.deadline + grace else None

    def put_off(self) -> None:
        """When it is started again: at once, or later and later if it keeps dying young."""
        self.wait = _FIRST_WAIT if time.monotonic() - self.started > _LIVED else min(self.wait * 2, _LONGEST_WAIT)
        self.not_before = time.monotonic() + self.wait
        self.process = None

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


class Supervisor:
    """`count` workers over one store. `environment`: variables for the workers beside those of this process."""

    def __init__(
        self, settings: Settings, store: SqliteStore, count: int, environment: Mapping[str, str] | None = None, *, grace: float = GRACE
    ) -> None:
        self._settings, self._store, self._grace = settings, store, grace
        self._environment = {**os.environ, **(environment or {})}
        self._stopping = asyncio.Event()
        folder = settings.dir.absolute() / "run"
        if count:
            folder.mkdir(mode=0o700, exist_ok=True)
        self._children = [_Child(f"worker-{number}", folder) for number in range(1, count + 1)]
        self._lock = -1
        self._tidy_at = 0.0

    async def run(self) -> None:
        """Keep the workers running until `stop`. Raises StoreLocked when another supervisor works on this store."""
        while self._children and not self._stopping.is_set() and not await self._has_begun():
            await self._pause(1)
        while not self._stopping.is_set():
            await self._tidy()
            for child in self._children:
                try:
                    await self._look_after(child)
                except (InboxError, OSError) as error:  # a full disk, no more processes: tried again at the next look
                    _LOG.error("a worker cannot be looked after", extra={"worker": child.name, "why": str(error)})
                    child.not_before = time.monotonic() + 1
            await self._pause(_LOOK)

    async def _has_begun(self) -> bool:
        """Take the role; False when the store cannot be written now: the doors answer 451 meanwhile, that is no reason to end."""
        try:
            self._lock = await asyncio.to_thread(self._store.own, "work", _OWN_PATIENCE)
            await asyncio.to_thread(self._store.void_leases)
        except (StoreLocked, StoreCorrupt):
            raise
        except (StoreError, OSError) as error:
            _LOG.error("workers cannot be started yet", extra={"why": str(error)})
            return False
        return True

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _tidy(self) -> None:
        """At start and once a minute: what a killed command had in hand is free again, and what a wrong clock put off for years is due."""
        if not self._children or time.monotonic() < self._tidy_at:
            return
        self._tidy_at = time.monotonic() + _TIDY_EVERY
        with contextlib.suppress(StoreError):  # tried again in a minute
            await asyncio.to_thread(self._store.void_hands, self._settings.work.strikes)
            if brought := await asyncio.to_thread(self._store.bring_near, datetime.now(UTC)):
                _LOG.warning("a wrong clock had put mails off; they are due now", extra={"mails": brought})

    async def stop(self, seconds: float = _STOP_SECONDS) -> None:
        """Let the workers finish the step in hand, for so long; then kill them. Their mails are given back."""
        self._stopping.set()
        for child in self._children:
            child.signal(signal.SIGTERM)
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.pids():  # noqa: ASYNC110  a process gives no event
            await asyncio.sleep(0.02)
        for child in self._children:
            if child.process is not None and child.process.poll() is None:
                _LOG.warning(
                    "a worker was killed: its step did not end in time", extra={"worker": child.name, "step": str(child.slot.read())}
                )
                child.process.kill()
                child.process.wait()
        with contextlib.suppress(StoreError):  # leases are void at the next start
            for child in self._children:
                await asyncio.to_thread(self._store.release, child.name)

    def reload(self) -> None:
        """Tell the workers to read the rules anew. One that is not ready yet reads them anyway."""
        for child in self._children:
            if child.process is not None and child.slot.pid() == child.process.pid:
                child.signal(signal.SIGHUP)

    def pids(self) -> list[int]:
        """Process ids of the workers that live."""
        return [child.process.pid for child in self._children if child.process is not None and child.process.poll() is None]

    async def _look_after(self, child: _Child) -> None:
        if self._stopping.is_set() or time.monotonic() < child.not_before:
            return
        if child.process is None:
            child.start(self._settings, self._environment, self._lock)
        elif (code := child.process.poll()) is not None:
            await asyncio.to_thread(self._bury, child, code)
            child.put_off()
        elif not child.hung and (in_hand := child.overdue(self._grace)):
            _LOG.error("a worker hangs and is killed", extra={"worker": child.name, "mail": in_hand.mail, "step": in_hand.n})
            child.hung = True
            child.process.kill()

    def _bury(self, child: _Child, code: int) -> None:
        """A strike for the mail in hand, the others given back."""
        in_hand = child.slot.read()
        words = "took too long and did not answer to its alarm" if child.hung else _ending(code)
        extra = {"worker": child.name, "ended": words, "mail": in_hand.mail if in_hand else None, "step": in_hand.n if in_hand else None}
        _LOG.error("a worker died", extra=extra)
        if in_hand:
            with contextlib.suppress(NotFound):
                self._strike(in_hand, words)
            child.slot.clear()
        self._store.release(child.name)

    def _strike(self, in_hand: InHand, words: str) -> None:
        now, work = datetime.now(UTC), self._settings.work
        self._store.strike(in_hand.mail, in_hand.n, f"the worker died: {words}", work.strikes, due(1, now, now, work))


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _isolation() -> list[str]:
    """Workers find modules where this process does: without the current folder, unless it is searched here too."""
    return [] if {"", str(Path.cwd())} & set(sys.path) else ["-P"]


def main(settings: Settings) -> None:
    """`inbox work`: `settings.workers` workers, until SIGTERM or SIGINT. SIGHUP reloads the rules."""
    from inbox.assemble import open_inbox  # noqa: PLC0415  heavy imports of this command only
    from inbox.store import open_store  # noqa: PLC0415

    open_inbox(settings)  # what is wrong with rules or plugins is said now, not by worker after worker
    os.umask(0o077)
    store = open_store(settings.dir)
    try:
        asyncio.run(_work(settings, store))
    finally:
        store.close()


async def _work(settings: Settings, store: SqliteStore) -> None:
    supervisor, stop, loop = Supervisor(settings, store, settings.workers), asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, supervisor.reload)
    running, waiting = asyncio.create_task(supervisor.run()), asyncio.create_task(stop.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    await supervisor.stop()
    await running
