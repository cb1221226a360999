"""Trace fields of our own, to be put above a mail: Return-Path, Authentication-Results, Received-SPF, Received (RFC 5321 section 4.4).

What was received is never touched; a copy bears these on top, so what others signed keeps holding.
"""

from __future__ import annotations

import re
from email.utils import format_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inbox.model import Mail

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]|\[IPv6:[0-9A-Fa-f:.]+\]")
_PATH = re.compile(r"[^\s<>\x00-\x1f\x7f-\x9f]{1,320}")  # UTF-8 as RFC 6532 has it
_LINE = 78


def above(mail: Mail, host: str, recipients: tuple[str, ...], results: str | None, spf: str | None, authserv_id: str) -> bytes:
    """All of them, in the order in which they stand, each with CRLF. `results`, `spf`: what was found, without the server's name; None: nothing is said."""
    fields = [_folded("Return-Path", f"<{_path(mail.envelope.sender)}>")]
    if results is not None:
        fields.append(_folded("Authentication-Results", f"{authserv_id}; {results}"))
    if spf is not None:
        fields.append(_folded("Received-SPF", f"{spf}; receiver={authserv_id}"))
    return b"".join([*fields, received(mail, host, recipients)])


def received(mail: Mail, host: str, recipients: tuple[str, ...] = ()) -> bytes:
    """The Received field, with its CRLF. A recipient is named when there is one only: others need not know of each other."""
    envelope = mail.envelope
    known = envelope.helo or envelope.ip
    helo = envelope.helo if envelope.helo and _NAME.fullmatch(envelope.helo) else "unknown"
    address = f"IPv6:{envelope.ip}" if envelope.ip and ":" in envelope.ip else envelope.ip
    client = f"from {helo} ([{address}]) " if known and address else f"from {helo} " if known else ""
    secure = f" ({envelope.tls})" if envelope.tls and _PATH.fullmatch(envelope.tls) else ""
    whom = f" for <{_path(recipients[0])}>" if len(recipients) == 1 and _path(recipients[0]) else ""
    return _folded("Received", f"{client}by {host} with {_protocol(mail)}{secure} id {mail.id}{whom}; {format_datetime(mail.received_at)}")


def _protocol(mail: Mail) -> str:
    """The `with` word (RFC 3848)."""
    base = "LMTP" if mail.envelope.source == "lmtp" else "ESMTP"
    return base + ("S" if mail.envelope.tls else "") + ("A" if mail.envelope.auth else "")


def _path(address: str | None) -> str:
    """An address within angle brackets; the null sender, and what cannot stand there, is nothing."""
    return address if address and _PATH.fullmatch(address) else ""


def _folded(name: str, text: str) -> bytes:
    """A field in lines of at most 78 octets where words allow it."""
    lines = [f"{name}:"]
    for word in _words(text):
        if len(lines[-1]) + len(word) > _LINE and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += word
    return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n"


def _words(text: str) -> Iterable[str]:
    return re.findall(r" +[^ ]+|[^ ]+ *", f" {text}") if text else ()
