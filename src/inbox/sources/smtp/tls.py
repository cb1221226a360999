"""TLS of the door: 1.2 at least; the certificate is read anew when the operator asks for it.

What is wrong with the files is said before anything is served, with the remedy. A certificate that has run out is served nevertheless, with an
error in the log: the senders of mail hardly ever look (RFC 7435), and TLS with it is better than none.
"""

from __future__ import annotations

import hashlib
import logging
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from inbox.errors import ConfigError

if TYPE_CHECKING:
    from inbox.tables import Tls

_LOG = logging.getLogger("inbox.smtp")
_CERTIFICATE, _KEY, _CLIENTS = "tls.certificate (--certificate)", "tls.key (--key)", "tls.clients"
_CERTIFICATES, _KEYS = b"-----BEGIN CERTIFICATE-----", b"PRIVATE KEY-----"
_LOCKED = (b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")
_DER = b"\x30\x82"
_MAKE = "`inbox certificate` makes a pair"
_WEAK = {"EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"}
_SHORT = {  # RFC 4514 section 3
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "domainComponent": "DC",
    "userId": "UID",
}


def load_context(tls: Tls) -> ssl.SSLContext | None:
    """The server's side of TLS, or None when no certificate is set. ConfigError says which file is wrong, and what would be right."""
    if tls.certificate is None and tls.key is None:
        if tls.clients is not None:
            raise ConfigError(f"{_CLIENTS} is set, but no {_CERTIFICATE}: without TLS nobody can show a certificate; {_MAKE}")
        return None
    if tls.certificate is None:
        raise ConfigError(f"{_KEY} is set, but no {_CERTIFICATE}; set both")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    _load_pair(context, tls.certificate, tls.key or tls.certificate)
    if problem := validity(context, tls.certificate)[1]:
        _LOG.error("the certificate is not valid now", extra={"problem": f"{_CERTIFICATE} {tls.certificate} {problem}"})
    if tls.clients is not None:
        _ask_for_certificates(context, tls.clients, required=tls.clients_required)
    return context


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    _look(certificate, _CERTIFICATE, _CERTIFICATES, "certificate")
    if key == certificate and _KEYS not in key.read_bytes():
        raise ConfigError(f"{_CERTIFICATE} {certificate} holds no private key; set {_KEY} too")
    _look(key, _KEY, _KEYS, "private key")
    try:
        context.load_cert_chain(certificate, key, password=lambda: _locked(key))
    except ssl.SSLError as error:
        raise ConfigError(_mismatch(certificate, key, error.reason or str(error))) from None


def _look(path: Path, setting: str, begins: bytes, what: str) -> None:
    """Whether a file can be read and holds what it should; OpenSSL's own words for it are no help."""
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{setting} {path} cannot be read: {error.strerror}; write the path of a PEM file ({_MAKE})") from None
    if any(mark in octets for mark in _LOCKED):
        _locked(path)
    if begins not in octets:
        remedy = (
            "it is DER; `openssl` turns it into PEM (-inform DER)" if octets.startswith(_DER) else f"give a file with BEGIN {what.upper()}"
        )
        raise ConfigError(f"{setting} {path} holds no {what} in PEM: {remedy}")


def _locked(key: Path) -> NoReturn:
    raise ConfigError(f"{_KEY} {key} is locked with a password; unlock it: openssl pkey -in {key} -out FILE, mode 0600")


def _mismatch(certificate: Path, key: Path, reason: str) -> str:
    if reason == "KEY_VALUES_MISMATCH":
        return f"{_KEY} {key} does not belong to {_CERTIFICATE} {certificate}; give the pair that was issued together"
    if reason in _WEAK:
        return f"{_CERTIFICATE} {certificate} is too weak ({reason}); take P-256, or RSA with 2048 bits and SHA-256; {_MAKE}"
    return f"{_CERTIFICATE} {certificate} and {_KEY} {key} are no PEM pair: {reason}; {_MAKE}"


def _ask_for_certificates(context: ssl.SSLContext, authorities: Path, *, required: bool) -> None:
    _look(authorities, _CLIENTS, _CERTIFICATES, "certificate")
    try:
        context.load_verify_locations(authorities)
    except ssl.SSLError as error:
        raise ConfigError(
            f"{_CLIENTS} {authorities} cannot be used: {error.reason or error}; give the certificates of authorities in PEM"
        ) from None
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a certificate may be named itself, not only its authority


def validity(context: ssl.SSLContext, certificate: Path) -> tuple[datetime | None, str]:
    """Until when a certificate is valid, and what is wrong with it now ('' when nothing is): by a handshake in memory with a client that
    believes it. The time is None when it is not valid now.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(to_client, to_server)
    answers = context.wrap_bio(to_server, to_client, server_side=True)
    for side in (asks, answers, asks):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return None, f"cannot be believed: {error.verify_message}; renew it, then send SIGHUP"
    seen: Any = asks.getpeercert()
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(seen["notAfter"]), UTC), ""


def client_certificate(connection: ssl.SSLObject) -> str | None:
    """What a client showed, once it was verified: SHA-256 of the certificate in hexadecimal, a blank, and its subject (RFC 4514)."""
    octets = connection.getpeercert(binary_form=True)
    if not octets:
        return None
    shown: Mapping[str, Any] = connection.getpeercert() or {}
    names = [(_SHORT.get(name, name), value) for part in shown.get("subject", ()) for name, value in part]
    return f"{hashlib.sha256(octets).hexdigest()} {','.join(f'{name}={_escaped(value)}' for name, value in reversed(names))}"


def _escaped(value: str) -> str:
    """RFC 4514 section 2.4, and nothing that nobody sees."""
    plain = "".join(c if c.isprintable() else "?" for c in value)
    return "".join(f"\\{c}" if c in ',+"\\<>;=' else c for c in plain)
