"""The octets of a letter as one server can take them: size, 8-bit text and addresses that are not ASCII (RFC 1870, RFC 6152, RFC 6531)."""

from __future__ import annotations

from typing import NamedTuple

from inbox.send.compose import crlf
from inbox.send.transports.answers import Wire, refused
from inbox.send.transports.session import Session
from inbox.sending import Answer, Letter


class Fit(NamedTuple):
    """Octets with CRLF only, and the parameters of MAIL."""

    raw: bytes
    parameters: tuple[bytes, ...]


def fitted(letter: Letter, wire: Wire, recipients: tuple[str, ...], session: Session) -> Fit | Answer:
    """The letter for this server, or the refusal: it can never take it."""
    raw = crlf(letter.raw)
    parameters = []
    if not (wire.sender + "".join(recipients)).isascii():
        if not session.has_extn("smtputf8"):
            return refused(f"553 5.6.7 an address is not ASCII and the server does not offer SMTPUTF8 (RFC 6531) ({session.server})")
        parameters.append(b"SMTPUTF8")
    if not raw.isascii():
        if not session.has_extn("8bitmime"):
            return refused(f"554 5.6.3 the mail has 8-bit text and the server does not offer 8BITMIME (RFC 6152) ({session.server})")
        parameters.append(b"BODY=8BITMIME")
    return _sized(raw, parameters, session)


def _sized(raw: bytes, parameters: list[bytes], session: Session) -> Fit | Answer:
    if not session.has_extn("size"):
        return Fit(raw, tuple(parameters))
    most = str(session.esmtp_features.get("size", ""))
    if most.isdigit() and 0 < int(most) < len(raw):
        return refused(f"552 5.3.4 the mail has {len(raw)} octets, the server takes {most} ({session.server})")
    return Fit(raw, (b"SIZE=%d" % len(raw), *parameters))
