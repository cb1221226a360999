"""Networks of IP addresses, and filters of them as SES has them: the most specific network decides, and what no filter names is allowed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

POLICIES = ("allow", "block")


def read_network(text: str) -> Network:
    """An address or a network in CIDR form (RFC 4632, RFC 4291 section 2.3); ValueError says the form."""
    text = text.strip()
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is no network; write one such as 10.0.0.0/8 or 2001:db8::/32, or an address") from None
    raise ValueError(f"{text!r} names an address within a network; write {meant} or {text.partition('/')[0]}")


class Networks:
    """A set of networks; `ip in networks`."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._networks = tuple(read_network(text) for text in texts)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, ip: str) -> bool:
        if not self._networks:
            return False
        address = ipaddress.ip_address(ip)
        return any(address in network for network in self._networks)


class Filter(NamedTuple):
    """One line of the list: `block 10.0.0.0/8`."""

    policy: str
    network: Network

    def __str__(self) -> str:
        return f"{self.policy} {self.network}"

    @classmethod
    def read(cls, text: str) -> Filter:
        """ValueError says the form."""
        policy, _, network = text.strip().partition(" ")
        if policy.lower() not in POLICIES:
            raise ValueError(f"{text!r} is no filter; write block 10.0.0.0/8 or allow 10.1.2.3")
        return cls(policy.lower(), read_network(network))


class Filters:
    """A list of filters, in any order. ValueError when it allows and blocks the same network."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._found: dict[tuple[int, int], dict[int, Filter]] = {}
        for text in texts:
            self._add(Filter.read(text))
        self._lengths = sorted(self._found, reverse=True)

    def _add(self, new: Filter) -> None:
        network = new.network
        same = self._found.setdefault((network.version, network.prefixlen), {})
        old = same.setdefault(int(network.network_address), new)
        if old.policy != new.policy:
            raise ValueError(f"{network} is allowed and blocked; keep one of the two filters")

    def __bool__(self) -> bool:
        return bool(self._found)

    def deciding(self, ip: str) -> Filter | None:
        """The filter with the smallest network that holds this address. It costs one look-up for each length of prefix in use."""
        if not self._found:
            return None
        address = ipaddress.ip_address(ip)
        for version, length in self._lengths:
            if version == address.version:
                below = address.max_prefixlen - length
                found = self._found[version, length].get(int(address) >> below << below)
                if found:
                    return found
        return None


def is_address(text: str) -> bool:
    """Whether a text is an IP address, as DNS has them."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def client_network(ip: str) -> str:
    """Under which name one client counts: an IPv4 address, the /64 of an IPv6 address (a client has all of it)."""
    return ip if ":" not in ip else str(ipaddress.IPv6Network((ip, 64), strict=False))


def name_server(text: str) -> tuple[str, int] | None:
    """Address and port of a name server: `192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:5353`; None for what is none."""
    found = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::(\d+))?|([0-9.]+)(?::(\d+))?|([0-9A-Fa-f:.]+)", text)
    if not found:
        return None
    try:
        return str(ipaddress.ip_address(found[1] or found[3] or found[5])), int(found[2] or found[4] or 53)
    except ValueError:
        return None


def check_name_server(text: str) -> str:
    """The text again; ValueError says the form."""
    if name_server(text) is None:
        raise ValueError(f"{text!r} is no name server; write 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353")
    return text
