"""SNS posts here (`inbox serve --sns HOST:PORT`): verified, kept, then answered. TLS is the business of the proxy in front."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from inbox.errors import InboxError
from inbox.sources.http import Answer, Request, as_json, open_http
from inbox.sources.ses.errors import Refused, Unreadable
from inbox.sources.ses.reading import read_http
from inbox.sources.ses.sns import LONGEST, Certificate

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.sources.ses.intake import Intake

_LOG = logging.getLogger("inbox.ses")
_AT_ONCE = 20  # messages
_WAITING = 100  # requests, with those that are worked on: SNS delivers in bursts
_PATIENCE = 60.0  # seconds for one message; SNS waits 15, then sends it again, which does no harm


class Endpoint:
    """Answers SNS: 200 kept, or nothing to keep; 403 refused and 400 not understood (SNS does not try again); 503 not kept (it does).

    `hold`: why no mail can be taken now, or None.
    """

    def __init__(self, settings: Settings, intake: Intake, certificate: Certificate, hold: Callable[[], object | None]) -> None:
        self._settings, self._intake, self._certificate, self._hold = settings, intake, certificate, hold
        self._under_way: set[asyncio.Future[None]] = set()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="inbox-sns")  # its own: keeping a large mail needs one of asyncio's
        self._server: asyncio.Server | None = None
        self._warned = False

    async def listen(self, listener: str) -> None:
        """ConfigError when it cannot."""
        self._server = await open_http("sns", listener, self.answer, longest=LONGEST, seconds=_PATIENCE, at_once=_WAITING)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        return [sock.getsockname()[:2] for sock in self._server.sockets] if self._server else []

    async def drain(self, seconds: float) -> None:
        """No new requests; those under way may end."""
        if self._server:
            self._server.close()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def answer(self, request: Request) -> Answer:
        """What SNS is told. What was begun is finished even when it has gone meanwhile."""
        if request.method != "POST":
            return Answer(405, '{"error": "SNS posts here"}\n', allow="POST")
        reason = self._hold()
        if reason is not None:
            return as_json(503, error=str(reason))
        task = asyncio.get_running_loop().run_in_executor(self._pool, self._take, request.body)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        try:
            await asyncio.shield(task)
        except Exception as error:
            return self._failed(error)
        return as_json(200, status="ok")

    def _ended(self, task: asyncio.Future[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # looked at once: whoever asked may be gone

    def _take(self, body: bytes) -> None:
        batch = read_http(body, certificate=self._certificate, settings=self._settings)
        if batch.signature == "1" and not self._warned:
            self._warned = True
            _LOG.warning("SNS signs with SHA-1; set the topic's attribute SignatureVersion to 2, then [ses] signature_1 to false")
        for item in batch:
            self._intake.take(item)

    def _failed(self, error: Exception) -> Answer:
        status = status_of(error)
        code = getattr(error, "code", None)
        _LOG.log(
            logging.ERROR if status == 503 else logging.WARNING,
            "message of SNS not taken",
            exc_info=None if isinstance(error, (InboxError, OSError)) else error,
            extra={"status": status, "code": code, "topic": getattr(error, "topic", None), "why": str(error)},
        )
        return as_json(status, error="it cannot be kept now" if status == 503 else str(code))


def status_of(error: Exception) -> int:
    """4xx for what no repetition makes better, 5xx for what must not be lost (ses.md section 10)."""
    if isinstance(error, Refused):
        return 403
    return 400 if isinstance(error, Unreadable) else 503
