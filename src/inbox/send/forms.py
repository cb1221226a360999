"""The forms in which a mail is passed on: as it is, from an author of ours (munged), wrapped whole into a new one, and as Amazon SES takes it.

Munging is what RFC 7960 section 4.1.3.3 describes and Mailman does: From names us, the author stands in Reply-To, signatures that the change has broken are
taken away, since a broken one says less than none.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from inbox.auth.canonical import Field, Signed
from inbox.send import headers as guard

if TYPE_CHECKING:
    from inbox.parsing.message import Message

ONCE_AT_AMAZON = frozenset(
    b"""accept-language acceptlanguage archived-at auto-submitted bounces-to comments content-alternative content-base content-class
    content-description content-disposition content-duration content-id content-language content-length content-location content-md5
    content-transfer-encoding content-type date delivered-to disposition-notification-options disposition-notification-to dkim-signature
    domainkey-signature errors-to from importance in-reply-to keywords list-archive list-help list-id list-owner list-post list-subscribe
    list-unsubscribe list-unsubscribe-post message-context message-id mime-version organization original-from original-message-id
    original-recipient original-subject precedence priority references reply-to return-path return-receipt-to sender solicitation sensitivity
    subject thread-index thread-topic user-agent vbr-info""".split()
)
"""Fields of which Amazon SES refuses a second one (Developer Guide, header fields)."""

_SIGNATURES = frozenset((b"dkim-signature", b"domainkey-signature"))
_SEALS = frozenset((b"arc-seal", b"arc-message-signature", b"arc-authentication-results"))
_ABOUT_US = frozenset((b"from", b"sender", b"return-path"))
_LONGEST_LINE = 998


class NotPossible(ValueError):
    """A mail cannot have this form."""


@dataclass(frozen=True, slots=True)
class Authors:
    """Who wrote a mail, as its From says: pairs of display name and address; none when it names nobody whom an answer could reach."""

    parties: tuple[tuple[str, str], ...]

    def via(self, own: str) -> str:
        """The name under which `own`, an address of ours, passes the mail on: `Jane via support`."""
        name, address = self.parties[0] if self.parties else ("", "")
        return f"{name or address.rpartition('@')[0] or 'somebody'} via {own.rpartition('@')[0]}"

    def reply_to(self) -> list[bytes]:
        return [guard.addresses("Reply-To", self.parties)] if self.parties else []


def authors_of(message: Message) -> Authors:
    """The authors that From names, without what is no address."""
    found = [(address.name or "", address.address) for address in message.from_ if _is_address(address.address)]
    return Authors(tuple(found))


def _is_address(text: str) -> bool:
    try:
        guard.check_address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What a mail that wraps another needs beside it."""

    to: tuple[str, ...]
    subject: str
    message_id: str
    date: datetime
    loops: tuple[str, ...] = ()


def munged(raw: bytes, authors: Authors, own: str, *, seals: bool) -> bytes:
    """The mail from `own`, an address of ours. `seals`: whether a chain of seals stays: only when it is gone on with, since the last one is broken now.

    NotPossible when its header cannot be told from its body.
    """
    fields, rest = _parts(raw)
    names = {field.name for field in fields}
    kept = [field for field in fields if field.name not in _ABOUT_US | _SIGNATURES | (frozenset() if seals else _SEALS)]
    new = [guard.addresses("From", [(authors.via(own), own)])]
    new += [_renamed(field, b"X-Original-" + field.name.title()) for field in fields if field.name in (b"from", b"sender")]
    if b"reply-to" not in names:
        new += authors.reply_to()
    return b"".join([*new, *(field.raw for field in kept)]) + rest


def wrapped(raw: bytes, authors: Authors, own: str, about: Wrapping) -> bytes:
    """A new mail from `own` with the whole mail in it: message/rfc822 (RFC 2046 section 5.2.1), or a file where its octets are no mail that could
    stand so (bare CR or LF, NUL, lines over 998 octets).
    """
    words = f"This mail came to {own}, and is passed on whole.\r\n".encode()
    part = _enclosed(raw)
    boundary = b"=_" + hashlib.sha256(raw).hexdigest()[:32].encode()
    head = [
        guard.field("Date", format_datetime(about.date.astimezone(UTC))),
        guard.addresses("From", [(authors.via(own), own)]),
        guard.addresses("To", [("", address) for address in about.to]),
        *authors.reply_to(),
        guard.field("Subject", about.subject),
        guard.tokens("Message-ID", [about.message_id]),
        *(guard.field("X-Inbox-Loop", address) for address in about.loops),
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=" + boundary + b"\r\n",
        b"Content-Transfer-Encoding: " + _bits(part + words) + b"\r\n\r\n",
    ]
    plain = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: " + _bits(words) + b"\r\n\r\n" + words
    return b"".join([*head, b"--", boundary, b"\r\n", plain, b"\r\n--", boundary, b"\r\n", part, b"\r\n--", boundary, b"--\r\n"])


def _enclosed(raw: bytes) -> bytes:
    bare = raw.replace(b"\r\n", b"")
    if b"\r" in bare or b"\n" in bare or b"\0" in raw or max(map(len, raw.split(b"\r\n"))) > _LONGEST_LINE:
        encoded = base64.encodebytes(raw).replace(b"\n", b"\r\n")
        head = b"Content-Type: application/octet-stream; name=mail.eml\r\nContent-Disposition: attachment; filename=mail.eml\r\n"
        return head + b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded
    utf8 = not raw.partition(b"\r\n\r\n")[0].isascii()  # message/global: RFC 6532 section 3.7
    kind = b"message/global" if utf8 else b"message/rfc822"
    return b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + _bits(raw) + b"\r\nContent-Disposition: inline\r\n\r\n" + raw


def _bits(octets: bytes) -> bytes:
    return b"7bit" if octets.isascii() else b"8bit"


def for_amazon(raw: bytes) -> bytes:
    """The mail as Amazon SES takes it: of fields that may stand once the first, no Return-Path, no signatures and seals of others: SES writes Date and
    Message-ID anew, which breaks them.
    """
    fields, rest = _parts(raw)
    kept, seen = [], set()
    for field in fields:
        gone = field.name in _SIGNATURES | _SEALS | {b"return-path"} or (field.name in ONCE_AT_AMAZON and field.name in seen)
        seen.add(field.name)
        if not gone:
            kept.append(field.raw)
    return b"".join(kept) + rest


def rewritten_by_amazon(raw: bytes) -> bytes:
    """What becomes of a mail at Amazon SES, as far as signatures are concerned: Date and Message-ID are others."""
    fields, rest = _parts(raw)
    return b"".join(b"%s: another\r\n" % field.name if field.name in (b"date", b"message-id") else field.raw for field in fields) + rest


def _renamed(field: Field, name: bytes) -> bytes:
    return name + b":" + field.raw.partition(b":")[2]


def _parts(raw: bytes) -> tuple[list[Field], bytes]:
    """Header fields, and all that follows them. NotPossible when something stands between them that is no field."""
    fields = Signed(raw).fields
    rest = raw[sum(len(field.raw) for field in fields) :]
    if rest and not rest.startswith(b"\r\n"):
        raise NotPossible("its header has a line that is no field")
    return fields, rest
