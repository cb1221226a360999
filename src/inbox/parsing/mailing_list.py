"""What a mailing list says of itself (RFC 2369, RFC 2919)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox.parsing.message import Message

_NAMES = frozenset(
    ["list-id", "list-post", "list-unsubscribe", "list-help", "list-subscribe", "list-owner", "list-archive", "mailing-list"]
)
_ANGLES = re.compile(r"<([^<>]*)>")
_MOST_URIS = 20


@dataclass(frozen=True, slots=True)
class MailingList:
    """`id`: what stands in the angle brackets of List-Id, lower case, or None. `unsubscribe`: the URIs of List-Unsubscribe, in order."""

    id: str | None
    unsubscribe: tuple[str, ...]

    def to_dict(self) -> dict[str, str | list[str] | None]:
        return {"id": self.id, "unsubscribe": list(self.unsubscribe)}


def read_list(message: Message) -> MailingList | None:
    """None when no field of a list is there."""
    if _NAMES.isdisjoint(message.names):
        return None
    header = message.header
    named = next(iter(header("list-id")), "")
    angles = _ANGLES.findall(named)
    identifier = (angles[-1] if angles else named).strip().lower()
    uris = [uri for value in header("list-unsubscribe") for found in _ANGLES.findall(value) if (uri := "".join(found.split()))]
    return MailingList(identifier or None, tuple(uris[:_MOST_URIS]))
