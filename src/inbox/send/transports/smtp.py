"""Mail to one SMTP or LMTP server.

A recipient that is refused for now does not hold up the others, unless the letter is `whole`. Only a connection that is lost between the final
dot and the answer can make a mail arrive twice (RFC 5321 section 4.5.3.2.6).
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Hashable
from dataclasses import replace
from functools import cached_property

from inbox.next_hops import Server
from inbox.send.transports.answers import Wire, for_all
from inbox.send.transports.outgoing import fitted
from inbox.send.transports.pool import Pool
from inbox.send.transports.session import LOST, Session, open_session, unreachable
from inbox.send.transports.transaction import Transaction
from inbox.sending import Answer, Answers, Letter

_SES_HOST = re.compile(r"email-smtp(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_PROBE = 5.0
_SES_SAYS = re.compile(r"250 Ok ([0-9A-Za-z-]{20,80})\b")


class Trusted:
    """TLS settings that check certificates against the system's authorities (SSL_CERT_FILE names others), made when they are first needed."""

    @cached_property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def __call__(self) -> ssl.SSLContext:
        return self.context


class SmtpTransport:
    """A server that takes all mail (`inbox.ports.Transport`). `hostname`: our name in EHLO."""

    def __init__(self, server: Server, hostname: str = "localhost") -> None:
        self.server, self.hostname = server, hostname
        self._trust, self._pool = Trusted(), Pool()

    def deliver(self, letter: Letter) -> Answers:
        """Hand over one letter. Deferred: nobody answers there, or our login is refused."""
        wire = Wire(letter)
        if not wire.recipients:
            return wire.answers({})
        found = hand_over(Line(self.server, self.hostname, self._trust, self._pool), letter, wire, wire.recipients)
        return {name: named_by(self.server.host, answer) for name, answer in wire.answers(found).items()}

    def rates(self) -> tuple[str, ...]:
        """What the server allows: it does not say."""
        return ()

    def probe(self) -> str:
        """How the server answers, without any mail: greeting, TLS, login. Deferred when it does not."""
        patient = replace(self.server, timeout=min(self.server.timeout, _PROBE))
        session = Line(patient, self.hostname, self._trust, self._pool).fresh()
        session.leave()
        return f"{session.place} answers{', and takes our login' if self.server.user else ''}"

    def close(self) -> None:
        """End the connections that are kept."""
        self._pool.close()


class Line:
    """A way to get a session to a server: a kept one, or a fresh one. `address`: the IP address to go to."""

    def __init__(self, server: Server, hostname: str, trust: Trusted, pool: Pool, address: str | None = None) -> None:
        self.server, self.hostname, self.trust, self.pool, self.address = server, hostname, trust, pool, address

    @property
    def key(self) -> Hashable:
        return self.server, self.address

    def kept(self) -> Session | None:
        """A kept connection; one on which something was said out of turn is closed, or it would be taken for the answer to this mail."""
        while (session := self.pool.take(self.key)) is not None:
            if session.quiet:
                return session
            session.close()
        return None

    def fresh(self) -> Session:
        """A new connection; Deferred when there is none to be had."""
        try:
            return open_session(self.server, self.hostname, self.trust, self.address)
        except LOST as error:
            raise unreachable(str(self.server), error) from None


def hand_over(line: Line, letter: Letter, wire: Wire, recipients: tuple[str, ...]) -> dict[str, Answer]:
    """Answers for these addresses. A kept session that turns out to be dead before DATA is as good as none: a fresh one is tried.

    Deferred: the server cannot be talked to; nothing of the mail was sent.
    """
    session = line.kept()
    if session is not None:
        try:
            return _over(session, line, letter, wire, recipients)
        except LOST:
            pass
    try:
        return _over(line.fresh(), line, letter, wire, recipients)
    except LOST as error:
        raise unreachable(str(line.server), error) from None


def _over(session: Session, line: Line, letter: Letter, wire: Wire, recipients: tuple[str, ...]) -> dict[str, Answer]:
    """One transaction. The session is kept for the next mail, or closed: also when a time limit of the caller ends all this."""
    try:
        fit = fitted(letter, wire, recipients, session)
        if isinstance(fit, Answer):
            line.pool.give(line.key, session)
            return for_all(recipients, fit)
        transaction = Transaction(session, wire.sender, recipients, whole=letter.whole)
        found = transaction.run(fit.raw, fit.parameters)
    except BaseException:
        session.close()
        raise
    if transaction.keep:
        line.pool.give(line.key, session)
    else:
        session.leave()
    return found


def named_by(host: str, answer: Answer) -> Answer:
    """The id that Amazon SES gives a mail at its SMTP endpoint, as the events about it have it."""
    if answer.state != "delivered" or not _SES_HOST.fullmatch(host.lower()):
        return answer
    found = _SES_SAYS.match(answer.text)
    return replace(answer, message_id=found[1]) if found else answer
