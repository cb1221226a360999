"""Where mail is kept and waits: one folder with SQLite and files for large mails (docs/durability.md)."""

from inbox.store.archive import Stats
from inbox.store.claims import Claim
from inbox.store.connections import DATABASE
from inbox.store.keeper import Keeper
from inbox.store.operations import DeadStep, Event
from inbox.store.settling import Settlement
from inbox.store.sqlite import SqliteStore, open_store
from inbox.store.values import Summary

__all__ = ["DATABASE", "Claim", "DeadStep", "Event", "Keeper", "Settlement", "SqliteStore", "Stats", "Summary", "open_store"]
