"""MX records: where bounces and answers to what we send arrive (RFC 5321 section 5, RFC 7505)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from inbox.auth.resolving import Resolver
from inbox.domain_checks.finding import Finding, Verdict, texts
from inbox.networks import is_address

_INNER = tuple(ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))


def servers(domain: str, resolver: Resolver) -> tuple[str, ...]:
    """Names of the mail servers, the preferred first, in lower case and without a last dot; `.` of a null MX is ''. Temporary."""
    pairs = [text.split() for text in texts(resolver, domain, "MX")]
    ordered = sorted((int(pair[0]), pair[1].lower()) for pair in pairs if len(pair) == 2 and pair[0].isdecimal())
    return tuple(name.rstrip(".") for _, name in ordered)


def addresses(name: str, resolver: Resolver) -> tuple[str, ...]:
    """All addresses of a name. Temporary."""
    return (*texts(resolver, name, "A"), *texts(resolver, name, "AAAA"))


def check_mx(domain: str, resolver: Resolver) -> Iterator[Finding]:
    """Whether mail servers are named, and can be found. Temporary."""

    def finding(verdict: Verdict, found: str, why: str = "", remedy: str = "") -> Finding:
        return Finding("mx", verdict, domain, found, why, remedy)

    names = servers(domain, resolver)
    if not names:
        if addresses(domain, resolver):
            why = "the web server's address is taken for that of the mail server, and some receivers refuse mail of such a domain"
            yield finding("warning", "no record, only an address", why, f"MX 10 mx.{domain}.")
        else:
            why = "bounces and answers cannot arrive, and receivers refuse mail of a domain that nobody can answer"
            yield finding("missing", "no record", why, f"MX 10 mx.{domain}.")
        return
    if "" in names:
        found = "a null MX: the domain takes no mail" if len(names) == 1 else "a null MX beside others"
        why = "bounces are lost, and receivers may refuse mail of a domain that takes none (RFC 7505 section 4.2)"
        yield finding("wrong", found, why, f"MX 10 mx.{domain}.")
        return
    bad = [finding(*parts) for name in names for parts in _of_server(name, resolver)]
    if not any(one.verdict == "wrong" for one in bad):
        yield finding("ok", ", ".join(names))
    yield from bad


def _of_server(name: str, resolver: Resolver) -> Iterator[tuple[Verdict, str, str, str]]:
    if is_address(name):
        yield (
            "wrong",
            f"{name} is an address",
            "an MX record names a host; senders cannot use this one",
            "the name of a host that has this address",
        )
        return
    if alias := texts(resolver, name, "CNAME"):
        why = "the name of a mail server must not be an alias (RFC 2181 section 10.3); some senders give up"
        yield "wrong", f"{name} is a CNAME to {alias[0]}", why, f"MX 10 {alias[0].rstrip('.')}."
        return
    found = addresses(name, resolver)
    if not found:
        yield (
            "wrong",
            f"{name} has no address",
            "senders cannot connect; mail waits for days and comes back",
            f"A and AAAA records of {name}",
        )
    elif private := [text for text in found if is_address(text) and not _is_public(text)]:
        yield "warning", f"{name} has the address {private[0]}", "it cannot be reached from the internet", "its public address"


def _is_public(text: str) -> bool:
    """Whether others can reach it; addresses of documentation pass, since examples use them."""
    address = ip_address(text)
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or any(address.version == inner.version and address in inner for inner in _INNER)
    )
