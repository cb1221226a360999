"""Mail to the recipients' own servers: MX, TLS where it is offered, MTA-STS where a policy wants it (RFC 5321 section 5, RFC 7435, RFC 8461).

The servers of a domain are tried in order until one can be talked to; its answers count, whatever they are. Mail never goes to addresses
that are not public, nor to this machine, unless `[sending.direct] allow` names them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from inbox.auth.dns import Dns, make_resolver
from inbox.domain_checks.sts_policy import StsPolicy
from inbox.errors import Deferred, Failed
from inbox.networks import Networks
from inbox.next_hops import Server
from inbox.send.sts_fetch import fetch
from inbox.send.transports.answers import Wire, deferred, for_all, refused
from inbox.send.transports.mta_sts import Policies
from inbox.send.transports.mx import addresses, exchangers, literal, why_not
from inbox.send.transports.pool import Pool
from inbox.send.transports.smtp import Line, Trusted, hand_over
from inbox.sending import Answer, Answers, Letter

if TYPE_CHECKING:
    from dns.resolver import Resolver as DnsResolver

    from inbox.auth.resolving import Resolver
    from inbox.config import Settings

_MOST_TRIES = 5
"""Servers that are tried for one domain and letter; the next attempt tries again, those of one preference in another order."""
_POLICY_TIMEOUT = 15.0


@dataclass(frozen=True, slots=True)
class _Place:
    """One address of one server."""

    host: str
    address: str


class _Trouble:
    """Why no server could be talked to: for now, or for good."""

    def __init__(self) -> None:
        self.now: list[str] = []
        self.for_good: list[str] = []

    def answer(self, domain: str) -> Answer:
        if self.now:
            return deferred(f"451 4.4.1 no server of {domain} can be talked to: {'; '.join(self.now)}")
        why = "; ".join(self.for_good) or "they have no address"
        return refused(f"550 5.4.4 mail for {domain} cannot be sent to its servers: {why}")


class DirectTransport:
    """The way to the servers that the recipients' domains name in DNS (`inbox.ports.Transport`).

    The recipients of one domain are one transaction; a letter that is `whole` is so for each domain.
    """

    def __init__(self, settings: Settings) -> None:
        self._hostname, self._own, self._dns = settings.hostname, settings.sending.direct, settings.dns
        self._allow = Networks(self._own.allow)
        self._trust, self._pool, self._random = Trusted(), Pool(), SystemRandom()
        self._policies = Policies(self._fetch, settings.dir / "mta-sts")

    def deliver(self, letter: Letter) -> Answers:
        """Hand over one letter, domain by domain. Deferred: no name server is set."""
        wire, found = Wire(letter), dict[str, Answer]()
        for domain, recipients in _by_domain(wire.recipients).items():
            found |= self._to_domain(letter, wire, domain, tuple(recipients))
        return wire.answers(found)

    def rates(self) -> tuple[str, ...]:
        return ()

    def probe(self) -> str:
        """That name servers are there; what takes our mail shows when there is some. Deferred when the system names none."""
        return f"mail goes to the recipients' servers, port {self._own.port}; names are asked of {', '.join(map(str, self._servers.nameservers))}"

    def close(self) -> None:
        """End the connections that are kept."""
        self._pool.close()

    @cached_property
    def _servers(self) -> DnsResolver:
        return make_resolver(self._dns.nameservers)

    def _resolver(self) -> Dns:
        """The name servers, with the time for one domain."""
        return Dns(self._servers, self._dns.timeout)

    def _to_domain(self, letter: Letter, wire: Wire, domain: str, recipients: tuple[str, ...]) -> dict[str, Answer]:
        resolver, trouble = self._resolver(), _Trouble()
        try:
            hosts = self._hosts(domain, resolver)
            policy = self._policies.of(domain, resolver) if self._own.mta_sts and not literal(domain) else None
        except Failed as error:
            return for_all(recipients, refused(str(error)))
        except Deferred as error:
            return for_all(recipients, deferred(f"451 4.4.3 {error}"))
        for place in self._places(_kept_to(policy, hosts, trouble), resolver, trouble):
            try:
                return hand_over(self._line(place, policy), letter, wire, recipients)
            except Deferred as error:
                trouble.now.append(str(error))
        return for_all(recipients, trouble.answer(domain))

    def _hosts(self, domain: str, resolver: Resolver) -> tuple[str, ...]:
        return (domain,) if literal(domain) else exchangers(domain, resolver, hostname=self._hostname, random=self._random)

    def _places(self, hosts: tuple[str, ...], resolver: Resolver, trouble: _Trouble) -> Iterator[_Place]:
        """Addresses in order, as many as are tried; what may not or cannot be gone to is noted."""
        left = _MOST_TRIES
        for host in hosts:
            try:
                found = [literal(host) or ""] if literal(host) else addresses(host, resolver)
            except Deferred as error:
                trouble.now.append(str(error))
                continue
            for address in found:
                if why := why_not(address, self._allow):
                    trouble.for_good.append(f"{host}: {why}; [sending.direct] allow names networks that mail may go to all the same")
                elif left:
                    left -= 1
                    yield _Place(host, address)

    def _line(self, place: _Place, policy: StsPolicy | None) -> Line:
        tls = "starttls" if policy and policy.mode == "enforce" else "opportunistic"
        host = place.address if place.host.startswith("[") else place.host
        server = Server(host, self._own.port, "smtp", tls, timeout=self._own.timeout)  # type: ignore[arg-type]
        return Line(server, self._hostname, self._trust, self._pool, place.address)

    def _fetch(self, domain: str) -> str:
        """The policy of a domain, from its web server."""

        def resolve(host: str, port: int, **_: Any) -> list[Any]:
            found = addresses(host, self._resolver())
            return [(0, 0, 0, "", (address, port)) for address in found if not why_not(address, self._allow)]

        url = f"https://mta-sts.{domain}:{self._own.policy_port}/.well-known/mta-sts.txt"
        return fetch(url, timeout=_POLICY_TIMEOUT, resolve=resolve)


def _by_domain(recipients: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for recipient in recipients:
        found.setdefault(recipient.rpartition("@")[2].lower(), []).append(recipient)
    return found


def _kept_to(policy: StsPolicy | None, hosts: tuple[str, ...], trouble: _Trouble) -> tuple[str, ...]:
    """The servers that a policy names, where it is to be held to (RFC 8461 section 5)."""
    if policy is None or policy.mode != "enforce":
        return hosts
    for host in hosts:
        if not policy.allows(host):
            trouble.now.append(f"{host} is not named by the domain's MTA-STS policy")
    return tuple(host for host in hosts if policy.allows(host))
