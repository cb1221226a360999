"""Which store the settings name, for a host that works on one mail here and now (`inbox.store.inline`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inbox.errors import ConfigError

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.store.inline import InlineStore

DYNAMODB = "dynamodb"


def open_inline(settings: Settings) -> InlineStore | None:
    """The store of the setting `store`: a folder, `dynamodb://TABLE?…`, or what a plugin has registered for a scheme; None when none is set.

    Raises ConfigError for an address that nobody knows or that is written wrongly, StoreError for a folder that cannot be opened durably.
    """
    if not settings.store:
        return None
    scheme, mark, _ = settings.store.partition("://")
    if not mark:
        from inbox.store.sqlite import open_store  # noqa: PLC0415  SQLite is not needed where mail is kept elsewhere

        return open_store(Path(settings.store))
    if scheme == DYNAMODB:
        from inbox.store.dynamodb import open_dynamodb  # noqa: PLC0415  nor is this where mail is kept in a folder

        return open_dynamodb(settings.store, settings.aws.model_dump(exclude_none=True))
    return _of_a_plugin(scheme, settings)


def _of_a_plugin(scheme: str, settings: Settings) -> InlineStore:
    from inbox.plugins import Plugins  # noqa: PLC0415  found only where they are asked

    stores = Plugins(settings.plugins_dir).stores.entries
    if (entry := stores.get(scheme)) is None:
        known = ", ".join(f"{name}://" for name in sorted({DYNAMODB, *stores}))
        raise ConfigError(f"store: there is no store of the kind {scheme!r}; name a folder, or one of {known}")
    opened: InlineStore = entry.function(settings.store, settings)
    return opened
