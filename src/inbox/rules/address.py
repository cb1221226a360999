"""Addresses and domains as rules compare them: without case, domains as A-labels (RFC 5891), recipients as SES matches them.

A recipient that smells of routing (`x%other@ours`, `other!x@ours`, `"x@other"@ours`, `@relay:x@ours`, an address literal) is nobody's
here: such forms have made relays of mail servers that only looked at the last domain.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LOCAL = re.compile(r"[^\s\"%!@:,;<>()\[\]\\\x00-\x1f\x7f]+")
_QUOTED = re.compile(r'[^\x00-\x1f\x7f"\\@%!:]{1,64}')  # what quotes may hold beside the above: blanks, commas; nothing that routes


@dataclass(frozen=True, slots=True)
class Address:
    """A recipient in the form that is compared: lower case, without quotes that are not needed, the domain as A-labels."""

    local: str
    domain: str

    @property
    def tag(self) -> str | None:
        """The part of the local part behind the first `+`, or None."""
        return self.local.partition("+")[2] or None

    @property
    def base(self) -> str:
        """The address without its tag."""
        return f"{self.local.partition('+')[0]}@{self.domain}"

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}" if self.domain else self.local


@lru_cache(maxsize=4096)
def a_label(domain: str) -> str:
    """A domain in lower case with every label as an A-label (`xn--…`, RFC 5891 section 4.4), without a final dot; nothing is looked up."""
    domain = domain.lower().removesuffix(".")
    if domain.isascii():
        return domain
    return ".".join(label if label.isascii() else _punycode(label) for label in re.split("[.\u3002\uff0e\uff61]", domain))


def _punycode(label: str) -> str:
    try:
        return "xn--" + unicodedata.normalize("NFC", label).encode("punycode").decode("ascii")
    except UnicodeError:
        return label


def is_domain(domain: str) -> bool:
    """Whether this is a host name in A-label form (RFC 1035 section 2.3.1, underscores allowed)."""
    return 0 < len(domain) <= 253 and all(_LABEL.fullmatch(label) for label in domain.split("."))


def domain_of(text: str) -> str:
    """The domain of an address, or the text itself as a domain."""
    return a_label(text.rpartition("@")[2].strip())


def canonical(text: str) -> str:
    """Text as `is` and `in` compare it: case folded, and the domain of an address as A-labels."""
    if "@" in text and not text.isascii():
        local, _, domain = text.rpartition("@")
        return f"{local.casefold()}@{a_label(domain)}"
    return text.casefold()


@lru_cache(maxsize=4096)
def read(recipient: str) -> Address | None:
    """An envelope recipient (RFC 5321 section 4.1.2), or None when it is malformed or names a route.

    `postmaster` alone has the domain "" (RFC 5321 section 4.5.1).
    """
    if recipient.lower() == "postmaster":
        return Address("postmaster", "")
    local, at, domain = recipient.rpartition("@")
    form = _LOCAL
    if len(local) > 2 and local[0] == local[-1] == '"':
        local, form = local[1:-1], _QUOTED
    domain = a_label(domain)
    if not at or not form.fullmatch(local) or not is_domain(domain):
        return None
    return Address(local.lower(), domain)


def parents(domain: str) -> Iterator[str]:
    """`.b.c` and `.c` of `a.b.c`: the entries that stand for a domain because it lies below them."""
    dot = domain.find(".")
    while dot >= 0:
        yield domain[dot:]
        dot = domain.find(".", dot + 1)


def keys(address: Address) -> Iterator[str]:
    """Every entry that would match this recipient (SES semantics): the address, without its tag, the domain, `.parent` domains."""
    yield str(address)
    if "+" in address.local:
        yield address.base
    if address.domain:
        yield address.domain
        yield from parents(address.domain)


def entry_problem(entry: str) -> str | None:
    """What is wrong with an entry of `domains` or `recipients`, or None."""
    if "*" in entry or entry.startswith("@"):
        wish = a_label(entry.lstrip("*@."))
        return f"{entry!r} is no form of a recipient; write {wish or 'example.com'} for a whole domain, .{wish or 'example.com'} for its subdomains"
    if "@" in entry:
        return None if read(entry) else f"{entry!r} is no address; write user@example.com, example.com or .example.com"
    if not is_domain(a_label(entry.removeprefix("."))):
        return f"{entry!r} is no domain; write user@example.com, example.com or .example.com"
    return None


@dataclass(frozen=True)
class Recipients:
    """Entries that recipients are matched with: addresses (and any +tag of them), domains, `.domain` for its subdomains."""

    entries: tuple[str, ...]
    known: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", frozenset(entry_keys(self.entries)))

    def holds(self, address: Address | None) -> bool:
        """Whether some entry matches."""
        return address is not None and any(key in self.known for key in keys(address))


def entry_keys(entries: Iterable[str]) -> Iterator[str]:
    """Entries in the form that `keys` gives."""
    for entry in entries:
        if "@" in entry:
            yield str(read(entry) or entry)
        else:
            yield ("." if entry.startswith(".") else "") + a_label(entry.removeprefix("."))
