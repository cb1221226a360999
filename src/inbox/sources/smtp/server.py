"""What all sessions share: whom to ask, the limits, who is in, and the clock that ends what takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
import logging
from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING

from inbox.networks import Networks
from inbox.options import resolve_secret
from inbox.sources.smtp import replies
from inbox.sources.smtp.limits import Limiter
from inbox.sources.smtp.replies import HangUp
from inbox.sources.smtp.tls import load_context
from inbox.sources.smtp.xclient import OFFER as XCLIENT

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.model import Reply
    from inbox.ports import Clock, Counter, Gate
    from inbox.sources.smtp.wire import Wire

_LOG = logging.getLogger("inbox.smtp")

STRESS = 0.9
"""Share of all connections from which on the door is under stress: idle 10 s, one error."""

_STRESS_IDLE, _STRESS_ERRORS = 10.0, 1
_LONGEST_TICK = 1.0


class Server:
    """The shared part of all doors of one process. ConfigError when settings cannot be used."""

    def __init__(self, settings: Settings, gate: Gate, counter: Counter, hold: Callable[[], Reply | None], clock: Clock) -> None:
        self.settings, self.limits, self.hostname = settings, settings.limits, settings.hostname
        self.gate, self.counter, self.hold, self.clock = gate, counter, hold, clock
        self.spool = settings.dir / "spool"
        self.mend = settings.limits.line_endings == "normalize"
        self.postmaster = "postmaster"  # the rules say whether we are somebody's (RFC 5321 section 4.5.1)
        self.greeting = replies.plain(f"220 {settings.hostname} ESMTP")
        self.tls = load_context(settings.tls)
        self.draining = False
        self._writing: list[Wire] = []
        self.sessions: dict[Wire, str] = {}
        self.limiter = Limiter(settings)
        self._proxies, self._xclients = Networks(settings.proxy_from), Networks(settings.xclient_from)
        self._hello = {offers: self._make_hello(*offers) for offers in product((False, True), repeat=3)}
        self._feel_load()
        self._ticking: asyncio.Task[None] | None = None
        self._last_left: asyncio.Event | None = None

    # what is announced

    def hello(self, *, tls: bool, auth: bool, xclient: bool) -> bytes:
        """The whole reply to EHLO: one write. `tls`: offer STARTTLS; `auth`: offer AUTH; `xclient`: offer XCLIENT."""
        return self._hello[tls, auth, xclient]

    def _make_hello(self, tls: bool, auth: bool, xclient: bool) -> bytes:
        offers = [f"SIZE {self.limits.size}", "8BITMIME", "SMTPUTF8", "PIPELINING", "CHUNKING", "DSN"]
        offers += ["STARTTLS"] if tls else []
        offers += ["AUTH PLAIN LOGIN"] if auth else []
        offers += [XCLIENT] if xclient else []
        lines = [self.hostname, *offers, "ENHANCEDSTATUSCODES"]
        return b"".join(replies.plain(f"250{' ' if line is lines[-1] else '-'}{line}") for line in lines)

    def reload_tls(self) -> None:
        """Read certificate and key anew, for handshakes from now on. ConfigError leaves the old ones in force."""
        self.tls = load_context(self.settings.tls)

    # who is in

    def enter(self, session: Wire) -> bool:
        """Whether there is room for one more connection."""
        if len(self.sessions) >= self.limits.connections or self.draining:
            return False
        self.sessions[session] = ""
        self._feel_load()
        if self._ticking is None:
            self._ticking = asyncio.get_running_loop().create_task(self._tick())
        return True

    def seat(self, session: Wire, ip: str) -> None:
        """Say who the session is from, as far as is known now (again when it turns out otherwise); HangUp when the address may not come in."""
        if session not in self.sessions:
            raise HangUp(None, "gone")
        self._give_back(self.sessions[session])
        self.sessions[session] = ""
        self.sessions[session] = self.limiter.enter(ip)

    def leave(self, session: Wire) -> None:
        """The connection is gone; asking twice does no harm."""
        self._give_back(self.sessions.pop(session, ""))
        self._feel_load()
        if self._last_left is not None and not self.sessions:
            self._last_left.set()

    def _give_back(self, client: str) -> None:
        if client:
            self.limiter.leave(client)

    def believes(self, ip: str) -> bool:
        """Whether a PROXY header of this peer is believed, and needed."""
        return ip in self._proxies

    def takes_xclient(self, ip: str) -> bool:
        """Whether this peer may say with XCLIENT for whom it speaks."""
        return ip in self._xclients

    # what is allowed now

    def _feel_load(self) -> None:
        """Under stress clients have less time, and fewer errors."""
        limits = self.limits
        stressed = len(self.sessions) >= STRESS * limits.connections and limits.connections > 1
        self.idle: float = min(limits.idle, _STRESS_IDLE) if stressed else limits.idle
        self.errors: int = min(limits.errors, _STRESS_ERRORS) if stressed else limits.errors

    def knows(self, user: str, password: str) -> bool:
        """Whether this is the user's password; compared in constant time. Deferred when the secret cannot be had now."""
        reference = self.settings.auth.get(user)
        secret = resolve_secret(reference, {}) if reference else ""
        same = hmac.compare_digest(secret.encode(), password.encode())
        return same and bool(secret)

    # what is said

    def write_soon(self, session: Wire) -> None:
        """Write what the session said at the end of this turn of the loop, with what others say: a client process that serves many
        connections is woken once for all of them, and waking it costs more than the writing.
        """
        if not self._writing:
            asyncio.get_running_loop().call_soon(self._write_all)
        self._writing.append(session)

    def _write_all(self) -> None:
        sessions, self._writing = self._writing, []
        for session in sessions:
            session.write()

    # time

    async def _tick(self) -> None:
        """One timer for all sessions, not one for each command."""
        loop, limits = asyncio.get_running_loop(), self.limits
        pause = min(_LONGEST_TICK, limits.idle / 4, limits.session / 4, limits.data / 4)
        while True:
            await asyncio.sleep(pause)
            now = loop.time()
            for session in tuple(self.sessions):
                try:
                    session.check_time(now)
                except Exception:  # the clock of all others goes on
                    _LOG.exception("a session's time could not be checked", extra={"ip": session.ip})

    async def empty(self, seconds: float) -> bool:
        """Wait until the last session is gone; False when that takes longer."""
        if self.sessions:
            self._last_left = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._last_left.wait(), seconds)
        return not self.sessions

    def stop(self) -> None:
        """Cut whatever is left, and stop the timer."""
        for session in tuple(self.sessions):
            session.abort()
        if self._ticking is not None:
            self._ticking.cancel()


def plain_address(ip: str) -> str:
    """The address as one would write it: IPv4 mapped into IPv6 is IPv4, and no zone."""
    if ":" not in ip:
        return ip
    address = ipaddress.IPv6Address(ip.partition("%")[0])
    return str(address.ipv4_mapped or address)
