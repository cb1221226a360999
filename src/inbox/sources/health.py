"""How the process is, over HTTP: /metrics for Prometheus, /healthz (it lives), /readyz (it takes mail). GET only, nothing is read but the request."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable

from inbox.errors import ConfigError

_LOG = logging.getLogger("inbox.health")
_REQUEST = re.compile(rb"([A-Z]{1,10}) (/[\x21-\x7e]{0,255}) HTTP/1\.[01]\r\n")
_LONGEST = 8192  # octets of a request's head
_PATIENCE = 5.0  # seconds for a request, and for its answer
_AT_ONCE = 20  # requests
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

Answer = tuple[int, str, str]
"""Status, content type, text."""


async def open_health(listener: str, metrics_text: Callable[[], str], ready: Callable[[], tuple[bool, str]]) -> asyncio.Server:
    """Serve on `HOST:PORT`; `metrics_text` is called in a thread of its own. ConfigError when it cannot listen there."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not room.locked():
                async with room, asyncio.timeout(2 * _PATIENCE):
                    await _serve(reader, writer, metrics_text, ready)
        except (OSError, TimeoutError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone, or was too slow
        finally:
            writer.close()

    host, _, port = listener.rpartition(":")
    try:
        return await asyncio.start_server(serve, None if host == "*" else host.strip("[]"), int(port), limit=_LONGEST)
    except OSError as error:
        raise ConfigError(f"http cannot listen on {listener}: {error.strerror or error}; choose another port or address") from None


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, metrics_text: Callable[[], str], ready: Callable[[], tuple[bool, str]]
) -> None:
    async with asyncio.timeout(_PATIENCE):
        head = await reader.readuntil(b"\r\n\r\n")
    found = _REQUEST.match(head)
    method, path = (found[1].decode(), found[2].decode().partition("?")[0]) if found else ("", "")
    status, kind, text = await _answer(method, path, metrics_text, ready)
    body = text.encode()
    allow = "Allow: GET, HEAD\r\n" if status == 405 else ""
    writer.write(
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{allow}"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n".encode("ascii")
    )
    writer.write(b"" if method == "HEAD" else body)
    await writer.drain()


async def _answer(method: str, path: str, metrics_text: Callable[[], str], ready: Callable[[], tuple[bool, str]]) -> Answer:
    if not method:
        return _json(400, error="this is no HTTP request")
    if path not in ("/metrics", "/healthz", "/readyz"):
        return _json(404, error="there are /metrics, /healthz and /readyz")
    if method not in ("GET", "HEAD"):
        return _json(405, error="GET only")
    if path == "/healthz":
        return _json(200, status="ok")
    if path == "/readyz":
        well, why = ready()
        return _json(200 if well else 503, status="ready" if well else "not ready", reason=why)
    try:
        return 200, _METRICS, await asyncio.to_thread(metrics_text)
    except Exception:
        _LOG.exception("metrics cannot be read")
        return _json(500, error="metrics cannot be read now; the log says why")


def _json(code: int, /, **words: str) -> Answer:
    return code, "application/json", json.dumps(words) + "\n"
