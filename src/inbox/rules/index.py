"""The index: which rules can match a mail at all. 10,000 rules cost what 100 do.

Every rule has a key where it can: the recipients, or one condition that must hold. Exact values, domains and recipients are found by hash,
lists are asked once for all rules that name them, and the texts and patterns of one fact are searched for together by RE2. Rules without
a key are always candidates. The index only ever rules out: candidates keep the order of the file and are then judged in full, so that
the plan is the same as without it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from inbox.rules import address
from inbox.rules.conditions import Condition
from inbox.rules.pattern import PatternSet, glob, literal

if TYPE_CHECKING:
    from inbox.rules.address import Address
    from inbox.rules.ruleset import Rule
    from inbox.rules.seen import Item, Reader

FEW = 64
"""Up to so many rules there is no index: every rule stands in the decisions of a plan."""
CROWD = 64
"""A key value that more rules share than this is as good as no key."""
_SCAN = 8
"""What a search in a text costs, in rules that share a key value."""
_OPEN_QUOTE = r"\Q"  # quotes to the end of the pattern, also what a set would put behind it

Kind = Literal["recipients", "is", "domain", "in", "text"]


@dataclass(frozen=True, slots=True)
class Key:
    """Why a rule is a candidate: one of `values` was seen. `condition` is None for the recipients of the rule."""

    kind: Kind
    condition: Condition | None
    values: tuple[str, ...]

    @property
    def fact(self) -> str:
        return self.condition.fact if self.condition else ""

    @property
    def slot(self) -> tuple[str, str]:
        return self.kind, self.fact


class Index:
    """Candidates for a mail among `rules`; `usable(fact)` says which facts may be read before a rule asks for them.

    `one`: it is asked for one recipient of several, and a rule that ends judging for all of them must be found for any.
    """

    def __init__(self, rules: Sequence[Rule], usable: Callable[[str], bool], *, one: bool = False) -> None:
        self.rules = rules
        possible = [[] if one and rule.ends_all else list(_keys(rule, usable)) for rule in rules]
        crowd = Counter((key.slot, value) for keys in possible for key in keys for value in key.values)
        self.keys: tuple[Key | None, ...] = tuple(_best(keys, crowd) for keys in possible)
        self._always: list[int] = []
        self._by_value: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._by_list: dict[tuple[str, str], tuple[Condition, list[int]]] = {}
        tables: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for position, (rule, key) in enumerate(zip(rules, self.keys, strict=True)):
            if rule.enabled:
                self._file(position, key, tables)
        self._texts = [_Search(fact, table) for fact, table in tables.items()]
        self.facts = tuple(dict.fromkeys(key.fact for key in self.keys if key and key.fact))

    def _file(self, position: int, key: Key | None, tables: Mapping[str, dict[str, list[int]]]) -> None:
        if key is None:
            self._always.append(position)
        elif key.kind == "text":
            for source in key.values:
                tables[key.fact][source].append(position)
        elif key.kind == "in" and key.condition:
            self._by_list.setdefault((key.fact, key.values[0]), (key.condition, []))[1].append(position)
        else:
            for value in key.values:
                self._by_value[key.slot][value].append(position)

    def candidates(self, reader: Reader, recipients: Iterable[Address | None]) -> list[int]:
        """Positions of the rules that can match, in order."""
        found = set(self._always)
        known = {key for recipient in recipients if recipient for key in address.keys(recipient)}
        for (kind, fact), values in self._by_value.items():
            for seen in known if kind == "recipients" else _values(kind, reader.items(fact)):
                found.update(values.get(seen, ()))
        for (fact, _), (condition, positions) in self._by_list.items():
            if any(condition.operation.test(item) for item in reader.items(fact)):
                found.update(positions)
        for search in self._texts:
            found.update(search.candidates(reader.items(search.fact)))
        return sorted(found)


def _values(kind: str, items: Iterable[Item]) -> Iterator[str]:
    """The key values that the items of a fact stand for."""
    for item in items:
        if kind == "is":
            yield item.canonical
        else:
            yield item.domain
            yield from address.parents(item.domain)


def _keys(rule: Rule, usable: Callable[[str], bool]) -> Iterator[Key]:
    """Every key that a rule could have."""
    if rule.recipients is not None:
        yield Key("recipients", None, tuple(rule.recipients.known))
    for part in rule.when:
        if isinstance(part, Condition) and part.wanted and not part.personal and usable(part.fact):
            yield from _condition_keys(part)


def _condition_keys(condition: Condition) -> Iterator[Key]:
    operation = condition.operation
    if operation.name == "is":
        yield Key("is", condition, tuple({address.canonical(text) for text in operation.texts}))
    elif operation.name == "domain":
        yield Key("domain", condition, tuple(address.entry_keys(operation.texts)))
    elif operation.name == "in":
        yield Key("in", condition, ("\n".join(operation.lists),))
    elif operation.name in ("has", "starts", "ends", "like", "matches"):
        sources = tuple(_sources(condition))
        if not any(_OPEN_QUOTE in source for source in sources):
            yield Key("text", condition, sources)


def _sources(condition: Condition) -> Iterator[str]:
    """The patterns that find what a text condition wants."""
    if condition.operator == "matches":
        for pattern in condition.operation.patterns:
            yield pattern.source
        return
    form = _FORMS[condition.operator]
    for text in condition.operation.texts:
        yield form(text) if condition.case else f"(?i:{form(text.casefold())})"


_FORMS: Mapping[str, Callable[[str], str]] = {
    "has": literal,
    "starts": lambda text: rf"\A{literal(text)}",
    "ends": lambda text: rf"{literal(text)}\z",
    "like": glob,
}
"""The pattern for the text of each operator."""


def _best(keys: Sequence[Key], crowd: Mapping[tuple[tuple[str, str], str], int]) -> Key | None:
    """The key that the fewest other rules share."""

    def price(key: Key) -> int:
        shared = max((crowd[key.slot, value] for value in key.values), default=0)
        if key.kind in ("recipients", "in"):
            return min(shared, CROWD)  # costs no fact, or one question for all
        return shared + _SCAN if key.kind == "text" else shared

    best = min(keys, key=price, default=None)
    return best if best and price(best) <= CROWD + _SCAN else None


class _Search:
    """The search for all texts and patterns that rules want in one fact.

    Text that is not ASCII is searched a second time case folded, for folding can make two characters of one.
    """

    def __init__(self, fact: str, rules: Mapping[str, list[int]]) -> None:
        self.fact = fact
        self._patterns, self._rules = PatternSet(rules), list(rules.values())

    def candidates(self, items: Iterable[Item]) -> Iterator[int]:
        for item in items:
            for octets in (item.octets,) if item.text.isascii() else (item.octets, item.folded_octets):
                found = self._patterns.found(octets)
                for number in range(len(self._rules)) if found is None else found:
                    yield from self._rules[number]
