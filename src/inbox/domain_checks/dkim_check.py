"""DKIM keys of a domain in DNS (RFC 6376 section 3.6, RFC 8301, RFC 8463)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from inbox.auth.keys import WEAK, PublicKey, read_key
from inbox.auth.resolving import Resolver
from inbox.auth.signing import SigningKey
from inbox.auth.tags import BadTags
from inbox.domain_checks.finding import Finding, Verdict, misplaced, texts
from inbox.domain_checks.records import Sender, dkim_record

_GOOD = 2048


def check_dkim(sender: Sender, resolver: Resolver, selectors: Sequence[str] = ()) -> Iterator[Finding]:
    """The record of each of our keys, and those of further `selectors` whose private key is not here. Temporary."""
    ours = {key.selector for key in sender.keys}
    signs = len(sender.keys) if sender.signs is None else sender.signs
    for number, key in enumerate(sender.keys):
        found = _check(key_name(key), key.domain, resolver, key)
        yield from found if number < signs else (_not_yet(finding) for finding in found)
    for selector in selectors:
        if selector not in ours:
            yield from _check(f"{selector}._domainkey.{sender.domain}", sender.domain, resolver, None)
    if ours or selectors:
        return
    if sender.region:
        text = "no key here: Amazon SES signs, if Easy DKIM is set up for the domain there (three CNAME records, which its console names)"
        yield Finding("dkim", "ok", sender.domain, text)
    else:
        why = "mail that is passed on keeps DKIM but not SPF; without it such mail fails DMARC"
        yield Finding("dkim", "missing", sender.domain, "no key here", why, f"what `inbox identity add {sender.domain}` prints")


def passes_dkim(sender: Sender, findings: Sequence[Finding]) -> bool | None:
    """Whether a signature of ours would hold: nothing speaks against the record of one of the keys that sign; without one, whether somebody else signs.
    None: DNS gave no answer.
    """
    bad = {finding.name for finding in findings if finding.verdict in ("missing", "wrong")}
    if any(finding.verdict == "unknown" for finding in findings):
        return None
    if sender.keys:
        return any(key_name(key) not in bad for key in sender.keys[: sender.signs])
    return not bad


def key_name(key: SigningKey) -> str:
    """Where the record of a key stands."""
    return f"{key.selector}._domainkey.{key.domain}"


def _not_yet(finding: Finding) -> Finding:
    """Of a key that waits: what is wrong does no harm yet."""
    why = "it does not sign yet; it must not before this is mended"
    return replace(finding, verdict="warning", why=why) if finding.verdict in ("missing", "wrong") else finding


def _check(name: str, domain: str, resolver: Resolver, own: SigningKey | None) -> Iterator[Finding]:
    def finding(verdict: Verdict, found: str, why: str = "", remedy: str = "") -> Finding:
        return Finding("dkim", verdict, name, found, why, remedy)

    wanted = f'TXT "{dkim_record(own)}"' if own else ""
    published = texts(resolver, name)
    if not published:
        twice = misplaced(resolver, name, domain)
        found = f"no record; there is one at {twice}: the domain was written twice" if twice else "no record"
        why = "no signature with this selector holds" if own else "receivers find no key"
        yield finding("wrong" if twice else "missing", found, why, wanted)
        return
    if len(published) > 1:
        yield finding(
            "wrong", f"{len(published)} records", "which of them counts is not defined (section 3.6.2.2)", wanted or "one of them"
        )
        return
    try:
        key = read_key(published[0], "the record")
    except BadTags as error:
        yield finding("wrong", str(error), "no signature with this selector holds", wanted)
        return
    yield from (finding(*parts) for parts in _judged(key, own, wanted))


def _judged(key: PublicKey, own: SigningKey | None, wanted: str) -> Iterator[tuple[Verdict, str, str, str]]:
    if own and key.key != own.key.public_key():
        yield "wrong", "the key in DNS is not the other half of ours", "every signature fails, which is worse than none", wanted
        return
    if key.kind == "rsa" and key.bits < WEAK:
        why = f"below {WEAK} bits receivers take no signature (RFC 8301)"
        yield "wrong", f"a key of {key.bits} bits", why, "a new key: inbox identity add --rotate"
    elif key.kind == "rsa" and key.bits < _GOOD:
        why = f"{_GOOD} bits are what RFC 8301 asks for"
        yield "warning", f"a key of {key.bits} bits", why, "a new key: inbox identity add --rotate"
    else:
        yield "ok", f"{key.kind}, {key.bits} bits{', the other half of ours' if own else ''}", "", ""
    if key.testing:
        yield "warning", "t=y: only testing", "receivers treat the signature as if it were not there", "the record without t=y"
