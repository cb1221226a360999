"""Records become kept mail: fetch, keep, hand feedback on. Whoever brought them answers SNS or SQS only when this has returned."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from inbox import aws
from inbox.sources.ses.certificates import confirm
from inbox.sources.ses.fetch import Client, fetch
from inbox.sources.ses.records import Confirmation, Feedback, Ignored, Item, Object, Received, Record

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.model import Mail
    from inbox.ports import Counter

_LOG = logging.getLogger("inbox.ses")

Keep = Callable[["Mail"], str]
"""Keeps a mail durably and returns the id it is kept under; StoreError when it cannot."""


def log_feedback(feedback: Feedback) -> None:
    """Say in the log what became of mail that was sent."""
    _LOG.info(
        "feedback of SES",
        extra={
            "feedback": feedback.feedback,
            "ses_id": feedback.message_id,
            "recipients": list(feedback.recipients or ()),
            "type": "/".join(word for word in (feedback.bounce_type, feedback.bounce_subtype) if word)
            or feedback.complaint
            or feedback.delay,
            "key": feedback.dedupe,
        },
    )


class Intake:
    """Takes what was read. Its calls block until everything is durable, so they are for threads; many may call at once.

    `feedback` is called for feedback about sent mail, and what it raises fails the message; `visit` confirms a subscription.
    """

    def __init__(
        self,
        settings: Settings,
        keep: Keep,
        counter: Counter,
        *,
        feedback: Callable[[Feedback], None] = log_feedback,
        visit: Callable[[str], None] = confirm,
        client: Client = aws.client,
    ) -> None:
        self._settings, self._keep, self._counter = settings, keep, counter
        self._feedback, self._visit, self._client = feedback, visit, client
        self._folder = settings.dir / "incoming"

    def sweep(self) -> None:
        """Remove what a process that ended early left behind: none of it was acknowledged. Only for the owner of the store."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def take(self, item: Item) -> None:
        """Everything in one message: when this returns it may be acknowledged. Raises the first failure, after all else in it was taken."""
        failure: Exception | None = item.error
        for record in item.records:
            try:
                self._take(record)
            except Exception as error:
                failure = failure or error
        if failure is not None:
            self._counter.count("inbox_ses_failures_total", reason=getattr(failure, "code", None) or type(failure).__name__)
            raise failure

    def _take(self, record: Record) -> None:
        if isinstance(record, Feedback):
            self._feedback(record)
        elif isinstance(record, Confirmation):
            self._confirmed(record)
        elif isinstance(record, Ignored) or record.ignore:
            _LOG.info(
                "nothing to keep", extra={"what": record.ignore, "topic": record.topic, "ses_id": getattr(record, "message_id", None)}
            )
        else:
            self._mail(record)
        result = record.feedback if isinstance(record, Feedback) else record.ignore or "taken"
        self._counter.count("inbox_ses_records_total", kind=record.kind, result=result)

    def _confirmed(self, record: Confirmation) -> None:
        if record.url is None:
            _LOG.warning("SNS has taken this endpoint off a topic", extra={"topic": record.topic})
            return
        self._visit(record.url)
        _LOG.info("subscription confirmed", extra={"topic": record.topic})

    def _mail(self, record: Received | Object) -> None:
        if isinstance(record, Received) and record.lossy:
            _LOG.warning("the SNS action sends mail as text, which damages octets that are not UTF-8; set its encoding to Base64")
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            mail = fetch(record, self._settings, Path(folder), client=self._client)
            if mail is None:
                return
            if self._keep(mail) == mail.id:
                self._counter.count("inbox_accepted_total", source="ses")
                self._counter.observe("inbox_mail_bytes", mail.size)
