"""The ways of SES into the daemon, opened and closed together: the endpoint that SNS posts to, and queues of SQS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from inbox.sources.ses.certificates import Certificates
from inbox.sources.ses.endpoint import Endpoint
from inbox.sources.ses.intake import Intake
from inbox.sources.ses.queue import Queue

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.model import Mail
    from inbox.ports import Counter


class Ses:
    """What is open. `addresses` says where, for people."""

    def __init__(self, endpoint: Endpoint, queues: list[Queue]) -> None:
        self._endpoint, self._queues = endpoint, queues

    @property
    def addresses(self) -> list[str]:
        return [f"sns {host}:{port}" for host, port in self._endpoint.addresses] + [f"sqs {queue.url}" for queue in self._queues]

    async def drain(self, seconds: float) -> None:
        """Nothing new is taken; what is in hand may be kept and acknowledged."""
        await asyncio.gather(self._endpoint.drain(seconds), *(asyncio.to_thread(queue.drain, seconds) for queue in self._queues))


async def open_ses(
    settings: Settings, keep: Callable[[Mail], Coroutine[Any, Any, str]], hold: Callable[[], object | None], counter: Counter
) -> Ses:
    """Listen on `settings.sns` and poll `settings.sqs`. `keep` runs on this event loop. ConfigError when it cannot listen or boto3 is missing."""
    loop = asyncio.get_running_loop()

    def keep_from_thread(mail: Mail) -> str:
        return asyncio.run_coroutine_threadsafe(keep(mail), loop).result()

    intake = Intake(settings, keep_from_thread, counter)
    intake.sweep()
    endpoint = Endpoint(settings, intake, Certificates(), hold)
    if settings.sns:
        await endpoint.listen(settings.sns)
    queues = [Queue(url, settings, intake, hold) for url in settings.sqs]
    for queue in queues:
        queue.start()
    return Ses(endpoint, queues)
