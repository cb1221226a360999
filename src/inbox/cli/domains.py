"""`doctor --domain`: what DNS says of the domains that mail is sent as."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inbox.cli import AGAIN, NO, OK
from inbox.cli.common import print_json, visible
from inbox.cli.identities import addresses, domain_name, sender_of
from inbox.errors import ConfigError

if TYPE_CHECKING:
    from inbox.auth import Resolver
    from inbox.config import Settings
    from inbox.domain_checks import Fetch, Finding


Ask = Callable[["Settings"], "Resolver"]


@dataclass(frozen=True)
class Look:
    """What is looked at, and who is asked. `policy`: the MTA-STS policy as a file; None: it is had by HTTPS, unless DNS is a file too."""

    settings: Settings
    ask: Ask
    ips: Sequence[str] = ()
    selectors: Sequence[str] = ()
    policy: Path | None = None

    def at(self, domains: Iterable[str]) -> tuple[Finding, ...]:
        """All that is found of some domains. ConfigError for what is none."""
        names, ips = [domain_name(domain) for domain in domains], addresses(self.ips)
        resolver = self.ask(self.settings)
        return tuple(finding for name in names for finding in self._at(name, ips, resolver))

    def _at(self, domain: str, ips: Sequence[str], resolver: Resolver) -> tuple[Finding, ...]:
        from inbox.auth.dns import Dns
        from inbox.domain_checks import check_domain

        network = isinstance(resolver, Dns)
        if isinstance(resolver, Dns):
            resolver.begin()
        fetch = _fetch(self.policy, network=network)
        return check_domain(sender_of(self.settings, domain, ips), resolver, fetch=fetch, selectors=self.selectors)


def print_findings(findings: Sequence[Finding], *, as_json: bool) -> int:
    """Print them; the exit status."""
    if as_json:
        print_json([finding.to_dict() for finding in findings])
    else:
        click.echo("\n".join(line for finding in findings for line in _lines(finding)))
    return status(finding.verdict for finding in findings)


def status(verdicts: Iterable[str]) -> int:
    """1 when something is missing or wrong; 75 when all else is that DNS or a web server did not answer."""
    found = set(verdicts)
    return NO if found & {"wrong", "missing"} else AGAIN if "unknown" in found else OK


def _fetch(file: Path | None, *, network: bool) -> Fetch | None:
    """Where the policy of MTA-STS comes from: a file, the network, or nowhere."""
    if file is not None:
        return lambda _: _text(file)
    if not network:
        return None
    from inbox.send.sts_fetch import fetch

    return fetch


def identities_of(settings: Settings) -> list[str]:
    """Names of all identities."""
    from inbox.send.identities import Identities

    return [one.domain for one in Identities(settings)]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from None


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{finding.verdict:<8} {finding.check} {finding.name}: {visible(finding.found)}"
    if finding.why:
        yield f"         why: {visible(finding.why)}"
    if finding.remedy:
        yield f"         remedy: {visible(finding.remedy)}"
