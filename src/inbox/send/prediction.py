"""What the next hop will find when it checks a mail that we are about to send: SPF, DKIM, ARC and DMARC of the very octets, by our own `auth`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inbox import auth
from inbox.auth.spf_record import is_spf
from inbox.parsing import parse
from inbox.parsing.domains import normal_domain
from inbox.send.forms import rewritten_by_amazon

if TYPE_CHECKING:
    from inbox.auth import ArcResult, DkimResult, DmarcResult, Resolver
    from inbox.parsing.message import Message


@dataclass(frozen=True, slots=True)
class Spf:
    """What SPF will say of our envelope sender: pass when its domain has a record, in which the next server is assumed to be (`inbox doctor`)."""

    result: str
    domain: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the next hop will find. `ours`: the domain that we speak for; `author`: that of the From that the reader sees; `ambiguous`: somebody else may
    see another.
    """

    ours: str
    author: str | None
    spf: Spf
    dkim: Sequence[DkimResult]
    arc: ArcResult
    dmarc: DmarcResult
    by_amazon: bool = False
    ambiguous: bool = False

    @property
    def taken(self) -> bool:
        """Whether no policy speaks against the mail, and everybody sees the same author."""
        dmarc = self.dmarc
        idle = dmarc.result == "fail" and (dmarc.policy == "none" or dmarc.testing)
        return not self.ambiguous and (idle or dmarc.result in ("pass", "none", "permerror"))

    @property
    def unknown(self) -> bool:
        """Whether DNS gave no answer, so that nothing can be said."""
        return self.dmarc.result == "temperror"

    def __str__(self) -> str:
        parts = [f"spf {self.spf.result} for {self._whose(self.spf.domain)}"]
        for one in self.dkim:
            aligned = ", aligned" if one.result == "pass" and _within(one.domain, self.dmarc.organization) else ""
            why = "" if one.result == "pass" else f": {one.reason}"
            parts.append(f"dkim {one.result} for {self._whose(one.domain)}{aligned}{why}")
        if self.by_amazon and not self.dkim:
            parts.append("dkim as Amazon SES is set up to sign")
        elif not self.dkim:
            parts.append("dkim none")
        if self.arc.result != "none":
            parts.append(f"arc {self.arc.result}" + (f": {self.arc.reason}" if self.arc.reason else ""))
        policy = f" (p={self.dmarc.policy})" if self.dmarc.policy and self.dmarc.result != "pass" else ""
        why = f": {self.dmarc.reason}" if self.dmarc.result == "permerror" else ""
        return ", ".join([*parts, f"dmarc {self.dmarc.result}{policy}{why}"])

    def _whose(self, domain: str | None) -> str:
        return f"{'ours' if _within(domain, self.ours) or _within(self.ours, domain) else 'theirs'} ({domain})"


def predict(raw: bytes, sender: str | None, ours: str, helo: str, resolver: Resolver, now: float, *, by_amazon: bool = False) -> Prediction:
    """What will be found of octets that leave with this envelope sender. `ours`: our domain; `helo`: our name in EHLO; `now`: seconds since 1970.

    `by_amazon`: the mail leaves through Amazon SES, which writes Date and Message-ID anew and signs it as it is set up to.
    """
    author = author_of(parse(raw))
    ambiguous = author is None and re.search(rb"(?im)^from[ \t]*:", raw.partition(b"\r\n\r\n")[0]) is not None
    spf = _spf(sender.rpartition("@")[2] if sender else helo, resolver)
    octets = rewritten_by_amazon(raw) if by_amazon else raw
    dkim = auth.dkim(octets, resolver, now)
    return Prediction(ours, author, spf, dkim, auth.arc(octets, resolver), auth.dmarc(author, spf, [*dkim], resolver), by_amazon, ambiguous)


def author_of(message: Message) -> str | None:
    """Domain of the one author; None when From names none, or several, or stands more than once."""
    domains = {author.address.rpartition("@")[2].lower() for author in message.from_ if "@" in author.address}
    return next(iter(domains)) if len(domains) == 1 and len(message.header("from")) == 1 else None


def _spf(domain: str, resolver: Resolver) -> Spf:
    try:
        found = [text for text in resolver(domain, "TXT") if is_spf(text)]
    except auth.NotFound:
        found = []
    except auth.Temporary:
        return Spf("temperror", domain)
    return Spf("pass" if len(found) == 1 else "permerror" if found else "none", domain)


def _within(domain: str | None, whole: str | None) -> bool:
    if not domain or not whole:
        return False
    name, above = normal_domain(domain) or domain, normal_domain(whole) or whole
    return name == above or name.endswith(f".{above}")
