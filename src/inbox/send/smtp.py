"""The relay: mail that handlers send is handed to one SMTP server (RFC 5321), which queues and delivers it.

What the answers mean: 4xx and lost connections are tried again, 5xx are given up. A login that is refused, or a server that does not want
to talk to us at all, says nothing about the mail: that is tried again, because somebody can mend it.

Several recipients are one transaction, so that a retry neither loses one nor sends twice: if any of them is refused for now (4xx), nothing
is sent and all are tried again; if some are refused for good (5xx), the others get the mail and the step fails with the refusals. Only a
connection that is lost between the final dot and the answer can make a mail arrive twice (RFC 5321 section 4.5.3.2.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inbox.errors import Deferred, Failed
from inbox.options import resolve_secret
from inbox.ports import NOTHING
from inbox.send.compose import crlf
from inbox.send.headers import check_address, clean
from inbox.sending import About, Answer, Answers, Letter

if TYPE_CHECKING:
    from aiosmtplib import SMTP

    from inbox.tables import Relay as Settings

_LAST_ANSWER = 600.0  # seconds that a server may take to answer the final dot (RFC 5321 section 4.5.3.2.6)
_OURS = (530, 534, 535, 538)  # the server wants TLS or a login: our settings, not the mail


class Relay:
    """The way out over one SMTP server (`inbox.ports.Outbox`).

    `settings`: `[relay]` of inbox.toml; `hostname`: our name in EHLO. The certificate is checked against the system's authorities
    (SSL_CERT_FILE names others).
    """

    def __init__(self, settings: Settings, hostname: str = "localhost") -> None:
        self.settings, self.hostname = settings, hostname

    def send(self, sender: str | None, recipients: Sequence[str], raw: bytes, *, about: About = NOTHING) -> str:  # noqa: ARG002
        """Hand over one mail; the server's answer. Deferred: try again; Failed: it will not be taken (the text says who refused what)."""
        letter = _Letter(sender, recipients, raw)
        import asyncio  # noqa: PLC0415  only who sends pays for it

        return asyncio.run(self._send(letter))

    async def _send(self, letter: _Letter) -> str:
        import aiosmtplib  # noqa: PLC0415  only who sends pays for it

        place = f"relay {self.settings.host}:{self.settings.port}"
        client = self._client()
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise Deferred(f"{place}: {_words(error)}") from None
        try:
            return f"{place}: {await _hand_over(client, letter)}"
        except (Deferred, Failed) as error:
            error.args = (f"{place}: {error}",)
            raise
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Deferred(f"{place}: {_words(error)}") from None
        finally:
            client.close()

    def _client(self) -> SMTP:
        import aiosmtplib  # noqa: PLC0415

        settings = self.settings
        password = resolve_secret(settings.password, {}) if settings.password else None
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user,
            password=password if settings.user else None,
            local_hostname=self.hostname,
            timeout=settings.timeout,
            use_tls=settings.tls == "implicit",
            start_tls=settings.tls == "starttls",
        )


class RelayTransport:
    """The same server as a `Transport`: one letter for each recipient, unless it is whole."""

    def __init__(self, settings: Settings, hostname: str = "localhost") -> None:
        self._relay = Relay(settings, hostname)

    def deliver(self, letter: Letter) -> Answers:
        groups = [letter.recipients] if letter.whole else [(recipient,) for recipient in letter.recipients]
        return {name: answer for group in groups for name, answer in self._answers(letter, group).items()}

    def rates(self) -> Sequence[str]:
        return ()

    def _answers(self, letter: Letter, group: tuple[str, ...]) -> dict[str, Answer]:
        try:
            return dict.fromkeys(group, Answer("delivered", self._relay.send(letter.sender, group, letter.raw)))
        except Deferred as error:
            return dict.fromkeys(group, Answer("deferred", str(error), retry_after=error.retry_after))
        except Failed as error:
            return dict.fromkeys(group, Answer("refused", str(error)))


class _Letter:
    """One mail for the wire: checked addresses, CRLF only, and what it asks of the server. Failed: an address cannot be sent to."""

    def __init__(self, sender: str | None, recipients: Sequence[str], raw: bytes) -> None:
        try:
            self.sender = check_address(sender) if sender else ""
            self.recipients = tuple(dict.fromkeys(map(check_address, recipients)))
        except ValueError as error:
            raise Failed(str(error)) from None
        if not self.recipients:
            raise Failed("there is no recipient")
        self.raw = crlf(raw)

    def parameters(self, client: SMTP) -> list[bytes]:
        """Parameters of MAIL for this server; Failed when it lacks what the mail needs."""
        found = [b"SIZE=%d" % len(self.raw)] if client.supports_extension("size") else []
        if not self.raw.isascii():
            if not client.supports_extension("8bitmime"):
                raise Failed("the mail has 8-bit text and the server does not offer 8BITMIME (RFC 6152)")
            found.append(b"BODY=8BITMIME")
        if not (self.sender + "".join(self.recipients)).isascii():
            if not client.supports_extension("smtputf8"):
                raise Failed("an address is not ASCII and the server does not offer SMTPUTF8 (RFC 6531)")
            found.append(b"SMTPUTF8")
        return found


async def _hand_over(client: SMTP, letter: _Letter) -> str:
    if client.is_ehlo_or_helo_needed:
        await client.ehlo()
    await _command(client, b"MAIL", b"FROM:<%s>" % letter.sender.encode(), *letter.parameters(client))
    refused = await _recipients(client, letter.recipients)
    if len(refused) == len(letter.recipients):
        raise Failed("; ".join(refused))
    answer = await _data(client, letter.raw)
    if refused:
        raise Failed(f"{'; '.join(refused)}; the other recipients got it: {answer}")
    return answer


async def _recipients(client: SMTP, recipients: Sequence[str]) -> list[str]:
    """Refusals for good; Deferred as soon as one recipient is refused for now."""
    refused = []
    for recipient in recipients:
        try:
            await _command(client, b"RCPT", b"TO:<%s>" % recipient.encode())
        except Failed as error:
            refused.append(f"{recipient}: {error}")
        except Deferred as error:
            raise Deferred(f"{recipient}: {error}") from None
    return refused


async def _command(client: SMTP, *words: bytes) -> str:
    answer = await client.execute_command(*words)
    return _judged(answer.code, answer.message)


async def _data(client: SMTP, raw: bytes) -> str:
    import aiosmtplib  # noqa: PLC0415

    try:
        answer = await client.data(raw, timeout=_LAST_ANSWER)
    except aiosmtplib.SMTPDataError as error:
        return _judged(error.code, error.message)
    return _judged(answer.code, answer.message)


def _judged(code: int, message: str) -> str:
    text = clean(f"{code} {message}")[:400]
    if 200 <= code < 300:
        return text
    if code >= 500 and code not in _OURS:
        raise Failed(text)
    raise Deferred(text)


def _words(error: BaseException) -> str:
    code = getattr(error, "code", None)
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return clean(f"{code} {text}" if code else str(text))[:400]
