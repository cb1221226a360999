"""Facts of the envelope: who a mail is really from, and how it came in. All are known at RCPT time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from inbox.facts.addresses import domain_of, tag_of

if TYPE_CHECKING:
    from inbox.model import Envelope


def sender(envelope: Envelope) -> str | None:
    """Address of the envelope sender (MAIL FROM); absent for the null sender of bounces and automatic answers."""
    return envelope.sender


def sender_domain(envelope: Envelope) -> str | None:
    """Domain of the envelope sender, lower case, A-labels."""
    return domain_of(envelope.sender) if envelope.sender else None


def sender_tag(envelope: Envelope) -> str | None:
    """Tag of the envelope sender: `x` in `user+x@example.org`."""
    return tag_of(envelope.sender) if envelope.sender else None


def helo(envelope: Envelope) -> str | None:
    """Name that the client gave in HELO or EHLO; it is a claim, not checked."""
    return envelope.helo


def ip(envelope: Envelope) -> str | None:
    """Address of the client; compare with `in: [10.0.0.0/8]` or as text."""
    return envelope.ip


def tls(envelope: Envelope) -> str | None:
    """Protocol of the encrypted connection, `TLSv1.3` for example; absent when it was not encrypted."""
    return envelope.tls


def auth(envelope: Envelope) -> str | None:
    """User that the client logged in as (AUTH); absent when it did not."""
    return envelope.auth


def client_certificate(envelope: Envelope) -> str | None:
    """Subject of the certificate that the client showed, `CN=relay.example.org,O=Example`; absent when it showed none that `tls.clients` knows."""
    return envelope.certificate.partition(" ")[2] if envelope.certificate else None


def client_certificate_sha256(envelope: Envelope) -> str | None:
    """Fingerprint of that certificate: SHA-256 in hexadecimal, lower case, without colons."""
    return envelope.certificate.partition(" ")[0] if envelope.certificate else None


def source(envelope: Envelope) -> str:
    """Where the mail came in: smtp, lmtp, file, ses."""
    return envelope.source


FACTS: Mapping[str, Callable[..., object]] = {
    "sender": sender,
    "sender.domain": sender_domain,
    "sender.tag": sender_tag,
    "helo": helo,
    "ip": ip,
    "tls": tls,
    "auth": auth,
    "client_certificate": client_certificate,
    "client_certificate.sha256": client_certificate_sha256,
    "source": source,
}
