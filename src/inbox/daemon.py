"""The daemon: doors, one writer, supervised workers, health, reload. `inbox serve` runs it; SIGTERM drains it, SIGHUP reloads the rules."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inbox.assemble import open_inbox, remember
from inbox.emf import Report
from inbox.errors import ConfigError, InboxError, RulesError
from inbox.metrics import Metrics, render
from inbox.model import Reply
from inbox.reception import Judges, Reception
from inbox.send.secret import return_path_secrets
from inbox.sources.health import open_health
from inbox.sources.smtp import Doors, open_doors
from inbox.sources.unsubscribe import Unsubscribing
from inbox.store import Keeper, SqliteStore, open_store
from inbox.supervise import Supervisor

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.metrics import Gauge
    from inbox.sources.ses.serving import Ses

_LOG = logging.getLogger("inbox.daemon")
DRAIN_SECONDS = 30.0
_TICK = 1.0
_FULL = Reply(452, "4.3.1", "Not enough disk space, try again later")
_BUSY = Reply(451, "4.3.2", "Too much mail is waiting, try again later")


class Daemon:
    """Everything that runs in the main process. Raises at construction what is wrong with rules, plugins, settings or store."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.store: SqliteStore = open_store(settings.dir)
        self.store.own("serve")
        self.box = open_inbox(settings, self.store, self.metrics)
        remember(self.store, self.box.rules)
        self.keeper = Keeper(self.store)
        self.judge = Judges(settings)
        self.supervisor = Supervisor(settings, self.store, settings.workers)
        self.doors: Doors | None = None
        self.ses: Ses | None = None
        self._watched = self.box.rules.stamps()
        self._told: tuple[str, ...] = ()
        self._overdone = False
        self._problem = ""
        self._report = self._cloudwatch() if settings.log.emf else None

    @property
    def gate(self) -> Reception:
        """What the doors ask."""
        box = self.box
        return Reception(lambda: box.rules, self.keeper, self.judge, box.plugins, self.settings, box.peek, self.metrics)

    async def run(self, stop: asyncio.Event, started: Callable[[Daemon], None] | None = None) -> None:
        """Serve until `stop` is set, then drain: no new sessions, what is in DATA may end, workers finish their step; at most 30 s."""
        self._tell()
        self.doors = await open_doors(self._door_settings(), self.gate, self.metrics, hold=self.hold)
        self.ses = await self._open_ses()
        health = await open_health(self.settings.http, self.metrics_text, self.ready, self._unsubscribing()) if self.settings.http else None
        tasks = [asyncio.create_task(self.supervisor.run()), asyncio.create_task(self._tick_for_ever())]
        _LOG.info("serving", extra={"listen": self.addresses, "rules": self.box.rules.version[:12]})
        gc.freeze()  # what is there now stays: no collection has to look at it again
        if started:
            started(self)
        waiter = asyncio.create_task(stop.wait())
        await asyncio.wait([waiter, *tasks], return_when=asyncio.FIRST_COMPLETED)
        await self._drain(tasks)
        if health:
            health.close()
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error

    @property
    def addresses(self) -> list[str]:
        """Where mail comes in."""
        doors = [str(address) for address in self.doors.addresses] if self.doors else []
        return doors + (self.ses.addresses if self.ses else [])

    async def _open_ses(self) -> Ses | None:
        if not (self.settings.sns or self.settings.sqs):
            return None
        from inbox.sources.ses.sending import attend  # noqa: PLC0415  only who asks for it has its memory
        from inbox.sources.ses.serving import open_ses  # noqa: PLC0415  as above

        ledger = self.box.ledger
        return await open_ses(self.settings, self.keeper.keep, self.hold, self.metrics, feedback=lambda feedback: attend(feedback, ledger))

    def _unsubscribing(self) -> Unsubscribing | None:
        sending, folder = self.settings.sending, self.settings.dir
        if not sending.unsubscribe_url:
            return None
        return Unsubscribing(self.store, self.box.ledger.note, lambda: return_path_secrets(sending.secret, folder))

    async def _drain(self, tasks: list[asyncio.Task[None]]) -> None:
        _LOG.info("draining")
        assert self.doors is not None
        seconds = DRAIN_SECONDS - 5
        await asyncio.gather(self.doors.drain(seconds), self.supervisor.stop(seconds), *([self.ses.drain(seconds)] if self.ses else []))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self.close)
        _LOG.info("stopped")

    def close(self) -> None:
        """Write what waits, and let go of the store."""
        self.judge.close()
        self.keeper.close()
        with contextlib.suppress(InboxError):
            self.metrics.hand_over(self.store.add_counts)
            self._tell_cloudwatch()
        self.store.close()

    # once a second

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            try:
                await asyncio.to_thread(self._tick)
                self._problem = ""
            except Exception as error:  # a daemon lives on
                self._note_problem(error)

    def _note_problem(self, error: Exception) -> None:
        """Not ready while it lasts; told when it begins, not once a second."""
        before, self._problem = self._problem, f"{type(error).__name__}: {error}"
        if self._problem != before:
            _LOG.warning("housekeeping failed", exc_info=not isinstance(error, (InboxError, OSError)), extra={"why": self._problem})

    def _tick(self) -> None:
        if self.box.rules.stamps() != self._watched:
            self.reload()
        self._overdone = self.store.count(state="kept") > self.settings.limits.backlog
        self.metrics.hand_over(self.store.add_counts)
        if self._report and self._report.is_due(time.monotonic()):
            self._tell_cloudwatch()

    def _cloudwatch(self) -> Report:
        log = self.settings.log
        return Report(self.store.counts(), _say, namespace=log.namespace, service=self.settings.hostname, addresses=log.addresses)

    def _tell_cloudwatch(self) -> None:
        """Metrics of the last minute on standard output, for CloudWatch, where that is set."""
        if self._report:
            self._report.tell(self.store.counts(), self._gauges(), datetime.now(UTC))

    def hold(self) -> Reply | None:
        """What the doors answer at MAIL while no mail can be taken: no room on the disk, or too much waiting."""
        limits = self.settings.limits
        needed = 2 * limits.size if limits.min_free is None else limits.min_free
        if shutil.disk_usage(self.settings.dir).free < needed:
            return _FULL
        return _BUSY if self._overdone else None

    def reload(self) -> None:
        """Read the rules anew for doors, judge and workers. A broken file leaves the old rules live, and says so."""
        files, self._watched = self.box.rules.files, self.box.rules.stamps()  # before reading: what is saved meanwhile is seen
        self.judge.reload()  # first: whom the doors admit by the new rules is never judged by the old ones
        try:
            self.box.reload()
        except RulesError as error:
            self.metrics.count("inbox_rules_reload_total", result="failed")
            for problem in error.problems:
                _LOG.error("rules not loaded; the old ones stay live", extra={"problem": str(problem)})
            return
        remember(self.store, self.box.rules)
        self.metrics.count("inbox_rules_reload_total", result="loaded")
        if self.box.rules.files != files:
            self._watched = self.box.rules.stamps()
        self.supervisor.reload()
        if self.doors:
            self.doors.filter_by(self._door_settings().filters)
        self._tell()
        _LOG.info("rules loaded", extra={"rules": self.box.rules.version[:12]})

    def _door_settings(self) -> Settings:
        """The settings, with the IP filters that rules of another system bring."""
        translated = self.box.rules.translated
        return self.settings.model_copy(update={"filters": translated.filters}) if translated else self.settings

    def _tell(self) -> None:
        """What rules of another system do otherwise here: told once, and again where it changes."""
        translated = self.box.rules.translated
        notes = translated.notes if translated else ()
        for note in notes:
            if note not in self._told:
                _LOG.warning("the rule set is served with a difference", extra={"difference": note})
        self._told = notes

    def hangup(self) -> None:
        """SIGHUP: the rules and the certificate are read anew."""
        self.reload()
        try:
            if self.doors:
                self.doors.reload_tls()
        except ConfigError as error:
            _LOG.error("certificate not loaded; the old one stays in force", extra={"problem": str(error)})

    # what health answers

    def ready(self) -> tuple[bool, str]:
        """Whether new mail can be taken now, and why not."""
        problem = str(self.hold() or self._problem)
        return not problem, problem or "ready"

    def metrics_text(self) -> str:
        """Prometheus text: what is counted in the store and in this process, and gauges of this moment."""
        self.metrics.hand_over(self.store.add_counts)
        return render(self.store.counts(), self._gauges())

    def _gauges(self) -> list[Gauge]:
        gauges: list[Gauge] = [*self.store.stats(datetime.now(UTC)).gauges()]
        gauges += [("inbox_identities_stopped", {"identity": identity}, 1) for identity in self.store.stopped()]
        if self.doors:
            gauges.append(("inbox_connections", {}, self.doors.connections))
        return gauges


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def serve(settings: Settings, started: Callable[[Daemon], None] | None = None) -> None:
    """Run the daemon until SIGTERM or SIGINT."""
    os.umask(0o077)
    daemon = Daemon(settings)

    async def main() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, daemon.hangup))
        await daemon.run(stop, started)

    _run(main)


def _run(main: Callable[[], Any]) -> None:
    """On uvloop where it is installed (extra `fast`)."""
    try:
        import uvloop  # noqa: PLC0415  optional
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
