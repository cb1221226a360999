"""Which store the settings name, for a host that works on one mail here and now (`inbox.store.inline`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inbox.errors import ConfigError

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.store.inline import InlineStore


def open_inline(settings: Settings) -> InlineStore | None:
    """The store of the setting `store`: a folder, or `dynamodb://TABLE`; None when none is set. ConfigError, StoreError."""
    if not settings.store:
        return None
    scheme, mark, _ = settings.store.partition("://")
    if not mark:
        from inbox.store import open_store  # noqa: PLC0415  SQLite is not needed where mail is kept elsewhere

        return open_store(Path(settings.store))
    raise ConfigError(f"store: there is no store of the kind {scheme!r}; name a folder, or dynamodb://TABLE")
