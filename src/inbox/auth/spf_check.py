"""SPF (RFC 7208): may this client send for that domain? Pure: DNS is the resolver that is handed in.

Limits are those of the RFC (section 4.6.4): 10 terms that ask DNS, 2 questions without an answer, 10 names of an mx or of the client.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from inbox.auth.resolving import NotFound, Resolver, Temporary
from inbox.auth.spf_macros import BadMacro, Session, expand, expand_domain
from inbox.auth.spf_record import BadRecord, Directive, SpfRecord, is_spf, read_record
from inbox.networks import is_address

_TERMS, _VOID, _NAMES = 10, 2, 10
_EXPLANATION = 1000
"""Characters of an explanation: its macros could make it as long as they like."""
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class SpfResult:
    """`result`: pass fail softfail neutral none temperror permerror; of which `domain`; `reason`: the term that decided, or what is wrong;
    `explanation`: what the domain wants to be told to who fails; `lookups`: terms that asked DNS.
    """

    result: str
    domain: str
    reason: str = ""
    explanation: str | None = None
    lookups: int = 0


class _Bad(Exception):
    """Ends the check: `permerror`, `temperror`."""

    def __init__(self, result: str, reason: str) -> None:
        super().__init__(reason)
        self.result, self.reason = result, reason


def spf(ip: str, sender: str | None, helo: str, resolver: Resolver, *, receiver: str = "unknown") -> SpfResult:
    """Check an envelope: `ip` of the client, `sender` of MAIL FROM (None: the null sender, then HELO is checked), the name it gave in HELO.

    Never raises for what DNS or a record says.
    """
    address = ip_address(ip)
    address = getattr(address, "ipv4_mapped", None) or address
    mailbox = sender or f"postmaster@{helo}"
    local, _, domain = mailbox.rpartition("@")
    check = _Check(resolver, address, f"{local or 'postmaster'}@{domain}", helo, receiver)
    try:
        found = check.host(domain)
    except _Bad as bad:
        return SpfResult(bad.result, domain, bad.reason, lookups=check.terms)
    explanation = check.explain(found) if found.result == "fail" else None
    return SpfResult(found.result, domain, found.reason, explanation, check.terms)


@dataclass(frozen=True, slots=True)
class _Found:
    """The result of one `check_host`: the record that gave it, and its domain."""

    result: str
    reason: str = ""
    domain: str = ""
    record: SpfRecord | None = None


@dataclass
class _Check:
    resolver: Resolver
    ip: Address
    sender: str
    helo: str
    receiver: str
    terms: int = 0
    void: int = 0
    session: Session = field(init=False)

    def __post_init__(self) -> None:
        self.session = Session(self.ip, self.sender, self.helo, self._name_of_client, self.receiver)

    def host(self, domain: str) -> _Found:
        """`check_host` of section 4: the record of a domain, judged."""
        if not _is_name(domain):
            return _Found("none", f"{domain!r} is no domain name", domain)
        try:
            texts = [text for text in self.resolver(domain, "TXT") if is_spf(text)]
        except NotFound:
            texts = []
        except Temporary as error:
            raise _Bad("temperror", f"no answer about {domain}: {error}") from None
        if not texts:
            return _Found("none", f"{domain} has no SPF record", domain)
        if len(texts) > 1:
            raise _Bad("permerror", f"{domain} has {len(texts)} SPF records; there must be one")
        try:
            record = read_record(texts[0])
        except BadRecord as error:
            raise _Bad("permerror", f"the record of {domain}: {error}") from None
        return self._judge(domain, record)

    def _judge(self, domain: str, record: SpfRecord) -> _Found:
        for directive in record.directives:
            if self._matches(directive, domain):
                return _Found(directive.result, directive.text, domain, record)
        if record.redirect is None:
            return _Found("neutral", "nothing matched", domain, record)
        self._count()
        found = self.host(self._target(record.redirect, domain))
        if found.result == "none":
            raise _Bad("permerror", f"redirect={record.redirect}: {found.reason}")
        return found

    # mechanisms (section 5)

    def _matches(self, directive: Directive, domain: str) -> bool:
        if directive.mechanism == "all":
            return True
        if directive.network is not None:
            return self.ip.version == directive.network.version and self.ip in directive.network
        self._count()
        target = self._target(directive.domain, domain) if directive.domain else domain
        match directive.mechanism:
            case "include":
                return self._include(directive, target)
            case "exists":
                return bool(self._ask(target, "A"))
            case "a":
                return self._is_host(target, directive)
            case "mx":
                return self._is_mx(target, directive)
            case _:
                return any(name == target.lower() or name.endswith(f".{target.lower()}") for name in self._validated())

    def _include(self, directive: Directive, target: str) -> bool:
        found = self.host(target)
        if found.result == "none":
            raise _Bad("permerror", f"{directive.text}: {found.reason}")
        return found.result == "pass"

    def _is_host(self, name: str, directive: Directive) -> bool:
        """Whether the client is among the addresses of a name."""
        prefix = directive.prefix6 if self.ip.version == 6 else directive.prefix4
        return any(self.ip in ip_network((text, prefix), strict=False) for text in self._ask(name, self._kind) if is_address(text))

    def _is_mx(self, domain: str, directive: Directive) -> bool:
        names = [text.rpartition(" ")[2].rstrip(".") for text in self._ask(domain, "MX")]
        if len(names) > _NAMES:
            raise _Bad("permerror", f"{directive.text}: {len(names)} mail servers; {_NAMES} are asked for at most")
        return any(self._is_host(name, directive) for name in names if name)

    def _validated(self) -> list[str]:
        """Names of the client that lead back to it; a failed question is as good as none (section 5.5)."""
        names = self._quietly(self.ip.reverse_pointer, "PTR")[:_NAMES]
        return [name.rstrip(".").lower() for name in names if self._leads_back(name)]

    def _leads_back(self, name: str) -> bool:
        return any(ip_address(text) == self.ip for text in self._quietly(name, self._kind) if is_address(text))

    @property
    def _kind(self) -> str:
        return "AAAA" if self.ip.version == 6 else "A"

    def _name_of_client(self, domain: str) -> str:
        """`%{p}`: the domain itself before a name below it before any other."""
        names, own = self._validated(), domain.lower()
        below = [name for name in names if name.endswith(f".{own}")]
        return own if own in names else next(iter([*below, *names]), "unknown")

    # asking

    def _count(self) -> None:
        self.terms += 1
        if self.terms > _TERMS:
            raise _Bad("permerror", f"more than {_TERMS} terms ask DNS")

    def _ask(self, name: str, kind: str) -> Sequence[str]:
        if not _is_name(name):
            return ()
        try:
            found = self.resolver(name, kind)
        except NotFound:
            found = ()
        except Temporary as error:
            raise _Bad("temperror", f"no answer about {name} {kind}: {error}") from None
        if not found:
            self.void += 1
            if self.void > _VOID:
                raise _Bad("permerror", f"more than {_VOID} questions to DNS had no answer")
        return found

    def _quietly(self, name: str, kind: str) -> Sequence[str]:
        try:
            return self.resolver(name, kind) if _is_name(name) else ()
        except (NotFound, Temporary):
            return ()

    def _target(self, text: str, domain: str) -> str:
        return _expanded(lambda: expand_domain(text, self.session, domain))

    def explain(self, found: _Found) -> str | None:
        """What the domain wants to be told to whom it does not know (section 6.2); None when that cannot be had."""
        if found.record is None or found.record.explanation is None:
            return None
        try:
            texts = self.resolver(self._target(found.record.explanation, found.domain), "TXT")
            if len(texts) != 1 or not texts[0].isascii():
                return None
            return expand(texts[0], self.session, found.domain, explanation=True)[:_EXPLANATION]
        except (NotFound, Temporary, BadMacro, _Bad):
            return None


def _expanded(make: Callable[[], str]) -> str:
    try:
        return make()
    except BadMacro as error:
        raise _Bad("permerror", str(error)) from None


def _is_name(text: str) -> bool:
    """Whether DNS can be asked for it (section 4.3): labels of 1 to 63 octets, two at least, 253 in all."""
    labels = text.removesuffix(".").split(".")
    return len(text) <= 254 and len(labels) > 1 and all(0 < len(label) < 64 for label in labels) and not re.search(r"[\[\]]", text)
