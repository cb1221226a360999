"""The relay: mail that handlers send is handed to one SMTP server (RFC 5321), which queues and delivers it.

What the answers mean: 4xx and lost connections are tried again, 5xx are given up. A login that is refused, or a server that does not want
to talk to us at all, says nothing about the mail: that is tried again, because somebody can mend it.

Several recipients are one transaction, so that a retry neither loses one nor sends twice: if any of them is refused for now (4xx), nothing
is sent and all are tried again; if some are refused for good (5xx), the others get the mail and the step fails with the refusals.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from inbox.errors import Deferred, Failed
from inbox.ports import NOTHING
from inbox.send.transports import server_of
from inbox.sending import About, Answers, Letter

if TYPE_CHECKING:
    from inbox.send.transports.smtp import SmtpTransport
    from inbox.tables import Relay as Settings


class Relay:
    """The way out over one SMTP server (`inbox.ports.Outbox`).

    `settings`: `[relay]` of inbox.toml; `hostname`: our name in EHLO. The certificate is checked against the system's authorities
    (SSL_CERT_FILE names others).
    """

    def __init__(self, settings: Settings, hostname: str = "localhost") -> None:
        self.settings, self.hostname = settings, hostname

    def send(self, sender: str | None, recipients: Sequence[str], raw: bytes, *, about: About = NOTHING) -> str:  # noqa: ARG002
        """Hand over one mail; the server's answer. Deferred: try again; Failed: it will not be taken (the text says who refused what)."""
        if not recipients:
            raise Failed("there is no recipient")
        return outcome(self._transport.deliver(Letter(sender, tuple(dict.fromkeys(recipients)), raw, whole=True)))

    @cached_property
    def _transport(self) -> SmtpTransport:
        from inbox.send.transports.smtp import SmtpTransport  # noqa: PLC0415  only who sends pays for it

        return SmtpTransport(server_of(self.settings), self.hostname)


def outcome(answers: Answers) -> str:
    """The answers for all recipients as one: Deferred when one of them is to be tried again, Failed when one was refused, else the text."""
    said = {
        state: [f"{name}: {answer.text}" for name, answer in answers.items() if answer.state == state] for state in ("deferred", "refused")
    }
    if said["deferred"]:
        waits = [answer.retry_after for answer in answers.values() if answer.retry_after is not None]
        raise Deferred("; ".join(said["deferred"]), max(waits, default=None))
    taken = next((answer.text for answer in answers.values() if answer.state == "delivered"), "")
    if said["refused"]:
        raise Failed("; ".join(said["refused"]) + (f"; the other recipients got it: {taken}" if taken else ""))
    return taken
