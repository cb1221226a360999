"""Whether a mail is signed or encrypted, by its structure (RFC 1847, RFC 3156, RFC 8551). Nothing is verified or decrypted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox.parsing.structure import Part

_SMIME = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_INLINE = re.compile(r"^-----BEGIN PGP (SIGNED )?MESSAGE-----[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Security:
    """How the mail says that it is protected: `pgp`, `smime`, `other`, or None where it is not. What is encrypted may be signed within."""

    signed: str | None
    encrypted: str | None

    def to_dict(self) -> dict[str, str | None]:
        return {"signed": self.signed, "encrypted": self.encrypted}


def read_security(parts: list[Part], text: str | None) -> Security | None:
    """The outermost of each; attached messages are not meant. `text`: for PGP that stands within the text itself."""
    signed = encrypted = None
    for part in parts:
        if not part.within:
            signed, encrypted = signed or _signed(part, parts), encrypted or _encrypted(part, parts)
    if text and not (signed or encrypted) and "-----BEGIN PGP " in text and (found := _INLINE.search(text)):
        signed, encrypted = ("pgp", None) if found[1] else (None, "pgp")
    return Security(signed, encrypted) if signed or encrypted else None


def _signed(part: Part, parts: list[Part]) -> str | None:
    if part.media.value == "multipart/signed":
        return _kind(part.media.get("protocol") or _types_within(part, parts))
    return "smime" if part.media.value in _SMIME and "signed" in _smime_type(part) else None


def _encrypted(part: Part, parts: list[Part]) -> str | None:
    if part.media.value == "multipart/encrypted":
        return _kind(part.media.get("protocol") or _types_within(part, parts))
    return "smime" if part.media.value in _SMIME and not {"signed", "certs"} & set(_smime_type(part).split("-")) else None


def _types_within(part: Part, parts: list[Part]) -> str:
    return " ".join(inner.media.value for inner in parts if inner.parent is part)


def _smime_type(part: Part) -> str:
    """`enveloped-data`, `signed-data`, `certs-only` and so on; without it the usual file names tell."""
    name = (part.media.get("name") or "").lower()
    return (
        part.media.get("smime-type") or ("certs-only" if name.endswith(".p7c") else "signed-data" if name.endswith(".p7s") else "")
    ).lower()


def _kind(protocol: str) -> str:
    return "pgp" if "pgp" in protocol.lower() else "smime" if "pkcs7" in protocol.lower() else "other"
