"""The dialogue: SMTP (RFC 5321) and LMTP (RFC 2033) commands, from the greeting to the mail that the gate takes.

A command either says something or raises `Refused`; every refusal passes through one place, where it is said, counted, logged and held
against the client. The states are few: `_helo` (who the client says it is), `_envelope` (a mail is under way), `_accepted` (recipients,
as often as they were named), `_body` (DATA goes on).
"""

# ruff: noqa: N802  commands are named as aiosmtpd names them

from __future__ import annotations

import asyncio
import binascii
import logging
import re
import time
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from aiosmtpd.smtp import MISSING, AuthResult, LoginPassword

from inbox.errors import InboxError
from inbox.model import INTERNAL, Envelope, Mail, Reply, new_id
from inbox.sources.smtp import replies
from inbox.sources.smtp.address import read_recipient, read_sender
from inbox.sources.smtp.data import Body
from inbox.sources.smtp.replies import HangUp, Refused, wire
from inbox.sources.smtp.wire import _LOGIN_LINE, Wire

_LOG = logging.getLogger("inbox.smtp")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_HTTP = frozenset((b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"CONNECT", b"PATCH", b"TRACE", b"PRI"))
_BEFORE_TLS = frozenset((b"EHLO", b"HELO", b"LHLO", b"STARTTLS", b"NOOP", b"RSET", b"QUIT"))
_PUT_OFF = 2000  # 4xx that a session may hear: what is tried again at once for ever only fills the log
_TURN = 64  # pipelined commands after which other sessions have their turn
_LONGEST_NAME = 255  # of a host (RFC 5321 section 4.5.3.1.2)
_WRONG_LOGIN = 4  # errors that a wrong password counts for

Command = Callable[[Any, str], Awaitable[None]]


class Session(Wire):
    """One SMTP session."""

    hello_first: ClassVar[Reply] = replies.HELLO_FIRST

    def __init__(self, server: Any, *, implicit_tls: bool = False) -> None:
        super().__init__(server, implicit_tls=implicit_tls)
        self._helo: str | None = None
        self._extended = False
        self._user: str | None = None
        self._envelope: Envelope | None = None
        self._utf8 = False
        self._accepted: list[str] = []
        self._body: Body | None = None
        self._body_began = 0.0
        self._errors = self._small_talk = self._put_off = 0

    @property
    def waits_for_command(self) -> bool:
        """Whether nothing is lost when the session ends now."""
        return self._body is None

    def check_time(self, now: float) -> None:
        """As Wire, and DATA has to come at the lowest rate at least."""
        limits = self.server.limits
        if self._body is not None and self._body.received < limits.data_rate * (now - self._body_began - limits.idle):
            self.interrupt(replies.TOO_SLOW, "slow")
        super().check_time(now)

    # the command loop

    async def _talk(self) -> None:
        turn = 0
        while not self._over:
            if self.server.draining:
                raise HangUp(replies.CLOSING, "closing")
            try:
                await self._obey(await self._line(self.server.limits.command_line))
            except Refused as no:
                self._refuse(no.reply, no.reason)
            except HangUp:
                raise
            except Exception:
                _LOG.exception("command failed", extra={"ip": self.ip})
                self._refuse(INTERNAL, "internal")
            turn += 1
            if not turn % _TURN:
                await asyncio.sleep(0)

    async def _obey(self, line: bytes) -> None:
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        if _CONTROL.search(line):
            raise Refused(replies.CONTROL, "syntax")
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
            raise Refused(replies.NOT_UTF8, "syntax") from None
        await command(self, argument)

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

    def _forget_mail(self) -> None:
        self._envelope, self._utf8 = None, False
        self._accepted.clear()

    def _no_argument(self, argument: str) -> None:
        if argument:
            raise Refused(replies.NO_ARGUMENT, "syntax")

    def _chat(self) -> None:
        self._small_talk += 1
        if self._small_talk > self.server.limits.commands:
            raise HangUp(replies.TOO_MUCH_TALK, "commands")

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
        self._say(self.server.hello(tls=self.tls is None and self.server.tls is not None, auth=self._may_log_in))

    @property
    def _may_log_in(self) -> bool:
        return self.tls is not None and bool(self.server.settings.auth) and self._user is None

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

    async def smtp_AUTH(self, argument: str) -> None:
        """RFC 4954: PLAIN and LOGIN, within TLS only."""
        if self.tls is None:
            raise Refused(replies.AUTH_NEEDS_TLS, "auth")
        if not self.server.settings.auth:
            raise Refused(replies.NO_AUTH, "auth")
        if self._user is not None or self._envelope is not None:
            raise Refused(replies.AUTH_ALREADY if self._user else replies.NESTED_MAIL, "order")
        if self._helo is None:
            raise Refused(self.hello_first, "order")
        words = argument.split()
        if not 1 <= len(words) <= 2:
            raise Refused(replies.AUTH_SYNTAX, "syntax")
        mechanism = {"PLAIN": self.auth_PLAIN, "LOGIN": self.auth_LOGIN}.get(words[0].upper())
        if mechanism is None:
            raise Refused(replies.AUTH_UNKNOWN, "auth")
        result = await mechanism(self, words)
        if result.success:
            self._user = str(result.auth_data)
            self._say(replies.LOGGED_IN)
        elif not result.handled:
            self._errors += _WRONG_LOGIN
            raise Refused(replies.AUTH_WRONG, "auth")

    async def challenge_auth(self, challenge: str | bytes, encode_to_b64: bool = True, log_client_response: bool = False) -> Any:  # noqa: ARG002  aiosmtpd's signature
        """One question of an AUTH dialogue; MISSING when the client gave up or answered no base64."""
        text = challenge.encode() if isinstance(challenge, str) else challenge
        self._say(b"334 " + (b64encode(text) if encode_to_b64 else text) + b"\r\n")
        answer = await self._line(_LOGIN_LINE)
        try:
            return b64decode(answer.strip(), validate=True)
        except binascii.Error:
            self._refuse(replies.AUTH_SYNTAX, "auth")
            return MISSING

    def _authenticate(self, mechanism: str, auth_data: Any) -> AuthResult:  # noqa: ARG002  aiosmtpd's signature
        login: LoginPassword = auth_data
        try:
            user = login.login.decode()
            known = self.server.knows(user, login.password.decode())
        except UnicodeDecodeError:
            known = False
        except InboxError as error:
            _LOG.error("a secret cannot be had", extra={"why": str(error)})
            raise Refused(replies.AUTH_LATER, "auth") from None
        return AuthResult(success=known, handled=False, auth_data=user if known else None)

    # one mail

    async def smtp_MAIL(self, argument: str) -> None:
        if self._helo is None:
            raise Refused(self.hello_first, "order")
        if self._envelope is not None:
            raise Refused(replies.NESTED_MAIL, "order")
        if (busy := self.server.hold()) is not None:
            self._small_talk = 0  # that nothing comes of it is our doing
            raise Refused(busy, "disk" if busy.code == 452 else "backlog")
        sender, parameters = read_sender(argument)
        if parameters and not self._extended:
            raise Refused(replies.NO_PARAMETER, "syntax")
        if int(parameters.get("SIZE", 0)) > self.server.limits.size:
            raise Refused(replies.TOO_BIG, "size")
        self.server.limiter.mail(self.ip, sender)
        self._utf8 = "SMTPUTF8" in parameters
        self._envelope = Envelope(sender, (), self._helo, self.ip, self.tls, self._user, self.source)
        self._say(replies.SENDER_OK)

    async def smtp_RCPT(self, argument: str) -> None:
        envelope = self._envelope
        if envelope is None:
            raise Refused(replies.MAIL_FIRST if self._helo else self.hello_first, "order")
        if len(self._accepted) >= self.server.limits.recipients:
            raise Refused(replies.TOO_MANY_RECIPIENTS, "recipients")
        address, parameters = read_recipient(argument, utf8=self._utf8, postmaster=self.server.postmaster)
        if parameters and not self._extended:
            raise Refused(replies.NO_PARAMETER, "syntax")
        self.server.limiter.recipient(self.ip)
        if (refusal := self.server.gate.admit(envelope, address)) is not None:
            raise Refused(refusal, "recipient")
        self._accepted.append(address)
        if address not in envelope.recipients:
            known = (*envelope.recipients, address)
            self._envelope = Envelope(envelope.sender, known, self._helo, self.ip, self.tls, self._user, self.source)
        self._say(replies.RECIPIENT_OK)

    async def smtp_DATA(self, argument: str) -> None:
        if self._envelope is None:
            raise Refused(replies.MAIL_FIRST if self._helo else self.hello_first, "order")
        if not self._accepted:
            raise Refused(replies.RECIPIENT_FIRST, "order")
        self._no_argument(argument)
        self._say(replies.SEND_DATA)
        body = Body(self.server.limits.size, mend=self.server.mend, folder=self.server.spool)
        try:
            await self._receive(body)
            answers = await self._deliver(self._envelope, body)
        except HangUp:
            raise
        except Exception:
            _LOG.exception("DATA failed", extra={"ip": self.ip})
            raise HangUp(INTERNAL, "internal") from None  # where the mail ends is not known: nothing behind it may be a command
        finally:
            self._body = None
            if body.spooled:
                await asyncio.to_thread(body.discard)
        self._answer(dict(zip(self._envelope.recipients, answers, strict=True)))
        self._forget_mail()

    async def _receive(self, body: Body) -> None:
        """Read a mail to its final dot; time spent here does not count for the session."""
        began = self._body_began = self.loop.time()
        ends, self._ends = self._ends, began + self.server.limits.data
        self._body, rest = body, body.feed(self._take_all())
        while rest is None:
            if body.full:
                await asyncio.to_thread(body.spill)
            if not self._buffer:  # something may have come while the file was written
                await self._more()
            rest = body.feed(self._take_all())
        self._buffer[:0] = rest
        if body.spooled:
            await asyncio.to_thread(body.close)
        self._ends = ends + self.loop.time() - began

    async def _deliver(self, envelope: Envelope, body: Body) -> Sequence[Reply]:
        """One answer for each recipient of the envelope. Whatever goes wrong on our side is temporary, and its words stay here."""
        if body.problem is not None:
            self._note_refusal(body.problem, body.reason, sender=envelope.sender)
            return [body.problem] * len(envelope.recipients)
        self._hear_nothing()
        began = time.perf_counter()  # the loop's own clock ticks in milliseconds under uvloop
        try:
            mail = Mail(new_id(), envelope, body.content(), self.server.clock())
            answers = await self.server.gate.take(mail)
            _check(answers, envelope)
        except Exception:
            _LOG.exception("a mail was not kept", extra={"ip": self.ip, "sender": envelope.sender})
            self._note_refusal(INTERNAL, "internal", sender=envelope.sender)
            return [INTERNAL] * len(envelope.recipients)
        self.server.counter.observe("inbox_accept_seconds", time.perf_counter() - began)
        for refusal in {reply for reply in answers if reply.code >= 400}:
            _LOG.info("refused", extra={"reason": "rule", "reply": str(refusal), "ip": self.ip, "sender": envelope.sender, "mail": mail.id})
        return answers

    def _answer(self, answers: dict[str, Reply]) -> None:
        """SMTP has one answer: accepted when it was for any recipient, else the first refusal."""
        found = next((reply for reply in answers.values() if reply.code < 300), None)
        if found is not None:
            self._errors = self._small_talk = 0
        self._say(wire(found or next(iter(answers.values()))))

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
        b"AUTH": smtp_AUTH,
        b"MAIL": smtp_MAIL,
        b"RCPT": smtp_RCPT,
        b"DATA": smtp_DATA,
        b"RSET": smtp_RSET,
        b"NOOP": smtp_NOOP,
        b"HELP": smtp_HELP,
        b"VRFY": smtp_VRFY,
        b"EXPN": smtp_EXPN,
        b"QUIT": smtp_QUIT,
    }


def _check(answers: Sequence[Reply], envelope: Envelope) -> None:
    if len(answers) != len(envelope.recipients):
        raise InboxError(f"the gate gave {len(answers)} answers for {len(envelope.recipients)} recipients")


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
