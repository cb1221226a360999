"""A store, its books, and events to write into them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from inbox.assemble import open_inbox
from inbox.books import Books
from inbox.config import validate
from inbox.metrics import Metrics
from inbox.sending import SendingEvent
from inbox.store import open_store

RULES = "version: 1\ndomains: [example.com]\nrules: []\ndefault: [store]\n"


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def books(store, metrics):
    return Books(store, validate({"identities": {"strict.test": {"bounces": 0.01}}}), metrics)


@pytest.fixture
def event(now):
    """Events as the way out notes them; `ago`: days before now."""

    def make(kind: str = "send", to: str = "joe@x.test", mail: str = "m1", n: int = 1, ago: float = 0, **more) -> SendingEvent:
        about = {"mail": mail, "recipient": to, "identity": "example.com", "message_id": f"<{mail}.{n}@example.com>", **more}
        return SendingEvent(f"{mail}.{n}:{to}:{kind}", kind, now - timedelta(days=ago), **about)

    return make


@pytest.fixture
def box(tmp_path, store):
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    return open_inbox(validate({"rules": tmp_path / "rules.yaml", "dir": tmp_path / "data"}), store)
