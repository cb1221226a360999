"""Put the parts together: an Inbox with plugins, rules and settings, over a store and a relay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inbox.app import Inbox
from inbox.plugins import Plugins
from inbox.send.smtp import Relay

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.ports import Counter
    from inbox.store import SqliteStore


def open_inbox(settings: Settings, store: SqliteStore | None = None, counter: Counter | None = None) -> Inbox:
    """The Inbox that the settings describe. Without a store it knows no other mail. Raises RulesError, PluginError, ConfigError."""
    return Inbox(
        settings.rules,
        plugins=Plugins(settings.plugins_dir),
        settings=settings,
        memory=store.memory() if store else None,
        peek=store.memory(read_only=True) if store else None,
        outbox=Relay(settings.relay, settings.hostname),
        counter=counter,
    )
