"""Placeholders in options: `{name}`, where name is a capture of the rule, a value that was `set`, or a fact. Nothing else is obeyed.

No attribute, index, conversion or width exists: a name is looked up whole. `{{` and `}}` are braces. Values go in as text, once: what a
mail holds is never read as a placeholder again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inbox.model import Value

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Name:
    """A placeholder."""

    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """Text with placeholders; `parts` are literal texts and names."""

    parts: tuple[str | Name, ...]

    def render(self, value_of: Callable[[str], str]) -> str:
        return "".join(part if isinstance(part, str) else value_of(part.name) for part in self.parts)


def read(text: str) -> str | Text:
    """Text without placeholders as it is meant, or `Text`; ValueError says what is no placeholder."""
    if "{" not in text and "}" not in text:
        return text
    parts = tuple(_parts(text))
    return Text(parts) if any(isinstance(part, Name) for part in parts) else "".join(str(part) for part in parts)


def _parts(text: str) -> Iterator[str | Name]:
    for piece in _PIECE.finditer(text):
        whole, name = piece[0], piece[1]
        if whole in ("{{", "}}"):
            yield whole[0]
        elif name is not None and _NAME.fullmatch(name):
            yield Name(name)
        elif whole[0] in "{}":
            raise ValueError(
                f"{whole!r} is no placeholder; write {{name}} with a fact, a capture or a set value, and {{{{ or }}}} for a brace"
            )
        else:
            yield whole


def names(options: Any) -> Iterator[str]:
    """Every placeholder in compiled options."""
    if isinstance(options, Text):
        yield from (part.name for part in options.parts if isinstance(part, Name))
    elif isinstance(options, Mapping):
        for value in options.values():
            yield from names(value)
    elif isinstance(options, list):
        for value in options:
            yield from names(value)


def render(options: Any, value_of: Callable[[str], str]) -> Any:
    """Compiled options with the values in place."""
    if isinstance(options, Text):
        return options.render(value_of)
    if isinstance(options, Mapping):
        return {key: render(value, value_of) for key, value in options.items()}
    if isinstance(options, list):
        return [render(value, value_of) for value in options]
    return options


def as_text(value: Value) -> str:
    """A fact as text: "" when absent, `true` and `false`, several values with a comma between them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(as_text(item) for item in value)
    return str(value)
