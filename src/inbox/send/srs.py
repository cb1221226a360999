"""The Sender Rewriting Scheme (Wong, 2003): an envelope sender of ours that carries the real one, so that SPF holds and bounces find their way home.

    jane@example.org                                          ->  SRS0=ABCDEFGH=X4=example.org=jane@ours.example
    SRS0=HHHH=TT=example.org=jane@first.example               ->  SRS1=ABCDEFGH=first.example==HHHH=TT=example.org=jane@ours.example
    SRS1=HHHH=first.example==HHHH=TT=example.org=jane@second  ->  SRS1=ABCDEFGH=first.example==HHHH=TT=example.org=jane@ours.example
    (60 octets)@eu-west-1.amazonses.com                       ->  SRS0=ABCDEFGH=X4=kept.invalid=06h0x4rt3sbsjkyjs604@ours.example

An address is of the form of libsrs2 and postsrsd. `TT` is the day, modulo 1024, in base 32; the hash is HMAC-SHA1 in base 32, of 40 bits, which
survives servers that change the case of letters, and holds no `+` that another server takes for a tag. Only addresses that we made are turned back: whoever
has no secret can send nothing through us, and SRS0 addresses are good for 21 days alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

from inbox.send.headers import ascii_domain

DAYS = 21
"""So long an address is good; who bounces later than that has lost the mail."""
LONGEST_LOCAL = 64
"""Octets of a local part that every server takes (RFC 5321 section 4.5.3.1.1)."""

_DAY, _CYCLE, _HASH = 86_400, 1024, 8
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_KIND = re.compile(r'"?srs([01])[=+-]', re.IGNORECASE)
_SRS0 = re.compile(r"srs0[=+-]([a-z2-7]+)=([a-z2-7]{2})=([^=]+)=(.+)", re.IGNORECASE | re.DOTALL)
_SRS1 = re.compile(r"srs1[=+-]([^=]+)=([^=]+)=([=+-].+)", re.IGNORECASE | re.DOTALL)
_ATOMS = re.compile(r"[^\s\"(),:;<>@\[\\\]\x00-\x1f\x7f.]+(?:\.[^\s\"(),:;<>@\[\\\]\x00-\x1f\x7f.]+)*")


_KEPT = "@kept.invalid"


def by_id(mail_id: str) -> str:
    """What stands for the sender of a kept mail where the address itself would be too long: no address, since nobody has that domain (RFC 2606)."""
    return mail_id + _KEPT


def id_of(address: str) -> str | None:
    """The id of the mail whose sender an address stands for; None for an address of its own."""
    return address.lower().removesuffix(_KEPT) if address.lower().endswith(_KEPT) else None


class NotOurs(ValueError):
    """No address that was made here: it is no SRS address at all, or its hash is another's."""


class Expired(ValueError):
    """An address that was made here, too long ago."""


def is_srs(address: str) -> bool:
    """Whether an address looks as if some forwarder had made it."""
    return _KIND.match(address) is not None


@dataclass(frozen=True, slots=True)
class Srs:
    """Addresses made and turned back. `secrets`: the first signs, all are known, so that a secret can be changed."""

    secrets: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.secrets or any(len(secret) < 8 for secret in self.secrets):
            raise ValueError("a secret for return paths has at least 8 characters")

    def forward(self, sender: str, domain: str, now: float) -> str:
        """The address at `domain` that stands for `sender`; `now`: seconds since 1970. The same day gives the same address."""
        local, _, host = sender.rpartition("@")
        local, host = _unquoted(local), ascii_domain(host)
        if found := _SRS1.fullmatch(local):
            return self._srs1(found[2], found[3], domain)
        if local[:4].upper() == "SRS0" and local[4:5] in ("=", "+", "-") and len(local) > 5:
            return self._srs1(host, local[4:], domain)
        day = int(now // _DAY) % _CYCLE
        stamp = _LETTERS[day >> 5] + _LETTERS[day & 31]
        return _address(f"SRS0={self._hash(stamp, host, local)}={stamp}={host}={local}", domain)

    def reverse(self, address: str, now: float) -> str:
        """The address that this one stands for. NotOurs, Expired."""
        local = _unquoted(address.rpartition("@")[0])
        if found := _SRS0.fullmatch(local):
            said, stamp, host, user = found.groups()
            self._check(said, stamp, host, user)
            high, low = (_LETTERS.index(letter) for letter in stamp.upper())
            if (int(now // _DAY) - (high << 5 | low)) % _CYCLE > DAYS:
                raise Expired(f"this return path was made more than {DAYS} days ago")
            return _address(user, host)
        if found := _SRS1.fullmatch(local):
            said, host, rest = found.groups()
            self._check(said, host, rest)
            return _address(f"SRS0{rest}", host)
        raise NotOurs("this is no return path")

    def _srs1(self, host: str, rest: str, domain: str) -> str:
        """A second forwarder refers to the first one, which alone can turn its address back."""
        return _address(f"SRS1={self._hash(host, rest)}={host}={rest}", domain)

    def _hash(self, *parts: str, secret: bytes | None = None) -> str:
        octets = "=".join(part.lower() for part in parts).encode("utf-8", "surrogateescape")
        return base64.b32encode(hmac.digest(secret or self.secrets[0], octets, hashlib.sha1)).decode()[:_HASH]

    def _check(self, said: str, *parts: str) -> None:
        text = said.upper().encode("utf-8", "replace")
        known = [hmac.compare_digest(self._hash(*parts, secret=secret).encode(), text) for secret in self.secrets]
        if not any(known):
            raise NotOurs("this return path was not made here")


def _unquoted(local: str) -> str:
    return re.sub(r"\\(.)", r"\1", local[1:-1], flags=re.DOTALL) if len(local) > 1 and local[0] == local[-1] == '"' else local


def _address(local: str, domain: str) -> str:
    if not _ATOMS.fullmatch(local):
        local = '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
    return f"{local}@{domain}"
