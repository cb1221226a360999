"""Keys of DKIM and ARC: found in DNS, verified with, signed with (RFC 6376 section 3.6, RFC 8301, RFC 8463). The arithmetic is `cryptography`'s."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from inbox.auth.resolving import NotFound, Resolver
from inbox.auth.tags import BadTags, Tags

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

WEAK = 1024
"""An RSA key of fewer bits proves nothing (RFC 8301)."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key as DNS has it. `strict`: it speaks for its very domain only; `testing`: its owner asks to treat a failure as no signature."""

    kind: str
    key: RSAPublicKey | Ed25519PublicKey
    bits: int
    testing: bool = False
    strict: bool = False

    def verifies(self, signature: bytes, octets: bytes) -> bool:
        """Whether the signature is that of the octets."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  slow to import
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415

        try:
            if isinstance(self.key, RSAPublicKey):
                from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
                from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415

                self.key.verify(signature, octets, PKCS1v15(), hashes.SHA256())
            else:
                self.key.verify(signature, hashlib.sha256(octets).digest())
        except InvalidSignature:
            return False
        return True


def find_key(domain: str, selector: str, resolver: Resolver) -> PublicKey:
    """The key of a selector. BadTags when there is none that can be used, Temporary when DNS gives no answer."""
    name = f"{selector}._domainkey.{domain}"
    try:
        texts = list(resolver(name, "TXT"))
    except NotFound:
        texts = []
    if not texts:
        raise BadTags(f"there is no key at {name}")
    return read_key(texts[0], name)


@lru_cache(512)  # to load a key takes as long as to verify with it
def read_key(text: str, name: str = "the key") -> PublicKey:
    """A key record. BadTags says what is wrong with it."""
    tags = Tags.read(text)
    if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
        raise BadTags(f"{name}: v= must be DKIM1, and the first tag")
    if "p" not in tags:
        raise BadTags(f"{name}: tag p= is missing")
    if not tags["p"]:
        raise BadTags(f"{name} was revoked")
    if not {"*", "email"} & set(tags.words("s", "*")):
        raise BadTags(f"{name} is not for mail")
    if "h" in tags and "sha256" not in tags.words("h"):
        raise BadTags(f"{name} does not take SHA-256")
    kind, flags = tags.get("k", "rsa").lower(), tags.words("t")
    key, bits = _loaded(kind, "".join(tags["p"].split()), name)
    return PublicKey(kind, key, bits, "y" in flags, "s" in flags)


def _loaded(kind: str, text: str, name: str) -> tuple[RSAPublicKey | Ed25519PublicKey, int]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        octets = base64.b64decode(text, validate=True)
        if kind == "ed25519":
            return Ed25519PublicKey.from_public_bytes(octets), 256
        key = load_der_public_key(octets) if kind == "rsa" else None
    except (binascii.Error, ValueError, TypeError):
        raise BadTags(f"{name}: p= is no key of kind {kind}") from None
    except Exception as error:  # cryptography has errors of its own for odd keys
        raise BadTags(f"{name}: p= cannot be used: {type(error).__name__}") from None
    if not isinstance(key, RSAPublicKey):
        raise BadTags(f"{name}: there is no kind of key {kind!r}; there are rsa and ed25519")
    return key, key.key_size


PrivateKey = "RSAPrivateKey | Ed25519PrivateKey"


def load_private_key(pem: bytes) -> RSAPrivateKey | Ed25519PrivateKey:
    """A private key from PEM. ValueError when it is none that can sign mail."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    key = load_pem_private_key(pem, None)
    if not isinstance(key, (RSAPrivateKey, Ed25519PrivateKey)):
        raise ValueError(f"a key of type {type(key).__name__} signs no mail; make one with RSA (2048 bits) or Ed25519")  # noqa: TRY004
    return key


def sign(key: RSAPrivateKey | Ed25519PrivateKey, octets: bytes) -> bytes:
    """The signature of octets with SHA-256."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415

    if isinstance(key, RSAPrivateKey):
        return key.sign(octets, PKCS1v15(), hashes.SHA256())
    return key.sign(hashlib.sha256(octets).digest())


def algorithm(key: RSAPrivateKey | Ed25519PrivateKey) -> str:
    """`rsa-sha256` or `ed25519-sha256`."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415

    return "rsa-sha256" if isinstance(key, RSAPrivateKey) else "ed25519-sha256"
