"""From nodes of the file to conditions: facts, operators, groups, with every mistake at its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inbox.model import EMPTY, Json
from inbox.rules import operators
from inbox.rules.conditions import Condition, Group, Part
from inbox.rules.document import ListNode, MapNode, Node, TextNode, kind, plain
from inbox.rules.extension_options import run_check
from inbox.rules.scope import Scope, flag, suggest
from inbox.rules.words import OPERATOR_NAMES

_SHOWN = 20


def parts(scope: Scope, where: str, node: Node) -> list[Part]:
    """The conditions of one mapping: facts, and the groups `any`, `all`, `not`."""
    if not isinstance(node, MapNode):
        wish = "any: [...] or all: [...]" if isinstance(node, ListNode) else "fact: value"
        scope.mistakes.at(node, f"{where}: conditions are a mapping, not {kind(node)}; write {wish}")
        return []
    if not node.entries:
        scope.mistakes.at(node, f"{where}: the conditions are empty; leave the word out")
    return [part for key, value in node.entries for part in _entry(scope, where, key, value)]


def _entry(scope: Scope, where: str, key: TextNode, value: Node) -> Iterator[Part]:
    if key.text == "any":
        yield Group("any", tuple(_alternatives(scope, where, key, value)))
    elif key.text == "all":
        yield Group("all", tuple(_alternatives(scope, where, key, value)))
    elif key.text == "not":
        yield _negated(scope, where, key, value)
    elif problem := scope.fact_problem(key.text):
        scope.mistakes.at(key, f"{where}: {problem}")
    else:
        _check(scope, where, key)
        yield from _fact(scope, where, key, value)


def _check(scope: Scope, where: str, key: TextNode) -> None:
    """What a fact says of being asked without options, where its settings are known."""
    found = None if key.text in scope.fact_names else scope.plugins.facts.find(key.text)
    if found and scope.settings is not None:
        run_check(scope, where, found[0], EMPTY, (), key)


def _alternatives(scope: Scope, where: str, key: TextNode, node: Node) -> Iterator[Part]:
    if not isinstance(node, ListNode) or not node.items:
        scope.mistakes.at(node, f"{where}: {key.text} takes a list of mappings: {key.text}: [{{dmarc: pass}}, {{sender: {{in: vip}}}}]")
        return
    for item in node.items:
        found = parts(scope, where, item)
        if len(found) == 1:
            yield found[0]
        elif found:
            yield Group("all", tuple(found))


def _negated(scope: Scope, where: str, key: TextNode, node: Node) -> Part:
    """`not` before a mapping: not all of it; before a list: none of it."""
    if isinstance(node, ListNode):
        return Group("not", (Group("any", tuple(_alternatives(scope, where, key, node))),))
    return Group("not", tuple(parts(scope, where, node)))


def _fact(scope: Scope, where: str, fact: TextNode, node: Node) -> Iterator[Part]:
    """The conditions on one fact: a value or a list of values is `is`, a mapping holds operators that must all hold."""
    if not isinstance(node, MapNode):
        yield from _operation(scope, where, fact, "is", node, case=False)
        return
    case = node.get("case")
    strict = flag(scope, f"{where}: case", case) if case is not None else False
    words = [key.text for key, _ in node.entries if key.text != "case"]
    if not words:
        scope.mistakes.at(node, f"{where}: fact {fact.text!r} needs an operator: {', '.join(OPERATOR_NAMES)}")
    for key, value in node.entries:
        if key.text == "not":
            yield Group("not", tuple(_fact(scope, where, fact, _with_case(value, node))))
        elif key.text in OPERATOR_NAMES:
            yield from _operation(scope, where, fact, key.text, value, case=strict)
        elif key.text != "case":
            scope.mistakes.at(key, f"{where}: there is no operator {key.text!r}{suggest(key.text, (*OPERATOR_NAMES, 'not', 'case'))}")


def _with_case(node: Node, outer: MapNode) -> Node:
    """What stands behind `not`, with the `case` that stands beside it."""
    case = next(((key, value) for key, value in outer.entries if key.text == "case"), None)
    if case is None or (isinstance(node, MapNode) and node.get("case")):
        return node
    if isinstance(node, MapNode):
        return MapNode(node.line, node.column, [*node.entries, case])
    return MapNode(node.line, node.column, [(TextNode(node.line, node.column, "is", plain=True), node), case])


def _operation(scope: Scope, where: str, fact: TextNode, name: str, node: Node, *, case: bool) -> Iterator[Part]:
    try:
        if name == "exists":
            wanted = operators.exists(node)
            yield Condition(fact.text, operators.build(name, node, scope.lists, case=case), wanted, wanted=wanted)
            return
        if name == "in" and not _known_lists(scope, where, node):
            return
        yield Condition(fact.text, operators.build(name, node, scope.lists, case=case), _shown(plain(node)), case)
    except ValueError as error:
        scope.mistakes.at(node, f"{where}: fact {fact.text!r}: {error}")


def _known_lists(scope: Scope, where: str, node: Node) -> bool:
    """Whether `in` names lists that exist; a list that has mistakes of its own counts."""
    items: list[Any] = node.items if isinstance(node, ListNode) else [node]
    unknown = [item for item in items if isinstance(item, TextNode) and item.text not in scope.lists and not operators.is_entry(item.text)]
    for item in unknown:
        if item.text not in scope.list_names:
            close = (
                suggest(item.text, scope.list_names) or "; name it in the section lists, or compare with the words themselves by is: [...]"
            )
            scope.mistakes.at(
                item,
                f"{where}: there is no list {item.text!r}{close}",
            )
    scope.lists_used.update(item.text for item in items if isinstance(item, TextNode))
    return not unknown


def _shown(value: Json) -> Json:
    """A wanted value as verdicts show it: of a long list the first few."""
    if isinstance(value, list) and len(value) > _SHOWN:
        return [*value[:_SHOWN], f"… and {len(value) - _SHOWN} more"]
    return value
