"""Answers of DNS from a file, for tests and for zones that are not published yet.

JSON: `{"example.com": {"TXT": ["v=spf1 -all"], "MX": ["10 mail.example.com"]}}`. Names that are not in it do not exist; null instead of a list means no
answer in time; a name with CNAME leads on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from inbox.auth.resolving import NotFound, Resolver, Temporary
from inbox.errors import ConfigError

_ALIASES = 8
Zone = Mapping[str, Mapping[str, Sequence[str] | None]]


def read_zone(path: Path) -> Resolver:
    """A resolver over the names of a file. ConfigError says the form."""
    try:
        zone = json.loads(path.read_text(encoding="utf-8"))
        names = {_plain(name): dict(kinds) for name, kinds in zone.items()}
        if wrong := next((kind for kinds in names.values() for kind, found in kinds.items() if not _is_answer(found)), None):
            raise TypeError(f"{wrong} must be a list of strings, or null")  # noqa: TRY301  told like the others
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigError(f'{path}: {error}; it is JSON of the form {{"example.com": {{"TXT": ["v=spf1 -all"]}}}}') from None
    return zone_resolver(names)


def zone_resolver(names: Zone) -> Resolver:
    """A resolver over a table: names in lower case and without a last dot."""

    def resolve(name: str, kind: str) -> Sequence[str]:
        asked = _plain(name)
        for _ in range(_ALIASES):
            kinds = names.get(asked)
            if kinds is None:
                raise NotFound(f"there is no name {asked}")
            if kind in kinds or not kinds.get("CNAME"):
                found = kinds.get(kind, [])
                if found is None:
                    raise Temporary(f"{asked} {kind}: no answer")
                return found
            asked = _plain((kinds["CNAME"] or [""])[0])
        raise Temporary(f"{name} {kind}: aliases lead round in a circle")

    return resolve


def _plain(name: str) -> str:
    return name.lower().rstrip(".")


def _is_answer(found: object) -> bool:
    return found is None or (isinstance(found, list) and all(isinstance(text, str) for text in found))
