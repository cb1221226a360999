"""An SPF record as data (RFC 7208 sections 4.6.1 and 12). A mistake anywhere makes the whole record void: nothing is guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from inbox.auth import spf_macros
from inbox.auth.spf_macros import BadMacro

_TERM = re.compile(r"([+\-?~]?)([A-Za-z][A-Za-z0-9_.-]*)(.*)", re.DOTALL)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_CIDR = re.compile(r"(?:/(0|[1-9]\d?))?(?://(0|[1-9]\d{0,2}))?$")
_TOP_LABEL = re.compile(r"(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])", re.IGNORECASE)
_RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral", "": "pass"}
WITH_DOMAIN = ("include", "exists")


class BadRecord(ValueError):
    """A record that the grammar does not allow; the text names the term."""


@dataclass(frozen=True, slots=True)
class Directive:
    """`-ip4:192.0.2.0/24`: if the mechanism matches, that is the result. `domain`: a macro string; prefix lengths for IPv4 and IPv6."""

    result: str
    mechanism: str
    text: str
    domain: str | None = None
    network: IPv4Network | IPv6Network | None = None
    prefix4: int = 32
    prefix6: int = 128


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """The directives in order, and the modifiers that count."""

    directives: tuple[Directive, ...]
    redirect: str | None = None
    explanation: str | None = None


def is_spf(text: str) -> bool:
    """Whether a TXT record is an SPF record at all."""
    return text[:6].lower() == "v=spf1" and text[6:7] in ("", " ")


@lru_cache(2048)  # most mail comes from few senders
def read_record(text: str) -> SpfRecord:
    """Read a record that `is_spf`. Raises BadRecord."""
    directives: list[Directive] = []
    modifiers: dict[str, str] = {}
    for term in filter(None, text[6:].split(" ")):
        modifier = _MODIFIER.fullmatch(term)
        try:
            if modifier:
                _modify(modifiers, modifier[1].lower(), modifier[2])
            else:
                directives.append(_directive(term))
        except BadMacro as error:
            raise BadRecord(str(error)) from None
    return SpfRecord(tuple(directives), modifiers.get("redirect"), modifiers.get("exp"))


def _modify(modifiers: dict[str, str], name: str, value: str) -> None:
    if name in ("redirect", "exp"):
        if name in modifiers:
            raise BadRecord(f"{name}= stands twice; once is enough")
        modifiers[name] = _domain(value, name)
    else:
        spf_macros.check(value)


def _directive(term: str) -> Directive:
    found = _TERM.fullmatch(term)
    if not found:
        raise BadRecord(f"{term!r} is neither a mechanism nor a modifier")
    result, mechanism, rest = _RESULTS[found[1]], found[2].lower(), found[3]
    match mechanism:
        case "all":
            if rest:
                raise BadRecord(f"{term!r}: all stands alone")
            return Directive(result, mechanism, term)
        case "include" | "exists":
            return Directive(result, mechanism, term, _domain(_after_colon(term, rest), mechanism))
        case "ptr":
            return Directive(result, mechanism, term, _domain(_after_colon(term, rest), mechanism) if rest else None)
        case "a" | "mx":
            return _hosts(term, result, mechanism, rest)
        case "ip4" | "ip6":
            return Directive(result, mechanism, term, network=_network(term, mechanism, _after_colon(term, rest)))
        case _:
            raise BadRecord(f"{term!r}: there is no mechanism {mechanism!r}; there are all, include, a, mx, ptr, ip4, ip6, exists")


def _after_colon(term: str, rest: str) -> str:
    if not rest.startswith(":") or len(rest) == 1:
        raise BadRecord(f"{term!r}: a colon and what it means must follow")
    return rest[1:]


def _hosts(term: str, result: str, mechanism: str, rest: str) -> Directive:
    found = _CIDR.search(rest)
    assert found is not None  # it may be empty
    name, four, six = rest[: found.start()], found[1], found[2]
    domain = _domain(_after_colon(term, name), mechanism) if name else None
    prefixes = int(four or 32), int(six or 128)
    if prefixes[0] > 32 or prefixes[1] > 128:
        raise BadRecord(f"{term!r}: a prefix has 32 bits at most, or 128 of IPv6")
    return Directive(result, mechanism, term, domain, prefix4=prefixes[0], prefix6=prefixes[1])


def _network(term: str, mechanism: str, text: str) -> IPv4Network | IPv6Network:
    address, slash, prefix = text.partition("/")
    plain = not slash or re.fullmatch(r"0|[1-9]\d{0,2}", prefix)
    try:
        network = ip_network((address, int(prefix)) if slash and plain else address, strict=False)
    except ValueError:
        plain = None
    if not plain:
        raise BadRecord(f"{term!r} names no network; write ip4:192.0.2.0/24 or ip6:2001:db8::/32")
    if network.version != int(mechanism[2]):
        raise BadRecord(f"{term!r}: that is an address of IPv{network.version}")
    return network


def _domain(text: str, what: str) -> str:
    """A domain-spec: a macro string that ends with a macro, or with a top label."""
    spf_macros.check(text)
    if not text:
        raise BadRecord(f"{what}: a domain must follow")
    if re.search(r"%(?:\{[^}]*\}|[%_-])$", text):
        if text.endswith("}"):
            return text
        raise BadRecord(f"{what}: {text!r} ends with no name")
    head, dot, top = text.removesuffix(".").rpartition(".")
    if not dot or not head or not _TOP_LABEL.fullmatch(top):
        raise BadRecord(f"{what}: {text!r} is no domain name")
    return text
