"""PROXY protocol, versions 1 and 2: whom a load balancer speaks for. Read by aiosmtpd; only asked of peers in `proxy_from`."""

from __future__ import annotations

import ipaddress
import logging
from typing import TYPE_CHECKING

from aiosmtpd.proxy_protocol import V2_CMD, get_proxy

from inbox.sources.smtp.replies import HangUp
from inbox.sources.smtp.server import plain_address

if TYPE_CHECKING:
    from inbox.sources.smtp.wire import Wire

_LOG = logging.getLogger("inbox.smtp")
_LONGEST = 107  # a header of version 1, with CRLF


class _Reader:
    """What aiosmtpd asks of a stream, in terms of a connection."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def read(self, n: int = -1) -> bytes:
        return await self._wire.octets(n)

    async def readexactly(self, n: int) -> bytes:
        return await self._wire.octets(n)

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        line = bytearray()
        while not line.endswith(separator):
            line += await self._wire.octets(1)
            if len(line) > _LONGEST:
                raise ValueError("the header is too long")
        return bytes(line)


async def read_proxy(wire: Wire) -> str | None:
    """The client's address; None when the balancer speaks for itself (a health check). HangUp when there is no proper header."""
    found = await get_proxy(_Reader(wire))
    if not found.valid:
        _LOG.warning("no PROXY header", extra={"ip": wire.ip, "why": found.error})
        raise HangUp(None, "proxy")
    if found.command == V2_CMD.LOCAL or not isinstance(found.src_addr, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return None
    return plain_address(str(found.src_addr))
