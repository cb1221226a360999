"""Conditions as a tree of data, and how one is judged: to a `Verdict`, and to yes, no or unknown where only the envelope is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from inbox.model import Json, Verdict
from inbox.rules.operators import Operation
from inbox.rules.seen import Item, Person, Reader, is_personal, items_of, shorten


@dataclass(frozen=True, slots=True)
class Condition:
    """One fact, one operator, one wanted value. `wanted` False belongs to `exists: false`."""

    fact: str
    operation: Operation
    value: Json
    case: bool = False
    wanted: bool = True

    @property
    def operator(self) -> str:
        return self.operation.name

    @property
    def personal(self) -> bool:
        """Whether the answer differs from one recipient to the other."""
        return is_personal(self.fact)


@dataclass(frozen=True, slots=True)
class Group:
    """`all` and `any` of the children; `not`: not all of them; `unless`: any of them, which then keeps the rule from matching."""

    operator: Literal["all", "any", "not", "unless"]
    children: tuple[Part, ...]

    @property
    def personal(self) -> bool:
        return any(child.personal for child in self.children)


Part = Condition | Group
Captures = dict[str, str]


def judge(part: Part, reader: Reader, person: Person | None, captures: Captures) -> Verdict:
    """The verdict on one condition or group for one recipient; groups stop at the first child that settles them.

    Named groups of `matches` go into `captures`, except from inside `not` and `unless`.
    """
    if isinstance(part, Condition):
        return _judge_condition(part, reader, person, captures)
    settles = part.operator in ("any", "unless")
    into: Captures = {} if part.operator in ("not", "unless") else captures
    verdicts = []
    for child in part.children:
        verdicts.append(judge(child, reader, person, into))
        if verdicts[-1].matched == settles:
            break
    held = any(v.matched for v in verdicts) if settles else all(v.matched for v in verdicts)
    matched = held != (part.operator == "not")
    return Verdict(None, part.operator, None, None, matched, recipient=_who(part, person), children=tuple(verdicts))


def _judge_condition(condition: Condition, reader: Reader, person: Person | None, captures: Captures) -> Verdict:
    if condition.personal:
        value = person.fact(condition.fact) if person else None
        items, seen, said = items_of(value), shorten(value), None
    else:
        items, seen = reader.items(condition.fact), reader.shown(condition.fact)
        said = reader.facts.note(condition.fact)
    found = next((item for item in items if condition.operation.test(item)), None)
    if found is not None and condition.operation.patterns:
        _capture(condition.operation, found, captures)
    note = (said or "absent") if not items else _unreadable(condition.operation, items) or said
    matched = (found is not None) == condition.wanted
    return Verdict(condition.fact, condition.operator, condition.value, seen, matched, note=note, recipient=_who(condition, person))


def _capture(operation: Operation, item: Item, captures: Captures) -> None:
    for pattern in operation.patterns:
        if pattern.names and pattern.found(item.octets):
            captures.update(pattern.captures(item.octets))
            return


def _unreadable(operation: Operation, items: Sequence[Item]) -> str | None:
    readable = operation.readable
    return operation.note if readable and not any(readable(item) for item in items) else None


def _who(part: Part, person: Person | None) -> str | None:
    return person.text if person and part.personal else None


def certain(part: Part, reader: Reader, person: Person, known: Callable[[str], bool]) -> bool | None:
    """True or False when the facts that are `known` settle it, else None."""
    if isinstance(part, Condition):
        if not known(part.fact):
            return None
        return judge(part, reader, person, {}).matched
    answers = [certain(child, reader, person, known) for child in part.children]
    settles = part.operator in ("any", "unless")
    held = settles if settles in answers else None if None in answers else not settles
    return None if held is None else held != (part.operator == "not")


def leaves(part: Part) -> Iterator[Condition]:
    """All conditions in a part."""
    if isinstance(part, Condition):
        yield part
    else:
        for child in part.children:
            yield from leaves(child)


def capture_names(part: Part) -> Iterator[str]:
    """Names that the part can give to placeholders."""
    if isinstance(part, Condition):
        for pattern in part.operation.patterns:
            yield from pattern.names
    elif part.operator in ("any", "all"):
        for child in part.children:
            yield from capture_names(child)
