"""Build a delivery status notification: that a mail was not delivered, and why (RFC 3464, in the multipart/report of RFC 6522)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from inbox.send import headers as guard
from inbox.send.compose import Draft, compose, crlf

MOST_HEADER = 64 << 10
"""Octets of the returned header; the body is never returned (RFC 3834 section 3.1.7 wants no large ones)."""


@dataclass(frozen=True)
class Undelivered:
    """What was not delivered: for whom, since when, and why: enhanced status (RFC 3463) and the reply line of SMTP."""

    recipients: tuple[str, ...]
    arrived_at: datetime
    status: str
    diagnostic: str
    reporter: str


def compose_report(draft: Draft, what: Undelivered, header: bytes) -> bytes:
    """The octets of a report: `draft` is what people read, `header` that of the mail itself. ValueError as `compose`."""
    head, _, text = compose(draft).partition(b"Content-Type: ")
    parts = [b"Content-Type: " + text, _status(what), _returned(header)]
    boundary = b"=_" + hashlib.sha256(b"\0".join(parts)).hexdigest()[:32].encode()
    kind = b'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="' + boundary + b'"\r\n\r\n'
    return head + kind + b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"


def _status(what: Undelivered) -> bytes:
    """The part for programs: fields about the mail, then fields about each recipient, blank lines between (RFC 3464 section 2.1)."""
    arrived = format_datetime(what.arrived_at.astimezone(UTC))
    groups = [guard.field("Reporting-MTA", f"dns; {what.reporter}") + guard.field("Arrival-Date", arrived)]
    groups += [_recipient(what, recipient) for recipient in what.recipients]
    return b"Content-Type: message/delivery-status\r\n\r\n" + b"\r\n".join(groups)


def _recipient(what: Undelivered, recipient: str) -> bytes:
    fields: Iterable[tuple[str, str]] = (
        ("Final-Recipient", f"rfc822; {guard.check_address(recipient)}"),
        ("Action", "failed"),
        ("Status", what.status),
        ("Diagnostic-Code", f"smtp; {what.diagnostic}"),
    )
    return b"".join(guard.field(name, value) for name, value in fields)


def _returned(header: bytes) -> bytes:
    lines = crlf(header[:MOST_HEADER]).split(b"\r\n")
    kept = lines if len(header) <= MOST_HEADER else lines[:-1]
    return b"Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + b"\r\n".join(kept).rstrip(b"\r\n") + b"\r\n"
