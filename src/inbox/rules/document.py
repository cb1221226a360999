"""Strict YAML: one pass over the parser's events gives a tree of nodes with places, and nothing is guessed.

Plain scalars are `true` or `false`, whole numbers without a leading zero, simple decimals, or else text as written: `no`, `010`, `12:30`,
`0x10`, `1e3`, `~` and dates stay text. Anchors, aliases, tags, a key that stands twice, a second document and deep nesting are
mistakes. The tree is built here and not by PyYAML: no recursion, so depth costs no stack, and a third of the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from inbox.errors import Problem

DEEPEST = 32
_TOO_DEEP = f"nested too deep; {DEEPEST} levels are allowed"
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}")


@dataclass(slots=True, eq=False)
class TextNode:
    """One scalar; `plain`: it stands without quotes. Line and column count from 1, `start` and `end` are offsets into the text."""

    line: int
    column: int
    text: str
    plain: bool
    start: int = 0
    end: int = 0

    @property
    def value(self) -> bool | int | float | str:
        """What the scalar says: a plain `true`, `false` or number, else text as written."""
        if not self.plain:
            return self.text
        if self.text in ("true", "false"):
            return self.text == "true"
        if _INTEGER.fullmatch(self.text):
            return int(self.text)
        return float(self.text) if _DECIMAL.fullmatch(self.text) else self.text


@dataclass(slots=True, eq=False)
class ListNode:
    line: int
    column: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class MapNode:
    line: int
    column: int
    entries: list[tuple[TextNode, Node]] = field(default_factory=list)
    key: TextNode | None = None  # waits for its value while the tree is built

    def get(self, name: str) -> Node | None:
        return next((value for key, value in self.entries if key.text == name), None)


Node = TextNode | ListNode | MapNode


def plain(node: Node) -> Any:
    """The node as plain data: dict, list, and the values of scalars."""
    if isinstance(node, TextNode):
        return node.value
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.entries}


def kind(node: Node) -> str:
    """What a node is, in the words of an error message."""
    return {TextNode: "text", ListNode: "a list", MapNode: "a mapping"}[type(node)]


class Mistakes:
    """All problems found in one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []

    def at(self, node: Node | None, text: str) -> None:
        """Note an error; without a node it concerns the whole file."""
        self._note(node, text, "error")

    def warn(self, node: Node | None, text: str) -> None:
        self._note(node, text, "warning")

    def hint(self, node: Node | None, text: str) -> None:
        """Note what is good to know and nothing to mend."""
        self._note(node, text, "note")

    def _note(self, node: Node | None, text: str, severity: str) -> None:
        line, column = (node.line, node.column) if node else (0, 0)
        self.found.append(Problem(self.file, line, column, text, severity))

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.in_order() if problem.severity == "error")

    def in_order(self) -> tuple[Problem, ...]:
        return tuple(sorted(dict.fromkeys(self.found), key=lambda problem: (problem.line, problem.column)))


def read(text: str, mistakes: Mistakes) -> Node | None:
    """The tree of a document; None when the text is not such a tree (then `mistakes` says why)."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        tree = _Tree(mistakes).build(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mistakes.at(_place(error), _syntax(error))
        return None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = TextNode(before.count("\n") + 1, len(before) - before.rfind("\n"), "", plain=True)
        code = error.character if isinstance(error.character, int) else ord(str(error.character)[:1])
        mistakes.at(place, f"the character U+{code:04X} cannot stand in YAML; remove it")
        return None
    return tree


def _place(error: yaml.MarkedYAMLError) -> TextNode | None:
    mark = error.problem_mark or error.context_mark
    return TextNode(mark.line + 1, mark.column + 1, "", plain=True) if mark else None


def _syntax(error: yaml.MarkedYAMLError) -> str:
    if "nesting depth" in str(error.problem):  # PyYAML from 6.0.4 on looks ahead, and has a limit of its own
        return _TOO_DEEP
    context = f" {error.context}" if error.context else ""
    since = f" that began on line {error.context_mark.line + 1}" if error.context_mark else ""
    return f"no YAML: {error.problem}{context}{since}; check the indentation and brackets before this place"


class _Tree:
    """Builds the tree of nodes from events, with a stack of the open collections."""

    def __init__(self, mistakes: Mistakes) -> None:
        self.mistakes = mistakes
        self.open: list[ListNode | MapNode] = []
        self.root: Node | None = None
        self.documents = 0
        self.sound = True
        self.odd_lines: set[int] = set()

    def build(self, events: Iterator[Any]) -> Node | None:
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind in (yaml.MappingStartEvent, yaml.SequenceStartEvent):
                if not self._start(event):
                    return None
            elif kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
                self.open.pop()
            elif kind is yaml.AliasEvent:
                self._odd(event, f"alias *{event.anchor} is not allowed; write the value out")
                self._add(self._text(event, "", plain=True))
            elif kind is yaml.DocumentStartEvent:
                self._document(event)
        return self.root if self.sound else None

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents == 2:
            self._odd(event, "a second document begins here; one file holds one document, remove the ---")

    def _scalar(self, event: Any) -> None:
        self._plain_only(event)
        self._add(self._text(event, event.value, plain=event.implicit[0]))

    def _text(self, event: Any, text: str, *, plain: bool) -> TextNode:
        start, end = event.start_mark, event.end_mark
        return TextNode(start.line + 1, start.column + 1, text, plain, start.index, end.index)

    def _start(self, event: Any) -> bool:
        self._plain_only(event)
        mark = event.start_mark
        made = (MapNode if type(event) is yaml.MappingStartEvent else ListNode)(mark.line + 1, mark.column + 1)
        self._add(made)
        self.open.append(made)
        if len(self.open) > DEEPEST:
            self.mistakes.at(made, _TOO_DEEP)
            return False
        return True

    def _plain_only(self, event: Any) -> None:
        if event.anchor is not None:
            self._odd(event, f"anchor &{event.anchor} is not allowed; write the value out where it is needed")
        if event.tag is not None:
            self._odd(event, f"tag {event.tag.replace('tag:yaml.org,2002:', '!!')} is not allowed; write the plain value")

    def _odd(self, event: Any, text: str) -> None:
        """A mistake after which the tree is not what the author meant; one of them a line is enough."""
        self.sound = False
        line = event.start_mark.line
        if line not in self.odd_lines:
            self.odd_lines.add(line)
            self.mistakes.at(self._text(event, "", plain=True), text)

    def _add(self, node: Node) -> None:
        if self.documents > 1:
            return
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        if isinstance(parent, ListNode):
            parent.items.append(node)
        elif parent.key is None:
            self._key(parent, node)
        else:
            parent.entries.append((parent.key, node))
            parent.key = None

    def _key(self, parent: MapNode, node: Node) -> None:
        if not isinstance(node, TextNode):
            self.mistakes.at(node, f"a key is text, not {kind(node)}")
            node = TextNode(node.line, node.column, "", plain=False)
            self.sound = False
        parent.key = node


def duplicates(root: Node, mistakes: Mistakes) -> None:
    """Note every key that stands twice in one mapping, with both lines."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ListNode):
            waiting += node.items
        elif isinstance(node, MapNode):
            waiting += [value for _, value in node.entries]
            _twice(node, mistakes)


def _twice(node: MapNode, mistakes: Mistakes) -> None:
    first: dict[str, TextNode] = {}
    for key, _ in node.entries:
        if key.text in first:
            mistakes.at(key, f"key '{key.text}' stands twice in one mapping, on lines {first[key.text].line} and {key.line}; keep one")
        first.setdefault(key.text, key)
