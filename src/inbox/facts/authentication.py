"""Who really sent a mail, as facts: SPF, DKIM, DMARC, ARC, worked out from the kept octets and DNS, never from what header fields
claim; only the word of a server that `[dns] trusted` names counts, for mail that it hands in.

What one fact found out the others use; answers of DNS are remembered. No answer of DNS is `temperror`, never a silent pass: rules decide.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inbox import Message
    from inbox.auth.dns import Dns
    from inbox.auth.reported import Reported
    from inbox.auth.results import Results
    from inbox.model import Mail

_MAILS = 16
_ORDER = ("pass", "temperror", "policy", "fail", "permerror", "neutral")


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

    def results(self, mail: Mail, message: Message, settings: Mapping[str, Any]) -> str:
        """All of it in the words of Authentication-Results (RFC 8601), without the name of the server that says it."""
        from inbox.auth.results_field import write_results  # noqa: PLC0415  loaded when somebody asks: most rules do not

        return write_results(self._of(mail, message, settings))

    def received_spf(self, mail: Mail, message: Message, settings: Mapping[str, Any]) -> str | None:
        """SPF in the words of Received-SPF (RFC 7208 section 9.1), without the name of the server; absent without a client's address."""
        from inbox.auth.results_field import write_spf  # noqa: PLC0415  as above

        return write_spf(self._of(mail, message, settings))

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
            "authentication.results": self.results,
            "authentication.received_spf": self.received_spf,
        }

    def _of(self, mail: Mail, message: Message, settings: Mapping[str, Any]) -> Results:
        from inbox.auth.dns import Dns, make_resolver  # noqa: PLC0415  as above
        from inbox.auth.results import Results, author_of  # noqa: PLC0415  as above

        known = self._known.get(mail.id)
        if known is None:
            servers = tuple(settings.get("nameservers", ()))
            if servers not in self._dns:
                self._dns[servers] = Dns(make_resolver(servers), float(settings.get("timeout", 20)))
            self._dns[servers].begin()
            sealers = tuple(name.lower() for name in settings.get("sealers", ()))
            known = self._known[mail.id] = Results(mail, author_of(message), self._dns[servers], sealers, _reported(mail, settings))
            while len(self._known) > _MAILS:
                self._known.popitem(last=False)
        return known


def _reported(mail: Mail, settings: Mapping[str, Any]) -> Reported | None:
    """What a server in front says, if the settings name it and the client is one of theirs."""
    servers = frozenset(name.lower() for name in settings.get("trusted", ()))
    if not servers or not mail.envelope.ip:
        return None
    from inbox.auth.reported import reported  # noqa: PLC0415  few have such a server

    client = ip_address(mail.envelope.ip)
    client = getattr(client, "ipv4_mapped", None) or client
    networks = [ip_network(text) for text in settings.get("trusted_from", ())]
    return reported(mail.raw, servers) if any(client in network for network in networks) else None
