"""The octets of a letter as one server can take them: size, 8-bit text, UTF-8 in headers and addresses (RFC 1870, RFC 6152, RFC 6531).

A mail that bears a signature over its octets (DKIM, ARC) goes as it is or not at all, unless the letter says that it may be converted.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from inbox.send.compose import crlf
from inbox.send.seven_bit import downgrade, has_long_lines, is_plain
from inbox.send.transports.answers import Wire, refused
from inbox.send.transports.session import Session
from inbox.sending import Answer, Letter

_SIGNATURE = re.compile(rb"(?im)^(?:dkim-signature|arc-message-signature)[ \t]*:")
_AS_IT_IS = "it is signed, so it is not converted; compose it in seven bits (quoted-printable, encoded words) before it is signed"


class Fit(NamedTuple):
    """Octets with CRLF only, and the parameters of MAIL."""

    raw: bytes
    parameters: tuple[bytes, ...]


def fitted(letter: Letter, wire: Wire, recipients: tuple[str, ...], session: Session) -> Fit | Answer:
    """The letter for this server, or the refusal: it can never take it."""
    raw, takes_utf8 = crlf(letter.raw), session.has_extn("smtputf8")
    international = not (wire.sender + "".join(recipients)).isascii()
    if international and not takes_utf8:
        return refused(f"553 5.6.7 an address is not ASCII and the server does not offer SMTPUTF8 (RFC 6531) ({session.server})")
    head = raw[: raw.find(b"\r\n\r\n") + 2] or raw
    if is_plain(raw):
        return _sized(raw, [b"SMTPUTF8"] if international else [], session)
    utf8 = not head.isascii() and _is_utf8(head)
    fixed = bool(_SIGNATURE.search(head)) and not letter.convert
    converted = _converted(raw, session, utf8=utf8 and not takes_utf8, fixed=fixed)
    if isinstance(converted, Answer):
        return converted
    plain = converted.isascii()
    parameters = [*([] if plain else [b"BODY=8BITMIME"]), *([b"SMTPUTF8"] if international or (utf8 and takes_utf8 and not plain) else [])]
    return _sized(converted, parameters, session)


def _converted(raw: bytes, session: Session, *, utf8: bool, fixed: bool) -> bytes | Answer:
    """The octets that this server can take. `utf8`: the header has UTF-8 that it does not take; `fixed`: nothing may be changed."""
    takes_8bit = session.has_extn("8bitmime")
    if not takes_8bit and not raw.isascii():
        words = f"554 5.6.3 the mail has 8-bit text and the server does not offer 8BITMIME (RFC 6152) ({session.server})"
        return _or_refused(None if fixed else downgrade(raw), words, fixed=fixed)
    if utf8:
        words = f"553 5.6.7 the header has UTF-8 and the server does not offer SMTPUTF8 (RFC 6531) ({session.server})"
        return _or_refused(None if fixed else downgrade(raw) or downgrade(raw, bodies=False), words, fixed=fixed)
    if fixed or not has_long_lines(raw):
        return raw
    # Lines of more than 998 octets are mended where that breaks nothing; where it would, most servers take them all the same.
    return downgrade(raw) or raw


def _or_refused(converted: bytes | None, words: str, *, fixed: bool) -> bytes | Answer:
    if converted is not None:
        return converted
    return refused(f"{words}: {_AS_IT_IS if fixed else 'a part of it may not be converted'}")


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


def _sized(raw: bytes, parameters: list[bytes], session: Session) -> Fit | Answer:
    if not session.has_extn("size"):
        return Fit(raw, tuple(parameters))
    most = str(session.esmtp_features.get("size", ""))
    if most.isdigit() and 0 < int(most) < len(raw):
        return refused(f"552 5.3.4 the mail has {len(raw)} octets, the server takes {most} ({session.server})")
    return Fit(raw, (b"SIZE=%d" % len(raw), *parameters))
