"""DMARC (RFC 7489, and the tree walk of draft-ietf-dmarc-dmarcbis): does what passed belong to the domain that the reader sees?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from inbox.auth.dmarc_record import DmarcRecord, is_dmarc, read_dmarc
from inbox.auth.organization import organizational_domain
from inbox.auth.resolving import NotFound, Resolver, Temporary
from inbox.parsing.domains import normal_domain

_WALK = 8
"""Questions to DNS at most: of a longer name, the domain itself and its last 7 labels."""


class Identifier(Protocol):
    """What SPF or DKIM said of which domain."""

    @property
    def result(self) -> str: ...

    @property
    def domain(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class DmarcResult:
    """`result`: pass fail none temperror permerror; `policy`: the one that applies to the author's domain (none quarantine reject), None without
    a record; `domain`: where the record stands; `organization`: the organizational domain; `aligned`: `spf`, `dkim`, those that passed and belong to it,
    also when there is no record;
    `testing`: the owner asks not to act on the policy yet.
    """

    result: str
    policy: str | None = None
    domain: str | None = None
    organization: str | None = None
    aligned: tuple[str, ...] = ()
    testing: bool = False
    reason: str = ""


def dmarc(from_domain: str | None, spf: Identifier | None, dkim: Sequence[Identifier], resolver: Resolver) -> DmarcResult:
    """Judge one mail. `from_domain`: of the one author in its From field; None when there is none or more than one: permerror.

    Never raises for what DNS or a record says. An answer of DNS that did not come is temperror, and never a pass or a fail.
    """
    if not from_domain:
        return DmarcResult("permerror", reason="there must be one author, with a domain")
    author = _name(from_domain)
    try:
        where, record, organization = _policy(author, resolver)
    except Temporary as error:
        return DmarcResult("temperror", reason=f"no answer about the policy of {author}: {error}")
    if record is None or where is None:
        aligned = tuple(_aligned(author, organization, DmarcRecord("none"), spf, dkim, "pass"))
        return DmarcResult("none", organization=organization, aligned=aligned, reason=f"{author} has no DMARC record")
    aligned = tuple(_aligned(author, organization, record, spf, dkim, "pass"))
    unsure = tuple(_aligned(author, organization, record, spf, dkim, "temperror"))
    result = "pass" if aligned else "temperror" if unsure else "fail"
    policy = _applies(author, where, record, resolver)
    return DmarcResult(result, policy, where, organization, aligned, record.testing)


def _policy(author: str, resolver: Resolver) -> tuple[str | None, DmarcRecord | None, str]:
    """Where the record stands that speaks for a domain, the record, and the organizational domain."""
    organization, found = organizational_domain(author) or author, []
    for name in _walk(author, organization):
        record = _record(name, resolver)
        if record is not None:
            found.append((name, record))
            if record.psd == "n":
                organization = name
            if record.psd == "y" and name != author:
                organization = author.removesuffix(f".{name}").rpartition(".")[2] + f".{name}"
            if record.psd != "u":
                break
    for name, record in found:
        if name in (author, organization):
            return name, record, organization
    return (*found[-1], organization) if found and found[-1][1].psd == "y" else (None, None, organization)


def _walk(author: str, organization: str) -> Iterator[str]:
    """The names that are asked: the author's domain, then each above it, up to the organizational domain."""
    labels = author.split(".")
    yield author
    rest = labels[1:] if len(labels) <= _WALK else labels[-(_WALK - 1) :]
    while len(rest) >= len(organization.split(".")):
        yield ".".join(rest)
        rest = rest[1:]


def _record(name: str, resolver: Resolver) -> DmarcRecord | None:
    """The record of a name; None when there is none, or more than one."""
    try:
        texts = [text for text in resolver(f"_dmarc.{name}", "TXT") if is_dmarc(text)]
    except NotFound:
        return None
    return read_dmarc(texts[0]) if len(texts) == 1 else None


def _aligned(
    author: str, organization: str, record: DmarcRecord, spf: Identifier | None, dkim: Sequence[Identifier], result: str
) -> Iterator[str]:
    """Which of `spf` and `dkim` have this result for a domain that belongs to the author's."""
    if spf and spf.result == result and _belongs(spf.domain, author, organization, strict=record.strict_spf):
        yield "spf"
    if any(one.result == result and _belongs(one.domain, author, organization, strict=record.strict_dkim) for one in dkim):
        yield "dkim"


def _belongs(domain: str | None, author: str, organization: str, *, strict: bool) -> bool:
    if not domain:
        return False
    name = _name(domain)
    return name == author or (not strict and (name == organization or name.endswith(f".{organization}")))


def _applies(author: str, where: str, record: DmarcRecord, resolver: Resolver) -> str:
    """The policy for the author's domain: a name below the record's may have one of its own, and one that does not exist yet another."""
    if author == where:
        return record.policy
    below = record.subdomains or record.policy
    return (record.nonexistent or below) if record.nonexistent and not _exists(author, resolver) else below


def _exists(name: str, resolver: Resolver) -> bool:
    for kind in ("A", "AAAA", "MX"):
        try:
            if resolver(name, kind):
                return True
        except NotFound:
            return False
        except Temporary:
            return True
    return False


def _name(domain: str) -> str:
    """As DNS has it: lower case, A-labels, without a last dot."""
    return normal_domain(domain) or domain.lower().removesuffix(".")
