"""The doors of one process: sockets that listen for SMTP, LMTP and SMTP over TLS, opened and closed together."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from inbox.errors import ConfigError
from inbox.sources.smtp import replies
from inbox.sources.smtp.data import sweep
from inbox.sources.smtp.descriptors import Shortage, fit
from inbox.sources.smtp.server import Server
from inbox.sources.smtp.session import LmtpSession, Session

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.model import Reply
    from inbox.ports import Clock, Counter, Gate
    from inbox.sources.smtp.wire import Wire

_WAITING = 1024  # connections that the kernel holds until they are accepted


class Address(NamedTuple):
    """Where a door listens."""

    host: str
    port: int
    kind: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind} {host}:{self.port}"


class Doors:
    """Open doors; `addresses` says where."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._listeners: list[asyncio.Server] = []
        self.addresses: list[Address] = []

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self._server.sessions)

    def reload_tls(self) -> None:
        """Read certificate and key anew, for handshakes from now on. ConfigError leaves the old ones in force."""
        self._server.reload_tls()

    def filter_by(self, texts: Iterable[str]) -> None:
        """Other IP filters for connections from now on. ValueError leaves the old ones in force."""
        self._server.limiter.filter_by(texts)

    async def listen(self, kind: str, listener: str) -> None:
        """Listen on `HOST:PORT`, on every address that the name has. ConfigError when that cannot be done."""
        session = LmtpSession if kind == "lmtp" else Session
        loop = asyncio.get_running_loop()

        def accept() -> Wire:
            return session(self._server, implicit_tls=kind == "smtps")

        for sock in _sockets(kind, listener):
            self._listeners.append(await loop.create_server(accept, sock=sock, backlog=_WAITING))
            host, port = sock.getsockname()[:2]
            self.addresses.append(Address(host, port, kind))

    async def drain(self, seconds: float) -> None:
        """Stop: no new connections, 421 for who waits, mail under way may end; after so many seconds the rest is cut."""
        self._server.draining = True
        for listener in self._listeners:
            listener.close()
        for session in tuple(self._server.sessions):
            if getattr(session, "waits_for_command", True):
                session.interrupt(replies.CLOSING, "closing")
        await self._server.empty(seconds)
        self._server.stop()


async def open_doors(
    settings: Settings,
    gate: Gate,
    counter: Counter,
    *,
    hold: Callable[[], Reply | None] = lambda: None,
    clock: Clock = lambda: datetime.now(UTC),
) -> Doors:
    """Listen on every address of `settings.smtp`, `lmtp` and `smtps`; port 0 takes a free one, `addresses` tells which.

    `hold` is asked at MAIL: a reply (4xx) while no mail can be taken. ConfigError names what cannot be listened on, or no certificate.
    """
    settings = settings.model_copy(update={"limits": fit(settings.limits)})
    Shortage(counter, asyncio.get_running_loop())
    server = Server(settings, gate, counter, hold, clock)
    if settings.smtps and server.tls is None:
        raise ConfigError("setting smtps (--smtps) needs a certificate: set tls.certificate (--certificate) and tls.key (--key)")
    sweep(server.spool)
    doors = Doors(server)
    try:
        for kind in ("smtp", "lmtp", "smtps"):
            for listener in getattr(settings, kind):
                await doors.listen(kind, listener)
    except BaseException:
        await doors.drain(0)
        raise
    return doors


def _sockets(kind: str, listener: str) -> Iterator[socket.socket]:
    host, _, port = listener.rpartition(":")
    host = host.strip("[]")
    try:
        found = socket.getaddrinfo(None if host == "*" else host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigError(
            f"setting {kind} (--{kind}): cannot listen on {listener}: {error.strerror or error}; write an address of this machine"
        ) from None
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            yield _socket(family, address)
        except OSError as error:
            raise ConfigError(
                f"setting {kind} (--{kind}): cannot listen on {listener}: {error.strerror or error}; choose another port or address"
            ) from None


def _socket(family: int, address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> socket.socket:
    """IPPROTO_TCP is said in so many words: without it asyncio leaves Nagle's algorithm on, and each new connection loses 45 ms."""
    with contextlib.ExitStack() as undo:
        sock = undo.enter_context(socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.setblocking(False)
        undo.pop_all()
    return sock
