"""The dialogue: SMTP (RFC 5321) and LMTP (RFC 2033) commands, from the greeting on; `transaction` has those that carry a mail.

A command either says something or raises `Refused`; every refusal passes through one place, where it is said, counted, logged and held
against the client. `_helo` is who the client says it is.
"""

# ruff: noqa: N802  commands are named as aiosmtpd names them

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from inbox.model import INTERNAL, Reply
from inbox.sources.smtp import replies
from inbox.sources.smtp.replies import HangUp, Refused, wire
from inbox.sources.smtp.server import plain_address
from inbox.sources.smtp.transaction import Transaction
from inbox.sources.smtp.xclient import read_client

_LOG = logging.getLogger("inbox.smtp")
_VERB = re.compile(rb"[A-Za-z]*")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_HTTP = frozenset((b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"CONNECT", b"PATCH", b"TRACE", b"PRI"))
_BEFORE_TLS = frozenset((b"EHLO", b"HELO", b"LHLO", b"STARTTLS", b"NOOP", b"RSET", b"QUIT", b"BDAT"))
"""BDAT is refused there as no MAIL came before it, but its octets are read."""

_PUT_OFF = 2000  # 4xx that a session may hear: what is tried again at once for ever only fills the log
_TURN = 64  # pipelined commands after which other sessions have their turn
_LONGEST_NAME = 255  # of a host (RFC 5321 section 4.5.3.1.2)

Command = Callable[[Any, str], Awaitable[None]]


class Session(Transaction):
    """One SMTP session."""

    # the command loop

    async def _talk(self) -> None:
        turn = 0
        try:
            while not self._over:
                if self.server.draining and self._body is None:
                    raise HangUp(replies.CLOSING, "closing")
                try:
                    line = await self._line(self.server.limits.command_line)
                except Refused as no:
                    self._refuse(no.reply, no.reason)
                else:
                    await self._answer_line(line)
                turn += 1
                if not turn % _TURN:
                    await asyncio.sleep(0)
        finally:
            self._forget_mail()

    async def _answer_line(self, line: bytes) -> None:
        try:
            await self._obey(line)
        except Refused as no:
            self._refuse(no.reply, no.reason)
        except HangUp:
            raise
        except Exception:
            _LOG.exception("command failed", extra={"ip": self.ip})
            self._refuse(INTERNAL, "internal")

    async def _obey(self, line: bytes) -> None:
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        if _CONTROL.search(line):
            raise self._unreadable(line, replies.CONTROL)
        command = self.COMMANDS.get(verb)
        if command is None:
            if verb in _HTTP:
                raise HangUp(replies.NOT_HTTP, "http")
            raise Refused(replies.UNKNOWN, "syntax")
        if self.server.settings.tls.required and self.tls is None and verb not in _BEFORE_TLS:
            raise Refused(replies.TLS_FIRST, "tls")
        try:
            argument = rest.decode().strip(" ")
        except UnicodeDecodeError:
            raise self._unreadable(line, replies.NOT_UTF8) from None
        await command(self, argument)

    def _unreadable(self, line: bytes, reply: Reply) -> Refused | HangUp:
        """The session ends where what follows may be no command: octets of a chunk, or what a browser posts."""
        found = _VERB.match(line)
        verb = found[0].upper() if found else b""
        if verb in _HTTP:
            return HangUp(replies.NOT_HTTP, "http")
        return HangUp(replies.CHUNK_SYNTAX, "syntax") if verb == b"BDAT" else Refused(reply, "syntax")

    def _refuse(self, reply: Reply, reason: str, *, counts: bool = True) -> None:
        """Say no. `counts`: a 5xx is held against the client."""
        sender = self._envelope.sender if self._envelope else None
        self._note_refusal(reply, reason, sender=sender, helo=self._helo)
        self._say(wire(reply))
        self._put_off += reply.code < 500
        if self._put_off > _PUT_OFF:
            raise HangUp(replies.TOO_MUCH_TALK, "commands")
        if counts and reply.code >= 500:
            self._errors += 1
            if self._errors >= self.server.errors:
                raise HangUp(replies.TOO_MANY_ERRORS, "errors")

    # who is there

    def _greet(self, name: str, *, extended: bool) -> None:
        self._chat()
        if not name or not name.isascii() or len(name) > _LONGEST_NAME:
            raise Refused(replies.HELLO_NAME, "syntax")
        self._helo, self._extended = name, extended
        self._forget_mail()

    async def smtp_HELO(self, name: str) -> None:
        self._greet(name, extended=False)
        self._say(replies.plain(f"250 {self.server.hostname}"))

    async def smtp_EHLO(self, name: str) -> None:
        self._greet(name, extended=True)
        offers_tls = self.tls is None and self.server.tls is not None
        self._say(self.server.hello(tls=offers_tls, auth=self._may_log_in, xclient=self._is_proxy))

    async def smtp_STARTTLS(self, argument: str) -> None:
        """RFC 3207: what was said before counts for nothing, what was sent behind it in plain text is thrown away."""
        self._no_argument(argument)
        if self.tls is not None:
            raise Refused(replies.TLS_ALREADY, "tls")
        if self.server.tls is None:
            raise Refused(replies.NO_TLS, "tls")
        self._say(replies.READY_FOR_TLS)
        await self._start_tls()
        self._helo = self._user = None
        self._forget_mail()

    async def smtp_XCLIENT(self, argument: str) -> None:
        """A listed proxy says for whom it speaks; the session begins anew, with what it said."""
        if not self._is_proxy:
            raise Refused(replies.NO_XCLIENT, "xclient")
        if self._envelope is not None:
            raise Refused(replies.NESTED_MAIL, "order")
        client = read_client(argument)
        if client.ip is not None:
            self.ip = plain_address(client.ip or self._proxy)
            self._user = None  # the login was that of another client
            self.server.seat(self, self.ip)
        self.certificate = None  # it was the proxy's own
        self._helo, self._extended = client.helo, client.extended is not False
        self._user = self._user if client.user is None else client.user or None
        self._say(self.server.greeting)

    async def smtp_RSET(self, argument: str) -> None:
        self._no_argument(argument)
        self._chat()
        self._forget_mail()
        self._say(replies.OK)

    async def smtp_NOOP(self, argument: str) -> None:  # noqa: ARG002  any argument is allowed (RFC 5321 section 4.1.1.9)
        self._chat()
        self._say(replies.OK)

    async def smtp_HELP(self, argument: str) -> None:  # noqa: ARG002  there is one text
        self._chat()
        self._say(replies.HELP)

    async def smtp_VRFY(self, argument: str) -> None:  # noqa: ARG002  nobody learns who is here
        self._chat()
        self._say(replies.NO_VERIFY)

    async def smtp_EXPN(self, argument: str) -> None:  # noqa: ARG002  as VRFY
        raise Refused(replies.NO_LISTS, "syntax")

    async def smtp_QUIT(self, argument: str) -> None:  # noqa: ARG002  who wants to go may go
        self._say(replies.BYE)
        self._close()

    COMMANDS: ClassVar[dict[bytes, Command]] = {
        b"HELO": smtp_HELO,
        b"EHLO": smtp_EHLO,
        b"STARTTLS": smtp_STARTTLS,
        b"AUTH": Transaction.smtp_AUTH,
        b"XCLIENT": smtp_XCLIENT,
        b"MAIL": Transaction.smtp_MAIL,
        b"RCPT": Transaction.smtp_RCPT,
        b"DATA": Transaction.smtp_DATA,
        b"BDAT": Transaction.smtp_BDAT,
        b"RSET": smtp_RSET,
        b"NOOP": smtp_NOOP,
        b"HELP": smtp_HELP,
        b"VRFY": smtp_VRFY,
        b"EXPN": smtp_EXPN,
        b"QUIT": smtp_QUIT,
    }


class LmtpSession(Session):
    """One LMTP session: LHLO, and an answer for each recipient (RFC 2033 section 4.2)."""

    source = "lmtp"
    hello_first = replies.LHLO_FIRST
    COMMANDS: ClassVar[dict[bytes, Command]] = {
        b"LHLO": Session.smtp_EHLO,
        **{verb: command for verb, command in Session.COMMANDS.items() if verb not in (b"HELO", b"EHLO")},
    }

    def _answer(self, answers: dict[str, Reply]) -> None:
        if any(reply.code < 300 for reply in answers.values()):
            self._errors = self._small_talk = 0
        for recipient in self._accepted:
            self._say(wire(answers[recipient]))
