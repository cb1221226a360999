"""TLS of the door: 1.2 at least; the certificate is read anew when the operator asks for it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from inbox.errors import ConfigError

if TYPE_CHECKING:
    from inbox.config import Tls


def load_context(tls: Tls) -> ssl.SSLContext | None:
    """The server's side of TLS, or None when no certificate is set. ConfigError says which file is wrong."""
    if tls.certificate is None and tls.key is None:
        return None
    if tls.certificate is None:
        raise ConfigError("tls.key is set, but no tls.certificate; set both")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except ssl.SSLError as error:
        raise ConfigError(f"tls.certificate {tls.certificate} and tls.key {tls.key} are no PEM pair: {error.reason or error}") from None
    except OSError as error:
        raise ConfigError(f"tls.certificate {tls.certificate} or tls.key {tls.key} cannot be read: {error.strerror}") from None
    return context
