"""DNS over the network, as `inbox.auth.resolving.Resolver`: dnspython with a cache of bounded size, and a limit on time for all of one mail."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inbox.auth.resolving import NotFound, Temporary
from inbox.errors import Deferred
from inbox.networks import name_server

if TYPE_CHECKING:
    from dns.resolver import Answer, Resolver

__all__ = ["Dns", "make_resolver", "name_server"]
_REMEMBERED, _LONGEST = 10_000, 3600
_QUESTION = 3.0
"""Seconds for one question at most."""


class Dns:
    """`resolver(name, type) -> list of strings`. `seconds`: for all questions together since the last `begin`."""

    def __init__(self, resolver: Resolver, seconds: float = 20.0) -> None:
        self._resolver, self._seconds = resolver, seconds
        self.begin()

    def begin(self) -> None:
        """A new mail: the time for its questions begins."""
        self._until = time.monotonic() + self._seconds

    def __call__(self, name: str, kind: str) -> Sequence[str]:
        from dns.exception import DNSException  # noqa: PLC0415  heavy, and not needed by every mail
        from dns.resolver import NXDOMAIN, NoAnswer  # noqa: PLC0415  as above

        left = self._until - time.monotonic()
        if left <= 0:
            raise Temporary(f"{name} {kind}: the time for the questions of this mail is over")
        try:
            found = self._resolver.resolve(f"{name.removesuffix('.')}.", kind, lifetime=min(left, _QUESTION), search=False)
        except NXDOMAIN:
            raise NotFound(f"there is no name {name}") from None
        except NoAnswer:
            return []
        except DNSException as error:
            if type(error).__name__ in ("LabelTooLong", "NameTooLong", "EmptyLabel"):
                raise NotFound(f"{name[:80]!r} is no name") from None
            raise Temporary(f"{name} {kind}: {type(error).__name__}") from None
        return [_text(kind, record) for record in found]


def _text(kind: str, record: Any) -> str:
    if kind == "TXT":
        return b"".join(record.strings).decode("latin-1")
    if kind == "MX":
        return f"{record.preference} {record.exchange.to_text(omit_final_dot=True)}"
    text: str = record.to_text()
    return text.removesuffix(".")


def make_resolver(servers: Sequence[str]) -> Resolver:
    """A resolver that asks these name servers, or those of the system when none are named; answers are kept by their TTL, an hour at most.

    Raises Deferred when the system names none.
    """
    from dns.exception import DNSException  # noqa: PLC0415  heavy, and not needed by every mail
    from dns.nameserver import Do53Nameserver  # noqa: PLC0415  as above
    from dns.resolver import LRUCache, Resolver  # noqa: PLC0415  as above

    class Answers(LRUCache):
        """Answers by their TTL; one that names none is not kept for ever."""

        def put(self, key: Any, value: Answer) -> None:
            value.expiration = min(value.expiration, time.time() + _LONGEST)
            super().put(key, value)

    try:
        resolver = Resolver(configure=not servers)
    except DNSException as error:
        raise Deferred(f"no name server is set: {error}; set nameservers in [dns]") from None
    if servers:
        resolver.nameservers = [Do53Nameserver(*place) for server in servers if (place := name_server(str(server)))]
    resolver.cache = Answers(_REMEMBERED)
    return resolver
