"""Addresses at which one recipient unsubscribes from the mail of one identity (RFC 8058): signed, so that nobody can make one for somebody else.

A token holds the identity, the mail that it came with and the recipient, and 16 octets of HMAC-SHA256 before them, all in base64 for URLs. It never
expires: who unsubscribes from an old mail means it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import NamedTuple

PATH = "/unsubscribe/"
_SIGNED = 16
_USE = b"inbox unsubscribe\0"  # the secret signs return paths too: one is never taken for the other


class Subscriber(NamedTuple):
    """Who unsubscribes: the recipient of a mail that was sent as an identity."""

    identity: str
    mail: str
    address: str


def address_of(base: str, secret: bytes, who: Subscriber) -> str:
    """The address below `base` (`https://mail.example.com`) at which this recipient unsubscribes."""
    payload = "\0".join(who).encode()
    return base.rstrip("/") + PATH + base64.urlsafe_b64encode(_signature(secret, payload) + payload).decode().rstrip("=")


def read_token(token: str, secrets: Sequence[bytes]) -> Subscriber | None:
    """Who the token is for; None unless one of our secrets has signed it."""
    try:
        octets = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        signature, payload = octets[:_SIGNED], octets[_SIGNED:]
        if not any(hmac.compare_digest(signature, _signature(secret, payload)) for secret in secrets):
            return None
        return Subscriber(*payload.decode().split("\0"))
    except (binascii.Error, ValueError, TypeError):
        return None


def _signature(secret: bytes, payload: bytes) -> bytes:
    return hmac.new(secret, _USE + payload, hashlib.sha256).digest()[:_SIGNED]
