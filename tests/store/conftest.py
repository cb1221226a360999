"""A store in a folder of its own, and mails and plans to put into it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aws_endpoint import aws, aws_endpoint
from inbox.model import Decision, Envelope, Mail, Outcome, Plan, Step
from inbox.store import open_store

__all__ = ["aws", "aws_endpoint"]
NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def store(folder):
    opened = open_store(folder)
    yield opened
    opened.close()


@pytest.fixture
def new_table(aws):
    """Makes stores in DynamoDB, each in a table of its own, with a bucket for what is large."""
    from inbox.store.dynamodb import open_dynamodb

    aws.client("s3").create_bucket(Bucket="mails")

    def make(name: str = "inbox", query: str = "raw=s3://mails/large"):
        opened = open_dynamodb(f"dynamodb://{name}?{query}", aws.settings)
        opened.create()
        return opened

    return make


@pytest.fixture(params=["sqlite", "dynamodb"])
def inline(request):
    """An empty store of each kind that works inline."""
    return request.getfixturevalue("store") if request.param == "sqlite" else request.getfixturevalue("new_table")()


@pytest.fixture
def new_mail():
    def make(
        text: str = "x", *, key: str | None = None, to: tuple[str, ...] = ("u@local.test",), sender: str | None = "a@x.test", size: int = 0
    ) -> Mail:
        raw = f"Subject: {text}\r\n\r\n{text}\r\n".encode()
        return Mail.of(raw.ljust(size, b"."), Envelope(sender, to, source="smtp"), source_key=key)

    return make


@pytest.fixture
def new_plan():
    def make(*steps: dict, labels: tuple[str, ...] = (), rules: tuple[str, ...] = ("r",), **more) -> Plan:
        made = tuple(Step(n, **{"rule": "r", "handler": "h", **step}) for n, step in enumerate(steps, 1))
        return Plan("v1", labels=labels, decisions=tuple(Decision(rule, matched=True) for rule in rules), steps=made, **more)

    return make


@pytest.fixture
def ended():
    def make(n: int, state: str = "done", attempt: int = 1, detail: str | None = None, at: datetime = NOW) -> Outcome:
        return Outcome(n, state, attempt, detail, at)

    return make
