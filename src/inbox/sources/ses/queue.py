"""Messages of SQS (`inbox serve --sqs URL`): polled, kept, and deleted only then. What cannot be kept stays, for the queue's own redrive policy."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from inbox import aws
from inbox.errors import InboxError
from inbox.sources.ses.errors import SesError
from inbox.sources.ses.fetch import Client
from inbox.sources.ses.reading import read
from inbox.sources.ses.records import Item

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.sources.ses.intake import Intake

_LOG = logging.getLogger("inbox.ses")
_AT_ONCE = 10  # SQS gives no more
_LONG_POLL = 20  # seconds; SQS waits no longer
_HIDDEN = 60  # seconds that a message stays hidden from others, again and again while it is worked on
_LONGEST_PAUSE = 60.0
_REGION = re.compile(r"https://sqs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/")
_METHODS = {
    "ReceiveMessage": "receive_message",
    "DeleteMessageBatch": "delete_message_batch",
    "ChangeMessageVisibilityBatch": "change_message_visibility_batch",
}


class Queue:
    """One queue, polled by a thread of its own; its messages are taken side by side.

    `hold`: why no mail can be taken now, or None; nothing is polled meanwhile.
    """

    def __init__(
        self, url: str, settings: Settings, intake: Intake, hold: Callable[[], object | None], *, client: Client = aws.client
    ) -> None:
        self.url, self._settings, self._intake, self._hold, self._client = url, settings, intake, hold, client
        self._stop, self._working = threading.Event(), threading.Lock()
        self._pause = 0.0
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="inbox-sqs")
        self._thread = threading.Thread(target=self._poll_for_ever, name="inbox-sqs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def drain(self, seconds: float) -> None:
        """Take no more; blocks until what is in hand is kept, or the time is over. What is not deleted by then comes again."""
        self._stop.set()
        if self._working.acquire(timeout=seconds):
            self._working.release()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _poll_for_ever(self) -> None:
        while not self._stop.is_set():
            try:
                went_well = self._hold() is None and self._poll()
            except Exception as error:
                went_well = False
                _LOG.error(
                    "queue cannot be worked on; trying again",
                    exc_info=None if isinstance(error, InboxError) else error,
                    extra={"queue": self.url, "why": str(error), "pause": self._longer()},
                )
            self._pause = 0.0 if went_well else self._longer()
            self._stop.wait(self._pause)

    def _longer(self) -> float:
        return min(max(2 * self._pause, 1.0), _LONGEST_PAUSE)

    def _poll(self) -> bool:
        """Take what is there. False: pause, since all of it failed, and not for what the messages say."""
        messages = self._receive()
        with self._working:
            if self._stop.is_set():
                self._show_again(messages)
                return True
            return self._take_all(read({"Messages": messages}, settings=self._settings).items)

    def _receive(self) -> list[Mapping[str, Any]]:
        answer = self._call(
            "ReceiveMessage",
            MaxNumberOfMessages=_AT_ONCE,
            WaitTimeSeconds=_LONG_POLL,
            VisibilityTimeout=_HIDDEN,
            AttributeNames=["ApproximateReceiveCount"],
        )
        messages: list[Mapping[str, Any]] = answer.get("Messages", [])
        return messages

    def _take_all(self, items: Sequence[Item]) -> bool:
        """Delete what was kept, as it is kept; hide the others longer while they are worked on."""
        going = {self._pool.submit(self._intake.take, item): item for item in items}
        failures = []
        while going:
            done, _ = wait(going, timeout=_HIDDEN / 3)
            self._delete([going[future] for future in done if future.exception() is None])
            failures += [self._failed(going[future], future) for future in done if future.exception() is not None]
            going = {future: item for future, item in going.items() if future not in done}
            self._hide([item for item in going.values() if item.handle])
        return not items or len(failures) < len(items) or all(isinstance(error, SesError) for error in failures)

    def _failed(self, item: Item, future: Future[None]) -> BaseException | None:
        error = future.exception()
        _LOG.warning(
            "message stays in the queue",
            exc_info=None if isinstance(error, (InboxError, OSError)) else error,
            extra={
                "queue": self.url,
                "sqs_id": item.id,
                "receives": item.receives,
                "code": getattr(error, "code", None),
                "why": str(error),
            },
        )
        return error

    def _delete(self, items: Iterable[Item]) -> None:
        self._batch("DeleteMessageBatch", [{"ReceiptHandle": item.handle} for item in items])

    def _hide(self, items: Iterable[Item]) -> None:
        self._batch("ChangeMessageVisibilityBatch", [{"ReceiptHandle": item.handle, "VisibilityTimeout": _HIDDEN} for item in items])

    def _show_again(self, messages: Iterable[Mapping[str, Any]]) -> None:
        handles = [message["ReceiptHandle"] for message in messages]
        self._batch("ChangeMessageVisibilityBatch", [{"ReceiptHandle": handle, "VisibilityTimeout": 0} for handle in handles])

    def _batch(self, call: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Something about several messages. What does not succeed is only told: the message comes again, and its mail is kept once."""
        if not entries:
            return
        try:
            answer = self._call(call, Entries=[{"Id": str(n), **entry} for n, entry in enumerate(entries)])
            problems = [f"{failed.get('Code')}: {failed.get('Message')}" for failed in answer.get("Failed", [])]
        except InboxError as error:
            problems = [str(error)]
        for problem in problems:
            _LOG.warning("queue did not do as asked", extra={"queue": self.url, "call": call, "why": problem})

    def _call(self, call: str, **asked: Any) -> Mapping[str, Any]:
        of_aws = self._settings.aws.model_dump(exclude_none=True)
        found = _REGION.match(self.url)
        with aws.calling(f"sqs:{call} {self.url}"):
            sqs = self._client("sqs", {**of_aws, **({"region": found[1]} if found else {})})
            answer: Mapping[str, Any] = getattr(sqs, _METHODS[call])(QueueUrl=self.url, **asked)
            return answer
