"""Rspamd: what it says of a mail (HTTP, `POST /checkv2`, to its worker or a proxy, over TCP or a local socket)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inbox.facts.scanning import Garbled, Scans, TooLarge
from inbox.options import resolve_secret

if TYPE_CHECKING:
    from inbox.model import Mail, Value
    from inbox.ports import Noted
    from inbox.send.http import Limited

ACTIONS = ("no action", "greylist", "add header", "rewrite subject", "soft reject", "reject")
SPAM = ("add header", "rewrite subject", "reject")
"""Actions for what Rspamd takes for spam; greylisting and a soft reject only ask for another try."""
_CERTAIN = 1000.0


@dataclass(frozen=True)
class Report:
    """What Rspamd would do, the score, and the symbols that gave it."""

    action: str
    score: float
    symbols: tuple[str, ...]


class Rspamd:
    """The facts; one question serves all of them."""

    def __init__(self) -> None:
        self._scans = Scans("Rspamd", _ask)

    def action(self, mail: Mail, settings: Mapping[str, Any]) -> Value | Noted:
        """What Rspamd would do with the mail: no action, greylist, add header, rewrite subject, soft reject, reject; or `error` (closed)."""
        return self._scans.fact(mail, settings, lambda report: report.action, "error")

    def score(self, mail: Mail, settings: Mapping[str, Any]) -> Value | Noted:
        """Score that Rspamd gives the mail; 1000 when it did not answer and `on_error` is closed."""
        return self._scans.fact(mail, settings, lambda report: report.score, _CERTAIN)

    def symbols(self, mail: Mail, settings: Mapping[str, Any]) -> Value | Noted:
        """Names of Rspamd's symbols that the mail has; `error` when it did not answer and `on_error` is closed."""
        return self._scans.fact(mail, settings, lambda report: report.symbols or None, ("error",))

    @property
    def facts(self) -> Mapping[str, Callable[..., object]]:
        return {"rspamd": self.action, "rspamd.score": self.score, "rspamd.symbols": self.symbols}


def _ask(mail: Mail, settings: Mapping[str, Any], connection: Limited) -> Report:
    from http.client import HTTPConnection  # noqa: PLC0415  slow to import, and of no use without a scanner

    http = HTTPConnection("rspamd")
    http.sock = connection  # all that it needs of a socket
    body = mail.raw
    http.putrequest("POST", "/checkv2", skip_accept_encoding=True)
    for name, value in _fields(mail, settings.get("password")):
        http.putheader(name, value.encode())
    http.putheader("Content-Length", str(len(body)))
    http.putheader("Connection", "close")
    http.endheaders(body)
    response = http.getresponse()
    return read_report(response.status, response.read())


def _fields(mail: Mail, password: str | None) -> Iterator[tuple[str, str]]:
    """What Rspamd is told beside the octets (https://docs.rspamd.com/developers/protocol)."""
    from inbox.send.headers import clean  # noqa: PLC0415  as above

    envelope = mail.envelope
    told = [("IP", envelope.ip), ("Helo", envelope.helo), ("From", envelope.sender or ""), ("User", envelope.auth), ("Queue-Id", mail.id)]
    yield from ((name, clean(value)) for name, value in told if value is not None)
    yield from (("Rcpt", clean(recipient)) for recipient in envelope.recipients)
    if password:
        yield "Password", resolve_secret(password, {})


def read_report(status: int, body: bytes) -> Report:
    """An answer of Rspamd. TooLarge, Garbled."""
    if status == 413:
        raise TooLarge("the mail is larger than Rspamd takes (max_message)")
    if status != 200:
        raise Garbled(f"{status} {body[:200].decode('utf-8', 'replace')}")
    try:
        said = json.loads(body)
        report = Report(said["action"], float(said["score"]), tuple(said["symbols"]))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise Garbled(body) from None
    if report.action not in ACTIONS or not math.isfinite(report.score):
        raise Garbled(body)
    return report
