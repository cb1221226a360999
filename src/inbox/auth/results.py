"""All that is known of who sent one mail: SPF, DKIM, DMARC, ARC, each worked out when it is asked for, once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from inbox import auth
from inbox.auth.reported import Reported

if TYPE_CHECKING:
    from inbox.auth import ArcResult, DkimResult, DmarcResult, Resolver, SpfResult
    from inbox.model import Mail
    from inbox.parsing.message import Message


@dataclass(eq=False)
class Results:
    """What is known of one mail. `author`: domain of its one author; `reported`: what a trusted server in front has found, which is taken
    instead of asking DNS.
    """

    mail: Mail
    author: str | None
    resolver: Resolver
    sealers: Sequence[str] = ()
    reported: Reported | None = None

    @cached_property
    def spf(self) -> SpfResult | None:
        """None for mail of which no client is known."""
        if self.reported:
            return self.reported.spf
        envelope = self.mail.envelope
        return auth.spf(envelope.ip, envelope.sender, envelope.helo or "", self.resolver) if envelope.ip else None

    @cached_property
    def dkim(self) -> Sequence[DkimResult]:
        if self.reported:
            return self.reported.dkim
        return auth.dkim(self.mail.raw, self.resolver, self.mail.received_at.timestamp())

    @cached_property
    def dmarc(self) -> DmarcResult:
        if self.reported and (said := self.reported.dmarc_of(self.author)):
            return said
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


def author_of(message: Message) -> str | None:
    """Domain of the one author; None when From names none, or several, or stands more than once."""
    domains = {author.address.rpartition("@")[2].lower() for author in message.from_ if "@" in author.address}
    fields = len(message.header("from"))
    return next(iter(domains)) if len(domains) == 1 and fields == 1 else None
