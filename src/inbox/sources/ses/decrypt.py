"""Objects that SES has encrypted itself (`KmsKeyArn` of an S3 action): AES-GCM or AES-CBC, the key wrapped by KMS (ses.md section 4).

Decided by each object's metadata. Octets are worked on as they come; whoever takes them uses none before the last came without an error.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inbox.sources.ses.errors import Undecipherable

_GCM, _CBC = "AES/GCM/NoPadding", "AES/CBC/PKCS5Padding"
_TAG = 16  # octets, at the end of the object

Unwrap = Callable[[bytes, Mapping[str, str]], bytes]
"""What KMS does: wrapped key and encryption context to key."""


@dataclass(frozen=True, slots=True)
class Seal:
    """How an object is encrypted: what stands in its metadata, checked. `size`: octets of the mail within."""

    wrapped: bytes
    iv: bytes
    algorithm: str
    context: Mapping[str, str]
    size: int | None

    @property
    def message_id(self) -> str | None:
        """KMS vouches for the context, so this is SES's word."""
        return self.context.get("aws:ses:message-id")

    @property
    def account(self) -> str | None:
        return self.context.get("aws:ses:source-account")


def read_seal(metadata: Mapping[str, str], name: str) -> Seal | None:
    """The seal of an object, None for one that is not encrypted. Undecipherable for one that SES does not write; `name` stands in it."""
    if "x-amz-key-v2" not in metadata:
        return None
    wrap, algorithm = metadata.get("x-amz-wrap-alg"), metadata.get("x-amz-cek-alg", "")
    if wrap != "kms" or algorithm not in (_GCM, _CBC) or metadata.get("x-amz-tag-len", "128") != "128":
        raise _undecipherable(name, f"it is wrapped by {wrap!r} and encrypted with {algorithm!r}; SES writes kms and {_GCM} or {_CBC}")
    try:
        wrapped, iv = (base64.b64decode(metadata[key], validate=True) for key in ("x-amz-key-v2", "x-amz-iv"))
        context = json.loads(metadata["x-amz-matdesc"])
        size = metadata.get("x-amz-unencrypted-content-length")
        seal = Seal(wrapped, iv, algorithm, {str(key): str(value) for key, value in context.items()}, int(size) if size else None)
    except (KeyError, ValueError, AttributeError) as error:
        raise _undecipherable(name, f"its metadata cannot be read: {error}") from None
    if len(iv) != (12 if algorithm == _GCM else 16):
        raise _undecipherable(name, f"its initialisation vector has {len(iv)} octets")
    return seal


def check_seal(seal: Seal, name: str, account: str | None) -> None:
    """Whether the context fits the object's name and the account of the settings: an object that was copied elsewhere is not believed."""
    if seal.message_id is not None and name.rpartition("/")[2] != seal.message_id:
        raise _undecipherable(name, f"it was encrypted for mail {seal.message_id}")
    if account is not None and seal.account != account:
        raise _undecipherable(name, f"it was encrypted by SES of account {seal.account}; [ses] account is {account}")


def deciphered(chunks: Iterable[bytes], seal: Seal, unwrap: Unwrap, name: str) -> Iterator[bytes]:
    """The mail within, piece by piece. Undecipherable at the end when tag, padding or length do not fit."""
    key = unwrap(seal.wrapped, seal.context)
    if len(key) not in (16, 24, 32):
        raise _undecipherable(name, f"KMS gave a key of {len(key)} octets; AES has 16, 24 or 32")
    pieces = _gcm(chunks, key, seal.iv, name) if seal.algorithm == _GCM else _cbc(chunks, key, seal.iv, name)
    size = 0
    for piece in pieces:
        size += len(piece)
        yield piece
    if seal.size is not None and size != seal.size:
        raise _undecipherable(name, f"there are {size} octets in it instead of {seal.size}")


def _gcm(chunks: Iterable[bytes], key: bytes, iv: bytes, name: str) -> Iterator[bytes]:
    """The last 16 octets are the tag, so as many are always held back."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415  slow to import
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415

    decryptor: Any = Cipher(algorithms.AES(key), modes.GCM(iv)).decryptor()
    held = b""
    for chunk in chunks:
        held += chunk
        yield decryptor.update(held[:-_TAG])
        held = held[-_TAG:]
    try:
        yield decryptor.finalize_with_tag(held)
    except (InvalidTag, ValueError):
        raise _undecipherable(name, "its tag does not fit: the octets were changed, or the key is another") from None


def _cbc(chunks: Iterable[bytes], key: bytes, iv: bytes, name: str) -> Iterator[bytes]:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415  slow to import
    from cryptography.hazmat.primitives.padding import PKCS7  # noqa: PLC0415

    decryptor, unpadder = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor(), PKCS7(128).unpadder()
    try:
        for chunk in chunks:
            yield unpadder.update(decryptor.update(chunk))
        yield unpadder.update(decryptor.finalize()) + unpadder.finalize()
    except ValueError:
        raise _undecipherable(name, "its padding does not fit: the octets were changed, or the key is another") from None


def _undecipherable(name: str, words: str) -> Undecipherable:
    return Undecipherable("decrypt", f"object {name} cannot be decrypted: {words}")
