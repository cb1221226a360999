"""Our adapter in the true Lambda runtime (awslambdaric): imported, called, answered, and in error as AWS sees it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys

import pytest

from aws_real.runtime_api import RuntimeApi
from conftest import ROOT

TOPIC = "arn:aws:sns:us-east-1:123456789012:inbound"
RULES = """
version: 1
domains: [example.com]
rules:
- {name: sales, recipients: [sales@example.com], stop: true}
default: [{store: {table: mails}}]
"""


def event(*recipients: str, message_id: str = "one", invocation: str = "Event") -> dict:
    """An SNS action's event: the mail is in it."""
    mail = {"timestamp": "2025-11-05T10:00:00.000Z", "source": "jane@example.org", "messageId": message_id, "destination": []}
    receipt = {"recipients": list(recipients), "action": {"type": "SNS", "topicArn": TOPIC, "encoding": "BASE64"}}
    content = base64.b64encode(b"Subject: hello\r\n\r\nwords\r\n").decode()
    notice = {"notificationType": "Received", "mail": mail, "receipt": receipt, "content": content}
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Type": "Notification", "TopicArn": TOPIC, "Message": json.dumps(notice)}}]}


@pytest.fixture
def function(tmp_path):
    """`invoke(event)` in a runtime of its own; at the end the log is in `tmp_path`/log."""
    pytest.importorskip("awslambdaric", reason="awslambdaric is not installed: make test-aws installs it")
    (tmp_path / "rules.yaml").write_text(RULES)
    api = RuntimeApi()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": "inbox",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "LAMBDA_TASK_ROOT": str(tmp_path),
        "INBOX_STORE": str(tmp_path / "data"),
        "INBOX_SES__TOPICS": TOPIC,
    }
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "inbox.lambda_handler"], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    yield api.invoke
    process.terminate()
    process.wait(20)
    api.shutdown()


def test_a_mail_comes_in_is_kept_and_is_not_done_twice(function, tmp_path):
    assert function(event("support@example.com")) == ("response", {})
    assert function(event("support@example.com")) == ("response", {})
    assert function(event("support@example.com", "sales@example.com")) == ("response", {})
    listed = subprocess.run(
        [sys.executable, "-m", "inbox", "list", "--dir", str(tmp_path / "data"), "--json"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, check=True, timeout=60,
    )  # fmt: skip
    mails = json.loads(listed.stdout)
    assert sorted(mail["recipients"] for mail in mails) == [["sales@example.com"], ["support@example.com"]]
    assert {mail["state"] for mail in mails} == {"settled"}


def test_what_cannot_be_taken_is_an_error_that_names_it(function):
    kind, words = function(
        {"Records": [{"EventSource": "aws:sns", "Sns": {"TopicArn": "arn:aws:sns:us-east-1:999999999999:x", "Message": "{}"}}]}
    )
    assert kind == "error"
    assert words["errorType"] in ("Refused", "Undone")
    assert "999999999999" in words["errorMessage"]


def test_metrics_and_logs_are_lines_of_json(function, tmp_path):
    function(event("support@example.com"))
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    assert any(line.get("mail") and line.get("state") == "settled" for line in lines), lines
