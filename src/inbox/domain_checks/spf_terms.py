"""All that an SPF record leads to, whoever the client is: which terms ask DNS, how many, and what is wrong below (RFC 7208 section 4.6.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from inbox.auth.resolving import Resolver
from inbox.auth.spf_record import BadRecord, SpfRecord, is_spf, read_record
from inbox.domain_checks.finding import texts

MOST_TERMS, MOST_VOID, MOST_SERVERS = 10, 2, 10
_FAR = 40


@dataclass
class Terms:
    """`asking`: the terms that ask DNS, with the domain whose record has them; `void`: those that DNS has nothing for; `broken`: why an evaluation
    that comes there ends with permerror.
    """

    resolver: Resolver
    asking: list[str] = field(default_factory=list)
    void: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    included: set[str] = field(default_factory=set)

    def walk(self, domain: str, record: SpfRecord, above: tuple[str, ...] = ()) -> None:
        """Follow every term of a record; `above`: the domains whose records led here. Temporary."""
        for directive in record.directives:
            if directive.mechanism == "all":
                return
            if directive.network is None:
                self.asking.append(f"{directive.text} of {domain}")
                self._follow(directive.mechanism, directive.domain or domain, directive.text, (*above, domain))
        if record.redirect:
            self.asking.append(f"redirect={record.redirect} of {domain}")
            self._follow("include", record.redirect, f"redirect={record.redirect}", (*above, domain))

    def _follow(self, mechanism: str, target: str, term: str, above: tuple[str, ...]) -> None:
        if "%" in target or len(self.asking) > _FAR:  # a macro: what it means depends on the client
            return
        match mechanism:
            case "include":
                self._include(target.lower().rstrip("."), term, above)
            case "a":
                self._host(target, term)
            case "mx":
                servers = texts(self.resolver, target, "MX")
                if not servers:
                    self.void.append(term)
                if len(servers) > MOST_SERVERS:
                    self.broken.append(f"{term}: {len(servers)} mail servers; {MOST_SERVERS} are asked for at most")
            case _:
                pass  # exists and ptr: what DNS answers depends on the client

    def _host(self, target: str, term: str) -> None:
        if not texts(self.resolver, target, "A") and not texts(self.resolver, target, "AAAA"):
            self.void.append(term)

    def _include(self, target: str, term: str, above: tuple[str, ...]) -> None:
        if target in above:
            self.broken.append(f"{term}: it leads back to {target}")
            return
        self.included.add(target)
        found = [text for text in texts(self.resolver, target) if is_spf(text)]
        if len(found) != 1:
            self.broken.append(f"{term}: {target} has {len(found) or 'no'} SPF record{'s' if len(found) > 1 else ''}")
            return
        try:
            self.walk(target, read_record(found[0]), above)
        except BadRecord as error:
            self.broken.append(f"{term}: the record of {target}: {error}")
