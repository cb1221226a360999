"""Load and check a rules.yaml: every mistake at once, each with its line and column, and what would be right."""

from __future__ import annotations

import gc
import hashlib
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inbox.errors import Problem, RulesError
from inbox.rules import read_rules
from inbox.rules.address import Recipients
from inbox.rules.document import MapNode, Mistakes, Node, TextNode, duplicates, kind, read
from inbox.rules.index import FEW, Index
from inbox.rules.lint import lint
from inbox.rules.read_sections import facts, lists, tests
from inbox.rules.read_steps import steps
from inbox.rules.ruleset import Rule, Rules
from inbox.rules.scope import Scope, suggest
from inbox.rules.words import TOP_WORDS

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.plugins import Plugins

_NEEDED = ("version", "domains", "rules", "default")


def load(path: Path, plugins: Plugins, settings: Settings | None = None) -> Rules:
    """The rules of a file. Raises RulesError with every mistake in it; warnings are for `check`."""
    mistakes = Mistakes(str(path))
    text = _text(Path(path), mistakes)
    return _sound(_read_all(text, Path(path), mistakes, plugins, settings), mistakes)


def load_text(text: str, path: Path, plugins: Plugins, settings: Settings | None = None) -> Rules:
    """Rules from a text that was kept earlier (`Rules.source`); `path` says where its relative paths begin. Raises RulesError."""
    mistakes = Mistakes(str(path))
    return _sound(_read_all(text, Path(path), mistakes, plugins, settings), mistakes)


def check(path: Path, plugins: Plugins, settings: Settings | None = None) -> tuple[Rules | None, tuple[Problem, ...]]:
    """The rules of a file, or None when it has mistakes; and all mistakes and warnings in the order of the file."""
    mistakes = Mistakes(str(path))
    found = _read_all(_text(Path(path), mistakes), Path(path), mistakes, plugins, settings)
    if found is None:
        return None, mistakes.in_order()
    scope, rules = found
    lint(scope, rules)
    return rules, mistakes.in_order()


def _sound(found: tuple[Scope, Rules] | None, mistakes: Mistakes) -> Rules:
    if found is None:
        raise RulesError(mistakes.errors)
    return found[1]


def _read_all(text: str | None, path: Path, mistakes: Mistakes, plugins: Plugins, settings: Settings | None) -> tuple[Scope, Rules] | None:
    """The rules of a text and the names in it; None when there are mistakes."""
    if text is None:
        return None
    with _no_collections():
        root = read(text, mistakes)
        if root is None and mistakes.found:
            return None
        scope = Scope(mistakes, plugins, settings, path.absolute().parent)
        rules = _rules(scope, path, text, root)
    return None if mistakes.errors else (scope, rules)


@contextmanager
def _no_collections() -> Iterator[None]:
    """Without the garbage collector: a large file makes a million objects that live, and looking through them again and again costs half the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _text(path: Path, mistakes: Mistakes) -> str | None:
    try:
        mode = path.stat().st_mode
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        mistakes.at(None, f"cannot be read: {error.strerror}; name a rules file with --rules")
        return None
    except UnicodeDecodeError as error:
        mistakes.at(None, f"is not UTF-8 text (octet {error.start}); save it as UTF-8")
        return None
    if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
        mistakes.at(None, "anybody on this machine may write this file, and with it decide what becomes of mail; chmod o-w it")
    return text


def _rules(scope: Scope, path: Path, text: str, root: Node | None) -> Rules:
    sections = _sections(scope, root)
    scope.values = read_rules.set_names(sections.get("rules"))
    _read(sections, "lists", lambda node: lists(scope, node), None)
    _read(sections, "facts", lambda node: facts(scope, node), None)
    domains = _read(
        sections, "domains", lambda node: read_rules.recipients(scope, "domains", _no_addresses(scope, node), empty=True), Recipients(())
    )
    ruled: tuple[Rule, ...] = _read(sections, "rules", lambda node: read_rules.rules(scope, node), ())
    default = _read(sections, "default", lambda node: steps(scope, "default", node, (), ()), ())
    read_tests = _read(sections, "tests", lambda node: tests(scope, node, ruled), ())
    asked = {fact for rule in ruled for fact in rule.facts}
    index = Index(ruled, scope.keyed) if len(ruled) > FEW and not scope.mistakes.errors else None
    return Rules(
        path=path,
        version=_version(text, scope),
        domains=domains,
        rules=ruled,
        default=default,
        source=_redacted(text, scope),
        lists=scope.lists,
        named_facts=scope.named_facts,
        secrets=scope.secrets,
        tests=read_tests,
        files=(path, *sorted(scope.files)),
        envelope_facts=frozenset(fact for fact in asked if scope.envelope_only(fact)),
        index=index,
    )


def _read(sections: Mapping[str, Node], name: str, reader: Callable[[Node], Any], otherwise: Any) -> Any:
    return reader(sections[name]) if name in sections else otherwise


def _sections(scope: Scope, root: Node | None) -> dict[str, Node]:
    """The sections of the file by name; mistakes for unknown and missing ones, and for another version."""
    top = TextNode(1, 1, "", plain=True)
    if root is None or (isinstance(root, TextNode) and not root.text):
        scope.mistakes.at(top, f"the file is empty; it needs {', '.join(_NEEDED)}: see docs/rules.md")
        return {}
    if not isinstance(root, MapNode):
        scope.mistakes.at(root, f"the file is {kind(root)}; it must be a mapping with {', '.join(TOP_WORDS)}")
        return {}
    duplicates(root, scope.mistakes)
    for key, _ in root.entries:
        if key.text not in TOP_WORDS:
            scope.mistakes.at(key, f"there is no section {key.text!r}{suggest(key.text, TOP_WORDS)}")
    sections = {key.text: value for key, value in root.entries}
    missing = [name for name in _NEEDED if name not in sections]
    if missing:
        scope.mistakes.at(root, f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; {_meaning(missing[0])}")
    version = sections.get("version")
    if version is not None and not (isinstance(version, TextNode) and version.text == "1"):
        scope.mistakes.at(version, "version must be 1: that is the language that this program reads")
    return sections


def _meaning(section: str) -> str:
    example = {"version": "1", "domains": "[example.com]", "rules": "[]", "default": "[store]"}[section]
    return f"write {section}: {example}, for example"


def _no_addresses(scope: Scope, node: Node) -> Node:
    for item in getattr(node, "items", ()):
        if isinstance(item, TextNode) and "@" in item.text.lstrip("@*"):
            scope.mistakes.at(item, f"domains: {item.text!r} is an address; write its domain here, and refuse the others by a rule")
    return node


def _version(text: str, scope: Scope) -> str:
    """sha256 over the text and every file that it names."""
    found = hashlib.sha256(text.encode())
    for path in sorted(scope.files):
        found.update(hashlib.sha256(scope.files[path]).digest())
    return found.hexdigest()


def _redacted(text: str, scope: Scope) -> str:
    """The text with the references of inline secrets in their places: it is stored, the secrets are not."""
    for start, end, reference in sorted(scope.secret_places, reverse=True):
        text = f"{text[:start]}{reference}{text[end:]}"
    return text
