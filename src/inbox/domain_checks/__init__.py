"""Is all in DNS that mail of a domain needs? Pure checks over a resolver that is handed in (`inbox.auth.resolving`), and the records to publish."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from inbox.auth.resolving import Resolver, Temporary
from inbox.domain_checks.bimi_check import check_bimi
from inbox.domain_checks.dkim_check import check_dkim, passes_dkim
from inbox.domain_checks.dmarc_check import check_dmarc, find_policy
from inbox.domain_checks.finding import Finding, Verdict
from inbox.domain_checks.mx_check import check_mx, servers
from inbox.domain_checks.records import Record, Sender, dkim_record, records
from inbox.domain_checks.reverse_check import check_reverse
from inbox.domain_checks.spf_check import check_spf, passes_spf
from inbox.domain_checks.tls_check import Fetch, check_sts, check_tls_reports

__all__ = ["Fetch", "Finding", "Record", "Sender", "Verdict", "check_domain", "dkim_record", "records"]


def check_domain(sender: Sender, resolver: Resolver, *, fetch: Fetch | None = None, selectors: Sequence[str] = ()) -> tuple[Finding, ...]:
    """All checks of a domain, in the order a mail meets them. `fetch` gets the MTA-STS policy (None: it is not looked at); `selectors`: DKIM keys to look
    at beside ours. Never raises for what DNS says or does not say: what got no answer is `unknown`.
    """
    domain = sender.domain
    spf = _asked("spf", domain, lambda: check_spf(sender, resolver))
    dkim = _asked("dkim", domain, lambda: check_dkim(sender, resolver, selectors))

    def dmarc() -> Iterator[Finding]:
        return check_dmarc(sender, resolver, spf=passes_spf(sender, resolver), dkim=passes_dkim(sender, dkim))

    return (
        *spf,
        *dkim,
        *_asked("dmarc", f"_dmarc.{domain}", dmarc),
        *_asked("mx", domain, lambda: check_mx(domain, resolver)),
        *_asked("mta-sts", f"_mta-sts.{domain}", lambda: check_sts(domain, servers(domain, resolver), resolver, fetch)),
        *_asked("tls-rpt", f"_smtp._tls.{domain}", lambda: check_tls_reports(domain, resolver)),
        *_asked("bimi", f"default._bimi.{domain}", lambda: check_bimi(domain, find_policy(domain, resolver), resolver)),
        *_asked("reverse-dns", domain, lambda: check_reverse(sender, resolver)),
    )


def _asked(check: str, name: str, ask: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What a check found, up to where DNS gave no answer."""
    found: list[Finding] = []
    try:
        for finding in ask():
            found.append(finding)  # noqa: PERF402  what was found before an error counts
    except Temporary as error:
        found.append(Finding(check, "unknown", name, f"DNS gave no answer: {error}", "nothing can be said now", "ask again later"))
    return found
