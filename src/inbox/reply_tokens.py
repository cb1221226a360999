"""Addresses to answer to that prove what an answer belongs to, and from whom it may come.

    support+4711-0g8k2m...@example.com       mailbox + value - expiry (4) check (8) check for the correspondent (12)

Local parts get lowercased on their way, are at most 64 octets long (RFC 5321 section 4.5.3.1.1) and are seen by whoever gets a copy. So a token
is written in lower case (Crockford's base 32), is signed with HMAC-SHA256 (RFC 2104, truncated as its section 5 allows: 40 and 60 bits, both
must be right), runs out, and is bound to the mailbox and to the one correspondent whom we wrote to. It proves that the author has, or was
given, a mail of ours; that the author is who From says is for DMARC to prove.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from inbox.parsing.domains import normal_domain

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_TAG = re.compile(
    rf"(?P<value>[a-z0-9_]+(?:[.-][a-z0-9_]+)*)-(?P<expiry>[{_LETTERS}]{{4}})(?P<check>[{_LETTERS}]{{8}})(?P<bound>[{_LETTERS}]{{12}})"
)
_VALUE = re.compile(r"[a-z0-9_]+(?:[.-][a-z0-9_]+)*")
_LONGEST_LOCAL = 64
_SHORTEST_KEY = 16
_HOUR = 3600

State = Literal["valid", "expired", "wrong-sender", "forged"]


@dataclass(frozen=True, slots=True)
class ReplyToken:
    """What a reply address says. `value`: what it was made for; None when it is forged. `expires`: a full hour in UTC."""

    state: State
    value: str | None = None
    expires: datetime | None = None


def reply_address(mailbox: str, value: str, correspondent: str, key: str, *, expires: datetime) -> str:
    """The address for `Reply-To` of a mail to `correspondent`. `value`: lower-case letters, digits, `_`, with single `.` and `-` between.

    `expires`: aware; rounded up to a full hour. `key`: at least 16 characters that nobody else knows. ValueError says what does not fit.
    """
    local, domain = _split(mailbox)
    if not _VALUE.fullmatch(value):
        raise ValueError(f"{value!r} cannot be carried in an address: lower-case letters, digits and _, with single . and - between them")
    if not _split(correspondent)[0]:
        raise ValueError(f"{correspondent!r} is not an address, so no reply can come from it")
    if len(key) < _SHORTEST_KEY:
        raise ValueError(f"the key of reply addresses is too short: at least {_SHORTEST_KEY} random characters")
    hours = -(-int(expires.timestamp()) // _HOUR)
    if not 0 < hours < 1 << 20:
        raise ValueError(f"a reply address cannot expire at {expires}: between 1970 and 2089")
    expiry = _letters(hours, 4)
    token = f"{value}-{expiry}{''.join(_checks(key, mailbox, value, expiry, correspondent))}"
    if len(f"{local}+{token}".encode()) > _LONGEST_LOCAL:
        room = _LONGEST_LOCAL - len(f"{local}+{token}".encode()) + len(value)
        raise ValueError(f"{value!r} is too long: in an address of {mailbox} there is room for {max(room, 0)} characters")
    return f"{local}+{token}@{domain}"


def read_reply_address(recipient: str, author: str | None, keys: Iterable[str], *, now: datetime) -> ReplyToken | None:
    """What an envelope recipient says; None when it carries no token. `keys`: the one in use first, then older ones that still count."""
    _, _, tag = recipient.rpartition("@")[0].lower().partition("+")
    found = _TAG.fullmatch(tag)
    if not found:
        return None
    value, expiry, check, bound = found.groups()
    for key in keys:
        right, right_bound = _checks(key, recipient, value, expiry, author or "")
        if hmac.compare_digest(right, check):
            expires = datetime.fromtimestamp(_number(expiry) * _HOUR, UTC)
            ours = hmac.compare_digest(right_bound, bound) and bool(author)
            state: State = "wrong-sender" if not ours else "expired" if now > expires else "valid"
            return ReplyToken(state, value, expires)
    return ReplyToken("forged")


def _checks(key: str, mailbox: str, value: str, expiry: str, correspondent: str) -> tuple[str, str]:
    """The check of what is said, and the one of who may say it."""
    said = ["inbox reply address 1", "@".join(_split(mailbox)), value, expiry]
    return _sign(key, said, 8), _sign(key, [*said, "@".join(_split(correspondent))], 12)


def _sign(key: str, fields: list[str], length: int) -> str:
    digest = hmac.new(key.encode(), "\0".join(fields).encode("utf-8", "replace"), hashlib.sha256).digest()
    return _letters(int.from_bytes(digest[:8], "big") >> (64 - 5 * length), length)


def _split(address: str) -> tuple[str, str]:
    """Local part without tag, and domain, in the form to compare; empty when it is no address."""
    local, at, domain = address.rpartition("@")
    return (local.partition("+")[0].lower(), normal_domain(domain) or domain.lower()) if at else ("", "")


def _letters(number: int, length: int) -> str:
    return "".join(_LETTERS[number >> 5 * place & 31] for place in reversed(range(length)))


def _number(letters: str) -> int:
    return sum(_LETTERS.index(letter) << 5 * place for place, letter in enumerate(reversed(letters)))
