"""Reverse DNS of the addresses that mail leaves from, and the name said in EHLO (RFC 5321 section 4.1.1.1; RFC 1912 section 2.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from inbox.auth.resolving import Resolver
from inbox.auth.spf_check import spf
from inbox.domain_checks.finding import Finding, Verdict, texts
from inbox.domain_checks.mx_check import addresses
from inbox.domain_checks.records import HELO_SPF, Sender

Parts = tuple[Verdict, str, str, str]


def check_reverse(sender: Sender, resolver: Resolver) -> Iterator[Finding]:
    """For each address: a name that leads back to it; and the host name. Temporary."""
    for ip in sender.ips:
        for parts in _of_address(ip, resolver):
            yield Finding("reverse-dns", parts[0], ip, *parts[1:])
    if sender.ips:
        for parts in _of_hostname(sender, resolver):
            yield Finding("reverse-dns", parts[0], sender.hostname, *parts[1:])


def _of_address(ip: str, resolver: Resolver) -> Iterator[Parts]:
    address = ip_address(ip)
    names = [name.rstrip(".").lower() for name in texts(resolver, address.reverse_pointer, "PTR")]
    if not names:
        why = "big receivers refuse mail of addresses that have no name (4xx or 5xx 5.7.25)"
        yield "missing", "no PTR record", why, f"PTR at {address.reverse_pointer}, by whom the address is from (the hoster)"
        return
    back = [name for name in names if any(_same(text, ip) for text in addresses(name, resolver))]
    if not back:
        why = "a name that does not lead back proves nothing, and is refused like none"
        yield (
            "wrong",
            f"{', '.join(names)} does not lead back to {ip}",
            why,
            f"{'AAAA' if address.version == 6 else 'A'} record of {names[0]}: {ip}",
        )
        return
    if _is_generic(back[0], ip):
        why = "names made of the address look like those of home connections, which many receivers refuse"
        yield "warning", f"{back[0]} is made of the address", why, "a name of the mail server, as in mx.example.com"
    else:
        yield "ok", f"{back[0]}, and back", "", ""


def _of_hostname(sender: Sender, resolver: Resolver) -> Iterator[Parts]:
    name = sender.hostname
    if not sender.has_hostname:
        why = "it is said in EHLO, and many receivers refuse a name that is none"
        yield "wrong", f"hostname is {name}", why, 'hostname = "mx.example.com" in inbox.toml: the name that the PTR record says'
        return
    found = addresses(name, resolver)
    if not found:
        yield (
            "wrong",
            "it has no address",
            "it is said in EHLO, and many receivers refuse a name that leads nowhere",
            f"A record of {name}: {sender.ips[0]}",
        )
    elif not any(_same(text, ip) for text in found for ip in sender.ips):
        why = "some receivers count it against mail when the name said in EHLO leads elsewhere"
        yield "warning", f"it leads to {', '.join(found)}", why, f"A record of {name}: {sender.ips[0]}"
    else:
        yield "ok", f"said in EHLO, leads to {', '.join(found)}", "", ""
    if found and name != sender.domain:
        yield from _of_null_sender(sender, resolver)


def _of_null_sender(sender: Sender, resolver: Resolver) -> Iterator[Parts]:
    """SPF of mail without an envelope sender (automatic answers, bounces) is that of the name said in EHLO (RFC 7208 section 2.4)."""
    for ip in sender.ips:
        result = spf(ip, None, sender.hostname, resolver).result
        if result not in ("pass", "temperror"):
            why = "automatic answers and bounces have no envelope sender; then SPF is that of the name said in EHLO"
            yield "warning" if result == "none" else "wrong", f"SPF of this name is {result} for {ip}", why, f'TXT "{HELO_SPF}"'


def _is_generic(name: str, ip: str) -> bool:
    """Whether all numbers of an IPv4 address stand in the name."""
    parts = ip.split(".")
    numbers = re.findall(r"\d+", name)
    return len(parts) == 4 and all(part in [number.lstrip("0") or "0" for number in numbers] for part in parts)


def _same(text: str, ip: str) -> bool:
    try:
        return ip_address(text) == ip_address(ip)
    except ValueError:
        return False
