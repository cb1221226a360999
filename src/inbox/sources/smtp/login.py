"""AUTH PLAIN and LOGIN (RFC 4954), within TLS only: aiosmtpd's mechanisms on our connection."""

# ruff: noqa: N802  commands are named as aiosmtpd names them

from __future__ import annotations

import binascii
import logging
from base64 import b64decode, b64encode
from typing import Any, ClassVar

from aiosmtpd.smtp import AuthResult, LoginPassword

from inbox.errors import InboxError
from inbox.model import Envelope, Reply
from inbox.sources.smtp import replies
from inbox.sources.smtp.replies import Refused
from inbox.sources.smtp.wire import Wire

_LOG = logging.getLogger("inbox.smtp")
_LONGEST_LINE = 12_288  # RFC 4954 section 4
_WRONG_LOGIN = 4  # errors that a wrong password counts for


class Login(Wire):
    """The part of a session that asks who the client is."""

    hello_first: ClassVar[Reply] = replies.HELLO_FIRST

    def __init__(self, server: Any, *, implicit_tls: bool = False) -> None:
        super().__init__(server, implicit_tls=implicit_tls)
        self._helo: str | None = None
        self._user: str | None = None
        self._envelope: Envelope | None = None
        self._errors = 0

    @property
    def _may_log_in(self) -> bool:
        return self.tls is not None and bool(self.server.settings.auth) and self._user is None

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
        answer = await self._line(_LONGEST_LINE)
        try:
            return b64decode(answer.strip(), validate=True)
        except binascii.Error:
            raise Refused(replies.AUTH_SYNTAX, "auth") from None

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
