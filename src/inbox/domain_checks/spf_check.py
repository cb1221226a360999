"""SPF of a domain that mail is sent as (RFC 7208)."""

from __future__ import annotations

from collections.abc import Iterator

from inbox.auth.resolving import Resolver, Temporary
from inbox.auth.spf_check import spf
from inbox.auth.spf_record import BadRecord, SpfRecord, is_spf, read_record
from inbox.domain_checks.finding import Finding, Verdict, texts
from inbox.domain_checks.records import SPF_OF_AMAZON, Sender, spf_record, spf_term
from inbox.domain_checks.spf_terms import MOST_TERMS, MOST_VOID, Terms

_NEARLY = 9
_LONG = 450
"""Octets: with its surroundings a longer record does not fit into one UDP answer of 512 (section 3.4)."""


def check_spf(sender: Sender, resolver: Resolver) -> Iterator[Finding]:
    """Whether there is one record, it can be judged, and it names who sends. Temporary."""
    name = sender.domain

    def finding(verdict: Verdict, found: str, why: str = "", remedy: str = "") -> Finding:
        return Finding("spf", verdict, name, found, why, remedy)

    published = texts(resolver, name)
    records = [text for text in published if is_spf(text)]
    if not records:
        near = next((text for text in published if text.strip(' "').lower().startswith(("v=spf", "spf1", "v = spf"))), None)
        found = f"{near[:60]!r} is no SPF record: it must begin with 'v=spf1 '" if near else "no record"
        why = "receivers cannot tell your servers from others; big ones refuse mail without SPF or DKIM"
        yield finding("wrong" if near else "missing", found, why, f'TXT "{spf_record(sender)}"')
        return
    if len(records) > 1:
        why = "two records are a permanent error: SPF never passes (section 4.5)"
        yield finding("wrong", f"{len(records)} records", why, "one TXT record with the terms of all")
        return
    try:
        record = read_record(records[0])
    except BadRecord as error:
        yield finding(
            "wrong", str(error), "a mistake anywhere makes the whole record void: SPF never passes", "the record without that term"
        )
        return
    yield finding("ok", records[0])
    yield from (finding(*parts) for parts in _of_record(record, records[0]))
    yield from (finding(*parts) for parts in _of_terms(name, record, resolver))
    yield from (finding(*parts) for parts in _of_clients(sender, resolver))


Parts = tuple[Verdict, str, str, str]


def _of_record(record: SpfRecord, text: str) -> Iterator[Parts]:
    """What can be seen in the record itself."""
    ends = next((number for number, one in enumerate(record.directives) if one.mechanism == "all"), None)
    last = record.directives[ends] if ends is not None else None
    if last is None and record.redirect is None:
        yield "warning", "the record has no all", "who is not named is neutral, so anybody may as well send", "-all at its end"
    elif last and last.result == "pass":
        yield "wrong", f"{last.text}: everybody may send", "anybody's mail as you passes SPF, and DMARC", "-all instead"
    elif last and last.result == "neutral":
        yield "warning", "?all: nothing is said of others", "anybody may as well send", "~all, or -all"
    if ends is not None and (behind := record.directives[ends + 1 :]):
        yield "warning", f"{behind[0].text} stands behind all", "what is behind all is never looked at", "the term before all"
    if any(one.mechanism == "ptr" for one in record.directives):
        yield "warning", "the record uses ptr", "it is slow, and some receivers ignore it (section 5.5)", "ip4, ip6 or a instead"
    if len(text) > _LONG:
        yield "warning", f"the record has {len(text)} octets", f"more than {_LONG} may not fit into one answer over UDP", "fewer terms"


def _of_terms(domain: str, record: SpfRecord, resolver: Resolver) -> Iterator[Parts]:
    """What can be seen by following its terms."""
    terms = Terms(resolver)
    terms.walk(domain, record)
    count = len(terms.asking)
    for words in terms.broken:
        yield "wrong", words, "an evaluation that comes to this term is a permanent error", "the record without that term"
    if count > MOST_TERMS:
        why = f"more than {MOST_TERMS} are a permanent error: SPF fails for all who are found late"
        yield (
            "wrong",
            f"{count} terms ask DNS: {', '.join(terms.asking[: MOST_TERMS + 1])}...",
            why,
            "fewer include, a, mx; ip4 and ip6 cost nothing",
        )
    elif count >= _NEARLY:
        yield "warning", f"{count} terms ask DNS", f"{MOST_TERMS} are the most; one include that grows breaks it", "fewer include, a, mx"
    if len(terms.void) > MOST_VOID:
        why = f"more than {MOST_VOID} are a permanent error (section 4.6.4)"
        yield "wrong", f"DNS has nothing for {', '.join(terms.void)}", why, "the record without them"
    elif terms.void:
        yield (
            "warning",
            f"DNS has nothing for {', '.join(terms.void)}",
            f"more than {MOST_VOID} are a permanent error",
            "the record without it",
        )


def passes_spf(sender: Sender, resolver: Resolver) -> bool | None:
    """Whether the addresses that mail leaves from pass; when none are known, whether there is a record that can be judged. None: DNS gave no answer."""
    results = {spf(ip, f"postmaster@{sender.domain}", sender.hostname, resolver).result for ip in sender.ips}
    if results:
        return None if results - {"pass"} == {"temperror"} else results == {"pass"}
    try:
        return not any(finding.verdict in ("missing", "wrong") for finding in check_spf(sender, resolver))
    except Temporary:
        return None


def _of_clients(sender: Sender, resolver: Resolver) -> Iterator[Parts]:
    """Whether it names those who send."""
    if not sender.ips and not sender.region:
        why = "a record that does not name who sends makes SPF fail for all mail"
        yield "warning", "whether it names who sends was not looked at", why, "--ip names the address that mail leaves from"
    for ip in sender.ips:
        result = spf(ip, f"postmaster@{sender.domain}", sender.hostname, resolver)
        if result.result == "pass":
            yield "ok", f"{ip} may send ({result.reason})", "", ""
        else:
            why = "mail from there does not pass SPF"
            yield "wrong", f"{result.result} for {ip} ({result.reason})", why, f"{spf_term(ip)} before all"
    if sender.region:
        terms = Terms(resolver)
        for text in texts(resolver, sender.domain):
            if is_spf(text):
                terms.walk(sender.domain, read_record(text))
        if "amazonses.com" not in terms.included:
            why = f"mail through Amazon SES passes SPF as amazonses.com or as its MAIL FROM domain, but never as {sender.domain}"
            yield "warning", "amazonses.com is not included", why, f"{SPF_OF_AMAZON} before all, or a MAIL FROM domain in SES"
