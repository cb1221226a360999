"""Which servers take the mail of a domain, and which of their addresses may be gone to (RFC 5321 section 5.1, RFC 7505). DNS is handed in."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator, Sequence
from random import Random

from inbox.auth.resolving import NotFound, Resolver
from inbox.errors import Failed
from inbox.networks import Networks
from inbox.send.http import is_public

_MOST_HOSTS, _MOST_ADDRESSES = 20, 20
_LITERAL = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f:.]+)\]", re.IGNORECASE)


def exchangers(domain: str, resolver: Resolver, *, hostname: str, random: Random) -> tuple[str, ...]:
    """Names of the servers of a domain, the preferred ones first, those of one preference in any order; itself where it names none.

    Where we are among them, only those preferred to us are named. Failed: it does not exist, takes no mail (null MX), or only we take it;
    the text begins with the code for the sender. Temporary: DNS gave no answer.
    """
    try:
        records = resolver(domain, "MX")
    except NotFound:
        raise Failed(f"550 5.1.2 there is no domain {domain}") from None
    found = [(int(preference), host.strip().rstrip(".").lower()) for preference, _, host in (record.partition(" ") for record in records)]
    if not found:
        return (domain,)
    named = [(preference, host) for preference, host in found if host]
    if not named:
        raise Failed(f"556 5.1.10 {domain} takes no mail: it has a null MX (RFC 7505)")
    ours = min((preference for preference, host in named if host == hostname.lower().rstrip(".")), default=None)
    before = [(preference, host) for preference, host in named if ours is None or preference < ours]
    if not before:
        raise Failed(f"554 5.4.6 mail for {domain} would come back to us: its MX is {hostname}, which is our own name")
    random.shuffle(before)
    return tuple(dict.fromkeys(host for _, host in sorted(before, key=lambda item: item[0])))[:_MOST_HOSTS]


def literal(domain: str) -> str | None:
    """The address of an address literal, `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 section 4.1.3); None for a name. Failed: it is none."""
    if not domain.startswith("["):
        return None
    found = _LITERAL.fullmatch(domain)
    try:
        return str(ipaddress.ip_address(found[1] if found else domain))
    except ValueError:
        raise Failed(f"550 5.1.2 {domain} is no address of a server") from None


def addresses(host: str, resolver: Resolver) -> Sequence[str]:
    """IPv4 and then IPv6 addresses of a server; none when it has none. Temporary: DNS gave no answer."""
    return tuple(dict.fromkeys(_asked(host, resolver)))[:_MOST_ADDRESSES]


def _asked(host: str, resolver: Resolver) -> Iterator[str]:
    for kind in ("A", "AAAA"):
        try:
            yield from resolver(host, kind)
        except NotFound:
            return


def why_not(address: str, allow: Networks) -> str | None:
    """Why mail does not go to an address: it is not public, or it is this machine, so that the mail would come back. None: it may."""
    if address in allow:
        return None
    if not is_public(ipaddress.ip_address(address)):
        return f"{address} is not public"
    return f"{address} is this machine" if _is_ours(address) else None


def _is_ours(address: str) -> bool:
    """Only addresses of this machine can be bound to."""
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(kind, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
