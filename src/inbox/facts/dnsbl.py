"""DNS block lists (RFC 5782): which of them list the client's address.

It wants the mail, though it reads the address alone: so it is never asked at RCPT, where all sessions would wait for a name server, but by
a worker, or by the judge when a rule that refuses asks for it. All lists are asked at once; answers are kept as long as their TTL says,
an hour at most. A list that gives no answer in time is a fault, unless another one lists the address; `on_error` says what holds then.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

from inbox.auth.dns import make_resolver, name_server
from inbox.errors import Deferred
from inbox.options import Seconds
from inbox.ports import Noted

if TYPE_CHECKING:
    from dns.resolver import Resolver

    from inbox.model import Mail, Value

_ZONE = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_LISTED = ipaddress.IPv4Network("127.0.0.0/8")
_ERRORS = ipaddress.IPv4Network("127.255.255.0/24")  # "you may not ask": what lists answer to public resolvers and to who asks too often
_OWN = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))  # of no use to anybody elsewhere
_MOST_ZONES = 20


class BlockLists:
    """The fact, and the answers that it remembers."""

    def __init__(self) -> None:
        self._resolvers: dict[tuple[str, ...], Resolver] = {}

    def dnsbl(
        self,
        mail: Mail,
        settings: Mapping[str, Any],
        *,
        zones: list[str] | None = None,
        timeout: Seconds = 3,
        on_error: Literal["open", "closed", "defer"] | None = None,
    ) -> Value | Noted:
        """DNS block lists that list the client's address; absent when none does.

        zones: `bl.example.org`, or `bl.example.org=127.0.0.2` (or a network of answers) to count these answers only; those of the
        settings by default. timeout: for all lists together, 3 s. on_error: what holds when a list gives no answer and none lists the address: open:
        absent, with a note (the default); closed: the value `error`; defer: the mail is judged later. Settings in `[handlers.dnsbl]`: `zones`, `on_error`, and `nameservers` (or those of `[dns]`), the
        resolvers to ask, those of the system by default.
        """
        zones = list(zones or settings.get("zones", ()))
        address = _public(mail.envelope.ip)
        if address is None or not zones:
            return None
        resolver = self._resolver(tuple(settings.get("nameservers", ())))
        with ThreadPoolExecutor(max_workers=len(zones)) as pool:
            verdicts = list(pool.map(lambda zone: _ask(resolver, zone, address, timeout), zones))
        listed = tuple(zone.partition("=")[0] for zone, verdict in zip(zones, verdicts, strict=True) if verdict is True)
        silent = [verdict for verdict in verdicts if isinstance(verdict, str)]
        if silent and not listed:
            return _unknown("; ".join(silent), on_error or settings.get("on_error", "open"))
        return listed or None

    def _resolver(self, servers: tuple[str, ...]) -> Resolver:
        if servers not in self._resolvers:
            self._resolvers[servers] = make_resolver(servers)
        return self._resolvers[servers]


def _unknown(why: str, on_error: str) -> Noted:
    """What holds when nobody could say."""
    if on_error == "defer":
        raise Deferred(why)
    return Noted("error", why, fault=True) if on_error == "closed" else Noted(None, why)


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options and of the setting `nameservers`."""
    zones = options.get("zones") or settings.get("zones", ())
    if not 1 <= len(zones) <= _MOST_ZONES:
        yield f"zones is a list of 1 to {_MOST_ZONES} block lists; write it here or in [handlers.dnsbl] of the settings"
    for zone in zones:
        name, equals, answers = zone.partition("=")
        if not _ZONE.fullmatch(name) or len(name) > 150:
            yield f"{zone!r} is no block list; write its domain, bl.example.org"
        if equals and not _network(answers):
            yield f"{zone!r}: write answers as 127.0.0.2 or 127.0.0.0/29"
    if (word := settings.get("on_error", "open")) not in ("open", "closed", "defer"):
        yield f"setting handlers.dnsbl.on_error: {word!r} is none of open, closed, defer"
    for server in settings.get("nameservers", ()):
        if not name_server(str(server)):
            yield f"setting handlers.dnsbl.nameservers: {server!r} is no address; write 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353"


def _public(ip: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, when lists can know it."""
    if not ip:
        return None
    address = ipaddress.ip_address(ip)
    known = address.is_loopback or address.is_link_local or address.is_unspecified or any(address in own for own in _OWN)
    return None if known else address


def question(address: ipaddress.IPv4Address | ipaddress.IPv6Address, zone: str) -> str:
    """The name to ask for: octets (IPv6: nibbles) in reverse order, below the zone (RFC 5782 sections 2.1 and 2.4)."""
    return f"{address.reverse_pointer.removesuffix('.in-addr.arpa').removesuffix('.ip6.arpa')}.{zone}."


def _ask(resolver: Resolver, zone: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address, timeout: float) -> bool | str:
    """Whether one list has the address, or why that is not known."""
    from dns.exception import DNSException  # noqa: PLC0415  heavy, and of this fact only
    from dns.resolver import NXDOMAIN, NoAnswer  # noqa: PLC0415  as above

    name, _, counted = zone.partition("=")
    try:
        found = resolver.resolve(question(address, name), "A", lifetime=timeout, search=False)
    except (NXDOMAIN, NoAnswer):
        return False
    except DNSException as error:
        return f"{name} gave no answer: {type(error).__name__}"
    return _verdict(name, [ipaddress.IPv4Address(str(record)) for record in found], _network(counted) if counted else None)


def _verdict(name: str, answers: Sequence[ipaddress.IPv4Address], counted: ipaddress.IPv4Network | None) -> bool | str:
    """RFC 5782 section 2.3: a list answers within 127.0.0.0/8; what is outside comes from somebody else."""
    if any(answer in _ERRORS for answer in answers):
        return f"{name} does not answer this resolver ({answers[0]}); ask through a resolver of your own"
    return any(answer in _LISTED and (counted is None or answer in counted) for answer in answers)


def _network(text: str) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(text)
    except ValueError:
        return None
