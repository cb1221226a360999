"""The recommended set-up end to end: S3, SNS, SQS with its dead-letter queue, a Lambda function that is really run, DynamoDB: all of MiniStack."""

from __future__ import annotations

import io
import json
import os
import smtplib
import subprocess
import sys
import time
import urllib.request
import zipfile

import pytest

from aws_real.conftest import CREDENTIALS, SOURCES, free_port
from inbox.config import validate
from inbox.store.dynamodb import create_table
from inbox.store.opening import open_inline

ACCOUNT = "000000000000"
BUCKET, TABLE = "inbound-mail", "mails"
RULES = """
version: 1
domains: [example.com]
rules:
- {name: bad, when: {subject: {has: nowhere}}, do: [{s3: {bucket: no-such-bucket, key: "out/{id}"}}]}
- {name: copy, do: [{s3: {bucket: inbound-mail, key: "out/{ses_id}"}}]}
default: [discard]
"""
HANDLER = f"""
import sys
sys.path[:0] = {[str(SOURCES), *[path for path in sys.path if "site-packages" in path]]!r}
from inbox import lambda_handler
"""


@pytest.fixture
def aws(ministack, client_at):
    """MiniStack with nothing in it."""
    urllib.request.urlopen(urllib.request.Request(f"{ministack}/_ministack/reset", method="POST"), timeout=30).close()
    return client_at(ministack)


@pytest.fixture
def stack(aws, ministack):
    """What deploy/aws makes, by hand: bucket, topic, queue, dead-letter queue, table, function."""
    aws("s3").create_bucket(Bucket=BUCKET)
    topic = aws("sns").create_topic(Name="inbound")["TopicArn"]
    sqs = aws("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": arn(sqs, dead), "maxReceiveCount": "2"})
    url = sqs.create_queue(QueueName="inbound", Attributes={"VisibilityTimeout": "2", "RedrivePolicy": redrive})["QueueUrl"]
    aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn(sqs, url), Attributes={"RawMessageDelivery": "true"})
    create_table(TABLE, aws("dynamodb"))
    function(aws("lambda"), topic, ministack)
    aws("lambda").create_event_source_mapping(
        EventSourceArn=arn(sqs, url), FunctionName="inbox", BatchSize=5, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    return topic, url, dead


def arn(sqs, url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def settings(endpoint):
    store = f"dynamodb://{TABLE}?raw=s3://{BUCKET}/raw"
    return validate({"store": store, "aws": {"region": "us-east-1", "endpoint": endpoint}})


def function(client, topic, endpoint):
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", HANDLER)
        archive.writestr("rules.yaml", RULES)
    environment = {
        **CREDENTIALS,
        "INBOX_RULES": "rules.yaml",
        "INBOX_STORE": f"dynamodb://{TABLE}?raw=s3://{BUCKET}/raw",
        "INBOX_SES__TOPICS": topic,
        "INBOX_SES__BUCKETS": f"{BUCKET}/mail",
        "INBOX_AWS__ENDPOINT": endpoint,
        "INBOX_AWS__REGION": "us-east-1",
    }
    client.create_function(
        FunctionName="inbox",
        Runtime=f"python3.{sys.version_info.minor}",
        Handler="app.lambda_handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/inbox",
        Timeout=30,
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": environment},
    )


def send(aws, topic, message_id, subject="hello", *recipients):
    """What SES does for an S3 action with a topic."""
    raw = f"From: jane@example.org\r\nSubject: {subject}\r\n\r\nwords\r\n".encode()
    aws("s3").put_object(Bucket=BUCKET, Key=f"mail/{message_id}", Body=raw)
    mail = {"timestamp": "2026-11-24T10:00:00.000Z", "source": "jane@example.org", "messageId": message_id, "destination": []}
    action = {"type": "S3", "topicArn": topic, "bucketName": BUCKET, "objectKeyPrefix": "mail", "objectKey": f"mail/{message_id}"}
    receipt = {"recipients": list(recipients or ("support@example.com",)), "action": action}
    aws("sns").publish(TopicArn=topic, Message=json.dumps({"notificationType": "Received", "mail": mail, "receipt": receipt}))
    return raw


def until(found, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.3)
    raise AssertionError("it did not come")


def content(aws, key):
    try:
        return aws("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    except aws("s3").exceptions.NoSuchKey:
        return None


@pytest.fixture
def local_ses(ministack, stack, tmp_path):
    """Local SES in front of it: the receipt rules that deploy/aws makes. Gives the port of its door."""
    rules = {
        "Metadata": {"Name": "inbound"},
        "Rules": [
            {
                "Name": "keep",
                "Enabled": True,
                "ScanEnabled": True,
                "Recipients": ["example.com"],
                "Actions": [{"S3Action": {"BucketName": BUCKET, "ObjectKeyPrefix": "mail", "TopicArn": stack[0]}}],
            }
        ],
    }
    (tmp_path / "ruleset.json").write_text(json.dumps(rules))
    port = free_port()
    command = [sys.executable, "-m", "inbox", "serve", "--smtp", f"127.0.0.1:{port}", "--ses", "ruleset.json", "--endpoint-url", ministack]
    environment = {**os.environ, **CREDENTIALS, "PYTHONPATH": str(SOURCES)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        until(lambda: greets(port))
        yield port
    finally:
        process.terminate()
        process.wait(40)


def greets(port):
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            return client.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


def test_mail_comes_in_by_smtp_as_with_ses_and_the_function_acts_on_it(aws, ministack, stack, local_ses):
    raw = b"From: jane@example.org\r\nTo: support@example.com\r\nSubject: by SMTP\r\n\r\nwords\r\n"
    with smtplib.SMTP("127.0.0.1", local_ses, timeout=20) as client:
        client.sendmail("jane@example.org", ["support@example.com", "sales@example.com"], raw)
    key = until(lambda: [found["Key"] for found in aws("s3").list_objects_v2(Bucket=BUCKET, Prefix="out/").get("Contents", ())])[0]
    octets = content(aws, key)
    assert octets.endswith(raw), "the mail follows SES's header block, octet by octet"
    assert octets.startswith(b"Return-Path: <jane@example.org>\r\nReceived: ")
    assert content(aws, f"mail/{key.partition('/')[2]}") == octets
    store = open_inline(settings(ministack))
    try:
        (receipt,) = until(lambda: [found for id_ in store.ids() if (found := store.receipt(id_)).state == "settled"])
    finally:
        store.close()
    assert receipt.mail.envelope.recipients == ("support@example.com", "sales@example.com")
    assert receipt.mail.source_key == f"ses:{key.partition('/')[2]}"


def test_mail_goes_all_the_way_and_what_fails_ends_in_the_dead_letter_queue(aws, ministack, stack):
    topic, url, dead = stack
    raw = {number: send(aws, topic, f"{number:040}") for number in range(12)}
    send(aws, topic, "f" * 40, "leads nowhere")
    for number, octets in raw.items():
        assert until(lambda number=number: content(aws, f"out/{number:040}")) == octets
    (message,) = until(lambda: aws("sqs").receive_message(QueueUrl=dead, WaitTimeSeconds=1).get("Messages"))
    assert "f" * 40 in message["Body"]
    store = open_inline(settings(ministack))
    try:
        states = [store.receipt(id_).state for id_ in store.ids()]
    finally:
        store.close()
    assert sorted(states) == ["settled"] * 12 + ["waiting"]
    assert "Messages" not in aws("sqs").receive_message(QueueUrl=url)
