"""What `inbox doctor` says of the settings for SES."""

from __future__ import annotations

import pytest

from inbox.config import validate
from inbox.sources.ses.advice import advice
from ses_signing import TOPIC

WELL = {"topics": [TOPIC], "buckets": ["inbound-mail"]}
QUEUE = ["https://sqs.us-east-1.amazonaws.com/123456789012/inbound"]
CASES = [
    ({}, []),
    ({"sqs": QUEUE, "ses": WELL}, ["ok"]),
    ({"sns": "127.0.0.1:8090", "ses": WELL}, ["ok"]),
    ({"sns": "0.0.0.0:8090", "ses": WELL}, ["warning: plain HTTP", "ok"]),
    ({"sns": "127.0.0.1:8090", "ses": {"buckets": ["inbound-mail"]}}, ["wrong: no [ses] topics", "ok"]),
    ({"sqs": QUEUE, "ses": {"buckets": ["inbound-mail"]}}, ["warning: no [ses] topics", "ok"]),
    ({"sqs": QUEUE, "ses": {"topics": [TOPIC]}}, ["warning: no [ses] buckets", "ok"]),
]


@pytest.mark.parametrize(("settings", "wanted"), CASES)
def test_advice(settings, wanted):
    said = list(advice(validate(settings)))
    assert len(said) == len(wanted)
    for (verdict, words), expected in zip(said, wanted, strict=True):
        kind, _, part = expected.partition(": ")
        assert verdict == kind
        assert part in words
