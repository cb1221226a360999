"""What all tests share: the fixtures of the project, and the public suites beside it, where they are."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("inbox", deadline=None)  # how long an example takes says more of the machine than of us
hypothesis.settings.load_profile("inbox")

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"
SHARED = Path(os.environ.get("INBOX_SHARED", ROOT.parent / "shared"))


@pytest.fixture
def shared() -> Path:
    """The folder of public suites, cases and harnesses; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared here (INBOX_SHARED)")
    return SHARED
