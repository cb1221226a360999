"""The host in AWS Lambda: an event comes in, every mail of it is kept, judged and worked on here and now, and what was not done comes again.

One function serves every road that mail of SES can take (`inbox.sources.ses`): a Lambda action, a topic, a queue, an S3 event. Rules, store
and settings are loaded once and serve all events of one process; each mail comes through `inbox.app`, so its plan is the one of the daemon.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from inbox import config, logs
from inbox.assemble import open_inbox
from inbox.emf import emf_lines
from inbox.errors import Deferred, InboxError
from inbox.metrics import Metrics
from inbox.model import Mail, Receipt, new_id
from inbox.sources import ses
from inbox.sources.ses import Batch, Feedback, Item, Object, Received, Record
from inbox.sources.ses.sending import attend
from inbox.store.inline import work_due, work_inline
from inbox.store.opening import open_inline

if TYPE_CHECKING:
    from inbox.app import Inbox
    from inbox.config import Settings
    from inbox.store.inline import InlineStore

_LOG = logging.getLogger("inbox.function")
_MARGIN = timedelta(seconds=3)
"""What is left of a function's time to write down how a step ended."""
_LONGEST = timedelta(minutes=15)
_AT_ONCE, _AHEAD = 4, 8
"""Mails that are fetched at the same time; and that lie ready, as the disk of a function is small."""
DISPOSITIONS = ("CONTINUE", "STOP_RULE", "STOP_RULE_SET")


class Undone(Deferred):
    """Something of an event was not done; AWS must hand it over again. The text names each record and why."""


@dataclass
class _Ended:
    """What became of one message of an event: receipts of its mails, and why it has to come again."""

    item: Item
    receipts: list[Receipt] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Function:
    """A Lambda function: call it with an event and its context."""

    def __init__(self, box: Inbox, store: InlineStore | None, metrics: Metrics) -> None:
        self.box, self.store, self.metrics = box, store, metrics
        if store:
            store.remember_rules(box.rules.version, box.rules.source)

    def __call__(self, event: Any, context: Any = None) -> dict[str, Any]:
        """Work on one event.

        The answer of a Lambda action is a disposition (`CONTINUE`, `STOP_RULE`, `STOP_RULE_SET`), that of a queue names the messages that
        have to come again (`batchItemFailures`). For any other event Undone is raised, at the end, when something has to come again: AWS
        then repeats the event, and what was done is not done twice. A scheduled event has everything done that is due in the store: steps that were
        deferred, and what operators released.
        """
        holder = str(getattr(context, "aws_request_id", "") or new_id())
        until = _end(context)
        try:
            if _is_tick(event):
                return self._due(holder, until)
            batch = ses.read(event, settings=self.box.settings)
            with tempfile.TemporaryDirectory(prefix="inbox-") as folder:
                fetched = self._fetched(batch.records, Path(folder))
                ended = [self._take(item, fetched, f"{holder}-{n}", until) for n, item in enumerate(batch.items)]
            return self._answer(batch, ended)
        finally:
            self._hand_over()

    def _due(self, holder: str, until: datetime) -> dict[str, Any]:
        receipts = work_due(self.box, self.store, holder, until) if self.store else []
        for receipt in receipts:
            _LOG.info("worked on", extra={"mail": receipt.mail.id, "key": receipt.mail.source_key, "state": receipt.state})
        return {"due": len(receipts)}

    def _fetched(self, records: Sequence[Record], folder: Path) -> Iterator[Callable[[], Mail | None]]:
        """The mails of records that have one, in order; a few are fetched ahead, while others are worked on."""
        wanted = [partial(ses.fetch, record, self.box.settings, folder) for record in records if _has_mail(record)]
        if len(wanted) < 2:
            yield from wanted
            return
        rest, begun = iter(wanted), deque[Future[Mail | None]]()
        with ThreadPoolExecutor(_AT_ONCE, "inbox-fetch") as pool:
            begun.extend(pool.submit(fetch) for fetch in islice(rest, _AHEAD))
            while begun:
                yield begun.popleft().result
                begun.extend(pool.submit(fetch) for fetch in islice(rest, 1))

    def _take(self, item: Item, fetched: Iterator[Callable[[], Mail | None]], holder: str, until: datetime) -> _Ended:
        """Everything that one message says; a record that fails does not keep the others from being done."""
        ended = _Ended(item)
        if item.error:
            ended.faults.append(_words(item.error))
        for record in item.records:
            try:
                ended.receipts += self._record(record, fetched, holder, until)
            except InboxError as error:
                ended.faults.append(f"{_name(record)}: {_words(error)}")
            except Exception as error:  # the unknown error is temporary, and must not stop the rest
                _LOG.exception("a record failed", extra={"record": _name(record)})
                ended.faults.append(f"{_name(record)}: {type(error).__name__}: {error}")
        ended.faults += [fault for receipt in ended.receipts if (fault := _fault(receipt, kept=self.store is not None))]
        for fault in ended.faults:
            _LOG.warning("not done, to come again", extra={"queued": item.id, "why": fault, "receives": item.receives})
        return ended

    def _record(self, record: Record, fetched: Iterator[Callable[[], Mail | None]], holder: str, until: datetime) -> Sequence[Receipt]:
        result = record.ignore or "taken"
        self.metrics.count("inbox_ses_records_total", kind=record.kind, result=result)
        if isinstance(record, Feedback):
            attend(record, self.box.ledger)
        mail = next(fetched)() if _has_mail(record) else None
        if mail is None:
            return ()
        try:
            return self._work(mail, holder, until)
        finally:
            if mail.content.path:
                mail.content.path.unlink(missing_ok=True)

    def _work(self, mail: Mail, holder: str, until: datetime) -> Sequence[Receipt]:
        self.metrics.observe("inbox_mail_bytes", mail.size)
        if datetime.now(UTC) >= until:
            raise Undone("the time of the function is over")
        receipts = work_inline(self.box, self.store, mail, holder, until) if self.store else [self.box.process(mail, until=until)]
        self.metrics.count("inbox_accepted_total", source="ses")
        for receipt in receipts:
            _LOG.info("worked on", extra={"mail": receipt.mail.id, "key": mail.source_key, "state": receipt.state})
        return receipts

    # the answer

    def _answer(self, batch: Batch, ended: Sequence[_Ended]) -> dict[str, Any]:
        failed = [one for one in ended if one.faults]
        if batch.queue:
            return {"batchItemFailures": [{"itemIdentifier": one.item.id} for one in failed]}
        if failed:
            raise Undone("; ".join(fault for one in failed for fault in one.faults))
        asked = [record for record in batch.records if isinstance(record, Received) and record.disposition]
        if not asked:
            return {}
        receipts = [receipt for one in ended for receipt in one.receipts]
        recipients = {recipient for record in asked for recipient in record.recipients}
        return {"disposition": disposition(self.box, receipts, recipients)}

    def _hand_over(self) -> None:
        """Print the metrics: CloudWatch reads them from the log (Embedded Metric Format)."""
        service = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "inbox")
        for line in emf_lines(self.metrics, namespace=self.box.settings.log.namespace, service=service):
            sys.stdout.write(line + "\n")
        sys.stdout.flush()


def disposition(box: Inbox, receipts: Sequence[Receipt], recipients: set[str]) -> str:
    """What SES shall do next: `STOP_RULE_SET` when each of these recipients was refused or a rule that matched stops, else `CONTINUE`.

    A rule that says `set: {disposition: STOP_RULE}` decides it by name.
    """
    plans = [receipt.plan for receipt in receipts if receipt.plan]
    for plan in plans:
        if (wish := plan.values.get("disposition", "").upper()) in DISPOSITIONS:
            return wish
    enders = {rule.name: rule for rule in box.rules.rules if rule.ends or rule.ends_all or rule.refuse is not None}
    ended: set[str] = set()
    for plan in plans:
        for decision in plan.decisions:
            if decision.matched and not decision.shadow and (rule := enders.get(decision.rule)):
                ended |= recipients if rule.ends_all else set(decision.recipients)
        ended |= {recipient for recipient in recipients if not box.rules.accepts(recipient)}
    return "STOP_RULE_SET" if plans and ended >= recipients else "CONTINUE"


def _fault(receipt: Receipt, *, kept: bool) -> str | None:
    """Why a mail has to come again; None when all is done, or a person must look: then the store keeps it, if there is one."""
    if receipt.state == "settled" or (receipt.state in ("dead", "quarantined") and kept):
        return None
    last = {outcome.n: outcome for outcome in receipt.outcomes}
    open_ = [f"step {n} {outcome.state}: {outcome.detail}" for n, outcome in last.items() if outcome.state in ("deferred", "dead", "held")]
    return f"mail {receipt.mail.id} ({receipt.mail.source_key}) is {receipt.state}: {'; '.join(open_) or 'in hand elsewhere, or not begun'}"


def _is_tick(event: Any) -> bool:
    """Whether a clock calls (a rule of EventBridge, EventBridge Scheduler)."""
    return (
        isinstance(event, dict) and event.get("detail-type") == "Scheduled Event" and event.get("source") in ("aws.events", "aws.scheduler")
    )


def _has_mail(record: Record) -> TypeGuard[Received | Object]:
    return isinstance(record, (Received, Object)) and not record.ignore


def _name(record: Record) -> str:
    return f"{record.kind} {record.dedupe or record.ignore or ''}".strip()


def _words(error: InboxError) -> str:
    code = getattr(error, "code", None)
    return f"{code}: {error}" if code and str(code) not in str(error) else str(error)


def _end(context: Any) -> datetime:
    """When no further step may begin."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return datetime.now(UTC) + max((timedelta(milliseconds=left()) if left else _LONGEST) - _MARGIN, timedelta(seconds=1))


# how a function is made


def lambda_handler_for(rules: str | Path, *, settings: Settings | None = None, store: str | None = None) -> Callable[..., dict[str, Any]]:
    """A Lambda handler for these rules: `handler = inbox.lambda_handler_for("rules.yaml", store="dynamodb://mails")` in a module of one's own.

    Settings come as ever (`inbox.toml`, `INBOX_…`); `store` is a URL as in the setting `store`. Raises RulesError, PluginError, ConfigError, so
    that a function that is set up wrongly never starts.
    """
    given = settings or config.load()
    update = {"rules": Path(rules), **({"store": store} if store else {})}
    return _function(given.model_copy(update=update))


def lambda_handler(event: Any, context: Any = None) -> dict[str, Any]:
    """The handler to name in AWS: `inbox.lambda_handler`. All is set by `INBOX_…` variables and an `inbox.toml` beside the rules."""
    return _default()(event, context)


@cache
def _default() -> Function:
    """Made at the first event and kept while the process lives, as AWS intends."""
    return _function(config.load())


def _function(settings: Settings) -> Function:
    logs.setup(settings.log.level, addresses=settings.log.addresses)
    metrics = Metrics()
    store = open_inline(settings)
    if store is None:
        _LOG.warning("no store is set, so repeats are done again, and dead mail comes again; INBOX_STORE names one (docs/aws.md)")
    return Function(open_inbox(settings, store, metrics), store, metrics)
