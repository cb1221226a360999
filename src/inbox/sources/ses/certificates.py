"""The two addresses of SNS that are ever visited: the certificate that a message is signed with, and the confirmation of a subscription."""

from __future__ import annotations

import http.client
import ssl
import threading
from datetime import UTC, datetime
from urllib.parse import urlsplit

from inbox.sources.ses.errors import Unfinished

_PATIENCE = 5.0  # seconds
_LONGEST = 64 << 10  # octets
_AT_ONCE, _TURN = 2, 2.0  # fetches, and seconds until one may begin


class Certificates:
    """Certificates by URL, each fetched once and kept until it expires. Any thread may ask.

    Whoever knows a topic can name addresses that are not there: few threads may wait for an answer, so that messages whose certificate is
    known already have their turn.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[bytes, datetime]] = {}
        self._room = threading.Semaphore(_AT_ONCE)

    def __call__(self, url: str) -> bytes:
        """The PEM at a URL that was checked to be one of SNS. Raises Unfinished."""
        pem = self._known(url)
        if pem is not None:
            return pem
        if not self._room.acquire(timeout=_TURN):
            raise Unfinished("certificate", "too many certificates are being fetched; SNS will send it again")
        try:
            return self._known(url) or self._fetch(url)
        finally:
            self._room.release()

    def _known(self, url: str) -> bytes | None:
        pem, until = self._kept.get(url, (None, datetime.min.replace(tzinfo=UTC)))
        return pem if until > datetime.now(UTC) else None

    def _fetch(self, url: str) -> bytes:
        pem = _get(url, "certificate")
        self._kept[url] = pem, _until(pem)
        return pem


def confirm(url: str) -> None:
    """Visit a SubscribeURL that was checked, once; then SNS sends notifications. Raises Unfinished."""
    _get(url, "confirm")


def _until(pem: bytes) -> datetime:
    """When a certificate ends; Unfinished when it is none, or not valid today."""
    from cryptography import x509  # noqa: PLC0415  slow to import

    try:
        found = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise Unfinished("certificate", f"what stands at SigningCertURL is no certificate: {error}") from None
    if not found.not_valid_before_utc <= datetime.now(UTC) < found.not_valid_after_utc:
        span = f"{found.not_valid_before_utc:%Y-%m-%d} to {found.not_valid_after_utc:%Y-%m-%d}"
        raise Unfinished("certificate", f"the certificate at SigningCertURL is valid from {span}, not today; is the clock right?")
    return found.not_valid_after_utc


def _get(url: str, code: str) -> bytes:
    """The body at an https address; no redirect is followed, no proxy used, at most 64 KiB read."""
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(parts.netloc, timeout=_PATIENCE, context=ssl.create_default_context())
    try:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path, headers={"Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(_LONGEST + 1)
    except (OSError, http.client.HTTPException) as error:
        raise Unfinished(code, f"{parts.netloc} does not answer: {type(error).__name__}: {error}; SNS will send it again") from None
    finally:
        connection.close()
    if answer.status != 200 or len(body) > _LONGEST:
        raise Unfinished(code, f"{parts.netloc} answered {answer.status} with {len(body)} octets instead of 200; SNS will send it again")
    return body
