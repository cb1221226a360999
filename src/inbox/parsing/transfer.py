"""Content-Transfer-Encoding: octets as sent -> octets as meant (RFC 2045 section 6)."""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

_FOREIGN = re.compile(rb"[^A-Za-z0-9+/]")
_TOKEN = re.compile(rb"\s*\"?([\w-]+)")


class Transferred(NamedTuple):
    """Decoded octets and, when something was odd, the code of the defect and its detail."""

    octets: bytes
    code: str | None = None
    detail: str = ""


def encoding_of(raw: bytes | None) -> str:
    """The encoding's name in lower case; `7bit` when there is none."""
    found = _TOKEN.match(raw) if raw else None
    return found[1].decode("ascii", "replace").lower() if found else "7bit"


def decode_transfer(octets: bytes, encoding: str) -> Transferred:
    """Never raises: what decodes is given, and a defect says what did not. uuencode and yEnc are not decoded."""
    if encoding in ("7bit", "8bit", "binary"):
        return Transferred(octets)
    if encoding == "base64":
        return _base64(octets)
    if encoding == "quoted-printable":
        return Transferred(binascii.a2b_qp(octets))
    return Transferred(octets, "transfer-encoding-unknown", encoding)


def _base64(octets: bytes) -> Transferred:
    """Foreign characters show by the length: each one that was skipped is missing from the result."""
    try:
        decoded = binascii.a2b_base64(octets)
    except binascii.Error:
        decoded = b""
    digits = len(octets) - sum(octets.count(c) for c in (b"\n", b"\r", b"="))
    if len(decoded) == digits * 3 // 4 and digits % 4 != 1:
        return Transferred(decoded)
    bare = _FOREIGN.sub(b"", octets)
    bare = bare[: len(bare) - (len(bare) % 4 == 1)]
    return Transferred(binascii.a2b_base64(bare + b"=" * (-len(bare) % 4)), "base64-invalid", str(octets[:40], "ascii", "replace"))
