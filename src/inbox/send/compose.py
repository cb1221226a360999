"""Build a mail that leaves: guarded header, UTF-8 text, optionally HTML beside it, CRLF only (RFC 5322, RFC 2045)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from inbox.send import headers as guard
from inbox.send.attachments import Attachment, multipart

_LINE_END = re.compile(rb"\r\n|\r|\n")
_LONGEST_LINE = 998


@dataclass(frozen=True)
class Draft:
    """What a new mail says. `from_` and `to` are pairs of display name and address; `headers` come behind the usual ones.

    `ids` are header fields of message ids (In-Reply-To, References), which are never encoded. No `to`: the field is left out.
    """

    from_: tuple[str, str]
    to: tuple[tuple[str, str], ...]
    subject: str
    text: str
    message_id: str
    date: datetime
    html: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    ids: tuple[tuple[str, tuple[str, ...]], ...] = ()
    cc: tuple[tuple[str, str], ...] = ()
    reply_to: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()


def compose(draft: Draft) -> bytes:
    """The octets of a mail: the same draft gives the same octets. ValueError: an address that is none, a header name that is none."""
    head = [
        guard.field("Date", format_datetime(draft.date.astimezone(UTC))),
        guard.addresses("From", [draft.from_]),
        *(guard.addresses(name, parties) for name, parties in _parties(draft) if parties),
        guard.field("Subject", draft.subject),
        guard.tokens("Message-ID", [draft.message_id]),
        *(guard.tokens(name, values) for name, values in draft.ids if values),
        *(guard.field(name, value) for name, value in draft.headers),
        b"MIME-Version: 1.0\r\n",
    ]
    return b"".join(head) + _body(draft)


def _parties(draft: Draft) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    return ("To", draft.to), ("Cc", draft.cc), ("Reply-To", draft.reply_to)


def crlf(raw: bytes) -> bytes:
    """The same octets with CRLF at the end of every line: bare CR and LF are mended, nothing else changes."""
    return raw if b"\r" not in _without_pairs(raw) and b"\n" not in _without_pairs(raw) else _LINE_END.sub(b"\r\n", raw)


def on_top(raw: bytes, fields: Iterable[bytes]) -> bytes:
    """A mail with further header fields above its own, which stay octet for octet (signatures keep holding)."""
    return b"".join(fields) + crlf(raw)


def _without_pairs(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"")


def _body(draft: Draft) -> bytes:
    text = _part("plain", draft.text)
    shown = text if draft.html is None else multipart("alternative", (text, _part("html", draft.html)))
    return multipart("mixed", (shown, *(one.part() for one in draft.attachments))) if draft.attachments else shown


def _part(subtype: str, text: str) -> bytes:
    octets = _LINE_END.sub(b"\n", text.encode("utf-8", "replace"))
    if not octets.endswith(b"\n"):
        octets += b"\n"
    plain = octets.isascii() and b"\0" not in octets and max(map(len, octets.split(b"\n"))) <= _LONGEST_LINE
    encoded = octets if plain else binascii.b2a_qp(octets, istext=True)
    encoding = b"7bit" if plain else b"quoted-printable"
    return b"".join(
        (
            b"Content-Type: text/" + subtype.encode() + b"; charset=utf-8\r\n",
            b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n",
            encoded.replace(b"\n", b"\r\n"),
        )
    )
