"""A store, and a web server that remembers what it was told."""

from __future__ import annotations

import pytest

from inbox.store import open_store
from web_hook import hook

__all__ = ["hook"]


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path / "data")
    yield opened
    opened.close()
