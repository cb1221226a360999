"""The path of a mail, on one screen:

    keep -> parse -> inspect -> decide -> perform -> settle -> receipt

`Inbox` holds one set of rules, plugins and settings. It imports neither store nor sources: whoever starts the program hands in a memory,
an outbox and a journal. The daemon, Lambda, the commands and pytest all come through here, so they all make the same plan.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from inbox import feedback, perform
from inbox.config import Settings
from inbox.copies import copy_of
from inbox.errors import Deferred, StoreError
from inbox.findable import Findable
from inbox.inspect import MailFacts, Materials
from inbox.model import Envelope, Mail, OutcomeState, Plan, Receipt, Reply, Step
from inbox.options import with_secrets
from inbox.parsing import parse
from inbox.perform import Ended
from inbox.plugins import Plugins
from inbox.ports import Budget, Counter, Journal, Ledger, Memory, Outbox, Queue
from inbox.rules import RELAY_DENIED, Rules, decide, expand, load
from inbox.send.return_paths import is_srs, with_return_paths
from inbox.sending import SENT, SendingEvent, expired, plan_to_send

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inbox.parsing.addresses import Address
    from inbox.parsing.message import Message
    from inbox.send.forwarder import Forwarder
    from inbox.send.sender import Sent
    from inbox.send.submission import Words

_LOG = logging.getLogger("inbox.app")
_NOT_DONE: Mapping[OutcomeState, int] = {"deferred": logging.INFO, "failed": logging.WARNING, "dead": logging.WARNING}
"""How a step that was not done is told in the log."""

_OPEN_MAILS, _OPEN_OCTETS = 64, 32 << 20


class NoMemory:
    """A memory that knows no other mail: for `explain` without a store."""

    def earlier(self, kind: str, key: str, mail: Mail, window: timedelta) -> int:  # noqa: ARG002
        return 0

    def take(self, mail: Mail, n: int, budgets: Sequence[Budget]) -> Budget | None:  # noqa: ARG002
        return None

    def load(self, name: str) -> bytes | None:  # noqa: ARG002
        return None

    def sender_of(self, mail_id: str) -> str | None:  # noqa: ARG002
        return None


class NoLedger:
    """A ledger that writes nothing down, suppresses nobody and knows no rate: where there is no store."""

    def note(self, events: Sequence[SendingEvent]) -> Sequence[SendingEvent]:
        return events

    def events(self, **asked: object) -> Sequence[SendingEvent]:  # noqa: ARG002
        return ()

    def sent(self, *message_ids: str) -> Sequence[SendingEvent]:  # noqa: ARG002
        return ()

    def delivered(self, mail: str, n: int) -> Collection[str]:  # noqa: ARG002
        return ()

    def why_suppressed(self, address: str, identity: str | None = None) -> str | None:  # noqa: ARG002
        return None

    def may_send(self, identity: str | None) -> str | None:  # noqa: ARG002
        return None

    def wait_for(self, name: str, rate: str, amount: int = 1) -> float:  # noqa: ARG002
        return 0.0


def words_of(message: Message, envelope: Envelope) -> Findable:
    """What a search finds a mail by."""
    senders = [envelope.sender or "", *_people(message.from_)]
    recipients = [*envelope.recipients, *_people(message.to), *_people(message.cc)]
    files = [attachment.filename or "" for attachment in message.attachments]
    return Findable(message.subject, " ".join(senders), " ".join(recipients), message.text, "\n".join(files) if files else None)


class Inbox:
    """Rules, plugins and settings together: what becomes of a mail, and doing it.

    `rules`: path of a rules.yaml, or loaded `Rules`. `memory`: what facts and handlers may know of other mails; `peek`: the same for `explain`,
    noting nothing. `outbox`: the way out for handlers that send. `queue`: where mail waits that `send` makes. `ledger`: what became of mail that left.
    `read`: how the rules are read anew (default: from the same path). Raises RulesError, PluginError, ConfigError.
    """

    def __init__(
        self,
        rules: Rules | str | Path,
        *,
        plugins: Plugins | None = None,
        plugins_dir: Path | None = None,
        settings: Settings | None = None,
        memory: Memory | None = None,
        peek: Memory | None = None,
        outbox: Outbox | None = None,
        queue: Queue | None = None,
        ledger: Ledger | None = None,
        counter: Counter | None = None,
        read: Callable[[], Rules] | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.plugins = plugins or Plugins(plugins_dir)
        self.rules = rules if isinstance(rules, Rules) else load(Path(rules), self.plugins, self.settings)
        self._read = read or (lambda: load(self.rules.path, self.plugins, self.settings))
        self.memory = memory or NoMemory()
        self.peek = peek or NoMemory()
        self.outbox = outbox
        self.queue = queue
        self.ledger = ledger or NoLedger()
        self._limits = self.settings.parsing.limits()
        self.counter = counter
        self._open: OrderedDict[str, MailFacts] = OrderedDict()
        self._open_octets = 0

    # the path

    def judge(self, mail: Mail) -> Plan:
        """Parse, inspect, decide: the plan for a mail under the rules in force.

        Never raises for what a mail does, or a fact that fails; Deferred when a fact that was asked for wants to be asked again later.
        """
        facts = self._facts(mail)
        plan = self._judge(facts)
        if facts.later:
            self._forget(mail)
            waits = [error.retry_after for error in facts.later.values() if error.retry_after]
            raise Deferred("; ".join(f"fact {name}: {error}" for name, error in facts.later.items()), max(waits, default=None))
        return plan

    def judge_before_reply(self, mail: Mail) -> Plan:
        """The same, before the sender is answered. Deferred when the plan refuses somebody while a fact failed: a fault is no refusal."""
        plan, failed = self.judge(mail), self._facts(mail).failed
        if plan.refused and failed:
            raise Deferred(f"a rule would refuse, but facts failed: {', '.join(sorted(failed))}")
        return plan

    def judge_after_reply(self, mail: Mail) -> Plan:
        """The same, for mail that was answered 250: nobody is refused any more (`perform.too_late`)."""
        return perform.too_late(self.judge(mail))

    def words(self, mail: Mail) -> Findable:
        """What a search finds a mail by."""
        return words_of(self.message(mail), mail.envelope)

    def attend(self, mail: Mail) -> Sequence[SendingEvent]:
        """Note what a mail says of mail that we sent: bounces, complaints, answers; those that were new. StoreError: to be done again.

        What goes wrong otherwise is only told: the mail itself matters more.
        """
        if isinstance(self.ledger, NoLedger) or mail.envelope.source == SENT:
            return ()
        try:
            events = feedback.read(self.message(mail), mail, self.ledger.sent)
            new = self.ledger.note(events) if events else ()
        except StoreError:
            raise
        except Exception:
            _LOG.exception("what a mail says of mail that we sent could not be noted", extra={"mail": mail.id})
            return ()
        for event in new:
            _LOG.info(
                "feedback", extra={"mail": mail.id, "type": event.type, "about": event.mail, "subtype": event.subtype, "why": event.detail}
            )
        return new

    def attempt(
        self, mail: Mail, step: Step, number: int, until: datetime | None = None, *, aged: bool = True, earlier: tuple[Step, ...] = ()
    ) -> Ended:
        """Try one step of a mail's plan once (`number` counts from 1) and say how it ended; what the handler raises is in the outcome.

        `until`: when the process that tries it has to end; the step is interrupted then. `aged`: whether the step is given up when the mail is
        older than `retry_for`; not where a queue hands it over again, which has a schedule of its own and knows when to give up.
        """
        began, seconds, now = time.perf_counter(), self.time_for(step), datetime.now(UTC)
        first = mail.received_at if aged else now
        if until:
            seconds = max(0.1, min(seconds, (until - now).total_seconds()))
        ended = perform.attempt(step, lambda: self._call(mail, step, earlier), number, first, self.settings.work, seconds, mail.id)
        if ended.expired and mail.envelope.source == SENT:
            tried = any(self.ledger.events(mail=mail.id, recipient=one, type="send") for one in step.recipients)
            self.ledger.note(expired(mail, step, ended.outcome.detail, tried=tried))
        if self.counter:
            self._count(self.counter, step, ended.outcome.state, time.perf_counter() - began)
        if ended.outcome.state in _NOT_DONE:
            about = {"mail": mail.id, "rule": step.rule, "handler": step.handler, "attempt": number, "why": ended.outcome.detail}
            _LOG.log(_NOT_DONE[ended.outcome.state], "step %s", ended.outcome.state, extra=about)
        return ended

    def time_for(self, step: Step) -> float:
        """Seconds that one attempt at a step may take: what it says, else more for handlers that send (RFC 5321 section 4.5.3.2.6)."""
        handler, work = self.plugins.handlers.entries.get(step.handler), self.settings.work
        return step.timeout or (work.send_timeout if handler and handler.sends else work.step_timeout)

    def tell(self, mail: Mail, receipt: Receipt) -> None:
        """Count a settled mail, and tell the observers of it."""
        if self.counter:
            self.counter.count("inbox_settled_total")
            self.counter.observe("inbox_settle_seconds", (datetime.now(UTC) - mail.received_at).total_seconds())
        self.plugins.settled(mail, receipt)

    def explain(self, mail: Mail) -> Receipt:
        """What would become of a mail, and why; nothing is noted, kept or done."""
        plan = self.foresee(mail)
        return Receipt(mail, plan, reply=plan.reply)

    def foresee(self, mail: Mail) -> Plan:
        """The plan that a mail would get; nothing is noted, kept or done."""
        return self._judge(self._facts_of(mail, self.peek))

    def process(self, mail: Mail, journal: Journal | None = None, until: datetime | None = None) -> Receipt:
        """All of it, here and now: judge, try every step once, write plan and outcomes into the journal.

        `until`: when there is no more time; steps that were not begun by then are left to the next try.
        """
        plan = self.judge(mail)
        self.attend(mail)
        run = perform.Run(mail, journal.planned(mail, plan) if journal else plan, journal)
        while (until is None or datetime.now(UTC) < until) and (step := run.next()):
            run.add_all(self.attempt(mail, step, 1, until, aged=until is None, earlier=perform.earlier(run.plan, run.states, step)))
        receipt = run.receipt()
        if receipt.state == "settled":
            self.tell(mail, receipt)
        return receipt

    def send(self, **words: Unpack[Words]) -> Sent:
        """Compose a mail and keep it until workers deliver it; its id at once. No rule judges it.

        ConfigError: it cannot be sent as it is asked for; RenderingFailed: its template lacks a value; StoreError: it was not kept.
        """
        from inbox.send.identities import Identities  # noqa: PLC0415  only who sends pays for it
        from inbox.send.sender import Sender  # noqa: PLC0415
        from inbox.send.submission import submission  # noqa: PLC0415

        return Sender(self.settings, Identities(self.settings), self.queue, self.ledger).send(submission(words))

    def reload(self) -> None:
        """Read the rules file again; on a RulesError the old rules stay in force."""
        self.rules = self._read()
        self._open.clear()
        self._open_octets = 0

    def every_decision(self, receipt: Receipt) -> Receipt:
        """The receipt with a decision for each rule, also for those that the index ruled out; needs the rules version of the plan."""
        if receipt.plan is None or receipt.plan.rules_version != self.rules.version:
            return receipt
        return receipt.with_decisions(expand(self.rules, receipt.plan))

    def message(self, mail: Mail) -> Message:
        """What the octets of a mail say; parsed once while the mail is worked on."""
        return self._facts(mail).materials.message

    @cached_property
    def forwarder(self) -> Forwarder:
        """Plans how mail is passed on."""
        from inbox.send.forwarder import Forwarder  # noqa: PLC0415  few mails are passed on

        return Forwarder(self.settings)

    # its parts

    def _judge(self, facts: MailFacts) -> Plan:
        mail = facts.materials.mail
        if mail.envelope.source == SENT:
            return plan_to_send(mail)  # its own plan was kept with it, unless it is one for recipients that came later
        home = self._return_paths(mail)
        recipients = tuple(recipient for recipient in mail.envelope.recipients if recipient not in home)
        served = tuple(recipient for recipient in recipients if self.rules.accepts(recipient))
        if home and not recipients:
            return with_return_paths(Plan(self.rules.version), home, others=False)
        plan = decide(self.rules, facts, served) if served or not recipients else Plan(self.rules.version, RELAY_DENIED)
        if self.rules.translated:
            plan = replace(plan, in_order=True)
        if len(served) < len(recipients):
            strangers = {recipient: RELAY_DENIED for recipient in recipients if recipient not in served}
            plan = replace(plan, refused={**plan.refused, **strangers})
        if self.counter and not facts.later:
            for decision in plan.decisions:
                if decision.matched:
                    self.counter.count("inbox_rule_matched_total", rule=decision.rule)
        return with_return_paths(plan, home, others=True) if home else plan

    def _return_paths(self, mail: Mail) -> dict[str, str | Reply]:
        """Recipients that are return paths of ours, which no rule judges: whose each is, or why the mail is refused."""
        envelope, found = mail.envelope, {}
        for recipient in envelope.recipients:
            if is_srs(recipient) and self.rules.accepts(recipient):
                home = self.forwarder.return_paths.home(envelope.sender, recipient, mail.received_at.timestamp())
                found.update({} if home is None else {recipient: home})
        return found

    def _count(self, counter: Counter, step: Step, state: OutcomeState, seconds: float) -> None:
        counter.count("inbox_steps_total", rule=step.rule, handler=step.handler, state=state)
        counter.observe("inbox_step_seconds", seconds, handler=step.handler)
        if state in ("deferred", "dead"):
            counter.count(f"inbox_{state}_total", handler=step.handler)

    def _call(self, mail: Mail, step: Step, earlier: tuple[Step, ...]) -> object:
        handler = self.plugins.handlers.entries.get(step.handler)
        if handler is None:
            raise Deferred(f"handler {step.handler!r} is not installed here; install its plugin and the step is tried again")
        facts = self._facts(mail)
        facts.acting = True
        materials = replace(
            facts.materials, step=step, settings=self.settings.of(step.handler), outbox=self.outbox, earlier=earlier, counter=self.counter
        )
        materials.copy = partial(copy_of, mail, step.recipients or mail.envelope.recipients, facts, self.settings)
        if "forwarder" in handler.wants:
            materials.forwarder = self.forwarder
        return handler.call(materials, with_secrets(step.options, handler.secrets, self.rules.secrets))

    def _facts(self, mail: Mail) -> MailFacts:
        """The facts of a mail that is worked on; the last few are kept, so that judging and performing parse once."""
        if (known := self._open.get(mail.id)) is not None:
            if known.materials.mail.content.path == mail.content.path:
                self._open.move_to_end(mail.id)
                return known
            self._forget(mail)  # its octets lie elsewhere now: a function has removed the file of its last event
        self._open[mail.id] = facts = self._facts_of(mail, self.memory)
        self._open_octets += mail.size
        while len(self._open) > _OPEN_MAILS or (len(self._open) > 1 and self._open_octets > _OPEN_OCTETS):
            self._forget(next(iter(self._open.values())).materials.mail)
        return facts

    def _forget(self, mail: Mail) -> None:
        """What was found out about a mail; it is worked out anew."""
        if gone := self._open.pop(mail.id, None):
            self._open_octets -= gone.materials.mail.size
            gone.materials.facts = None  # they know each other: so both go now, with their mail, and not when the collector comes

    def _facts_of(self, mail: Mail, memory: Memory) -> MailFacts:
        materials = Materials(mail, cache(lambda: parse(mail.raw, self._limits)), memory)
        return MailFacts(materials, self.plugins, self.rules.named_facts, self.settings, self.rules.secrets)


def _people(addresses: Iterable[Address]) -> list[str]:
    return [f"{address.name or ''} {address.address}" for address in addresses]
