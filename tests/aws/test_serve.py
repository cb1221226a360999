"""`inbox serve --sqs` and `--sns` as processes, against moto's server: what SES sends is kept, listed, and only then acknowledged."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import FIXTURES
from waiting import free_port, until

ID = "o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"
TOPIC = "arn:aws:sns:us-east-1:123456789012:inbound"
LARGE = b"Subject: large\r\n\r\n" + b"words\r\n" * 50_000
RULES = "version: 1\ndomains: [example.com]\nrules: []\ndefault: [store]\n"


@dataclass
class Serving:
    """A daemon in a folder of its own."""

    folder: Path
    env: dict[str, str]
    process: subprocess.Popen | None = None

    def start(self, *arguments):
        log = (self.folder / "log.jsonl").open("ab")
        command = [sys.executable, "-m", "inbox", "serve", *arguments]
        self.process = subprocess.Popen(command, cwd=self.folder, env=self.env, stderr=log, start_new_session=True)
        until(lambda: self.logged("serving") or self.process.poll() is not None, "it serves")
        assert self.process.poll() is None, self.log()
        return self

    def log(self):
        return (self.folder / "log.jsonl").read_text()

    def logged(self, event):
        return [entry for line in self.log().splitlines() if line.startswith("{") and (entry := json.loads(line))["event"] == event]

    def inbox(self, *arguments):
        command = [sys.executable, "-m", "inbox", *arguments]
        return subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, check=True, timeout=60).stdout

    def count(self):
        return int(self.inbox("list", "--count"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)


@pytest.fixture
def serving(aws, tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES)
    toml = f'[ses]\nbuckets = ["inbound-mail/mail"]\ntopics = ["{TOPIC}"]\n[aws]\nendpoint = "{aws.endpoint}"\n'
    (tmp_path / "inbox.toml").write_text(toml)
    found = Serving(tmp_path, {**os.environ, **aws.env})
    yield found
    found.kill()


@pytest.fixture
def s3(aws):
    found = aws.client("s3")
    found.create_bucket(Bucket="inbound-mail")
    found.put_object(Bucket="inbound-mail", Key=f"mail/{ID}", Body=(FIXTURES / "mail" / "refund.eml").read_bytes())
    found.put_object(Bucket="inbound-mail", Key="mail/large", Body=LARGE)
    return found


def notification(message_id=ID, recipients=("support@example.com",), bucket="inbound-mail"):
    """What SES publishes, as SQS has it through SNS."""
    action = {"type": "S3", "bucketName": bucket, "objectKey": f"mail/{message_id}"}
    event = {
        "notificationType": "Received",
        "mail": {"messageId": message_id, "source": "jane@example.org", "timestamp": "2025-11-05T10:00:00.123Z"},
        "receipt": {"recipients": list(recipients), "spamVerdict": {"status": "PASS"}, "action": action},
    }
    return json.dumps({"Type": "Notification", "TopicArn": TOPIC, "Message": json.dumps(event)})


def post(port, body):
    """What the endpoint answers to a body without a signature."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", body.encode(), timeout=10)
    with caught.value as answer:
        return answer.code


def test_what_is_in_the_queue_is_kept_and_deleted_and_what_cannot_be_kept_stays(serving, aws, s3):
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="inbound")["QueueUrl"]
    for body in (
        notification(),
        notification(),
        notification(recipients=["sales@example.com"]),
        notification("large"),
        notification(bucket="secrets"),
        "no json",
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
    ):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    port = free_port()
    serving.start("--sqs", url, "--sns", f"127.0.0.1:{port}", "--workers", "0")
    until(lambda: len(serving.logged("message stays in the queue")) == 2, "two messages stay")

    def left():
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return tuple(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))

    until(lambda: sum(left()) == 2, "five messages are deleted", 30)
    assert sorted(entry["code"] for entry in serving.logged("message stays in the queue")) == ["bucket", "not-json"]
    assert {entry["receives"] for entry in serving.logged("message stays in the queue")} == {1}
    assert post(port, notification()) == 403
    assert post(port, json.dumps({"notificationType": "Received"})) == 400
    assert serving.stop() == 0
    mails = json.loads(serving.inbox("list", "--json"))
    assert sorted(recipient for mail in mails for recipient in mail["recipients"]) == [
        "sales@example.com",
        "support@example.com",
        "support@example.com",
    ]
    (large,) = (mail for mail in mails if mail["size"] == len(LARGE))
    assert serving.inbox("raw", large["id"]).encode() == LARGE.replace(b"\r\n", b"\n")
    assert list((serving.folder / "inbox-data" / "incoming").iterdir()) == []


def with_content(n):
    """A mail within the message, as raw delivery of an SNS action gives it to a queue."""
    event = {
        "notificationType": "Received",
        "mail": {"messageId": f"m{n:05}", "source": "jane@example.org"},
        "receipt": {"recipients": ["support@example.com"], "action": {"type": "SNS", "encoding": "BASE64"}},
        "content": base64.b64encode(b"Subject: %d\r\n\r\nwords\r\n" % n).decode(),
    }
    return json.dumps(event)


def test_what_was_deleted_from_the_queue_is_in_the_store_after_kill_9(serving, aws):
    sqs, mails = aws.client("sqs"), 100
    url = sqs.create_queue(QueueName="inbound")["QueueUrl"]
    for start in range(0, mails, 10):
        entries = [{"Id": str(n), "MessageBody": with_content(n)} for n in range(start, start + 10)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def left():
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))

    serving.start("--sqs", url, "--workers", "0")
    until(lambda: left() < mails - 20, "some are deleted")
    serving.kill()
    remaining = left()
    assert 0 < remaining < mails
    assert serving.count() >= mails - remaining
