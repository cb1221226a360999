"""Where mail is kept and waits: one folder with SQLite and files for large mails (docs/durability.md), or a table of DynamoDB (docs/stores.md).

Each name is loaded when it is asked for: who works with one kind of store does not wait for the tools of the other.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inbox.store.archive import Stats as Stats
    from inbox.store.claims import Claim as Claim
    from inbox.store.connections import DATABASE as DATABASE
    from inbox.store.inline import InlineStore as InlineStore
    from inbox.store.keeper import Keeper as Keeper
    from inbox.store.opening import open_inline as open_inline
    from inbox.store.operations import DeadStep as DeadStep
    from inbox.store.operations import Event as Event
    from inbox.store.settling import Settlement as Settlement
    from inbox.store.sqlite import SqliteStore as SqliteStore
    from inbox.store.sqlite import open_store as open_store
    from inbox.store.values import Summary as Summary

_HOMES = {
    "Stats": "archive",
    "Claim": "claims",
    "DATABASE": "connections",
    "InlineStore": "inline",
    "Keeper": "keeper",
    "open_inline": "opening",
    **dict.fromkeys(("DeadStep", "Event"), "operations"),
    "Settlement": "settling",
    **dict.fromkeys(("SqliteStore", "open_store"), "sqlite"),
    "Summary": "values",
}

__all__ = [*sorted(_HOMES)]  # noqa: PLE0604  all are strings


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'inbox.store' has no attribute {name!r}")
    return getattr(import_module(f"inbox.store.{_HOMES[name]}"), name)
