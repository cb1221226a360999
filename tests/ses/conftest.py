"""What the tests of SES share: samples of everything that it sends, settings as their README assumes, and a certificate that is never fetched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inbox.config import Settings, validate

TOPIC = "arn:aws:sns:us-east-1:123456789012:inbound"
CERT_URL = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    ses = {"buckets": ["inbound-mail"], "topics": [TOPIC], "prefix": "mail", "account": "123456789012"}
    return validate({"ses": ses, "aws": {"region": "us-east-1"}, "dir": tmp_path / "data"})


@pytest.fixture
def samples(shared: Path) -> Path:
    return shared / "ses" / "samples"


@pytest.fixture
def sample(samples: Path) -> Callable[[str], Any]:
    """A sample as JSON, by its name without `.json`."""
    return lambda name: json.loads((samples / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def certificate(samples: Path) -> Callable[[str], bytes]:
    """The certificate of all samples, for the one URL that they name."""

    def pem(url: str) -> bytes:
        assert url == CERT_URL
        return (samples / "sns-signing-cert.pem").read_bytes()

    return pem
