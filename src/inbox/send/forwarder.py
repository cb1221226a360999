"""What the planner of forwarding needs of this installation: DNS, identities, return paths, our name, the way that mail leaves."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from inbox.auth.dns import Dns, make_resolver
from inbox.copies import is_ours
from inbox.send.forwarding import Arrival, Forwarding, Ourselves, Wish, plan
from inbox.send.identities import Identities, is_amazon
from inbox.send.return_paths import ReturnPaths

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.model import Mail


class Forwarder:
    """Plans forwards with the settings of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._identities = Identities(settings)
        self.return_paths = ReturnPaths(settings)
        self._dns: Dns | None = None

    def plan(self, mail: Arrival, own: str, wish: Wish) -> Forwarding:
        """What to send of a mail that came to `own`. Failed, Deferred as `inbox.send.forwarding.plan` says."""
        return plan(mail, self._ourselves(own, mail), wish, self._resolver(), time.time())

    @property
    def host(self) -> str:
        """Our name, as we say it in EHLO and Received."""
        return self._settings.hostname

    @property
    def authserv_id(self) -> str:
        """Our name in results and seals."""
        return self._settings.trace.authserv_id or self.host

    def looks(self, mail: Mail) -> bool:
        """Whether what authentication finds of a mail is said to others: not of our own, and not where `[trace] authentication` is off."""
        return self._settings.trace.authentication and not is_ours(mail, self._settings)

    def vouched(self, mail: Mail) -> bool:
        """Whether a mail comes from our own, or from no client at all: nobody asks who really sent it. Not what Amazon SES has checked."""
        return not mail.envelope.verdicts and is_ours(mail, self._settings)

    def _ourselves(self, own: str, mail: Arrival) -> Ourselves:
        identity = self._identities.of(own)
        domain = own.rpartition("@")[2]
        rewrite = partial(self.return_paths.rewrite, domain=domain, now=mail.at.timestamp())
        relay, way = self._settings.relay, identity.transport if identity else self._settings.sending.transport
        amazon = is_amazon(way or f"smtp://{relay.host}:{relay.port}")
        return Ourselves(own, rewrite, identity, self.host, self.authserv_id, amazon)

    def _resolver(self) -> Dns:
        if self._dns is None:
            dns = self._settings.dns
            self._dns = Dns(make_resolver(dns.nameservers), dns.timeout)
        self._dns.begin()
        return self._dns
