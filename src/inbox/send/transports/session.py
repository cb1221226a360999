"""One connection to an SMTP or LMTP server, from its greeting to QUIT (RFC 5321, RFC 2033, RFC 3207, RFC 4954).

smtplib speaks the protocol; here its replies have a time limit and a size as wholes, so that a server that dribbles or never ends costs one
attempt, and mail goes out in pieces, each with a time limit of its own.
"""

from __future__ import annotations

import base64
import contextlib
import select
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from inbox.errors import Deferred
from inbox.next_hops import Server
from inbox.options import resolve_secret
from inbox.send.headers import clean

LAST_ANSWER = 600.0
"""Seconds that a server may take to answer the final dot (RFC 5321 section 4.5.3.2.6)."""
_MOST_REPLY = 32 << 10  # octets of one reply with all its lines
_PIECE = 64 << 10
_PLAIN_LIMIT = 12_000

LOST = (smtplib.SMTPException, OSError)
"""What a broken conversation raises: it says nothing about the mail."""

Trust = Callable[[], ssl.SSLContext]
"""Makes the TLS settings of a client that checks certificates; they are loaded when they are first needed."""


class Session(smtplib.SMTP):
    """A connection on which commands are sent and replies are read; it is bad after any error."""

    def __init__(self, server: Server, hostname: str) -> None:
        super().__init__("", 0, local_hostname=hostname, timeout=server.timeout)
        self.server = server
        self.ehlo_msg = "lhlo" if server.protocol == "lmtp" else "ehlo"
        self.patience = server.timeout
        self.received = b""
        self.secured = self.verified = False
        self.letters = 0
        self.used_at = time.monotonic()

    def getreply(self) -> tuple[int, bytes]:
        """Code (-1 for what is none) and lines of one reply. SMTPServerDisconnected: none came, in time or at all."""
        until, lines, size = time.monotonic() + self.patience, list[bytes](), 0
        while True:
            line = self._line(until)
            size += len(line)
            if size > _MOST_REPLY:
                self.close()
                raise smtplib.SMTPServerDisconnected(f"a reply of more than {_MOST_REPLY} octets")
            lines.append(line[4:].strip(b" \t\r\n"))
            if line[3:4] != b"-":
                code = int(line[:3]) if line[:3].isdigit() and line[3:4] in (b" ", b"\r", b"\n") else -1
                return code, b"\n".join(lines) if code >= 0 else line.strip()

    def _line(self, until: float) -> bytes:
        while b"\n" not in self.received:
            octets = self._take(until)
            if not octets or len(self.received) > _MOST_REPLY:
                self.close()
                raise smtplib.SMTPServerDisconnected("the server ended the connection" if not octets else "a line without end")
            self.received += octets
        line, _, self.received = self.received.partition(b"\n")
        return line + b"\n"

    def _take(self, until: float) -> bytes:
        left = until - time.monotonic()
        if self.sock is None or left <= 0:
            self.close()
            raise smtplib.SMTPServerDisconnected(f"no answer within {self.patience:g} s" if left <= 0 else "there is no connection")
        try:
            self.sock.settimeout(left)
            return self.sock.recv(8192)
        except TimeoutError:
            self.close()
            raise smtplib.SMTPServerDisconnected(f"no answer within {self.patience:g} s") from None
        except OSError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(f"the connection broke: {error.strerror or error}") from None
        finally:
            if self.sock is not None:
                self.sock.settimeout(self.server.timeout)

    @property
    def place(self) -> str:
        """The server as answers name it, and how the mail went there."""
        secured = (", TLS, certificate checked" if self.verified else ", TLS") if self.secured else ""
        return f"{self.server}{secured}"

    @property
    def quiet(self) -> bool:
        """Whether the server has said nothing that nobody asked for, nor ended the connection: what it says next is an answer to us."""
        if self.sock is None or self.received:
            return False
        waiting = select.poll()
        waiting.register(self.sock, select.POLLIN)
        return not waiting.poll(0)

    def put(self, octets: bytes) -> None:
        """Send in pieces: a large mail over a slow line takes its time, but each piece must go on."""
        for at in range(0, len(octets), _PIECE):
            if self.sock is None:
                raise smtplib.SMTPServerDisconnected("there is no connection")
            self.sock.sendall(memoryview(octets)[at : at + _PIECE])

    def commands(self, lines: Iterable[bytes]) -> list[tuple[int, bytes]]:
        """The reply to each of these commands; they go out together where the server offers PIPELINING (RFC 2920)."""
        wanted = [self._checked(line) for line in lines]
        if not self.has_extn("pipelining"):
            return [self._one(line) for line in wanted]
        # What is on its way may not fill both sides' buffers, or each would wait for the other to read (RFC 2920 section 3.1).
        replies: list[tuple[int, bytes]] = []
        flight: list[bytes] = []
        for line in [*wanted, b""]:
            if flight and (not line or sum(map(len, flight)) + len(line) > _PLAIN_LIMIT):
                self.put(b"".join(flight))
                replies += [self.getreply() for _ in flight]
                flight = []
            flight.append(line)
        return replies

    def _one(self, line: bytes) -> tuple[int, bytes]:
        self.put(line)
        return self.getreply()

    @staticmethod
    def _checked(line: bytes) -> bytes:
        if any(octet < 32 or octet == 127 for octet in line):
            raise ValueError("a command holds no control characters")
        return line + b"\r\n"

    def welcome(self) -> None:
        """The server's greeting, and ours."""
        code, words = self.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, words)
        self.greet()

    def greet(self) -> None:
        """EHLO, or HELO where that is not known; LHLO for LMTP."""
        code, words = self.ehlo()
        if not 200 <= code < 300 and self.server.protocol == "smtp" and 500 <= code < 600:
            code, words = self.helo()
        if not 200 <= code < 300:
            raise smtplib.SMTPHeloError(code, words)

    def secure(self, context: ssl.SSLContext) -> None:
        """STARTTLS, and EHLO again. What the server said behind its answer is not protected: it ends the connection (RFC 3207 section 4.2)."""
        if not self.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError("the server does not offer STARTTLS")
        code, words = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, words)
        if self.received or self.sock is None:
            raise smtplib.SMTPServerDisconnected("the server went on in clear text behind STARTTLS")
        self.wrap(context)
        self.esmtp_features = {}
        self.greet()

    def wrap(self, context: ssl.SSLContext) -> None:
        assert self.sock is not None
        self.sock = context.wrap_socket(self.sock, server_hostname=self.server.host)
        self.secured, self.verified = True, context.verify_mode == ssl.CERT_REQUIRED

    def identify(self, user: str, password: str) -> None:
        """AUTH: PLAIN where it is offered (in UTF-8, RFC 4616), else what smtplib knows."""
        offered = str(self.esmtp_features.get("auth", "")).upper().split()
        if "PLAIN" not in offered:
            self.login(user, password)
            return
        code, words = self.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())
        if not 200 <= code < 300:
            raise smtplib.SMTPAuthenticationError(code, words)

    def leave(self) -> None:
        """QUIT without waiting for the answer, and the end of the connection."""
        with contextlib.suppress(*LOST):
            if self.sock is not None:
                self.sock.settimeout(1)
                self.sock.sendall(b"QUIT\r\n")
        self.close()


def open_session(server: Server, hostname: str, trust: Trust, address: str | None = None) -> Session:
    """A session that is greeted, secured and logged in as the server's settings say. `address`: an IP address to use in place of looking `host` up.

    Raises what `LOST` names, or Deferred when the password cannot be had; the connection is closed then.
    """
    password = resolve_secret(server.password, {}) if server.user and server.password else ""
    session = Session(server, hostname)
    try:
        session.sock = socket.create_connection((address or server.host, server.port), timeout=server.timeout)
        if server.tls == "implicit":
            session.wrap(trust())
        session.welcome()
        if not _secure(session, trust):
            session.close()
            return open_session(replace(server, tls="none"), hostname, trust, address)
        if server.user:
            session.identify(server.user, password)
    except BaseException:
        session.close()
        raise
    return session


def _secure(session: Session, trust: Trust) -> bool:
    """STARTTLS as the settings say; False: opportunistic TLS failed, and clear text is what is left (RFC 7435)."""
    if session.server.tls == "starttls":
        session.secure(trust())
    elif session.server.tls == "opportunistic" and session.has_extn("starttls"):
        try:
            session.secure(unchecked())
        except LOST:
            return False
    return True


def unchecked() -> ssl.SSLContext:
    """TLS that keeps out who only listens: no certificate is checked (RFC 7435)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def words_of(error: BaseException) -> str:
    """An error of a conversation in one line: the server's words where it said any."""
    code, said = getattr(error, "smtp_code", None), getattr(error, "smtp_error", None)
    if code is not None:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return clean(f"{code} {text}" if code >= 0 else text)[:400]
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return clean(getattr(error, "strerror", None) or str(error) or type(error).__name__)[:400]


def unreachable(place: str, error: BaseException) -> Deferred:
    """The words for a server that could not be talked to."""
    return error if isinstance(error, Deferred) else Deferred(f"{place}: {words_of(error)}")
