"""Where a setting was made, and what is wrong with it in words: the line of inbox.toml, the variable or the flag, and what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Place = Callable[[tuple[str, ...]], str]
"""Names the place of a setting, given its path: ("limits", "size")."""

_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*([\w\"'.\- ]+?)\s*=")

_PART = re.compile(r"""(?:"[^"]*"|'[^']*'|[^."'])+""")

_WORDS: Mapping[str, str] = {
    "int": "write a whole number such as 100",
    "float": "write a number such as 30",
    "bool": "write true or false",
    "string": 'write text in quotes, "like this"',
    "path": 'write the path of a file in quotes, "like/this"',
    "tuple": 'write a list, ["like this"]',
    "dict": "write a table: [name] on a line of its own, key = value below it",
    "model": "write a table: [name] on a line of its own, key = value below it",
    "mapping": "write a table: [name] on a line of its own, key = value below it",
}


def line_of(text: str, path: tuple[str, ...]) -> int:
    """The line (from 1) on which a TOML text sets this path, or the nearest table above it; 0 when it does not."""
    table: tuple[str, ...] = ()
    best, depth = 0, 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            table = _parts(header[1])
            here = table
        elif key := _KEY.match(line):
            here = table + _parts(key[1])
        else:
            continue
        if len(here) > depth and path[: len(here)] == here:
            best, depth = number, len(here)
        elif path and not best and here[: len(path)] == path:  # a table that is only named on the way to one below it
            best = number
    return best


def _parts(key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in _PART.findall(key))


def variable(path: tuple[str, ...]) -> str:
    """The name of the variable that makes this setting."""
    return f"INBOX_{'__'.join(path).upper()}"


def flag(path: tuple[str, ...]) -> str:
    """The name of the flag that makes this setting: `tls.certificate` is --certificate."""
    return f"--{path[-1].replace('_', '-')}"


def sentence(problem: Mapping[str, Any], place: Place, known: Callable[[tuple[str, ...]], Iterable[str]]) -> str:
    """One mistake that pydantic found, as `PLACE: setting NAME: what is wrong; what would be right`.

    `known`: the settings of a table. What was written is repeated only where it can be no secret.
    """
    path = tuple(str(part) for part in problem["loc"])
    names = tuple(part for part in path if not part.isdigit() and part != "[key]")
    where = place(names)
    return f"{where + ': ' if where else ''}setting {'.'.join(names) or 'settings'}: {_wrong(problem, names, known)}"


def _wrong(problem: Mapping[str, Any], names: tuple[str, ...], known: Callable[[tuple[str, ...]], Iterable[str]]) -> str:
    kind, limits = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(names[-1], list(known(names[:-1])), 1)
        return "there is no such setting; " + (f"did you mean {near[0]}?" if near else "docs/operations.md lists them")
    if kind == "literal_error":
        return f"{_written(problem)} is not one of its words; write {limits['expected']}"
    for word, bound in (("greater_than", "gt"), ("greater_than_equal", "ge"), ("less_than", "lt"), ("less_than_equal", "le")):
        if kind == word:
            return f"{_written(problem)} is out of range; write {_BOUNDS[bound]} {limits[bound]:g}"
    if kind == "value_error":
        return str(problem["msg"]).removeprefix("Value error, ")
    return f"{_written(problem)} is of the wrong kind; {_WORDS.get(kind.partition('_')[0], problem['msg'])}"


_BOUNDS = {"gt": "a number above", "ge": "a number from", "lt": "a number below", "le": "a number up to"}


def _written(problem: Mapping[str, Any]) -> str:
    """What was written, when it is a short word or a number and the setting holds no secret."""
    value, names = problem.get("input"), {str(part) for part in problem["loc"]}
    plain = isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) < 60)
    return repr(value) if plain and not names & {"auth", "password", "handlers"} else "what is written there"
