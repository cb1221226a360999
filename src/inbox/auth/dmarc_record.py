"""A DMARC record as data (RFC 7489 section 6.3; draft-ietf-dmarc-dmarcbis section 5.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """`policy` of the domain, `subdomains` of names below it, `nonexistent` of names below it that do not exist; `strict_dkim`, `strict_spf`:
    whether only the very same domain is aligned; `testing`: the owner asks not to act yet (`t=y`, or `pct=0` of old);
    `psd`: y (a public suffix), n (an organization), u (unknown).
    """

    policy: str
    subdomains: str | None = None
    nonexistent: str | None = None
    strict_dkim: bool = False
    strict_spf: bool = False
    testing: bool = False
    psd: str = "u"
    reports: str | None = None


def is_dmarc(text: str) -> bool:
    """Whether a TXT record is a DMARC record at all."""
    return re.match(r"v[ \t]*=[ \t]*DMARC1[ \t]*(;|$)", text) is not None


def read_dmarc(text: str) -> DmarcRecord | None:
    """Read a record that `is_dmarc`; None when it has no policy and no address for reports: then it is as if it were not there.

    Of a tag that stands twice, the first counts. What is unknown is passed over.
    """
    tags: dict[str, str] = {}
    for part in text.split(";")[1:]:
        name, equals, value = part.partition("=")
        if equals:
            tags.setdefault(name.strip().lower(), value.strip())
    policy = _policy(tags, "p")
    if policy is None:
        if not tags.get("rua", "").lower().startswith("mailto:"):
            return None
        policy = "none"
    psd = tags.get("psd", "u").lower()
    return DmarcRecord(
        policy,
        _policy(tags, "sp"),
        _policy(tags, "np"),
        tags.get("adkim", "r").lower() == "s",
        tags.get("aspf", "r").lower() == "s",
        tags.get("t", "n").lower() == "y" or tags.get("pct") == "0",
        psd if psd in ("y", "n") else "u",
        tags.get("rua"),
    )


def _policy(tags: dict[str, str], name: str) -> str | None:
    word = tags.get(name, "").lower()
    return word if word in POLICIES else None
