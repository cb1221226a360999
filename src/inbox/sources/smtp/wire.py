"""One connection: octets in, replies out, time limits, TLS. What is said on it is the business of `session`.

Theory of operation. A session is one coroutine that reads like a dialogue; nobody ever cancels it, so a mail that is being kept is kept
to the end whatever the client does. It waits for the client in one place only (`_wait`), and goes on when there are octets, an end of
them, room to write, when the clock (`check_time`) or the end of the server (`interrupt`) says so. No task carries it: `_go_on` runs it
from within the callback that brings the octets, until it waits again, so a command costs no turn of the event loop. Replies gather and
are written when the session is about to wait: one write for a flight of pipelined commands. Reading stops while more waits than a
session should hold.
"""

from __future__ import annotations

import asyncio
import logging
import types
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any, AnyStr

from aiosmtpd.smtp import SMTP

from inbox.model import INTERNAL, Reply
from inbox.sources.smtp import replies
from inbox.sources.smtp.proxy import read_proxy
from inbox.sources.smtp.replies import HangUp, Refused
from inbox.sources.smtp.server import plain_address
from inbox.sources.smtp.tls import client_certificate

if TYPE_CHECKING:
    import ssl

    from inbox.sources.smtp.server import Server

_LOG = logging.getLogger("inbox.smtp")
_HELD = 1 << 16
_LINGER = 10.0
_VERB = 16  # octets that hold the verb of a line
_CLIENT = object()  # what a session waits for: the client


@types.coroutine
def _client() -> Generator[object, None, None]:
    yield _CLIENT


class Wire(SMTP):
    """aiosmtpd's protocol with its own connection, command loop and clock; AUTH PLAIN and LOGIN are as aiosmtpd has them.

    Its constructor is not called: it looks for hooks, methods and the host's name anew for each connection.
    """

    source = "smtp"

    def __init__(self, server: Server, *, implicit_tls: bool = False) -> None:
        self.loop = asyncio.get_running_loop()
        self.server = server
        self.transport: Any = None
        self.ip = self._proxy = ""
        self.tls: str | None = None
        self.certificate: str | None = None
        self._implicit_tls = implicit_tls
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._dialogue: Coroutine[Any, Any, None]
        self._waits = self._began_to_wait = False
        self._over = self._eof = self._reading_paused = self._writing_paused = False
        self._below_tls: Any = None
        self._deaf = self._is_proxy = False
        self._due = self._ends = 0.0

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        peer = transport.get_extra_info("peername")
        if not peer:  # it has gone already
            self.abort()
            return
        self.ip = plain_address(peer[0])
        if not self.server.enter(self):
            self._over = True
            closing = self.server.draining
            reply = replies.CLOSING if closing else replies.TOO_MANY_CONNECTIONS
            self._note_refusal(reply, "closing" if closing else "connections")
            self.transport.write(replies.wire(reply))
            self.transport.close()
            return
        self._ends = self.loop.time() + self.server.limits.session
        self._dialogue = self._handle_client()
        if self._implicit_tls:
            self._pause_reading()
            self.loop.call_soon(self._go_on)  # the transport has to be whole before it is handed to TLS
        else:
            self._go_on()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._waits:
            self._go_on()
        if len(self._buffer) > _HELD:
            self._pause_reading()

    def eof_received(self) -> bool:
        """The client has said all it has to say; it may still listen (a half-close). TLS in asyncio ends both directions."""
        self._eof = True
        self._wake()
        return self.tls is None

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  why it was lost changes nothing
        self._eof = self._over = True
        self._writing_paused = False
        self.server.leave(self)
        self._wake()

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake()

    # what the server calls

    def check_time(self, now: float) -> None:
        """End the session when the client let it wait for too long. It is asked once a tick, and waits are counted from a tick on."""
        if self._began_to_wait:
            self._began_to_wait, self._due = False, now + self.server.idle
        if self._over:
            if now >= self._due:
                self.abort()
        elif now >= self._ends:
            self.interrupt(*self._too_long())
        elif now >= self._due:
            self.interrupt(replies.IDLE, "idle")

    def _too_long(self) -> tuple[Reply, str]:
        return replies.SESSION_OVER, "session"

    def interrupt(self, reply: Reply, reason: str) -> None:
        """Say a last word and hang up, if the session waits for the client."""
        if self._waits:
            self._go_on(HangUp(reply, reason))

    def abort(self) -> None:
        """Cut the connection; a mail that is being kept is kept."""
        self._eof = self._over = True
        self.transport.abort()

    # going on and waiting

    def _go_on(self, end: HangUp | None = None) -> None:
        """Run the dialogue until it waits: for the client, for a future, or (None) for others to have their turn."""
        self._waits = False
        try:
            awaited = self._dialogue.send(None) if end is None else self._dialogue.throw(end)
        except StopIteration:
            return
        if awaited is _CLIENT:
            self._waits = True
        elif awaited is None:
            self.loop.call_soon(self._go_on)
        else:
            awaited._asyncio_future_blocking = False  # noqa: SLF001  what asyncio asks of whoever drives a coroutine
            awaited.add_done_callback(self._awaited)

    def _awaited(self, future: asyncio.Future[Any]) -> None:  # noqa: ARG002  the coroutine asks the future itself
        self._go_on()

    def _wake(self) -> None:
        if self._waits:
            self._go_on()

    async def _wait(self) -> None:
        self._began_to_wait = True
        await _client()

    async def _more(self) -> None:
        """Send what is said, then wait until the client says more. HangUp when it has gone, or time is up."""
        before = len(self._buffer)
        if self._out:
            self._write_soon()
        if self._deaf:
            self._listen_again()
        while self._writing_paused:
            await self._wait()
        if self._reading_paused:
            self._resume_reading()
        while len(self._buffer) == before:
            if self._eof:
                raise HangUp(None, "gone")
            self._began_to_wait = True
            await _client()

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self._over:
            self._reading_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._over:
            self._reading_paused = False
            self.transport.resume_reading()

    def _hear_nothing(self) -> None:
        """Within TLS an end of the client's side would take the answer with it: do not look until the answer is on its way."""
        if self._below_tls is not None and not self._over:
            self._deaf = True
            self._below_tls.pause_reading()

    def _listen_again(self) -> None:
        if self._deaf and not self._over:
            self._below_tls.resume_reading()
        self._deaf = False

    # lines and octets

    async def _line(self, most: int) -> bytes:
        """The next line without its CRLF. Refused when it is longer than `most`, HangUp when it ends with a bare LF."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > most:
                await self._skip_line()
            await self._more()
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if not line.endswith(b"\r\n"):
            raise HangUp(replies.BARE_LF, "line endings")
        if end >= most:
            raise self._unreadable(line, replies.TOO_LONG)
        return line[:-2]

    async def _skip_line(self) -> None:
        start = bytes(self._buffer[:_VERB])
        while (end := self._buffer.find(b"\n")) < 0:
            del self._buffer[:-1]  # the last one may be the CR of its end
            await self._more()
        whole = self._buffer[end - 1 : end] == b"\r"
        del self._buffer[: end + 1]
        raise self._unreadable(start, replies.TOO_LONG) if whole else HangUp(replies.BARE_LF, "line endings")

    def _unreadable(self, line: bytes, reply: Reply) -> Refused | HangUp:  # noqa: ARG002  `line`: for who knows commands
        """What to raise for a line (or its beginning) that is no command whatever it says."""
        return Refused(reply, "syntax")

    async def octets(self, count: int) -> bytes:
        """Exactly so many octets; for what comes before the dialogue."""
        while len(self._buffer) < count:
            await self._more()
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _take(self, most: int) -> bytes:
        """What is there, but no more than so many octets."""
        if len(self._buffer) <= most:
            data = bytes(self._buffer)
            self._buffer.clear()
        else:
            data = bytes(memoryview(self._buffer)[:most])
            del self._buffer[:most]
        return data

    # replies

    def _say(self, octets: bytes) -> None:
        self._out.append(octets)

    async def push(self, status: AnyStr) -> None:
        """Replies that aiosmtpd's AUTH gives."""
        self._say((status.encode("ascii", "replace") if isinstance(status, str) else status) + b"\r\n")

    def _write_soon(self) -> None:
        """Within TLS at once (see `_hear_nothing`); else together with what others say in this turn of the loop."""
        if self._below_tls is None:
            self.server.write_soon(self)
        else:
            self.write()

    def write(self) -> None:
        """Write what was said."""
        if self._out and not self._over:
            self.transport.write(self._out[0] if len(self._out) == 1 else b"".join(self._out))
        self._out.clear()

    def _note_refusal(self, reply: Reply | None, reason: str, **more: Any) -> None:
        self.server.counter.count("inbox_refused_total", reason=reason)
        _LOG.info("refused", extra={"reason": reason, "reply": str(reply or "none"), "ip": self.ip, "source": self.source, **more})

    # the session's life

    async def _handle_client(self) -> None:
        try:
            await self._begin()
            await self._talk()
        except HangUp as end:
            if end.reply is not None:
                self._say(replies.wire(end.reply))
            if end.reason != "gone":
                self._note_refusal(end.reply, end.reason)
        except Exception:
            _LOG.exception("session failed", extra={"ip": self.ip})
            self._note_refusal(INTERNAL, "internal")
            self._say(replies.wire(INTERNAL))
        finally:
            self._close()

    async def _begin(self) -> None:
        """Everything before the first command."""
        if self.server.believes(self.ip):
            self.ip = await read_proxy(self) or self.ip
        self._proxy, self._is_proxy = self.ip, self.server.takes_xclient(self.ip)
        self.server.seat(self, self.ip)
        if self._implicit_tls:
            await self._start_tls(keep=True)
        if self.server.limits.greet_delay:
            await asyncio.sleep(self.server.limits.greet_delay)
            if self._buffer:
                raise HangUp(replies.TOO_EARLY, "early talker")
        self.server.counter.count("inbox_connections_total", source=self.source)
        self._say(self.server.greeting)

    async def _talk(self) -> None:
        """The dialogue; it returns when the session is over."""
        raise HangUp(replies.CLOSING, "closing")

    def _close(self) -> None:
        self.write()
        self._listen_again()
        self._buffer.clear()
        self._began_to_wait, self._due = False, self.loop.time() + _LINGER
        self._over = True
        self.transport.close()

    # TLS

    async def _start_tls(self, *, keep: bool = False) -> None:
        """Go over to TLS. `keep`: octets that came already belong to the handshake; else they are plain text and thrown away."""
        context = self.server.tls
        if context is None or self._over:
            raise HangUp(None, "gone")
        self._pause_reading()  # the handshake must not be read as plain text
        self.write()
        early = self._take(len(self._buffer))
        self._below_tls = self.transport
        upgrade = asyncio.ensure_future(self._upgrade(context))
        if keep and early:
            await asyncio.sleep(0)
            self.loop.call_soon(_hand_over, self.transport, early)
        self._reading_paused = False
        try:
            if (upgraded := await upgrade) is None:  # what asyncio says when the connection was cut meanwhile
                raise ConnectionAbortedError
            self.transport = upgraded
        except (OSError, asyncio.CancelledError) as error:  # ssl.SSLError and TimeoutError are OSErrors
            self.server.leave(self)
            _LOG.info("no TLS", extra={"ip": self.ip, "why": getattr(error, "reason", None) or type(error).__name__})
            raise HangUp(None, "handshake") from None
        connection = self.transport.get_extra_info("ssl_object")
        self.tls, self.certificate = connection.version(), client_certificate(connection)

    async def _upgrade(self, context: ssl.SSLContext) -> Any:
        return await self.loop.start_tls(
            self.transport,
            self,
            context,
            server_side=True,
            ssl_handshake_timeout=self.server.limits.handshake,
            ssl_shutdown_timeout=_LINGER,
        )


def _hand_over(transport: Any, early: bytes) -> None:
    """Give the TLS layer octets that were read before it was there (they came in one packet with a PROXY header)."""
    layer: asyncio.BufferedProtocol = transport.get_protocol()
    view = memoryview(early)
    while view:
        room = memoryview(layer.get_buffer(len(view)))
        count = min(len(room), len(view))
        room[:count] = view[:count]
        layer.buffer_updated(count)
        view = view[count:]
