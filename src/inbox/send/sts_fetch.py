"""Get the policy file of MTA-STS (RFC 8461 section 3.3): HTTPS with a certificate that is checked, no redirect, no proxy, 64 KiB at most."""

from __future__ import annotations

import http.client
import socket
import ssl

from inbox.errors import InboxError
from inbox.send.http import Page, Resolve, get, target


def fetch(url: str, *, timeout: float = 10, resolve: Resolve = socket.getaddrinfo) -> str:
    """The text of a policy. ValueError: the server has none that counts (status, type, size, certificate); OSError: no answer in `timeout` seconds.

    Certificates are checked against the system's authorities (SSL_CERT_FILE names others). `resolve`: names whose addresses may be called.
    """
    place = target(url)
    if place.scheme != "https":
        raise ValueError("a policy is had by https only")
    try:
        return _text(get(place, timeout=timeout, allow=[place.host, place.netloc], resolve=resolve))
    except ssl.SSLCertVerificationError as error:
        raise ValueError(f"its certificate is not believed: {error.verify_message}") from None
    except (InboxError, http.client.HTTPException) as error:
        raise OSError(str(error)) from None


def _text(page: Page) -> str:
    if page.status != 200:
        more = "; a redirect is not followed" if 300 <= page.status < 400 else ""
        raise ValueError(f"status {page.status}, not 200{more}")
    if page.kind != "text/plain":
        raise ValueError(f"it is {page.kind}; a policy is text/plain")
    try:
        text = page.octets.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    if not page.measured and not text.endswith("\n"):
        raise ValueError("its last line may be cut off (no Content-Length, no end of line): max_age: 86400 may have become 8")
    return text
