"""One mail: MAIL, RCPT, and its octets by DATA (RFC 5321 section 3.3) or BDAT (RFC 3030), until the gate takes it.

The states are few: `_envelope` (a mail is under way), `_accepted` (recipients, as often as they were named), `_body` (octets are coming,
or chunks of them), `_reading` (this very moment).
"""

# ruff: noqa: N802  commands are named as aiosmtpd names them

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Sequence
from typing import Any

from inbox.errors import InboxError
from inbox.model import INTERNAL, Envelope, Mail, Reply, new_id
from inbox.sources.smtp import replies
from inbox.sources.smtp.address import read_recipient, read_sender
from inbox.sources.smtp.data import Body
from inbox.sources.smtp.login import Login
from inbox.sources.smtp.replies import HangUp, Refused, wire

_LOG = logging.getLogger("inbox.smtp")
_BITE = 1 << 16  # octets of a mail that are taken before other sessions have their turn
_CHUNK = re.compile(r"(\d{1,18})(?: +(LAST))?", re.ASCII | re.IGNORECASE)


class Transaction(Login):
    """The part of a session that takes mail."""

    def __init__(self, server: Any, *, implicit_tls: bool = False) -> None:
        super().__init__(server, implicit_tls=implicit_tls)
        self._extended = self._utf8 = False
        self._accepted: list[str] = []
        self._body: Body | None = None
        self._reading: Body | None = None
        self._read_since = self._session_left = 0.0
        self._small_talk = self._put_off = 0

    @property
    def waits_for_command(self) -> bool:
        """Whether nothing is lost when the session ends now."""
        return self._body is None

    def check_time(self, now: float) -> None:
        """As Wire, and a mail has to come at the lowest rate at least."""
        limits = self.server.limits
        if self._reading is not None and self._reading.received < limits.data_rate * (now - self._read_since - limits.idle):
            self.interrupt(replies.TOO_SLOW, "slow")
        super().check_time(now)

    def _forget_mail(self) -> None:
        self._envelope, self._utf8 = None, False
        self._accepted.clear()
        if self._body is not None:
            if self._body.spooled:
                self.loop.run_in_executor(None, self._body.discard)
            self._body = None

    def _chat(self) -> None:
        self._small_talk += 1
        if self._small_talk > self.server.limits.commands:
            raise HangUp(replies.TOO_MUCH_TALK, "commands")

    def _no_argument(self, argument: str) -> None:
        if argument:
            raise Refused(replies.NO_ARGUMENT, "syntax")

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
        self._envelope = Envelope(sender, (), self._helo, self.ip, self.tls, self._user, self.source, self.certificate)
        self._say(replies.SENDER_OK)

    async def smtp_RCPT(self, argument: str) -> None:
        envelope = self._envelope
        if envelope is None:
            raise Refused(replies.MAIL_FIRST if self._helo else self.hello_first, "order")
        if self._body is not None:
            raise Refused(replies.CHUNKS_NOW, "order")
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
            self._envelope = Envelope(envelope.sender, known, self._helo, self.ip, self.tls, self._user, self.source, self.certificate)
        self._say(replies.RECIPIENT_OK)

    def _out_of_order(self) -> Reply | None:
        """Why no mail may be sent now."""
        if self._envelope is None:
            return replies.MAIL_FIRST if self._helo else self.hello_first
        return None if self._accepted else replies.RECIPIENT_FIRST

    async def smtp_DATA(self, argument: str) -> None:
        if (wrong := self._out_of_order()) is not None:
            raise Refused(wrong, "order")
        if self._body is not None:
            raise Refused(replies.CHUNKS_NOW, "order")
        self._no_argument(argument)
        self._body = body = self._new_body()
        self._say(replies.SEND_DATA)
        try:
            await self._receive(body)
        except InboxError:
            raise
        except Exception:
            raise self._broken() from None
        await self._hand_in(body)

    async def smtp_BDAT(self, argument: str) -> None:
        """RFC 3030: octets by number. They are read whatever is wrong, or they would be taken for commands."""
        found = _CHUNK.fullmatch(argument)
        if not found:
            raise HangUp(replies.CHUNK_SYNTAX, "syntax")
        size, last = int(found[1]), bool(found[2])
        if not size and not last:
            self._chat()
        wrong = self._out_of_order()
        if wrong is not None:
            body = self._new_body(chunked=True)
            body.refuse(wrong, "order")
        else:
            body = self._body = self._body or self._new_body(chunked=True)
        try:
            await self._receive_chunk(body, size, last=last)
        except InboxError:
            raise
        except Exception:
            raise self._broken() from None
        if wrong is None and last:
            await self._hand_in(body)
            return
        if body.problem is not None:
            raise Refused(body.problem, body.reason)
        self._say(replies.CHUNK_OK)

    def _new_body(self, *, chunked: bool = False) -> Body:
        return Body(self.server.limits.size, mend=self.server.mend, folder=self.server.spool, chunked=chunked)

    def _broken(self) -> HangUp:
        """Where a mail ends is not known when reading it failed: nothing behind it may be a command."""
        _LOG.exception("a mail could not be read", extra={"ip": self.ip})
        return HangUp(INTERNAL, "internal")

    def _begin_reading(self, body: Body) -> None:
        """What comes now is watched, all chunks of a mail together, and its time does not count for the session."""
        now = self.loop.time()
        self._session_left = self._ends - now
        self._reading, self._read_since = body, now - body.seconds
        self._ends = self._read_since + self.server.limits.data

    def _end_reading(self, body: Body) -> None:
        now = self.loop.time()
        self._reading, body.seconds = None, now - self._read_since
        self._ends = now + self._session_left

    async def _receive(self, body: Body) -> None:
        """Read a mail to its final dot."""
        self._begin_reading(body)
        rest = body.feed(self._take(_BITE))
        while rest is None:
            await self._come(body)
            rest = body.feed(self._take(_BITE))
        if rest:
            self._buffer[:0] = rest
        if body.spooled:
            await asyncio.to_thread(body.close)
        self._end_reading(body)

    async def _receive_chunk(self, body: Body, size: int, *, last: bool) -> None:
        """Read so many octets."""
        self._begin_reading(body)
        while size:
            chunk = self._take(min(size, _BITE))
            size -= len(chunk)
            body.add(chunk)
            if size:
                await self._come(body)
        if last:
            body.end()
        elif body.full:
            await asyncio.to_thread(body.spill)
        if last and body.spooled:
            await asyncio.to_thread(body.close)
        self._end_reading(body)

    async def _come(self, body: Body) -> None:
        """Wait until there is more of the mail; what waits for the disk is written meanwhile."""
        if body.full:
            await asyncio.to_thread(body.spill)
        if self._buffer:
            await asyncio.sleep(0)  # others have their turn
        else:
            await self._more()

    async def _hand_in(self, body: Body) -> None:
        """Give the whole mail to the gate, and answer."""
        envelope = self._envelope
        assert envelope is not None
        answers = await self._deliver(envelope, body)
        if body.spooled:
            await asyncio.to_thread(body.discard)
        self._answer(dict(zip(envelope.recipients, answers, strict=True)))
        self._forget_mail()

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


def _check(answers: Sequence[Reply], envelope: Envelope) -> None:
    if len(answers) != len(envelope.recipients):
        raise InboxError(f"the gate gave {len(answers)} answers for {len(envelope.recipients)} recipients")
