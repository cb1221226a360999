"""From nodes of the file to its other sections: lists, facts with options, tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from inbox.inspect import NamedFact
from inbox.rules.document import ListNode, MapNode, Node, TextNode, kind
from inbox.rules.extension_options import checked, run_check
from inbox.rules.operators import LIST_NAME, Entries
from inbox.rules.ruleset import Expectation, FileTest, Place, Rule
from inbox.rules.scope import Scope, entries, one_text, suggest, texts
from inbox.rules.seen import is_personal
from inbox.rules.words import EXPECT_WORDS, TEST_WORDS

_FACT_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def lists(scope: Scope, node: Node) -> None:
    """The `lists` section into `scope.lists`: entries as they are written, or one a line of a file, with `#` comments."""
    for key, value in _named(scope, "lists", node):
        scope.list_names[key.text] = key
        where = f"list {key.text!r}"
        if not LIST_NAME.fullmatch(key.text):
            scope.mistakes.at(key, f"{where}: a name has letters, digits, _ and -, and begins with a letter")
        if isinstance(value, MapNode):
            found = _from_file(scope, where, value)
        elif isinstance(value, ListNode):
            found = [item.text for item in texts(scope, where, value) if item.text]
        else:
            scope.mistakes.at(value, f"{where} must be a list of texts, or {{file: {key.text}.txt}}")
            continue
        if found is not None:
            scope.lists[key.text] = Entries(found)


def _named(scope: Scope, section: str, node: Node) -> list[tuple[TextNode, Node]]:
    if isinstance(node, MapNode):
        return node.entries
    scope.mistakes.at(node, f"{section} must be a mapping of names, not {kind(node)}")
    return []


def _from_file(scope: Scope, where: str, node: MapNode) -> list[str] | None:
    given = {key.text: value for key, value in entries(scope, where, node, {"file": ""})}
    name = one_text(scope, f"{where}: file", given["file"]) if "file" in given else None
    if name is None:
        return None
    try:
        lines = scope.read_file(name).decode("utf-8").splitlines()
    except OSError as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        scope.mistakes.at(given["file"], f"{where}: file {name} {reason}; its path begins at the folder of the rules file")
        return None
    except UnicodeDecodeError:
        scope.mistakes.at(given["file"], f"{where}: file {name} is not UTF-8 text; save it as UTF-8")
        return None
    entries_of_file = (re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip() for line in lines)
    return [entry for entry in entries_of_file if entry]


def facts(scope: Scope, node: Node) -> None:
    """The `facts` section into `scope.named_facts`: `topic: {keywords: {invoice: [invoice, amount due]}}`."""
    for key, value in _named(scope, "facts", node):
        where = f"fact {key.text!r}"
        if not _FACT_NAME.fullmatch(key.text) or is_personal(key.text) or key.text in ("any", "all", "not"):
            scope.mistakes.at(
                key, f"{where}: a name of small letters, digits, _ and - is needed, other than any, all, not, recipient, label"
            )
        elif scope.plugins.facts.find(key.text):
            scope.mistakes.at(key, f"{where}: there is a fact of this name already; choose another name")
        scope.fact_names[key.text] = key
        made = _named_fact(scope, where, value)
        if made is not None:
            scope.named_facts[key.text] = made


def _named_fact(scope: Scope, where: str, node: Node) -> NamedFact | None:
    if not isinstance(node, MapNode) or len(node.entries) != 1 or not isinstance(node.entries[0][1], MapNode):
        scope.mistakes.at(node, f"{where} must be one fact with its options: {{keywords: {{invoice: [invoice, amount due]}}}}")
        return None
    name, options = node.entries[0]
    found = scope.plugins.facts.find(name.text)
    if found is None:
        known = [fact.name for fact in scope.plugins.facts]
        scope.mistakes.at(name, f"{where}: there is no fact {name.text!r}{suggest(name.text, known)}")
        return None
    extension, part = found
    given = options.entries if isinstance(options, MapNode) else []
    valid = checked(scope, where, extension, given, name)
    if valid is None:
        return None
    run_check(scope, where, extension, valid[0], (), name)
    return NamedFact(extension, part, valid[0])


def tests(scope: Scope, node: Node, rules: tuple[Rule, ...]) -> tuple[FileTest, ...]:
    """The `tests` section."""
    if not isinstance(node, ListNode):
        scope.mistakes.at(node, f"tests must be a list, not {kind(node)}; each test begins with - mail:")
        return ()
    found = [_test(scope, f"test {n}", item, rules) for n, item in enumerate(node.items, start=1)]
    return tuple(test for test in found if test is not None)


def _test(scope: Scope, where: str, node: Node, rules: tuple[Rule, ...]) -> FileTest | None:
    given = {key.text: value for key, value in entries(scope, where, node, TEST_WORDS)}
    if "mail" not in given or "expect" not in given:
        if isinstance(node, MapNode):
            scope.mistakes.at(node, f"{where} needs mail (a file) and expect (what the plan must be)")
        return None
    mail = one_text(scope, f"{where}: mail", given["mail"])
    words = {word: _word(scope, where, word, given) for word in ("name", "from", "ip", "helo")}
    return FileTest(
        place=Place(node.line, node.column),
        mail=scope.path(mail or ""),
        recipients=tuple(item.text for item in texts(scope, f"{where}: to", given["to"])) if "to" in given else (),
        sender=words["from"] or None,
        ip=words["ip"],
        helo=words["helo"],
        name=words["name"],
        expect=_expect(scope, where, given["expect"], rules),
    )


def _word(scope: Scope, where: str, word: str, given: Mapping[str, Node]) -> str | None:
    node = given.get(word)
    if node is not None and not isinstance(node, TextNode):
        scope.mistakes.at(node, f"{where}: {word} must be text, not {kind(node)}")
    return node.text if isinstance(node, TextNode) else None


def _expect(scope: Scope, where: str, node: Node, rules: tuple[Rule, ...]) -> Expectation:
    given = {key.text: value for key, value in entries(scope, f"{where}: expect", node, EXPECT_WORDS)}
    if isinstance(node, MapNode) and not node.entries:
        scope.mistakes.at(node, f"{where}: expect is empty; it needs one of {', '.join(EXPECT_WORDS)}")
    found: dict[str, Any] = {}
    known = {"rules": {*(rule.name for rule in rules), "default"}, "handlers": set(scope.plugins.handlers.entries), "labels": None}
    for word, names in known.items():
        if word in given:
            found[word] = _expected(scope, f"{where}: {word}", given[word], names)
    if "labels" in found:
        found["labels"] = frozenset(found["labels"])
    if "refused" in given:
        refused = given["refused"]
        whole = isinstance(refused, TextNode) and isinstance(refused.value, bool)
        found["refused"] = refused.value if whole else tuple(item.text for item in texts(scope, f"{where}: refused", refused))  # type: ignore[union-attr]
    return Expectation(**found)


def _expected(scope: Scope, where: str, node: Node, known: set[str] | None) -> tuple[str, ...]:
    found = texts(scope, where, node)
    for item in found:
        if known is not None and item.text not in known:
            scope.mistakes.at(
                item, f"{where}: there is no {where.rsplit(' ', 1)[1].removesuffix('s')} {item.text!r}{suggest(item.text, known)}"
            )
    return tuple(item.text for item in found)
