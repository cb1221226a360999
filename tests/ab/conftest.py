"""A store in a folder, and events of mails that left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from inbox.sending import SendingEvent
from inbox.store import open_store

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def happened(store):
    """Notes what happened to a mail: `happened("m1", "a", "send", "delivery")`."""

    def note(mail: str, variant: str | None, *types: str, to: str = "joe@x.test", key: str = "", at: datetime = NOW, **more) -> None:
        about = {"mail": mail, "recipient": to, "variant": variant, "template": "welcome"} | more
        store.note(
            [SendingEvent(f"{mail}.1:{to}:{type_}{key}", type_, at + timedelta(minutes=n), **about) for n, type_ in enumerate(types)]
        )

    return note
