"""Reception: what stands behind every door. Admit a recipient, judge before the 250 where a rule may refuse on content, keep, answer.

No code of users runs here but facts that read the envelope alone; judging before the 250 happens in a process of its own (`Judge`).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from inbox.errors import Deferred, InboxError
from inbox.inspect import MailFacts, Materials
from inbox.model import INTERNAL, Envelope, Mail, Plan, Raw, Reply
from inbox.rules import RELAY_DENIED, Rules, admit
from inbox.send.return_paths import ReturnPaths, is_srs

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from inbox.config import Settings
    from inbox.plugins import Plugins
    from inbox.ports import Counter, Memory
    from inbox.store import Keeper

_NOTHING = Raw.of(b"")
_READY = "ready"
_AT_RCPT = 0.05
"""Seconds that a fact may take at RCPT: all sessions wait for it. One that takes longer is not known yet."""


class Judging(Protocol):
    """Whoever makes a plan before the 250."""

    async def plan(self, mail: Mail) -> Plan:
        """The plan for a mail; raises when it cannot be made now."""


class Reception:
    """The gate of the doors (`inbox.ports.Gate`). `rules` gives the rules in force: they change while it runs."""

    def __init__(
        self,
        rules: Callable[[], Rules],
        keeper: Keeper,
        judge: Judging,
        plugins: Plugins,
        settings: Settings,
        memory: Memory,
        counter: Counter,
    ) -> None:
        self._rules, self._keeper, self._judge = rules, keeper, judge
        self._plugins, self._memory, self._counter = plugins, memory, counter
        self._return_paths = ReturnPaths(settings)
        self._quick = settings.model_copy(update={"work": settings.work.model_copy(update={"fact_timeout": _AT_RCPT})})

    def admit(self, envelope: Envelope, recipient: str) -> Reply | None:
        """None when the recipient may be served, else the refusal: unknown domain, or a rule that refuses on envelope facts alone."""
        rules = self._rules()
        if is_srs(recipient) and rules.accepts(recipient) and (home := self._home(envelope, recipient)) is not None:
            return home if isinstance(home, Reply) else None
        if not rules.gate:  # no rule has a say yet
            return None if rules.accepts(recipient) else RELAY_DENIED
        mail = Mail("", envelope, _NOTHING, datetime.now(UTC))
        facts = MailFacts(Materials(mail, _no_message, self._memory), self._plugins, rules.named_facts, self._quick, rules.secrets)
        refusal = admit(rules, facts, recipient)
        return INTERNAL if refusal and (facts.failed or facts.later) else refusal

    def _home(self, envelope: Envelope, recipient: str) -> str | Reply | None:
        """Whether a report may come home along this return path of ours (`inbox.send.return_paths`)."""
        try:
            return self._return_paths.home(envelope.sender, recipient, time.time())
        except Deferred:
            return INTERNAL

    async def take(self, mail: Mail) -> Sequence[Reply]:
        """Keep a mail and answer for each recipient, in order. A 250 means: durable, under the id that the text ends with."""
        recipients = mail.envelope.recipients
        plan = await self._judge.plan(mail) if self._rules().judged_before_reply else None
        refused = plan.refused if plan else {}
        for decision in plan.decisions if plan else ():
            if decision.matched:
                self._counter.count("inbox_rule_matched_total", rule=decision.rule)
        kept = None
        if not recipients or any(recipient not in refused for recipient in recipients):
            kept = Reply(250, "2.0.0", f"kept as {await self._keeper.keep(mail, plan)}")
            self._counter.count("inbox_accepted_total", source=mail.envelope.source)
            self._counter.observe("inbox_mail_bytes", mail.size)
        for _ in refused:
            self._counter.count("inbox_refused_total", reason="rule")
        return [reply for recipient in recipients if (reply := refused.get(recipient, kept))]


class Judges:
    """Processes that judge mail before its 250, `[work] judges` at most: a mail that waits for DNS or a scanner does not keep the others.

    Each is started when those before it are busy.
    """

    def __init__(self, settings: Settings) -> None:
        self._judges = [Judge(settings) for _ in range(settings.work.judges)]
        self._idle = deque(self._judges)
        self._free = asyncio.Semaphore(len(self._judges))
        self._threads = ThreadPoolExecutor(len(self._judges), "inbox-judges")

    async def plan(self, mail: Mail) -> Plan:
        """The plan for a mail; Deferred when the judge died or took longer than `judge_timeout`."""
        return await asyncio.shield(self._plan(mail))  # who asked may be gone: a judge is free when it has answered

    async def _plan(self, mail: Mail) -> Plan:
        async with self._free:
            judge = self._idle.popleft()  # the one that worked last: the others need not be there
            try:
                return await judge.plan(mail, self._threads)
            finally:
                self._idle.appendleft(judge)

    def reload(self) -> None:
        """Judge further mails with the rules as they are then."""
        for judge in self._judges:
            judge.reload()

    def close(self) -> None:
        """End for good: no further mail is judged."""
        for judge in self._judges:
            judge.close()
        self._threads.shutdown(wait=False)


class Judge:
    """One process that judges mail before its 250. It is started when first asked, and anew after it died or hung."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: Any = None
        self._pipe: Connection[Any, Any] | None = None
        self._stale = self._closed = self._ready = False

    async def plan(self, mail: Mail, threads: Executor) -> Plan:
        """The plan for a mail; Deferred when the judge died or took longer than `judge_timeout`."""
        loop = asyncio.get_running_loop()
        answer = "the daemon stops" if self._closed else await loop.run_in_executor(threads, self._ask, mail)
        if isinstance(answer, Plan):
            return answer
        raise Deferred(f"judging before the 250 failed: {answer}")

    def _ask(self, mail: Mail) -> Plan | str:
        if self._stale:
            self.stop()
        pipe = self._pipe or self._start()
        try:
            if not self._ready and not pipe.poll(self._settings.work.judge_timeout):
                raise TimeoutError("it did not start")
            self._ready = self._ready or pipe.recv() == _READY
            pipe.send(mail)
            if pipe.poll(self._settings.work.judge_timeout):
                answer: Plan | str = pipe.recv()
                return answer
        except (EOFError, OSError) as error:
            self.stop()
            return f"the judge died: {type(error).__name__}"
        self.stop()
        return f"no answer within {self._settings.work.judge_timeout:g} s"

    def _start(self) -> Connection[Any, Any]:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, far = spawn.Pipe()
        self._process = spawn.Process(target=_judge, args=(far, self._settings), daemon=True, name="inbox-judge")
        self._process.start()
        far.close()
        return self._pipe

    def reload(self) -> None:
        """Judge the next mail with the rules as they are then."""
        self._stale = True

    def stop(self) -> None:
        """End the process; the next mail starts a fresh one."""
        if self._process is not None:
            self._process.kill()
            self._process.join(5)
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None
        self._stale = self._ready = False

    def close(self) -> None:
        """End for good: no further mail is judged."""
        self._closed = True
        self.stop()


def _judge(pipe: Connection[Any, Any], settings: Settings) -> None:
    """The judge's own process: a mail comes in, a plan or the words of a failure go out."""
    from inbox import logs  # noqa: PLC0415  only the judge's process needs these
    from inbox.assemble import open_inbox  # noqa: PLC0415
    from inbox.store import open_store  # noqa: PLC0415

    logs.setup(settings.log.level, addresses=settings.log.addresses)
    store = open_store(settings.dir)
    try:
        box = open_inbox(settings, store, last_good=True)
        pipe.send(_READY)
        while True:
            mail = pipe.recv()
            try:
                pipe.send(box.judge_before_reply(mail))
            except InboxError as error:
                pipe.send(str(error))
    except (EOFError, KeyboardInterrupt):
        pass
    finally:
        store.close()


def _no_message() -> Any:
    raise InboxError("there is no message yet at RCPT time")
