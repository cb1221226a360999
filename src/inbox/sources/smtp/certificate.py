"""A certificate of one's own: for STARTTLS as most servers use it, where nobody asks who signed it (RFC 7435)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from inbox.errors import ConfigError

if TYPE_CHECKING:
    from cryptography import x509

_LONGEST_NAME = 64  # of a subject (RFC 5280 appendix A)
_LONGEST_HOST = 253
_HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.:-]*[A-Za-z0-9_:])?|[0-9A-Fa-f:.]+")
_SLOW_CLOCKS = timedelta(days=1)


class Pair(NamedTuple):
    """Certificate and key in PEM, when the certificate ends, and its SHA-256 in hexadecimal."""

    certificate: bytes
    key: bytes
    expires: datetime
    sha256: str


def make_certificate(names: Sequence[str], days: int, now: datetime | None = None) -> Pair:
    """A self-signed certificate with a P-256 key for these host names and addresses (RFC 5280). ConfigError when a name is none."""
    from cryptography import x509  # noqa: PLC0415  7 MB that only this command needs
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    began, names = now or datetime.now(UTC), [_host(name) for name in names]
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0][:_LONGEST_NAME])])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(began - _SLOW_CLOCKS)
        .not_valid_after(began + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    locked = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Pair(certificate.public_bytes(pem), locked, certificate.not_valid_after_utc, certificate.fingerprint(hashes.SHA256()).hex())


def _name(text: str) -> x509.GeneralName:
    from cryptography import x509  # noqa: PLC0415  as above

    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _host(text: str) -> str:
    """The name in A-labels."""
    try:
        name = text if text.isascii() else text.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not _HOST.fullmatch(name) or len(name) > _LONGEST_HOST:
        raise ConfigError(f"{text!r} is no name of a host; write mx.example.com, or an address")
    return name
