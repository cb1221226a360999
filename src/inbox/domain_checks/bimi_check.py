"""BIMI: a logo beside mail (draft-brand-indicators-for-message-identification). Nobody needs it; who has it wants it to work."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from inbox.auth.organization import organizational_domain
from inbox.auth.resolving import Resolver
from inbox.auth.tags import BadTags, Tags
from inbox.domain_checks.dmarc_check import Policy
from inbox.domain_checks.finding import Finding, Verdict, texts

Parts = tuple[Verdict, str, str, str]


def check_bimi(domain: str, policy: Policy | None, resolver: Resolver) -> Iterator[Finding]:
    """The record of the default selector, and whether DMARC lets it count. Temporary."""
    for name in dict.fromkeys((domain, organizational_domain(domain) or domain)):
        where = f"default._bimi.{name}"
        records = [text for text in texts(resolver, where) if text.lower().replace(" ", "").startswith("v=bimi")]
        if records:
            break
    else:
        yield Finding("bimi", "ok", f"default._bimi.{domain}", "no record; none is needed")
        return
    for parts in _of_records(records, policy):
        yield Finding("bimi", parts[0], where, *parts[1:])


def _of_records(records: list[str], policy: Policy | None) -> Iterator[Parts]:
    if len(records) > 1:
        yield "wrong", f"{len(records)} records", "no logo is shown", "one of them"
        return
    try:
        tags = Tags.read(records[0])
        wrong = "" if tags.get("v") == "BIMI1" and "l" in tags else "it must begin with v=BIMI1, and have l="
    except BadTags as error:
        tags, wrong = Tags(), str(error)
    if wrong:
        yield "wrong", wrong, "no logo is shown", 'TXT "v=BIMI1; l=https://.../logo.svg; a=https://.../logo.pem"'
        return
    logo, certificate = tags["l"], tags.get("a", "")
    if not logo and not certificate:
        yield "ok", "the domain asks for no logo", "", ""
        return
    yield "ok", records[0], "", ""
    yield from _of_addresses(logo, certificate)
    if policy is None or not policy.enforced:
        found = f"DMARC says {policy.word}{', not for all mail' if policy.word != 'none' else ''}" if policy else "there is no DMARC policy"
        yield "wrong", found, "a logo is shown only when the policy is quarantine or reject for all mail", "p=quarantine, then p=reject"
    elif policy.record.subdomains == "none":
        yield "wrong", "DMARC says sp=none", "a logo is shown only when names below are protected too", "the DMARC record without sp="


def _of_addresses(logo: str, certificate: str) -> Iterator[Parts]:
    if not _is_https(logo):
        yield "wrong", f"l={logo} is no https address", "no logo is shown", "l=https://.../logo.svg"
    elif not urlsplit(logo).path.lower().endswith((".svg", ".svgz", ".svg.gz")):
        yield "warning", f"l={logo} does not look like SVG", "only SVG of the profile Tiny PS is shown", "l=https://.../logo.svg"
    if not certificate:
        why = "Gmail and Apple show a logo only with a certificate for it (VMC or CMC)"
        yield "warning", "no a=", why, "a=https://.../logo.pem"
    elif not _is_https(certificate):
        yield "wrong", f"a={certificate} is no https address", "the certificate is not found", "a=https://.../logo.pem"
    elif not urlsplit(certificate).path.lower().endswith(".pem"):
        yield "warning", f"a={certificate} does not look like PEM", "the certificate must be PEM", "a=https://.../logo.pem"


def _is_https(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)
