"""A zone that a test makes up, and keys published in it."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from inbox.auth import NotFound, Temporary


def resolver(names):
    """`{name: {type: [text]}}`; None instead of a list: no answer."""

    def resolve(name, kind):
        kinds = names.get(name.lower().rstrip("."))
        if kinds is None:
            raise NotFound(f"there is no name {name}")
        found = kinds.get(kind, [])
        if found is None:
            raise Temporary(f"{name} {kind}: no answer")
        return found

    return resolve


def public_record(key):
    """What stands in DNS for a private key, written independently of the code under test."""
    public = key.public_key()
    if isinstance(public, RSAPublicKey):
        octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={base64.b64encode(octets).decode()}"
    return f"v=DKIM1; k=ed25519; p={base64.b64encode(public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)).decode()}"


def published(*keys):
    """A zone with the records of signing keys."""
    return {f"{key.selector}._domainkey.{key.domain}": {"TXT": [public_record(key.key)]} for key in keys}
