"""Members of rules and actions checked one by one: every mistake is noted with its place (`Rules[1].Actions[0].StopAction.Scope`) and remedy.

A text with `${…}` in it is a reference that the file does not resolve: it is taken as it stands, whatever its form should be.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from inbox.errors import ConfigError
from inbox.receipt_rules.model import ACTIONS, Action, Loss
from inbox.rules import address

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,50}")


class Check:
    """What is found while one file is read: mistakes, and members that are not known and therefore not translated."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[str] = []
        self.notes: list[Loss] = []

    def wrong(self, place: str, text: str) -> None:
        self.mistakes.append(f"{self.file}: {place}: {text}" if place else f"{self.file}: {text}")

    def note(self, what: str, instead: str, rule: str | None = None, action: int = 0) -> None:
        self.notes.append(Loss(what, instead, rule, action))

    def done(self) -> None:
        """Raise ConfigError with all mistakes, if there are any."""
        if self.mistakes:
            raise ConfigError("\n".join(self.mistakes))


def one_of(check: Check, place: str, value: Any, choices: Iterable[str]) -> str:
    """One of a closed set of words, as they are spelt."""
    known = list(choices)
    if isinstance(value, str) and (value in known or is_open(value)):
        return value
    check.wrong(place, f"{value!r} is not known; it must be {' or '.join(known)}{_close(str(value), known)}")
    return known[0]


def _close(word: str, known: Iterable[str]) -> str:
    names = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.7)
    return f" (did you mean {names[found[0]]}?)" if found else ""


def is_open(value: Any) -> bool:
    """Whether a value is, or holds, a reference that was not resolved."""
    return isinstance(value, str) and "${" in value


def text(check: Check, place: str, value: Any) -> str:
    """Text that is not empty; a number of a YAML template counts as it is written."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        check.wrong(place, f"must be text, not {_kind(value)}")
        return ""
    return value


def _kind(value: Any) -> str:
    names: Mapping[type, str] = {str: "empty", dict: "a mapping", list: "a list", bool: "true or false", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _pattern(pattern: str, wish: str) -> Callable[[Check, str, Any], str]:
    form = re.compile(pattern)

    def read(check: Check, place: str, value: Any) -> str:
        found = text(check, place, value)
        if found and not is_open(found) and not form.fullmatch(found):
            check.wrong(place, f"{found!r} must be {wish}")
        return found

    return read


def _flag(check: Check, place: str, value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        check.wrong(place, f"must be true or false, not {value!r}")
    return value is True


def _recipients(check: Check, place: str, value: Any) -> tuple[str, ...]:
    found = []
    for n, item in enumerate(sequence(check, place, value)):
        entry = text(check, f"{place}[{n}]", item)
        problem = address.entry_problem(entry) if entry and not is_open(entry) else None
        if problem:
            check.wrong(f"{place}[{n}]", problem)
        elif entry:
            found.append(entry)
    return tuple(found)


def sequence(check: Check, place: str, value: Any) -> list[Any]:
    """A list; null is an empty one, and a reference that was not resolved stands for one item."""
    if value is None or is_open(value):
        return [] if value is None else [value]
    if not isinstance(value, list):
        check.wrong(place, f"must be a list, not {_kind(value)}")
        return []
    return value


def _actions(check: Check, place: str, value: Any) -> tuple[Action, ...]:
    found = [_action(check, f"{place}[{n}]", item) for n, item in enumerate(sequence(check, place, value))]
    return tuple(action for action in found if action is not None)


def _action(check: Check, place: str, value: Any) -> Action | None:
    given = {name: item for name, item in value.items() if item is not None} if isinstance(value, dict) else {}
    if len(given) != 1:
        check.wrong(
            place, f"an action is one mapping such as {{S3Action: …}}, this has {', '.join(given) or 'none'}; write one action each"
        )
        return None
    name, members = next(iter(given.items()))
    if name not in ACTIONS:
        check.wrong(place, f"there is no action {name!r}{_close(name, ACTIONS)}; SES has {', '.join(ACTIONS)}")
        return None
    action: Action | None = made(check, f"{place}.{name}", ACTIONS[name], members)
    return action


FORMS: Mapping[str, Callable[[Check, str, Any], Any]] = {
    "text": text,
    "flag": _flag,
    "name": _pattern(_NAME.pattern, "at most 64 letters, digits, _ . and -, the first and the last a letter or digit"),
    "code": _pattern(r"[45]\d\d", "an SMTP code from 400 to 599, such as 550"),
    "status": _pattern(r"[245]\.\d{1,3}\.\d{1,3}", "a status code such as 5.1.1"),
    "header-name": _pattern(_HEADER.pattern, "1 to 50 letters, digits and -"),
    "header-value": _pattern(r"[^\r\n]{1,2047}", "at most 2047 characters without CR or LF"),
    "recipients": _recipients,
    "actions": _actions,
}


def made(check: Check, place: str, what: type[Any], members: Any) -> Any:
    """A rule or an action of its members; None when it cannot be made. Members that SES does not have are noted."""
    if not isinstance(members, dict):
        check.wrong(place, f"must be a mapping, not {_kind(members)}")
        return None
    before, found = len(check.mistakes), {}
    fields = {field.metadata["api"]: field for field in dataclasses.fields(what)}
    for name, field in fields.items():
        if members.get(name) is not None:
            found[field.name] = _member(check, f"{place}.{name}", field.metadata["form"], members[name])
        elif field.default is dataclasses.MISSING:
            check.wrong(place, f"{name} is missing; it is required")
    for name in sorted(set(members) - set(fields), key=str):
        close = _close(str(name), fields)
        check.note(f"{place}: {name!r} is no member that this program knows{close}", "it is not translated")
    return what(**found) if len(check.mistakes) == before else None


def _member(check: Check, place: str, form: str, value: Any) -> Any:
    return FORMS[form](check, place, value) if form in FORMS else one_of(check, place, value, form.split("|"))
