"""What names mean while one file is read: lists, facts, values, plugins; and the mistakes found so far."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from inbox.inspect import NamedFact
from inbox.rules.document import ListNode, MapNode, Mistakes, Node, TextNode, kind
from inbox.rules.operators import Entries
from inbox.rules.seen import is_personal
from inbox.rules.words import RULE_FACTS

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.plugins import Plugins


@dataclass
class Scope:
    """The names of one file. `folder`: where its relative paths begin; `files`: what it names, with the octets found there."""

    mistakes: Mistakes
    plugins: Plugins
    settings: Settings | None
    folder: Path
    lists: dict[str, Entries] = field(default_factory=dict)
    list_names: dict[str, TextNode] = field(default_factory=dict)
    named_facts: dict[str, NamedFact] = field(default_factory=dict)
    fact_names: dict[str, TextNode] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)
    secrets: dict[str, str] = field(default_factory=dict)
    secret_places: list[tuple[int, int, str]] = field(default_factory=list)
    files: dict[Path, bytes] = field(default_factory=dict)
    lists_used: set[str] = field(default_factory=set)

    def read_file(self, name: str) -> bytes:
        """A file that the rules name, read once; OSError when it cannot be."""
        path = self.path(name)
        if path not in self.files:
            self.files[path] = path.read_bytes()
        return self.files[path]

    def path(self, name: str) -> Path:
        """Where a file is that the rules name; OSError when no file can have this name."""
        try:
            return (self.folder / name).resolve()
        except ValueError as error:
            raise OSError(str(error)) from None

    def fact_problem(self, name: str) -> str | None:
        """What is wrong with a fact's name, or None."""
        if is_personal(name):
            value = name.removeprefix("set.")
            if name.startswith("set.") and value not in self.values:
                return f"no rule sets {value!r}{suggest(value, self.values)}"
            return None
        if name in self.named_facts or name in self.fact_names:
            return None
        if found := self.plugins.facts.find(name):
            required = [option for option, info in found[0].options.model_fields.items() if info.is_required()]
            return f"the fact {name!r} needs {', '.join(required)}: name it in the section facts" if required else None
        return f"there is no fact {name!r}{suggest(name, self.all_facts())}"

    def all_facts(self) -> list[str]:
        values = [f"set.{name}" for name in self.values]
        return sorted({*RULE_FACTS, *values, *self.fact_names, *(fact.name for fact in self.plugins.facts)} - {"set.*"})

    def envelope_only(self, name: str) -> bool:
        """Whether a fact is known at RCPT time."""
        named = self.named_facts.get(name)
        found = self.plugins.facts.find(name)
        extension = named.extension if named else found[0] if found else None
        return extension is not None and extension.envelope_only

    def keyed(self, name: str) -> bool:
        """Whether an index may read this fact before a rule asks for it: not those that note the mail in the memory by being read."""
        named = self.named_facts.get(name)
        found = self.plugins.facts.find(name)
        extension = named.extension if named else found[0] if found else None
        return extension is not None and "memory" not in extension.wants


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'when'?` when some known word is close, else what is known, as far as it is short."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(choices)}" if 0 < len(choices) <= 40 else ""


def entries(scope: Scope, where: str, node: Node | None, words: Mapping[str, str]) -> Iterator[tuple[TextNode, Node]]:
    """The entries of a mapping whose keys must be among `words`; everything else is noted as a mistake."""
    if not isinstance(node, MapNode):
        if node is not None:
            scope.mistakes.at(node, f"{where}: this is {kind(node)}; it must be a mapping with the words {', '.join(words)}")
        return
    for key, value in node.entries:
        if key.text in words:
            yield key, value
        else:
            scope.mistakes.at(key, f"{where}: there is no word {key.text!r}{suggest(key.text, words)}")


def texts(scope: Scope, where: str, node: Node) -> list[TextNode]:
    """One text or a list of texts; everything else is noted as a mistake."""
    items = node.items if isinstance(node, ListNode) else [node]
    for item in items:
        if not isinstance(item, TextNode):
            scope.mistakes.at(item, f"{where}: this is {kind(item)}; it must be text, or a list of texts")
    return [item for item in items if isinstance(item, TextNode)]


def one_text(scope: Scope, where: str, node: Node) -> str | None:
    if isinstance(node, TextNode) and node.text:
        return node.text
    scope.mistakes.at(node, f"{where} must be text, not {'empty' if isinstance(node, TextNode) else kind(node)}")
    return None


def flag(scope: Scope, where: str, node: Node) -> bool:
    """`true` or `false`."""
    if isinstance(node, TextNode) and isinstance(node.value, bool):
        return node.value
    scope.mistakes.at(node, f"{where} must be true or false")
    return False
