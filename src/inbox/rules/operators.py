"""The operators: from what a condition wants to a test on one value of a fact. The set is closed; new tests come as new facts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from inbox.options import seconds
from inbox.rules import address
from inbox.rules.document import ListNode, Node, TextNode, kind
from inbox.rules.pattern import Pattern, PatternSet, glob, octets
from inbox.rules.seen import Item

Test = Callable[[Item], bool]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|KiB|MiB|GiB)", re.IGNORECASE)
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_EVERYBODY_AT = re.compile(r"\*@([^*?@]+)")
LIST_NAME = re.compile(r"[A-Za-z_][\w-]*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?")


class Entries:
    """A list: `holds` is quick whatever its length. Globs match as a whole (`*@bank.test`), networks hold addresses (`10.0.0.0/8`)."""

    def __init__(self, entries: Iterable[str]) -> None:
        exact, domains, globs, self.networks = [], [], [], []
        for entry in entries:
            if found := _EVERYBODY_AT.fullmatch(entry):
                domains.append(address.a_label(found[1]))
            elif "*" in entry or "?" in entry:
                globs.append(glob(entry.casefold()))
            elif network := _network(entry):
                self.networks.append(network)
            else:
                exact.append(address.canonical(entry))
        self.exact, self.domains = frozenset(exact), frozenset(domains)
        self.globs = PatternSet(globs) if globs else None

    def holds(self, item: Item) -> bool:
        """Whether a value is an entry, or matches one."""
        if item.canonical in self.exact or ("@" in item.text and item.domain in self.domains):
            return True
        if self.networks and item.ip and any(item.ip in network for network in self.networks):
            return True
        return self.globs is not None and bool(self.globs.found(octets(item.canonical)))


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    """An entry such as 10.0.0.0/8 or 2001:db8::/32, or None when it is none."""
    try:
        return ip_network(entry, strict=False) if "/" in entry else None
    except ValueError:
        return None


def is_entry(name: str) -> bool:
    """Whether a value of `in` can be no name of a list, and so is an entry itself."""
    return LIST_NAME.fullmatch(name) is None


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator with what it wants: the test, and what an index can do with it.

    `texts`: the wanted texts as written; `patterns` and `captures` of `matches`; `lists` of `in`.
    """

    name: str
    test: Test
    texts: tuple[str, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    lists: tuple[str, ...] = ()
    note: str | None = None  # what is said of values that the operator cannot read
    readable: Test | None = None


def build(name: str, node: Node, lists: Mapping[str, Entries], *, case: bool) -> Operation:
    """The operation for an operator and its value in the file; ValueError says what would be right."""
    if name == "exists":
        return Operation(name, lambda _: True)
    if name == "between":
        return _between(node)
    if name in ("under", "over"):
        return _compare(name, node)
    texts = _texts(name, node)
    if name == "in":
        return _in(texts, lists)
    return _TEXT[name](name, texts, case)


def exists(node: Node) -> bool:
    """The value of `exists`."""
    if isinstance(node, TextNode) and isinstance(node.value, bool):
        return node.value
    raise ValueError("exists takes true or false")


def _texts(name: str, node: Node) -> tuple[str, ...]:
    items: Sequence[Node] = node.items if isinstance(node, ListNode) else [node]
    texts = [item.text for item in items if isinstance(item, TextNode)]
    if len(texts) < len(items):
        raise ValueError(
            f"{name} takes a value or a list of values, not {kind(next(item for item in items if not isinstance(item, TextNode)))}"
        )
    if not texts:
        raise ValueError(f"{name} has an empty list; it needs at least one value")
    if name != "is" and "" in texts:
        raise ValueError(f"{name} takes text; this one is empty")
    return tuple(texts)


def _is(name: str, texts: tuple[str, ...], case: bool) -> Operation:
    texts = tuple(dict.fromkeys(form for text in texts for form in (text, _without_zeros(text))))
    if case:
        exact = frozenset(texts)
        return Operation(name, lambda item: item.exact in exact or item.text in exact, texts)
    wanted = frozenset(address.canonical(text) for text in texts)
    return Operation(name, lambda item: item.canonical in wanted, texts)


def _without_zeros(text: str) -> str:
    """`1.50` as 1.5 and `3.0` as 3, which is how a fact that is a number is compared."""
    return text.rstrip("0").rstrip(".") if re.fullmatch(r"-?(?:0|[1-9]\d*)\.\d+", text) else text


def _has(name: str, texts: tuple[str, ...], case: bool) -> Operation:
    if case:
        return Operation(name, lambda item: any(text in item.text for text in texts), texts)
    folded = [text.casefold() for text in texts]
    return Operation(name, lambda item: any(text in item.folded for text in folded), texts)


def _starts(name: str, texts: tuple[str, ...], case: bool) -> Operation:
    folded = tuple(text.casefold() for text in texts)
    return Operation(name, (lambda item: item.text.startswith(texts)) if case else (lambda item: item.folded.startswith(folded)), texts)


def _ends(name: str, texts: tuple[str, ...], case: bool) -> Operation:
    folded = tuple(text.casefold() for text in texts)
    return Operation(name, (lambda item: item.text.endswith(texts)) if case else (lambda item: item.folded.endswith(folded)), texts)


def _like(name: str, texts: tuple[str, ...], case: bool) -> Operation:
    patterns = [Pattern(glob(text if case else text.casefold()), case=True) for text in texts]
    if case:
        return Operation(name, lambda item: any(pattern.found(item.octets) for pattern in patterns), texts)
    return Operation(name, lambda item: any(pattern.found(item.folded_octets) for pattern in patterns), texts)


def _matches(name: str, texts: tuple[str, ...], case: bool) -> Operation:
    patterns = []
    for text in texts:
        try:
            patterns.append(Pattern(text, case=case))
        except ValueError as error:
            raise ValueError(f"pattern {text[:80]!r} is not usable: {error}") from None
    return Operation(name, lambda item: any(pattern.found(item.octets) for pattern in patterns), texts, tuple(patterns))


def _domain(name: str, texts: tuple[str, ...], case: bool) -> Operation:  # noqa: ARG001
    for text in texts:
        if "@" in text or not address.is_domain(address.a_label(text.removeprefix("."))):
            raise ValueError(f"{text!r} is no domain; write example.com, or .example.com for its subdomains")
    wanted = frozenset(address.entry_keys(texts))
    below = any(text.startswith(".") for text in wanted)
    return Operation(
        name,
        lambda item: item.domain in wanted or (below and any(parent in wanted for parent in address.parents(item.domain))),
        texts,
    )


_TEXT: Mapping[str, Callable[[str, tuple[str, ...], bool], Operation]] = {
    "is": _is,
    "has": _has,
    "starts": _starts,
    "ends": _ends,
    "like": _like,
    "matches": _matches,
    "domain": _domain,
}


def _in(names: tuple[str, ...], lists: Mapping[str, Entries]) -> Operation:
    chosen = [lists[name] for name in names if not is_entry(name)]
    chosen += [Entries(filter(is_entry, names))]
    return Operation("in", lambda item: any(entries.holds(item) for entries in chosen), names, lists=names)


def number(node: Node) -> float:
    """A number, a size (`5MB`) or a duration (`90s`); ValueError says the forms."""
    if isinstance(node, TextNode):
        if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
            return float(node.value)
        if found := _SIZE.fullmatch(node.text):
            return float(found[1]) * _UNITS[found[2].lower()]
        try:
            return seconds(node.text)
        except ValueError:
            pass
    raise ValueError("this is no number; write 10, 2.5, a size such as 5MB or 512KiB, or a duration such as 90s or 2h")


def _compare(name: str, node: Node) -> Operation:
    bound = number(node)
    if name == "under":
        return _numeric(name, lambda found: found < bound)
    return _numeric(name, lambda found: found > bound)


def _numeric(name: str, test: Callable[[float], bool]) -> Operation:
    return Operation(
        name,
        lambda item: item.number is not None and test(item.number),
        note="not a number",
        readable=lambda item: item.number is not None,
    )


def _between(node: Node) -> Operation:
    if not isinstance(node, ListNode) or len(node.items) != 2:
        raise ValueError("between takes two values: between: [8, 17]")
    low, high = node.items
    texts = [bound.text for bound in (low, high) if isinstance(bound, TextNode)]
    for form in (_CLOCK, _DATE):
        if len(texts) == 2 and all(form.fullmatch(text) for text in texts):
            return _between_texts(texts[0], texts[1], form)
    first, last = number(low), number(high)
    if first > last:
        raise ValueError("between takes the smaller value first")
    return _numeric("between", lambda found: first <= found <= last)


def _between_texts(low: str, high: str, form: re.Pattern[str]) -> Operation:
    """Dates and times of day compare as text, as far as the bounds are written out; times of day may cross midnight."""
    if low > high and form is _DATE:
        raise ValueError("between takes the earlier date first")
    clock = form is _CLOCK

    def test(item: Item) -> bool:
        found = _clock(item.text) if clock else item.text.replace(" ", "T")
        after, before = found[: len(low)] >= low.replace(" ", "T"), found[: len(high)] <= high.replace(" ", "T")
        return bool(form.match(found)) and ((after and before) if low <= high else (after or before))

    return Operation("between", test, note="not a time", readable=lambda item: bool(form.match(_clock(item.text) if clock else item.text)))


def _clock(text: str) -> str:
    """The time of day in a time or in a whole date."""
    return text.partition("T")[2] if "T" in text else text
