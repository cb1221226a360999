"""How the process is, over HTTP: /metrics for Prometheus, /healthz (it lives), /readyz (it takes mail). GET only, nothing is read but the request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from inbox.send.unsubscribe import PATH
from inbox.sources.http import Answer, Request, as_json, open_http
from inbox.sources.unsubscribe import LONGEST, Unsubscribing

_LOG = logging.getLogger("inbox.health")
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


async def open_health(
    listener: str, metrics_text: Callable[[], str], ready: Callable[[], tuple[bool, str]], unsubscribing: Unsubscribing | None = None
) -> asyncio.Server:
    """Serve on `HOST:PORT`; `metrics_text` is called in a thread of its own. ConfigError when it cannot listen there."""

    async def ask(request: Request) -> Answer:
        if unsubscribing and request.path.startswith(PATH):
            return await unsubscribing.answer(request)
        return await _answer(request, metrics_text, ready)

    return await open_http("http", listener, ask, longest=LONGEST if unsubscribing else 0)


async def _answer(request: Request, metrics_text: Callable[[], str], ready: Callable[[], tuple[bool, str]]) -> Answer:
    if request.path not in ("/metrics", "/healthz", "/readyz"):
        return as_json(404, error="there are /metrics, /healthz and /readyz")
    if request.method not in ("GET", "HEAD"):
        return Answer(405, '{"error": "GET only"}\n', allow="GET, HEAD")
    if request.path == "/healthz":
        return as_json(200, status="ok")
    if request.path == "/readyz":
        well, why = ready()
        return as_json(200 if well else 503, status="ready" if well else "not ready", reason=why)
    try:
        return Answer(200, await asyncio.to_thread(metrics_text), _METRICS)
    except Exception:
        _LOG.exception("metrics cannot be read")
        return as_json(500, error="metrics cannot be read now; the log says why")
