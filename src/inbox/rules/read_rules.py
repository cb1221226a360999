"""From nodes of the file to rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from inbox.model import Reply
from inbox.rules import address
from inbox.rules.address import Recipients
from inbox.rules.conditions import Group, Part, capture_names
from inbox.rules.decide import DEFAULT
from inbox.rules.document import ListNode, MapNode, Node, TextNode, kind
from inbox.rules.read_conditions import parts
from inbox.rules.read_steps import steps, value_text
from inbox.rules.ruleset import Place, Rule
from inbox.rules.scope import Scope, entries, flag, one_text, texts
from inbox.rules.words import REFUSE_WORDS, RULE_WORDS

_NAME = 100


def rules(scope: Scope, node: Node) -> tuple[Rule, ...]:
    """All rules of the `rules` section; names are unique."""
    if not isinstance(node, ListNode):
        scope.mistakes.at(node, f"rules must be a list, not {kind(node)}; each rule begins with - name:")
        return ()
    first: dict[str, Rule] = {}
    for n, item in enumerate(node.items):
        rule = _rule(scope, n, item)
        if rule is None:
            continue
        if rule.name in first:
            scope.mistakes.at(
                item, f"rule {rule.name!r}: another rule on line {first[rule.name].place.line} has this name; names are unique"
            )
        first.setdefault(rule.name, rule)
    return tuple(first.values())


def set_names(node: Node | None) -> set[str]:
    """Every name that some rule sets: they can be used in conditions before the rule is read."""
    if not isinstance(node, ListNode):
        return set()
    found = [item.get("set") for item in node.items if isinstance(item, MapNode)]
    return {key.text for values in found if isinstance(values, MapNode) for key, _ in values.entries}


def _rule(scope: Scope, n: int, node: Node) -> Rule | None:
    named = node.get("name") if isinstance(node, MapNode) else None
    name = named.text if isinstance(named, TextNode) else ""
    where = f"rule {name!r}" if name else f"rule {n + 1}"
    given = {key.text: value for key, value in entries(scope, where, node, RULE_WORDS)}
    if not isinstance(node, MapNode):
        return None
    _check_name(scope, where, node, name)
    found: dict[str, Any] = {}
    for word, read in _READERS.items():
        if word in given:
            found[word] = read(scope, where, given[word])
    when: list[Part] = found.pop("when", [])
    captures = frozenset(capture for part in when for capture in capture_names(part))
    recipients: Recipients | None = found.get("recipients")
    if "set" in given:
        found["values"] = _values(scope, where, given["set"], captures)
    if "do" in given:
        found["steps"] = steps(scope, where, given["do"], recipients.entries if recipients else (), captures)
    if "do" in given and "refuse" in given:
        scope.mistakes.at(given["do"], f"{where}: a rule that refuses can do nothing, for the mail is not kept; leave do or refuse out")
    if "label" in found:
        found["labels"] = found.pop("label")
    return Rule(n, name, Place(node.line, node.column), when=tuple(when), **found)


def _check_name(scope: Scope, where: str, node: MapNode, name: str) -> None:
    if not name:
        scope.mistakes.at(node, f"{where} needs a name: receipts, counters and tests speak of it by name")
    elif name == DEFAULT or len(name) > _NAME or not name.isprintable():
        scope.mistakes.at(
            node.get("name"), f"{where}: a name has at most {_NAME} printable characters and is not {DEFAULT!r}; choose another"
        )


def _when(scope: Scope, where: str, node: Node) -> list[Part]:
    return parts(scope, where, node)


def _unless(scope: Scope, where: str, node: Node) -> Group | None:
    found = parts(scope, where, node)
    return Group("unless", tuple(found)) if found else None


def _recipients(scope: Scope, where: str, node: Node) -> Recipients:
    return recipients(scope, f"{where}: recipients", node, empty=False)


def recipients(scope: Scope, where: str, node: Node, *, empty: bool) -> Recipients:
    """Entries of `recipients` or `domains`; a list without entries is a mistake unless `empty`."""
    found = []
    for item in texts(scope, where, node):
        if problem := address.entry_problem(item.text):
            scope.mistakes.at(item, f"{where}: {problem}")
        else:
            found.append(item.text)
    if not found and not empty and isinstance(node, ListNode) and not node.items:
        scope.mistakes.at(node, f"{where}: the list is empty, so the rule would match nobody; leave the word out for everybody")
    return Recipients(tuple(found))


def _labels(scope: Scope, where: str, node: Node) -> tuple[str, ...]:
    found = list(texts(scope, f"{where}: label", node))
    for item in found:
        if not item.text or "{" in item.text or not item.text.isprintable():
            scope.mistakes.at(item, f"{where}: a label is fixed, printable text without braces; use set for what comes from the mail")
    return tuple(dict.fromkeys(item.text for item in found))


def _values(scope: Scope, where: str, node: Node, captures: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(node, MapNode):
        scope.mistakes.at(node, f"{where}: set is a mapping of names and texts: set: {{team: billing}}")
        return {}
    found = {}
    for key, value in node.entries:
        if not key.text.isidentifier():
            scope.mistakes.at(key, f"{where}: {key.text!r} cannot be a name; letters, digits and _ make one")
        elif isinstance(value, TextNode):
            found[key.text] = value_text(scope, where, f"set {key.text!r}", value, captures)
        else:
            scope.mistakes.at(value, f"{where}: set {key.text!r} must be text, not {kind(value)}")
    return found


def _refuse(scope: Scope, where: str, node: Node) -> Reply | None:
    if isinstance(node, TextNode):
        return _reply(scope, where, node, 550, "5.7.1", node.text)
    given = {key.text: value for key, value in entries(scope, f"{where}: refuse", node, REFUSE_WORDS)}
    if not isinstance(node, MapNode):
        return None
    code_node, text_node, status_node = given.get("code"), given.get("text"), given.get("status")
    if text_node is None:
        scope.mistakes.at(node, f"{where}: refuse needs a text for the sender")
        return None
    code = code_node.value if isinstance(code_node, TextNode) else 550
    if not isinstance(code, int) or not 400 <= code <= 599:
        scope.mistakes.at(code_node, f"{where}: refuse: code must be from 500 to 599 (for good) or from 400 to 499 (try again)")
        return None
    status = status_node.text if isinstance(status_node, TextNode) else f"{code // 100}.7.1"
    if status_node is not None and not _is_status(status, code):
        scope.mistakes.at(status_node, f"{where}: refuse: status must have the form {code // 100}.7.1, with the class of the code {code}")
    text = one_text(scope, f"{where}: refuse: text", text_node)
    return _reply(scope, where, text_node, code, status, text) if text else None


def _is_status(status: str, code: int) -> bool:
    numbers = status.split(".")
    return len(numbers) == 3 and numbers[0] == str(code // 100) and all(n.isdecimal() and len(n) <= 3 for n in numbers)


def _reply(scope: Scope, where: str, node: Node, code: int, status: str, text: str) -> Reply:
    if not text or not text.isascii() or not text.isprintable() or len(text) > 450:
        scope.mistakes.at(node, f"{where}: the text of a refusal is one line of at most 450 printable ASCII characters")
    elif "{" in text:
        scope.mistakes.at(node, f"{where}: the text of a refusal is fixed: it goes to the sender without placeholders; remove the braces")
    return Reply(code, status, text)


def _stop(scope: Scope, where: str, node: Node) -> bool | Literal["mail"]:
    if isinstance(node, TextNode) and node.text == "mail":
        return "mail"
    if isinstance(node, TextNode) and isinstance(node.value, bool):
        return node.value
    scope.mistakes.at(node, f"{where}: stop must be true (for the recipients of this rule), mail (for all recipients) or false")
    return False


def _flag(word: str) -> Callable[[Scope, str, Node], bool]:
    return lambda scope, where, node: flag(scope, f"{where}: {word}", node)


_READERS: Mapping[str, Callable[[Scope, str, Node], Any]] = {
    "recipients": _recipients,
    "when": _when,
    "unless": _unless,
    "label": _labels,
    "refuse": _refuse,
    "stop": _stop,
    "enabled": _flag("enabled"),
    "shadow": _flag("shadow"),
}
