"""What conditions see: the values of facts, each in the forms that operators compare, worked out once for a mail."""

from __future__ import annotations

from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address

from inbox.model import Json, Value
from inbox.ports import Facts
from inbox.rules.address import Address, canonical, domain_of
from inbox.rules.pattern import octets
from inbox.rules.placeholders import as_text

_LONGEST, _MOST = 200, 10


class Item:
    """One value of a fact in the forms that operators compare."""

    def __init__(self, value: Value) -> None:
        self.value = value

    @cached_property
    def text(self) -> str:
        return as_text(self.value)

    @cached_property
    def exact(self) -> str:
        """As `is` compares it with `case: true`; a whole number is the same with and without `.0`."""
        return plain_number(self.value) if isinstance(self.value, float) else self.text

    @cached_property
    def canonical(self) -> str:
        return canonical(self.exact)

    @cached_property
    def folded(self) -> str:
        return self.text.casefold()

    @cached_property
    def octets(self) -> bytes:
        return octets(self.text)

    @cached_property
    def folded_octets(self) -> bytes:
        return octets(self.folded)

    @cached_property
    def domain(self) -> str:
        return domain_of(self.text)

    @cached_property
    def ip(self) -> IPv4Address | IPv6Address | None:
        """The value as an IP address, or None."""
        try:
            return ip_address(self.text)
        except ValueError:
            return None

    @cached_property
    def number(self) -> float | None:
        """The value as a number, also when it is text; None when it is none."""
        if isinstance(self.value, (int, float)):
            return float(self.value)
        try:
            return float(self.text.strip()) if self.text.isascii() and "_" not in self.text else None
        except ValueError:
            return None


def plain_number(value: float) -> str:
    """A number as text, without `.0`."""
    return str(int(value)) if value.is_integer() else repr(value)


def shorten(value: Value) -> Json:
    """A value as receipts show it: at most 200 characters of a text, ten items of a list."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
    if isinstance(value, tuple):
        more = [f"… and {len(value) - _MOST} more"] if len(value) > _MOST else []
        return [*(shorten(item) for item in value[:_MOST]), *more]
    return value


class Reader:
    """The facts of one mail as conditions read them."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._items: dict[str, tuple[Item, ...]] = {}

    def items(self, name: str) -> tuple[Item, ...]:
        """The values of a fact; none when it is absent."""
        if name not in self._items:
            self._items[name] = items_of(self.facts.get(name))
        return self._items[name]

    def shown(self, name: str) -> Json:
        return shorten(self.facts.get(name))


def items_of(value: Value) -> tuple[Item, ...]:
    if value is None:
        return ()
    return tuple(Item(item) for item in value) if isinstance(value, tuple) else (Item(value),)


class Person:
    """One envelope recipient while a plan is made: what is its own, and whether rules are still judged for it.

    `text` is the recipient as the source saw it; None stands for "nobody" in a mail without recipients, which only rules for all match.
    """

    def __init__(self, text: str | None, address: Address | None) -> None:
        self.text, self.address = text, address
        self.labels: list[str] = []
        self.values: dict[str, str] = {}
        self.live = True
        self.taken = False

    def fact(self, name: str) -> Value:
        """A fact that differs from one recipient to the other: `recipient`, its parts, `label`, `set.<name>`."""
        if name == "recipient":
            return self.text
        if name == "label":
            return tuple(self.labels) or None
        if name.startswith("set."):
            return self.values.get(name.removeprefix("set."))
        if self.address is None:
            return None
        return self.address.tag if name == "recipient.tag" else self.address.domain or None


def is_personal(name: str) -> bool:
    """Whether a fact differs from one recipient to the other."""
    return name in ("recipient", "recipient.domain", "recipient.tag", "label") or name.startswith("set.")
