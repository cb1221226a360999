"""XCLIENT (Postfix's XCLIENT_README): what a proxy that is listed in `xclient_from` says of the client it speaks for."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from inbox.sources.smtp import replies
from inbox.sources.smtp.replies import Refused

OFFER = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"
_KNOWN = frozenset(OFFER.split()[1:])
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_ESCAPE = re.compile(r"\+([0-9A-F]{2})")
_UNKNOWN = ("[UNAVAILABLE]", "[TEMPUNAVAIL]")


@dataclass(frozen=True, slots=True)
class Client:
    """What was said; None: nothing. `ip` "": it is not known. `extended`: the client speaks ESMTP. `user` "": it is known that the client did not log in."""

    ip: str | None
    helo: str | None
    extended: bool | None
    user: str | None


def read_client(argument: str) -> Client:
    """The attributes of `NAME=value ...`, each known, well formed and given once. Refused."""
    found: dict[str, str] = {}
    for word in argument.split():
        name, equals, value = word.partition("=")
        name = name.upper()
        if not equals or name in found or name not in _KNOWN or not _XTEXT.fullmatch(value):
            raise Refused(replies.XCLIENT_SYNTAX, "syntax")
        found[name] = "" if value.upper() in _UNKNOWN else _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), value)
    if not found or not all(text.isprintable() for text in found.values()):
        raise Refused(replies.XCLIENT_SYNTAX, "syntax")
    proto = found.get("PROTO", "").upper()
    if proto not in ("", "SMTP", "ESMTP"):
        raise Refused(replies.XCLIENT_SYNTAX, "syntax")
    return Client(_address(found.get("ADDR")), found.get("HELO") or None, proto == "ESMTP" if proto else None, found.get("LOGIN"))


def _address(text: str | None) -> str | None:
    """`192.0.2.1`, or `IPV6:2001:db8::1`; "" and None as in Client."""
    if not text:
        return text
    try:
        return str(ipaddress.ip_address(text[5:] if text[:5].upper() == "IPV6:" else text))
    except ValueError:
        raise Refused(replies.XCLIENT_SYNTAX, "syntax") from None
