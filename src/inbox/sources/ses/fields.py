"""Reading the JSON of strangers: a field that is missing or of another kind is as good as absent; nothing here raises."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from inbox.model import EMPTY

SETUP = "AMAZON_SES_SETUP_NOTIFICATION"
"""Message id, and last part of the key, of what SES writes when a rule is set up."""

_MESSAGE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,254}")
_OBJECT_NAME = re.compile(r"[0-9a-z]{16,64}")


def mapping(data: Any, name: str) -> Mapping[str, Any]:
    """The object under a name, or an empty one."""
    found = data.get(name) if isinstance(data, Mapping) else None
    return found if isinstance(found, Mapping) else EMPTY


def text(data: Any, *names: str) -> str | None:
    """The first string under one of these names (AWS spells some in two ways)."""
    for name in names:
        found = data.get(name) if isinstance(data, Mapping) else None
        if isinstance(found, str):
            return found
    return None


def number(data: Any, name: str) -> int | None:
    """A whole number, also one that is written as a string."""
    found = data.get(name) if isinstance(data, Mapping) else None
    if isinstance(found, str) and re.fullmatch(r"[0-9]{1,18}", found):
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def texts(data: Any, name: str) -> tuple[str, ...]:
    """All strings of a list."""
    found = data.get(name) if isinstance(data, Mapping) else None
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def items(data: Any, name: str) -> list[Mapping[str, Any]]:
    """All objects of a list."""
    found = data.get(name) if isinstance(data, Mapping) else None
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def moment(data: Any, *names: str) -> datetime | None:
    """An ISO 8601 time, aware; None when there is none that can be read."""
    try:
        at = datetime.fromisoformat(text(data, *names) or "")
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def is_message_id(word: str) -> bool:
    """Whether it looks like an id of SES: it becomes part of a key, so nothing that has a meaning in paths."""
    return _MESSAGE_ID.fullmatch(word) is not None


def id_of_key(key: str) -> str | None:
    """The SES id that an object's key ends with, if it looks like one."""
    name = key.rpartition("/")[2]
    return name if _OBJECT_NAME.fullmatch(name) else None


def address(written: str | None) -> str | None:
    """An envelope sender; None for the null sender, however it is written."""
    plain = (written or "").strip()
    if plain.startswith("<") and plain.endswith(">"):
        plain = plain[1:-1]
    return plain or None


def octets(written: str) -> bytes:
    """What base64 stands for; line ends in it do no harm, anything else is a ValueError."""
    return base64.b64decode("".join(written.split()), validate=True)
