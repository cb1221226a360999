r"""Expressions of Mailgun's routes: `match_recipient("…")`, `match_header("…", "…")`, `catch_all()`, joined by and, or, not, brackets.

A pattern is a Python regular expression; what it captures stands in actions as `\1` or `\g<name>`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from inbox.receipt_rules.writing import literal
from inbox.rules.pattern import Pattern

_LONGEST, _DEEPEST = 16_384, 32
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<word>[A-Za-z_]+)|(?P<mark>[(),=])|(?P<other>\S))""", re.DOTALL
)
_TESTS = {"match_recipient": 1, "match_header": 2, "catch_all": 0}
_REFERENCE = re.compile(r"\\(?:g<(\w+)>|(\d{1,2}))")
_HEADER = re.compile(r"[!-9;-~]+")


@dataclass(frozen=True, slots=True)
class Expression:
    """A test with its arguments, or `and`, `or`, `not` of others."""

    word: str
    arguments: tuple[str, ...] = ()
    parts: tuple[Expression, ...] = ()


def parse_expression(text: str) -> Expression:
    """The tree of an expression; ValueError says what is wrong with it."""
    reader = _Reader(text)
    found = reader.either(0)
    reader.end()
    return found


def parse_call(text: str) -> tuple[str, list[str]]:
    """An action: the function and its arguments; the name of a named one is dropped."""
    reader = _Reader(text)
    function = reader.word()
    arguments = reader.arguments()
    reader.end()
    return function, arguments


class _Reader:
    """Reads tokens from the left."""

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise ValueError(f"it has {len(text)} characters; {_LONGEST} are allowed")
        self._tokens = [(str(m.lastgroup), m[m.lastgroup or 0]) for m in _TOKEN.finditer(text.rstrip())]
        self._at = 0

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "the end")

    def _take(self, kind: str, text: str | None = None) -> str:
        found = self._peek()
        if found[0] != kind or (text is not None and found[1] != text):
            raise ValueError(f"{text or kind} is wanted where {found[1]!r} stands")
        self._at += 1
        return found[1]

    def end(self) -> None:
        """ValueError when something is left."""
        if self._at < len(self._tokens):
            raise ValueError(f"{self._peek()[1]!r} stands behind the end; join tests with and, or, not")

    def word(self) -> str:
        return self._take("word").lower()

    def either(self, depth: int) -> Expression:
        parts = [self._both(depth)]
        while self._peek() in (("word", "or"), ("word", "OR")):
            self._at += 1
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Expression("or", parts=tuple(parts))

    def _both(self, depth: int) -> Expression:
        parts = [self._one(depth)]
        while self._peek() in (("word", "and"), ("word", "AND")):
            self._at += 1
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else Expression("and", parts=tuple(parts))

    def _one(self, depth: int) -> Expression:
        if depth > _DEEPEST:
            raise ValueError(f"nested too deep; {_DEEPEST} levels are allowed")
        if self._peek() == ("mark", "("):
            self._at += 1
            found = self.either(depth + 1)
            self._take("mark", ")")
            return found
        word = self.word()
        if word == "not":
            return Expression("not", parts=(self._one(depth + 1),))
        word = "catch_all" if word == "catchall" else word
        if word not in _TESTS:
            raise ValueError(f"there is no test {word}(); Mailgun has {', '.join(_TESTS)}")
        arguments = self.arguments()
        if len(arguments) != _TESTS[word]:
            raise ValueError(f"{word}() takes {_TESTS[word]} texts, not {len(arguments)}")
        return Expression(word, tuple(arguments))

    def arguments(self) -> list[str]:
        """Texts in brackets."""
        self._take("mark", "(")
        found = []
        while self._peek() != ("mark", ")"):
            if self._peek()[0] == "word":
                self._at += 1
                self._take("mark", "=")
            found.append(self._take("string")[1:-1].replace('\\"', '"').replace("\\'", "'"))
            if self._peek() != ("mark", ")"):
                self._take("mark", ",")
        self._take("mark", ")")
        return found


class Captures:
    r"""What actions take from patterns: groups by number get a name (`\1` is `{g1}`)."""

    def __init__(self, actions: str) -> None:
        self._numbers = {int(match[2]) for match in _REFERENCE.finditer(actions.replace("\\\\", "\\")) if match[2]}
        self.named: set[str] = set()

    def named_pattern(self, pattern: str) -> str:
        """A pattern whose groups have names, where actions speak of their numbers."""
        parts = []
        number = 0
        for piece in re.findall(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?P<\w+>|\?)?|.", pattern, re.DOTALL):
            is_group = piece == "(" or piece.startswith("(?P<")
            number += is_group
            parts.append(f"(?P<g{number}>" if piece == "(" and number in self._numbers else piece)
        self.named |= {f"g{n}" for n in self._numbers if n <= number} | set(re.findall(r"\(\?P<(\w+)>", pattern))
        return "".join(parts)

    def put(self, text: str) -> str:
        """A text of an action for an option of ours, with placeholders for what was captured."""
        parts = []
        end = 0
        for match in _REFERENCE.finditer(text):
            name = match[1] or f"g{match[2]}"
            parts += [literal(text[end : match.start()]), f"{{{name}}}" if name in self.named else ""]
            end = match.end()
        return "".join([*parts, literal(text[end:])])


def condition(expression: Expression, captures: Captures) -> tuple[dict[str, Any], list[str]]:
    """Conditions for `when`, and what cannot be said of them; no conditions for catch_all()."""
    told: list[str] = []
    return _said(expression, captures, told), told


def _said(expression: Expression, captures: Captures, told: list[str]) -> dict[str, Any]:
    word = expression.word
    if word == "catch_all":
        return {}
    if word in ("and", "or", "not"):
        return _joined(word, [_said(part, captures, told) for part in expression.parts])
    fact = "recipient" if word == "match_recipient" else _header(expression.arguments[0], told)
    pattern = captures.named_pattern(expression.arguments[-1])
    pattern = f"^(?:{pattern})"
    try:
        Pattern(pattern)
    except ValueError as error:
        told.append(f"the pattern {expression.arguments[-1]!r}: {error}")
        return {fact: {"exists": True}}
    return {fact: {"matches": pattern}}


def _header(name: str, told: list[str]) -> str:
    if name.lower() == "subject":
        return "subject"
    if not _HEADER.fullmatch(name):
        told.append(f"the header name {name!r} is none")
        return "subject"
    return f"header.{name}"


def _joined(word: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Conditions joined; an empty one holds always."""
    if word == "not":
        return {"not": parts[0]} if parts[0] else {"all": [{"size": {"exists": False}}]}
    if word == "or":
        return {"any": parts} if all(parts) else {}
    told = [part for part in parts if part]
    return {"all": told} if len(told) > 1 else next(iter(told), {})
