"""DMARC of a domain that mail is sent as (RFC 7489): its record, where reports go, and whether what we send is aligned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from inbox.auth.dmarc_record import POLICIES, DmarcRecord, is_dmarc, read_dmarc
from inbox.auth.organization import organizational_domain
from inbox.auth.resolving import Resolver
from inbox.domain_checks.finding import Finding, Verdict, misplaced, texts
from inbox.domain_checks.records import Sender, dmarc_record

_MAILTO = re.compile(r"mailto:[^\s@,!]+@([A-Za-z0-9_.-]+\.[A-Za-z0-9-]+)(?:!\d+[kmgt]?)?", re.IGNORECASE)
Parts = tuple[Verdict, str, str, str]


@dataclass(frozen=True, slots=True)
class Policy:
    """What was found: where, and the record; None without one that counts."""

    name: str
    text: str
    record: DmarcRecord
    tags: dict[str, str]
    inherited: bool

    @property
    def word(self) -> str:
        """The policy for the domain itself."""
        return (self.record.subdomains or self.record.policy) if self.inherited else self.record.policy

    @property
    def enforced(self) -> bool:
        """Whether it holds for all mail (as BIMI wants it)."""
        return self.word in ("quarantine", "reject") and self.tags.get("pct", "100") == "100" and not self.record.testing


def find_policy(domain: str, resolver: Resolver) -> Policy | None:
    """The policy that holds for a domain: its own, else that of its organization. Temporary."""
    organization = organizational_domain(domain) or domain
    for name in dict.fromkeys((domain, organization)):
        found = [text for text in texts(resolver, f"_dmarc.{name}") if is_dmarc(text)]
        record = read_dmarc(found[0]) if len(found) == 1 else None
        if record:
            return Policy(f"_dmarc.{name}", found[0], record, _tags(found[0]), name != domain)
        if found:
            return None
    return None


def check_dmarc(sender: Sender, resolver: Resolver, *, spf: bool | None = True, dkim: bool | None = True) -> Iterator[Finding]:
    """The record, its reports and the alignment. `spf`, `dkim`: whether what we send would pass them (None: not known now). Temporary."""
    name = f"_dmarc.{sender.domain}"
    policy = find_policy(sender.domain, resolver)
    if policy is None:
        yield _without(sender, name, resolver)
        return
    where = f" (that of {policy.name}, which holds here too)" if policy.inherited else ""
    yield Finding("dmarc", "ok", name, policy.text + where)
    for parts in (*_of_policy(policy), *_of_reports(sender.domain, policy, resolver), *_alignment(sender, policy, spf=spf, dkim=dkim)):
        yield Finding("dmarc", parts[0], policy.name, *parts[1:])


def _without(sender: Sender, name: str, resolver: Resolver) -> Finding:
    """Why there is no policy."""
    published, wanted = texts(resolver, name), f'TXT "{dmarc_record(sender.domain)}"'
    records = [text for text in published if is_dmarc(text)]
    if len(records) > 1:
        return Finding("dmarc", "wrong", name, f"{len(records)} records", "with two records there is no policy at all", "one of them")
    if records:
        found = f"{records[0][:80]!r} has no policy: p= must be {', '.join(POLICIES)}"
        return Finding("dmarc", "wrong", name, found, "it is as if it were not there", wanted)
    near = next((text for text in published if "dmarc" in text.lower()), None)
    twice = misplaced(resolver, name, sender.domain)
    if near or twice:
        found = (
            f"{near[:60]!r} is no record: it must begin with v=DMARC1;"
            if near
            else f"the record stands at {twice}: the domain was written twice"
        )
        return Finding("dmarc", "wrong", name, found, "it is as if it were not there", wanted)
    why = "anybody can send as you, nobody tells you, and big receivers refuse bulk mail of domains without it"
    return Finding("dmarc", "missing", name, "no record", why, wanted)


def _of_policy(policy: Policy) -> Iterator[Parts]:
    record = policy.record
    if policy.word == "none":
        why = "mail that is not yours arrives as yours; good to begin with, while reports show who sends"
        yield (
            "warning",
            "p=none: nothing is done" if not policy.inherited else "the policy here is none",
            why,
            "p=quarantine when all of yours passes, then p=reject",
        )
    elif not policy.inherited and record.subdomains == "none":
        yield "warning", "sp=none", "mail of any name below the domain can still be forged", "the record without sp="
    if policy.tags.get("pct", "100") != "100" and policy.word != "none":
        yield (
            "warning",
            f"pct={policy.tags['pct']}",
            "the policy holds for a part of mail; newer receivers ignore pct",
            "the record without pct=",
        )
    if policy.tags.get("t", "n").lower() == "y":
        yield "warning", "t=y: only testing", "receivers are asked not to act", "the record without t=y"
    if any(tag in policy.tags and policy.tags[tag].lower() not in POLICIES for tag in ("p", "sp", "np")):
        yield "wrong", f"a policy is none of {', '.join(POLICIES)}", "the tag is passed over", "one of them"


def _of_reports(domain: str, policy: Policy, resolver: Resolver) -> Iterator[Parts]:
    """Where reports go, and whether those who get them want them (section 7.1)."""
    if not policy.tags.get("rua"):
        yield "warning", "no rua=", "nobody reports to you who sends as you, and what of yours fails", f"rua=mailto:dmarc@{domain}"
    for tag in ("rua", "ruf"):
        for uri in filter(None, (part.strip() for part in policy.tags.get(tag, "").split(","))):
            yield from _of_address(tag, uri, policy.name.removeprefix("_dmarc."), resolver)


def _of_address(tag: str, uri: str, owner: str, resolver: Resolver) -> Iterator[Parts]:
    found = _MAILTO.fullmatch(uri)
    if not found:
        yield "wrong", f"{tag}={uri} is no address", "reports are not sent", f"{tag}=mailto:dmarc@{owner}"
        return
    other = found[1].lower().rstrip(".")
    if (organizational_domain(other) or other) == (organizational_domain(owner) or owner):
        return
    name = f"{owner}._report._dmarc.{other}"
    if not any(is_dmarc(text) for text in texts(resolver, name)):
        why = "reports to another organization are sent only when it says that it wants them (section 7.1)"
        yield "wrong", f"{tag}={uri}: nothing at {name}", why, f'there, by the owner of {other}: TXT "v=DMARC1"'


def _alignment(sender: Sender, policy: Policy, *, spf: bool | None, dkim: bool | None) -> Iterator[Parts]:
    """Whether SPF or DKIM would prove the author's domain."""
    signer = sender.keys[0].domain if sender.keys else None
    if dkim and signer and signer != sender.domain and policy.record.strict_dkim:
        yield (
            "wrong",
            f"adkim=s, but we sign as {signer}",
            f"that signature does not count for {sender.domain}",
            "adkim=r, or a key of its own",
        )
        dkim = False
    proved = [word for word, holds in (("SPF", spf and not sender.region), ("DKIM", dkim)) if holds]
    if not proved and (spf is None or dkim is None):
        yield "unknown", "DNS gave no answer about SPF or DKIM", "whether they prove what we send cannot be said now", "ask again later"
    elif not proved:
        yield "wrong", "neither SPF nor DKIM proves what we send", "all of our mail fails DMARC", "what is said of SPF and DKIM above"
    else:
        yield "ok", f"{' and '.join(proved)} {'prove' if len(proved) > 1 else 'proves'} what we send", "", ""


def _tags(text: str) -> dict[str, str]:
    """Of a tag that stands twice, the first counts."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            tags.setdefault(name.strip().lower(), value.strip())
    return tags
