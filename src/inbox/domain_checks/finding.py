"""What a check found: how things stand, why it matters, and what would mend it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from inbox.auth.resolving import NotFound, Resolver
from inbox.model import Json

Verdict = Literal["ok", "warning", "missing", "wrong", "unknown"]
"""missing: nothing is there, and mail suffers; wrong: what is there does harm; unknown: DNS or a web server gave no answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `check`: spf dkim dmarc mx mta-sts tls-rpt bimi reverse-dns; `name`: the name in DNS, or the address;
    `found`: what is there; `why` it matters and the `remedy`, most often what to publish: empty when all is well.
    """

    check: str
    verdict: Verdict
    name: str
    found: str
    why: str = ""
    remedy: str = ""

    def to_dict(self) -> dict[str, Json]:
        return asdict(self)


def texts(resolver: Resolver, name: str, kind: str = "TXT") -> list[str]:
    """What DNS has for a name; nothing when the name does not exist. Temporary."""
    try:
        return list(resolver(name, kind))
    except NotFound:
        return []


def misplaced(resolver: Resolver, name: str, domain: str) -> str | None:
    """The name with the domain written twice, as forms of DNS providers make it, when something stands there. Temporary."""
    twice = f"{name}.{domain}"
    return twice if texts(resolver, twice) else None
