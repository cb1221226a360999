"""Get the policy file of MTA-STS (RFC 8461 section 3.3): HTTPS with a certificate that is checked, no redirect, no proxy, 64 KiB at most."""

from __future__ import annotations

import ssl
import time
from email.message import Message
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

_LONGEST = 64 << 10


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str) -> None:
        """The answer itself is what counts."""


def fetch(url: str, *, timeout: float = 10) -> str:
    """The text of a policy. ValueError: the server has none that counts (status, type, size, certificate); OSError: no answer in `timeout` seconds.

    Certificates are checked against the system's authorities (SSL_CERT_FILE names others).
    """
    if not url.startswith("https://"):
        raise ValueError("a policy is had by https only")
    try:
        with _opener().open(Request(url, headers={"User-Agent": "inbox"}), timeout=timeout) as answer:  # noqa: S310  https, checked above
            if answer.status != 200:
                raise ValueError(f"status {answer.status}, not 200")
            kind = answer.headers.get_content_type()
            if kind != "text/plain":
                raise ValueError(f"it is {kind}; a policy is text/plain")
            return _read(answer, time.monotonic() + timeout)
    except HTTPError as error:
        error.close()
        more = "; a redirect is not followed" if 300 <= error.code < 400 else ""
        raise ValueError(f"status {error.code}, not 200{more}") from None
    except URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise ValueError(f"its certificate is not believed: {error.reason.verify_message}") from None  # noqa: TRY004  as said above
        raise OSError(str(error.reason)) from None


def _opener() -> OpenerDirector:
    return build_opener(ProxyHandler({}), HTTPSHandler(context=ssl.create_default_context()), _NoRedirect())


def _read(stream: IO[bytes], until: float) -> str:
    octets = b""
    while part := stream.read(8192):
        octets += part
        if len(octets) > _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST} octets")
        if time.monotonic() > until:
            raise OSError("it did not end in time")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
