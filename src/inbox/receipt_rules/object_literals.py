"""Plain data in JavaScript: object literals with comments, either kind of quotes, bare keys and commas at the end. Nothing is run.

Only what is data is read: a call, a variable or a template with `${…}` is an error that says to write the value out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_DEEPEST = 32
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)
    |(?P<unclosed>"(?:[^"\\\n]|\\.)*+|'(?:[^'\\\n]|\\.)*+|`(?:[^`\\]|\\.)*+)
    |(?P<number>-?\d+(?:\.\d+)?)
    |(?P<word>[A-Za-z_$][\w$]*)
    |(?P<mark>[{}\[\]:,])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None, "undefined": None}

Token = tuple[str, str, int]
"""Kind, text, offset."""


def object_with(text: str, key: str) -> dict[str, Any]:
    """The object literal in a text that has this key itself. ValueError says in which line what is no plain data, or that there is none."""
    tokens = _tokens(text)
    seen: list[Token] = []
    open_braces: list[int] = []
    for token in tokens:
        seen.append(token)
        if token[1] == "{":
            open_braces.append(len(seen) - 1)
        elif token[1] == "}" and open_braces:
            open_braces.pop()
        elif token[1] == ":" and open_braces and len(seen) > 1 and _key(seen[-2]) == key:
            found = _Reader(text, _again(seen[open_braces[-1] :], tokens)).value()
            if isinstance(found, dict):
                return found
    raise ValueError(f"there is no object with the key {key}")


def _again(seen: list[Token], more: Iterator[Token]) -> Iterator[Token]:
    yield from seen
    yield from more


def _tokens(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "space":
            yield str(match.lastgroup), match[0], match.start()


def _key(token: Token) -> str | None:
    kind, text, _ = token
    return _string(text) if kind == "string" else text if kind in ("word", "number") else None


def _string(text: str) -> str:
    def put(match: re.Match[str]) -> str:
        if code := match[1] or match[2]:
            return chr(int(code, 16))
        return "" if match[3] == "\n" else _ESCAPES.get(match[3], match[3])

    return _ESCAPE.sub(put, text[1:-1])


class _Reader:
    """Reads one value from tokens."""

    def __init__(self, text: str, tokens: Iterator[Token]) -> None:
        self._text, self._tokens = text, tokens
        self._last = 0

    def value(self, depth: int = 0) -> Any:
        """The next value, whole."""
        return self._value(self._next(), depth)

    def _next(self) -> Token:
        token = next(self._tokens, None)
        if token is None:
            raise ValueError(f"line {self._line(len(self._text))}: the text ends within the object")
        self._last = token[2]
        return token

    def _line(self, offset: int) -> int:
        return self._text.count("\n", 0, offset) + 1

    def _wrong(self, token: Token) -> ValueError:
        return ValueError(f"line {self._line(token[2])}: {token[1]!r} is no plain data; write the value out")

    def _value(self, token: Token, depth: int) -> Any:
        kind, text, _ = token
        if depth > _DEEPEST:
            raise ValueError(f"line {self._line(token[2])}: nested too deep; {_DEEPEST} levels are allowed")
        if kind == "string" and not (text[0] == "`" and "${" in text):
            return _string(text)
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "word" and text in _WORDS:
            return _WORDS[text]
        if text == "{":
            return self._object(depth)
        if text == "[":
            return self._list(depth)
        raise self._wrong(token)

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        token = self._next()
        while token[1] != "}":
            name = _key(token)
            colon = self._next()
            if name is None or colon[1] != ":":
                raise self._wrong(token)
            if name in found:
                raise ValueError(f"line {self._line(token[2])}: the key {name!r} stands twice; keep one")
            found[name] = self.value(depth + 1)
            token = self._separator("}")
        return found

    def _list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        token = self._next()
        while token[1] != "]":
            found.append(self._value(token, depth + 1))
            token = self._separator("]")
        return found

    def _separator(self, end: str) -> Token:
        """The token behind a comma, which may be the end; or the end."""
        token = self._next()
        if token[1] == ",":
            return self._next()
        if token[0] == "mark" and token[1] == end:
            return token
        raise self._wrong(token)
