"""A worker in a process of its own: `python -m inbox.worker NAME SLOT LOCK`, settings as JSON on standard input.

SIGTERM: finish the step in hand and end. SIGHUP: read the rules anew; when they are broken the old ones stay. The process is a fresh one,
not a fork of the daemon with its threads. LOCK is the descriptor of the role `work`: it is held for as long as a worker lives, so that no
second supervisor starts beside orphans; and on Linux a worker is killed with the supervisor that started it.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from inbox.config import Settings
from inbox.errors import InboxError
from inbox.worker.rounds import run
from inbox.worker.slot import Slot

if TYPE_CHECKING:
    from inbox.app import Inbox
    from inbox.metrics import Metrics
    from inbox.store import SqliteStore

_LOG = logging.getLogger("inbox.worker")
_PR_SET_PDEATHSIG = 1
_COUNTS_EVERY = 1.0
_YOUNG_OBJECTS = 20_000


class Wishes:
    """What signals have asked for."""

    def __init__(self) -> None:
        self.stopping = self.reloading = False
        self.parent = os.getppid()

    def listen(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGHUP, self._reload)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the supervisor too, which says when to stop

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _reload(self, *_: object) -> None:
        self.reloading = True

    def stop(self) -> bool:
        """Asked to stop, or left alone."""
        return self.stopping or os.getppid() != self.parent


class Between:
    """What is done between rounds: new rules when asked for or when their file has changed, counters into the store once a second."""

    def __init__(self, box: Inbox, store: SqliteStore, metrics: Metrics, wishes: Wishes) -> None:
        self._box, self._store, self._metrics, self._wishes = box, store, metrics, wishes
        self._next = 0.0
        self._stamps = box.rules.stamps()
        store.remember_rules(box.rules.version, box.rules.source)

    def __call__(self) -> None:
        if self._wishes.reloading:
            self._wishes.reloading = False
            self._reload()
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _COUNTS_EVERY
            self.count()
            self._wishes.reloading |= self._box.rules.stamps() != self._stamps

    def count(self) -> None:
        self._metrics.hand_over(self._store.add_counts)

    def _reload(self) -> None:
        files, self._stamps = self._box.rules.files, self._box.rules.stamps()  # before reading: what is saved meanwhile is seen
        try:
            self._box.reload()
        except InboxError as error:
            _LOG.error("rules not loaded; the old ones stay live", extra={"problem": str(error)})
            return
        if self._box.rules.files != files:
            self._stamps = self._box.rules.stamps()
        self._store.remember_rules(self._box.rules.version, self._box.rules.source)


def die_with_parent() -> None:
    """On Linux: SIGKILL when the supervisor ends (prctl(2), PR_SET_PDEATHSIG); elsewhere `Wishes.stop` sees it after the round."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_memory(octets: int) -> None:
    """Allow so much address space beyond what the process has now: a handler that wants more gets MemoryError."""
    if sys.platform != "linux":
        return  # elsewhere what a process has now cannot be read this way
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = pages * resource.getpagesize() + octets
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def collect_rarely() -> None:
    """Look for cycles once for tens of mails, and never among what was loaded at start: that took a tenth of a worker's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


def keep_lock(descriptor: int) -> None:
    """The lock stays with this process, and goes to no child of a handler."""
    os.set_inheritable(descriptor, False)
    os.register_at_fork(after_in_child=lambda: os.close(descriptor))


def work(settings: Settings, name: str, slot: Slot, wishes: Wishes) -> None:
    """Load everything, then work until told to stop."""
    from inbox import logs  # noqa: PLC0415  heavy imports come after the signals are listened to
    from inbox.assemble import open_inbox  # noqa: PLC0415
    from inbox.metrics import Metrics  # noqa: PLC0415
    from inbox.store import open_store  # noqa: PLC0415

    logs.setup(settings.log.level, addresses=settings.log.addresses)
    store, metrics = open_store(settings.dir), Metrics()
    box = open_inbox(settings, store, metrics, last_good=True)
    between = Between(box, store, metrics, wishes)
    limit_memory(settings.work.memory)
    collect_rarely()
    try:
        run(box, store, name, slot, wishes.stop, between)
        between.count()
    finally:
        store.close()


def main() -> int:
    """0 when told to stop, 2 when rules, plugins, settings or store cannot be loaded."""
    name, path, descriptor = sys.argv[1:4]
    os.umask(0o077)
    wishes, slot = Wishes(), Slot(Path(path))
    wishes.listen()
    slot.ready()
    die_with_parent()
    keep_lock(int(descriptor))
    try:
        work(Settings.model_validate_json(sys.stdin.read()), name, slot, wishes)
    except InboxError as error:
        _LOG.error("the worker cannot start", extra={"why": str(error)})
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
