"""TLS of the door: 1.2 at least; the certificate is read anew when the operator asks for it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from inbox.errors import ConfigError

_CERTIFICATE, _KEY = "tls.certificate (--certificate)", "tls.key (--key)"

if TYPE_CHECKING:
    from pathlib import Path

    from inbox.config import Tls


def load_context(tls: Tls) -> ssl.SSLContext | None:
    """The server's side of TLS, or None when no certificate is set. ConfigError says which file is wrong."""
    if tls.certificate is None and tls.key is None:
        return None
    if tls.certificate is None:
        raise ConfigError(f"{_KEY} is set, but no {_CERTIFICATE}; set both")
    if b"PRIVATE KEY" not in _read(_CERTIFICATE, tls.certificate) and tls.key is None:
        raise ConfigError(f"{_CERTIFICATE} {tls.certificate} holds no private key; set {_KEY} too")
    if tls.key is not None:
        _read(_KEY, tls.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except ssl.SSLError as error:
        words = f"{_CERTIFICATE} {tls.certificate} and {_KEY} {tls.key or tls.certificate} are no pair of PEM files"
        raise ConfigError(
            f"{words}: {error.reason or 'they cannot be read as PEM'}; write the paths of a chain and of its own key"
        ) from None
    return context


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{name} {path} cannot be read: {error.strerror}; write the path of a PEM file") from None
