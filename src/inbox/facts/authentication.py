"""Who really sent a mail, as facts: SPF, DKIM, DMARC, ARC, worked out from the kept octets and DNS, never from what header fields claim.

What one fact found out the others use; answers of DNS are remembered. No answer of DNS is `temperror`, never a silent pass: rules decide.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from inbox import auth
from inbox.auth.dns import Dns, make_resolver

if TYPE_CHECKING:
    from inbox import Message
    from inbox.auth import ArcResult, DkimResult, DmarcResult, Resolver, SpfResult
    from inbox.model import Mail

_MAILS = 16
_ORDER = ("pass", "temperror", "policy", "fail", "permerror", "neutral")


@dataclass(eq=False)
class Results:
    """What is known of one mail; each is worked out when it is asked for, once."""

    mail: Mail
    author: str | None
    resolver: Resolver
    sealers: Sequence[str] = ()

    @cached_property
    def spf(self) -> SpfResult | None:
        """None for mail of which no client is known."""
        envelope = self.mail.envelope
        return auth.spf(envelope.ip, envelope.sender, envelope.helo or "", self.resolver) if envelope.ip else None

    @cached_property
    def dkim(self) -> list[DkimResult]:
        return auth.dkim(self.mail.raw, self.resolver, self.mail.received_at.timestamp())

    @cached_property
    def dmarc(self) -> DmarcResult:
        return auth.dmarc(self.author, self.spf, self.dkim, self.resolver)

    @cached_property
    def arc(self) -> ArcResult:
        return auth.arc(self.mail.raw, self.resolver)

    @property
    def verified(self) -> str | None:
        """The author's domain, when something that passed belongs to it, or a listed sealer says that it did when the mail came to him."""
        if not self.author:
            return None
        if self.dmarc.result == "pass" or self.dmarc.aligned:
            return self.author
        trusted = self.sealers and self.arc.result == "pass" and all(sealer in self.sealers for sealer in self.arc.sealers)
        said = rf"\bdmarc\s*=\s*pass\b[^;]*\bheader\.from\s*=\s*{re.escape(self.author)}(?![\w.-])"
        return self.author if trusted and re.search(said, self.arc.authentication or "", re.IGNORECASE) else None


class Authentication:
    """The facts, and what they remember."""

    def __init__(self) -> None:
        self._dns: dict[tuple[str, ...], Dns] = {}
        self._known: OrderedDict[str, Results] = OrderedDict()

    def spf(self, mail: Mail, message: Message, settings: Mapping[str, Any]) -> str | None:
        """SPF of the envelope sender (RFC 7208): pass, fail, softfail, neutral, none, temperror or permerror; absent without a client's address."""
        found = self._of(mail, message, settings).spf
        return found.result if found else None

    def dkim(self, mail: Mail, message: Message, settings: Mapping[str, Any]) -> str:
        """DKIM (RFC 6376): pass when a signature holds, else the best of the others, none without one: policy, fail, permerror, temperror."""
        found = {one.result for one in self._of(mail, message, settings).dkim}
        return next((word for word in _ORDER if word in found), "none")

    def dkim_domains(self, mail: Mail, message: Message, settings: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Domains whose DKIM signature holds; absent when none does."""
        found = [one.domain for one in self._of(mail, message, settings).dkim if one.result == "pass" and one.domain]
        return tuple(dict.fromkeys(found)) or None

    def dmarc(self, mail: Mail, message: Message, settings: Mapping[str, Any]) -> str:
        """DMARC of the author's domain (RFC 7489): pass, fail, none, temperror, or permerror when there is not one author."""
        return self._of(mail, message, settings).dmarc.result

    def dmarc_policy(self, mail: Mail, message: Message, settings: Mapping[str, Any]) -> str | None:
        """What the author's domain asks for mail that fails: none, quarantine or reject; absent without a record."""
        return self._of(mail, message, settings).dmarc.policy

    def arc(self, mail: Mail, message: Message, settings: Mapping[str, Any]) -> str:
        """ARC (RFC 8617): pass when the chain of seals holds, fail, none, or temperror."""
        return self._of(mail, message, settings).arc.result

    def arc_sealers(self, mail: Mail, message: Message, settings: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Domains that sealed the mail, the latest first; absent when the chain does not hold."""
        return self._of(mail, message, settings).arc.sealers or None

    def verified(self, mail: Mail, message: Message, settings: Mapping[str, Any]) -> str | None:
        """Domain of the author when SPF or DKIM proves it (aligned), or a sealer that `[dns] sealers` lists vouches for it; else absent."""
        return self._of(mail, message, settings).verified

    @property
    def facts(self) -> Mapping[str, Callable[..., object]]:
        return {
            "spf": self.spf,
            "dkim": self.dkim,
            "dkim.domain": self.dkim_domains,
            "dmarc": self.dmarc,
            "dmarc.policy": self.dmarc_policy,
            "arc": self.arc,
            "arc.sealer": self.arc_sealers,
            "verified": self.verified,
        }

    def _of(self, mail: Mail, message: Message, settings: Mapping[str, Any]) -> Results:
        known = self._known.get(mail.id)
        if known is None:
            servers = tuple(settings.get("nameservers", ()))
            if servers not in self._dns:
                self._dns[servers] = Dns(make_resolver(servers), float(settings.get("timeout", 20)))
            self._dns[servers].begin()
            sealers = tuple(name.lower() for name in settings.get("sealers", ()))
            known = self._known[mail.id] = Results(mail, author_of(message), self._dns[servers], sealers)
            while len(self._known) > _MAILS:
                self._known.popitem(last=False)
        return known


def author_of(message: Message) -> str | None:
    """Domain of the one author; None when From names none, or several, or stands more than once."""
    domains = {author.address.rpartition("@")[2].lower() for author in message.from_ if "@" in author.address}
    fields = len(message.header("from"))
    return next(iter(domains)) if len(domains) == 1 and fields == 1 else None
