"""A connection in memory: a transport as asyncio has them, and a client at its other end. No socket, no thread, no clock.

The octets that the client sends are handed to the session exactly in the pieces that the caller chose; what the session writes is kept.
Flow control is obeyed: while the session has paused reading, pieces wait as they would in the kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

PATIENCE = 5.0
"""Seconds after which a session that does not go on is taken for hung."""

_TURNS = 50  # of the loop that are given before time is


class Hung(AssertionError):
    """The session neither answered nor closed."""


class Transport(asyncio.Transport):
    """The server's end. `said` is what it wrote, `closed` whether the protocol was told that the connection is gone."""

    _start_tls_compatible = True  # what loop.start_tls asks of a transport

    def __init__(self, protocol: asyncio.BaseProtocol, peer: str) -> None:
        super().__init__({"peername": (peer, 4000), "sockname": ("192.0.2.25", 25)})
        self._loop = asyncio.get_running_loop()
        self.said = bytearray()
        self.closed = self._closing = self._paused = self._ended = False
        self._protocol: Any = protocol
        self._waiting: deque[bytes] = deque()

    # what the session calls

    def write(self, data: Any) -> None:
        if not self._closing:
            self.said += data

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._lost)

    abort = close

    def _force_close(self, error: Exception | None) -> None:  # noqa: ARG002  what asyncio's TLS calls when time is up
        self.close()

    def _lost(self) -> None:
        self.closed = True
        self._protocol.connection_lost(None)

    def is_reading(self) -> bool:
        return not self._paused

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            self._loop.call_soon(self._hand_over)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol  # type: ignore[no-any-return]

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    # what the client calls

    def feed(self, piece: bytes) -> None:
        """Octets of the client; empty: it has no more."""
        self._waiting.append(piece)
        self._hand_over()

    def _hand_over(self) -> None:
        while self._waiting and not self._paused and not self._closing:
            piece = self._waiting.popleft()
            if not piece:
                if not self._protocol.eof_received():
                    self.close()
            elif isinstance(self._protocol, asyncio.BufferedProtocol):
                self._fill(piece)
            else:
                self._protocol.data_received(piece)

    def _fill(self, piece: bytes) -> None:
        while piece:
            room = memoryview(self._protocol.get_buffer(len(piece)))
            count = min(len(room), len(piece))
            room[:count] = piece[:count]
            self._protocol.buffer_updated(count)
            piece = piece[count:]


class Client:
    """The client's end, over TLS after `handshake`."""

    def __init__(self, session: Any, peer: str = "192.0.2.1") -> None:
        self.transport = Transport(session, peer)
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._plain = bytearray()
        self._read = 0
        self._finished = False
        session.connection_made(self.transport)

    @property
    def closed(self) -> bool:
        """Whether the connection is gone; an end of TLS is answered."""
        self.said  # noqa: B018  the end of TLS is read, and answered
        return self.transport.closed

    @property
    def said(self) -> bytes:
        """Everything the server said so far, in plain text."""
        fresh = bytes(self.transport.said[self._read :])
        self._read += len(fresh)
        if self._tls is None:
            self._plain += fresh
        else:
            self._incoming.write(fresh)
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                while octets := self._tls.read(65536):
                    self._plain += octets
                self.finish()  # the server ended TLS
        return bytes(self._plain)

    def send(self, piece: bytes) -> None:
        if piece and self._tls is None:
            self.transport.feed(piece)
        elif piece and self._tls is not None:
            self._tls.write(piece)
            self.transport.feed(self._outgoing.read())

    def finish(self) -> None:
        """No more octets: the end of TLS, where there is TLS, and a FIN."""
        if self._finished:
            return
        self._finished = True
        if self._tls is not None:
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
            self.transport.feed(self._outgoing.read())
        self.transport.feed(b"")

    async def handshake(self, context: ssl.SSLContext) -> None:
        """Go over to TLS. ssl.SSLError when the server's side is no TLS, Hung when it says nothing."""
        self.said  # noqa: B018  what was said in plain text is read first
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="mx.local.test")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                if out := self._outgoing.read():
                    self.transport.feed(out)
                await wait_for(lambda: len(self.transport.said) > self._read)
                self._incoming.write(bytes(self.transport.said[self._read :]))
                self._read = len(self.transport.said)
        self.transport.feed(self._outgoing.read())
        self._tls = tls


async def wait_for(condition: Callable[[], object]) -> None:
    """Give the loop turns until the condition holds; Hung when it never does."""
    turns, ends = 0, asyncio.get_running_loop().time() + PATIENCE
    while not condition():
        turns += 1
        if turns > _TURNS:  # a thread or a timer is at work
            if asyncio.get_running_loop().time() > ends:
                raise Hung("the session neither answers nor closes")
            await asyncio.sleep(0.0005)
        else:
            await asyncio.sleep(0)


def whole(data: bytes) -> Iterator[bytes]:
    """The stream in one piece."""
    yield data


def octets(data: bytes) -> Iterator[bytes]:
    """The stream octet by octet."""
    for octet in data:
        yield bytes([octet])


def cut(*places: int) -> Callable[[bytes], Iterable[bytes]]:
    """The stream cut at these offsets."""

    def pieces(data: bytes) -> Iterator[bytes]:
        begins = 0
        for place in sorted({place for place in places if 0 < place < len(data)}):
            yield data[begins:place]
            begins = place
        yield data[begins:]

    return pieces
