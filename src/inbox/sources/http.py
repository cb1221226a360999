"""As much of an HTTP/1.1 server as endpoints need that machines ask: one request a connection, a bounded body, an answer, the end."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from inbox.errors import ConfigError

PATIENCE = 5.0  # seconds for a request, and again for its answer to be taken
_LINE = re.compile(rb"([A-Z]{1,10}) (/[\x21-\x7e]{0,1023}) HTTP/1\.[01]\r\n")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*?)[ \t]*\r\n")
_LONGEST = 8192  # octets of a request's head
_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request: path without query, header fields by their names in lower case (the last of each)."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, text and its type; `allow`: methods, for 405."""

    status: int
    text: str
    type: str = "application/json"
    allow: str | None = None


Ask = Callable[[Request], Awaitable[Answer]]


def as_json(status: int, /, **words: str) -> Answer:
    return Answer(status, json.dumps(words) + "\n")


async def open_http(
    name: str, listener: str, ask: Ask, *, longest: int = 0, seconds: float = PATIENCE, at_once: int = 20
) -> asyncio.Server:
    """Serve on `HOST:PORT`. `longest`: octets of a body (0: bodies are not read); `seconds`: how long an answer may take; `at_once`:
    requests, who comes beyond is sent away without a word.

    ConfigError when it cannot listen there; `name` is the setting that said so.
    """
    room = asyncio.Semaphore(at_once)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not room.locked():
                async with room, asyncio.timeout(2 * PATIENCE + seconds):
                    await _serve(reader, writer, ask, longest)
        except (OSError, TimeoutError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone, or was too slow
        finally:
            writer.close()

    host, _, port = listener.rpartition(":")
    try:
        return await asyncio.start_server(serve, None if host == "*" else host.strip("[]"), int(port), limit=_LONGEST)
    except OSError as error:
        raise ConfigError(f"{name} cannot listen on {listener}: {error.strerror or error}; choose another port or address") from None


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ask: Ask, longest: int) -> None:
    async with asyncio.timeout(PATIENCE):
        request = await _request(reader, writer, longest)
    answer = request if isinstance(request, Answer) else await ask(request)
    body = answer.text.encode()
    allow = f"Allow: {answer.allow}\r\n" if answer.allow else ""
    writer.write(
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}\r\nContent-Type: {answer.type}\r\nContent-Length: {len(body)}\r\n{allow}"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n".encode("ascii")
    )
    writer.write(b"" if isinstance(request, Request) and request.method == "HEAD" else body)
    await writer.drain()


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, longest: int) -> Request | Answer:
    """The request, or why there is none."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = _LINE.match(head)
    if not found:
        return as_json(400, error="this is no HTTP request")
    fields = [(name.lower(), value) for name, value in _FIELD.findall(head[found.end() : -2].decode("latin-1"))]
    headers = dict(fields)
    method, path = found[1].decode(), found[2].decode().partition("?")[0]
    size = _size(headers, longest) if longest and method == "POST" else 0
    if [name for name, _ in fields].count("content-length") > 1:
        size = as_json(400, error="the length of the body is said twice")
    if isinstance(size, Answer):
        return size
    if size and headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return Request(method, path, headers, await reader.readexactly(size) if size else b"")


def _size(headers: Mapping[str, str], longest: int) -> int | Answer:
    length = headers.get("content-length", "")
    if "transfer-encoding" in headers or not re.fullmatch(r"[0-9]{1,12}", length):
        return as_json(411, error="say the length of the body (Content-Length); a proxy in front must not send it in chunks")
    return int(length) if int(length) <= longest else as_json(413, error=f"the body may have {longest} octets")
