"""TLS of mail that comes to a domain: MTA-STS (RFC 8461) and reports of failures (RFC 8460)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from inbox.auth.resolving import Resolver
from inbox.domain_checks.finding import Finding, Verdict, texts
from inbox.domain_checks.sts_policy import StsPolicy, is_sts, policy_id, read_policy

Fetch = Callable[[str], str]
"""The text at a web address. ValueError when there is none that counts (status, type, certificate), OSError when there is no answer."""
Parts = tuple[Verdict, str, str, str]
_WEEK = 604_800
_DAY = 86_400
_URI = re.compile(r"mailto:[^\s@,!]+@[A-Za-z0-9_.-]+\.[A-Za-z0-9-]+|https://[^\s,!]+", re.IGNORECASE)


def policy_url(domain: str) -> str:
    """Where the policy of a domain is."""
    return f"https://mta-sts.{domain}/.well-known/mta-sts.txt"


def check_sts(domain: str, servers: Sequence[str], resolver: Resolver, fetch: Fetch | None) -> Iterator[Finding]:
    """The record, and the policy against the domain's mail servers. `fetch`: None: no policy is looked at. Temporary."""
    name = f"_mta-sts.{domain}"

    def finding(verdict: Verdict, found: str, why: str = "", remedy: str = "") -> Finding:
        return Finding("mta-sts", verdict, name, found, why, remedy)

    records = [text for text in texts(resolver, name) if is_sts(text)]
    if not records:
        why = "who can stand between two servers can take TLS away from mail to you"
        yield finding(
            "warning", "no record", why, f'TXT "v=STSv1; id=1" and a policy at {policy_url(domain)} (inbox identity show says both)'
        )
        return
    if len(records) > 1 or policy_id(records[0]) is None:
        found = f"{len(records)} records" if len(records) > 1 else f"{records[0][:80]!r} has no id of 1 to 32 letters and digits"
        yield finding("wrong", found, "senders take it for no policy", 'one TXT "v=STSv1; id=1"; a new id with each new policy')
        return
    yield finding("ok", records[0])
    if fetch is None:
        yield finding(
            "warning", "the policy was not looked at", "a record without its policy does nothing", f"look at {policy_url(domain)}"
        )
        return
    try:
        policy = read_policy(fetch(policy_url(domain)))
    except OSError as error:
        yield finding(
            "unknown", f"no answer from {policy_url(domain)}: {error}", "without the policy the record does nothing", "the policy there"
        )
        return
    except ValueError as error:
        yield finding("wrong", f"{policy_url(domain)}: {error}", "without a policy the record does nothing", "the policy there")
        return
    yield from (finding(*parts) for parts in _of_policy(policy, servers))


def _of_policy(policy: StsPolicy, servers: Sequence[str]) -> Iterator[Parts]:
    left = [name for name in servers if not policy.allows(name)]
    if policy.mode == "none":
        yield "warning", "mode: none", "it is as if there were no policy", "mode: testing, then mode: enforce"
    elif left:
        why = (
            "senders that obey the policy hand nothing to it"
            if policy.mode == "enforce"
            else "senders will hand nothing to it once mode is enforce"
        )
        yield "wrong" if policy.mode == "enforce" else "warning", f"the policy does not name {', '.join(left)}", why, f"mx: {left[0]}"
    else:
        yield "ok", f"mode: {policy.mode}, for {', '.join(policy.servers)}", "", ""
    if policy.mode == "testing":
        yield (
            "warning",
            "mode: testing",
            "failures are reported, mail is handed over without TLS all the same",
            "mode: enforce when reports are good",
        )
    if policy.mode != "none" and policy.max_age < _DAY:
        why = "who keeps senders from the policy has only to wait until it is forgotten"
        yield "warning", f"max_age: {policy.max_age}", why, f"max_age: {_WEEK}"


def check_tls_reports(domain: str, resolver: Resolver) -> Iterator[Finding]:
    """The record that says where reports of TLS go. Temporary."""
    name = f"_smtp._tls.{domain}"
    records = [text for text in texts(resolver, name) if text.startswith("v=TLSRPTv1")]
    wanted = f'TXT "v=TLSRPTv1; rua=mailto:tls-reports@{domain}"'
    if not records:
        why = "nobody tells you that mail to you comes without TLS, or not at all"
        yield Finding("tls-rpt", "warning", name, "no record", why, wanted)
        return
    found = re.fullmatch(r"v=TLSRPTv1[ \t]*;[ \t]*rua=([^;]*?)[ \t]*(?:;.*)?", records[0], re.DOTALL)
    uris = [uri.strip() for uri in found[1].split(",")] if found else []
    if len(records) > 1:
        yield Finding("tls-rpt", "wrong", name, f"{len(records)} records", "with two records nobody reports", "one of them")
    elif not uris or any(not _URI.fullmatch(uri) for uri in uris):
        text = f"{records[0][:80]!r} names no address: rua= takes mailto: and https:"
        yield Finding("tls-rpt", "wrong", name, text, "nobody reports", wanted)
    else:
        yield Finding("tls-rpt", "ok", name, records[0])
