"""Who may come in, and how often: filters, connections of one address, and rates. Asked at connect, at MAIL and at RCPT.

Filters hold for everybody; addresses of exempt networks may have more connections, and rates do not count them. Whoever is refused by a
rate has used nothing up, so a client that keeps to the rate by trying again gets its share.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from inbox.networks import Filters, Networks, client_network
from inbox.rates import Allowances, Rate
from inbox.sources.smtp import replies
from inbox.sources.smtp.replies import HangUp, Refused

if TYPE_CHECKING:
    from inbox.config import Settings


class Limiter:
    """Limits by address and by sender, for all doors of one process. `clock`: seconds that only go forward."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._filters = Filters(settings.filters)
        self._exempt = Networks(settings.limits.exempt)
        self._most = settings.limits.connections_per_address
        self._of_address: Tally[str] = Tally()
        rates = settings.limits.rates
        self._connections, self._mails = _allowances(rates.connections), _allowances(rates.mails)
        self._recipients = _allowances(rates.recipients)
        self._senders, self._domains = _allowances(rates.sender), _allowances(rates.sender_domain)

    def filter_by(self, texts: Iterable[str]) -> None:
        """Other filters from now on; who is in stays. ValueError when they contradict each other."""
        self._filters = Filters(texts)

    def enter(self, ip: str) -> str:
        """Count one more connection of this address and return the name to give to `leave`; HangUp when it may not come in."""
        deciding = self._filters.deciding(ip)
        if deciding and deciding.policy == "block":
            raise HangUp(replies.BLOCKED, "blocked")
        client = client_network(ip)
        if self._of_address[client] >= self._most and ip not in self._exempt:
            raise HangUp(replies.TOO_MANY_CONNECTIONS, "connections of one address")
        if self._spend(self._connections, client, ip):
            raise HangUp(replies.TOO_OFTEN, "rate of connections")
        self._of_address[client] += 1
        return client

    def leave(self, client: str) -> None:
        """A connection is gone."""
        self._of_address[client] -= 1
        if self._of_address[client] <= 0:
            del self._of_address[client]

    def mail(self, ip: str, sender: str | None) -> None:
        """Refused when this address, sender or domain of a sender brought too many mails. The null sender is nobody's."""
        if ip in self._exempt:
            return
        now, client, address = self._clock(), client_network(ip), (sender or "").lower()
        of_sender = [(self._senders, address), (self._domains, address.rpartition("@")[2])] if address else []
        asked = [(allowances, key) for allowances, key in [(self._mails, client), *of_sender] if allowances is not None]
        for allowances, key in asked:  # all of them before one is used up
            if allowances.wait(key, now):
                if allowances is self._mails:
                    raise Refused(replies.TOO_MUCH_MAIL, "rate of mails")
                raise Refused(replies.TOO_MUCH_OF_SENDER, "rate of sender")
        for allowances, key in asked:
            allowances.take(key, now)

    def recipient(self, ip: str) -> None:
        """Refused when this address named too many recipients."""
        if self._spend(self._recipients, client_network(ip), ip):
            raise Refused(replies.TOO_MANY_RECIPIENTS_IN_TIME, "rate of recipients")

    def _spend(self, allowances: Allowances | None, key: str, ip: str) -> bool:
        """Whether it is too much."""
        return allowances is not None and ip not in self._exempt and allowances.take(key, self._clock()) > 0


def _allowances(text: str) -> Allowances | None:
    rate = Rate.read(text)
    return Allowances(rate) if rate else None
