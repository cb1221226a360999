"""SpamAssassin: what spamd says of a mail (the protocol of spamc, version 1.5, command SYMBOLS, over TCP or a local socket).

spamd sees the mail as a server would have stored it: below a Return-Path and a Received field of ours, from which its tests know the client.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inbox.facts.scanning import Garbled, Scans

if TYPE_CHECKING:
    from inbox.model import Envelope, Mail, Value
    from inbox.ports import Noted
    from inbox.send.http import Limited

_STATUS = re.compile(rb"SPAMD/[\d.]+ (\d+) ([^\r\n]*)\r?\n")
_SPAM = re.compile(rb"(?mi)^Spam:[ \t]*(True|Yes|False|No)[ \t]*;[ \t]*(-?\d+(?:\.\d+)?)[ \t]*/[ \t]*-?\d")
_CERTAIN = 1000.0


@dataclass(frozen=True)
class Report:
    """Whether a mail is spam, its score, and the tests that it met."""

    spam: bool
    score: float
    tests: tuple[str, ...]


class SpamAssassin:
    """The facts; one question serves all of them."""

    def __init__(self) -> None:
        self._scans = Scans("SpamAssassin", _ask)

    def spam(self, mail: Mail, settings: Mapping[str, Any]) -> Value | Noted:
        """Whether SpamAssassin takes the mail for spam, true or false; absent when it did not look at it."""
        return self._scans.fact(mail, settings, lambda report: report.spam, found=True)

    def score(self, mail: Mail, settings: Mapping[str, Any]) -> Value | Noted:
        """Score that SpamAssassin gives the mail; 1000 when it did not answer and `on_error` is closed."""
        return self._scans.fact(mail, settings, lambda report: report.score, _CERTAIN)

    def tests(self, mail: Mail, settings: Mapping[str, Any]) -> Value | Noted:
        """Names of SpamAssassin's tests that the mail meets; `error` when it did not answer and `on_error` is closed."""
        return self._scans.fact(mail, settings, lambda report: report.tests or None, ("error",))

    @property
    def facts(self) -> Mapping[str, Callable[..., object]]:
        return {"spamassassin": self.spam, "spamassassin.score": self.score, "spamassassin.tests": self.tests}


def _ask(mail: Mail, settings: Mapping[str, Any], connection: Limited) -> Report:
    body = as_stored(mail) + mail.raw
    fields = [f"Content-length: {len(body)}", *([f"User: {settings['user']}"] if settings["user"] else [])]
    connection.sendall("\r\n".join(["SYMBOLS SPAMC/1.5", *fields, "", ""]).encode() + body)
    return read_report(connection.makefile("rb").read())


def read_report(answer: bytes) -> Report:
    """An answer of spamd to SYMBOLS. Garbled, also for one that was cut off."""
    status = _STATUS.match(answer)
    if not status:
        raise Garbled(answer)
    if status[1] != b"0":
        raise Garbled(status[0].strip())
    head, blank, tests = answer.partition(b"\r\n\r\n")
    said, length = _SPAM.search(head), re.search(rb"(?mi)^Content-length:[ \t]*(\d+)", head)
    if not blank or not said or (length and len(tests) != int(length[1])):
        raise Garbled(answer)
    names = tests.decode("utf-8", "replace").replace(",", " ").split()
    return Report(said[1].lower() in (b"true", b"yes"), float(said[2]), tuple(names))


def as_stored(mail: Mail) -> bytes:
    """The fields that a server writes above a mail that it stores (RFC 5321 section 4.4)."""
    from email.utils import format_datetime  # noqa: PLC0415  slow to import, and of no use without a scanner

    envelope = mail.envelope
    fields = f"Return-Path: <{_word(envelope.sender or '')}>\r\n"
    if envelope.ip:
        fields += f"Received: from {_client(envelope)}\r\n\tby localhost (inbox) with ESMTP id {mail.id};\r\n\t{format_datetime(mail.received_at)}\r\n"
    return fields.encode("utf-8", "replace")


def _client(envelope: Envelope) -> str:
    """`helo (unknown [192.0.2.1])`, as SpamAssassin's parser knows it from Postfix."""
    ip = f"IPv6:{envelope.ip}" if ":" in (envelope.ip or "") else envelope.ip
    return f"{_word(envelope.helo or '') or 'unknown'} (unknown [{ip}])"


def _word(text: str) -> str:
    """Text of the other side without what would end a word, or a line."""
    return re.sub(r"[\x00-\x20\x7f<>()\\]+", "", text)
