"""The ways of SES into the daemon, opened and closed together: the endpoint that SNS posts to, and queues of SQS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from inbox.aws import client
from inbox.sources.ses.certificates import Certificates
from inbox.sources.ses.endpoint import Endpoint
from inbox.sources.ses.intake import Intake, log_feedback
from inbox.sources.ses.queue import Queue
from inbox.sources.ses.records import Feedback

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.model import Mail
    from inbox.ports import Counter


class Ses:
    """What is open. `addresses` says where, for people."""

    def __init__(self, endpoint: Endpoint, queues: list[Queue], keeping: Keeping) -> None:
        self._endpoint, self._queues, self._keeping = endpoint, queues, keeping

    @property
    def addresses(self) -> list[str]:
        return [f"sns {host}:{port}" for host, port in self._endpoint.addresses] + [f"sqs {queue.url}" for queue in self._queues]

    async def drain(self, seconds: float) -> None:
        """Nothing new is taken; what is in hand may be kept and acknowledged."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(len(self._queues) + 1) as pool:
            waiting = [loop.run_in_executor(pool, queue.drain, seconds) for queue in self._queues]
            await asyncio.gather(self._endpoint.drain(seconds), *waiting)
        self._keeping.give_up()


class Keeping:
    """Keeps mail for threads, on the event loop of the daemon."""

    def __init__(self, keep: Callable[[Mail], Coroutine[Any, Any, str]]) -> None:
        self._keep, self._loop = keep, asyncio.get_running_loop()
        self._asked: set[Future[str]] = set()

    def __call__(self, mail: Mail) -> str:
        """Blocks until the mail is on stable storage; the id it is kept under. StoreError."""
        answer = asyncio.run_coroutine_threadsafe(self._keep(mail), self._loop)
        self._asked.add(answer)
        try:
            return answer.result()
        finally:
            self._asked.discard(answer)

    def give_up(self) -> None:
        """The loop ends: nobody shall wait for it. What was not kept was not acknowledged either."""
        for answer in tuple(self._asked):
            answer.cancel()


async def open_ses(
    settings: Settings,
    keep: Callable[[Mail], Coroutine[Any, Any, str]],
    hold: Callable[[], object | None],
    counter: Counter,
    *,
    feedback: Callable[[Feedback], None] = log_feedback,
) -> Ses:
    """Listen on `settings.sns` and poll `settings.sqs`. `keep` runs on this event loop. ConfigError when it cannot listen or boto3 is missing.

    `feedback` is called in threads; its message is acknowledged when it has returned.
    """
    of_aws = settings.aws.model_dump(exclude_none=True)
    for service in ("s3", *(["sqs"] if settings.sqs else [])):
        await asyncio.to_thread(client, service, of_aws)  # what is wrong with boto3, region or endpoint is told now
    keeping = Keeping(keep)
    intake = Intake(settings, keeping, counter, feedback=feedback)
    intake.sweep()
    endpoint = Endpoint(settings, intake, Certificates(), hold)
    if settings.sns:
        await endpoint.listen(settings.sns)
    queues = [Queue(url, settings, intake, hold) for url in settings.sqs]
    for queue in queues:
        queue.start()
    return Ses(endpoint, queues, keeping)
