"""One core, several hosts: the daemon, `inbox process`, `inbox explain`, AWS Lambda and Python make the same plan for the same mail."""

from __future__ import annotations

import base64
import json

import pytest

from conftest import FIXTURES

RULES = """
version: 1
domains: [example.com]
facts:
  topic: {keywords: {refund: [refund], invoice: [invoice]}}
rules:
- name: list
  when: {list: {exists: true}}
  label: list
- name: automatic
  when: {automatic: {exists: true}}
  label: automatic
- name: topic
  when: {topic: [refund, invoice]}
  label: topic
  do: [{store: {table: topics, values: {subject: "{subject}"}}}]
- name: pdf
  when: {attachment.type: application/pdf}
  label: pdf
- name: words
  when: {any: [{subject: {has: re}}, {text: {matches: '(?P<number>\\d{4})'}}]}
  set: {seen: "yes"}
- name: long
  when: {size: {over: 1000}, from.domain: {exists: true}}
  label: long
default: [store]
"""
MAILS = sorted((FIXTURES / "mail").glob("*.eml"))


TOPIC = "arn:aws:sns:us-east-1:123456789012:inbound"


def plan(receipt: dict) -> str:
    """As JSON text, octet by octet."""
    return json.dumps({**receipt["plan"], "decisions": [d for d in receipt["plan"]["decisions"] if d["matched"]]})


def sns_event(content: bytes, message_id: str) -> dict:
    """A topic's event with the mail in it, as the SNS action of SES makes it."""
    mail = {"timestamp": "2025-11-05T10:00:00.000Z", "source": "alice@example.org", "messageId": message_id, "destination": []}
    receipt = {"recipients": ["support@example.com"], "action": {"type": "SNS", "topicArn": TOPIC, "encoding": "BASE64"}}
    notice = {"notificationType": "Received", "mail": mail, "receipt": receipt, "content": base64.b64encode(content).decode()}
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Type": "Notification", "TopicArn": TOPIC, "Message": json.dumps(notice)}}]}


def plans_of_lambda(rules, tmp_path, monkeypatch) -> list[str]:
    import inbox
    from inbox.store import open_store

    monkeypatch.setenv("INBOX_SES__TOPICS", TOPIC)
    handler = inbox.lambda_handler_for(rules, store=str(tmp_path / "lambda"))
    for number, path in enumerate(MAILS):
        assert handler(sns_event(path.read_bytes(), f"m{number:03}")) == {}
    store = open_store(tmp_path / "lambda", read_only=True)
    receipts = sorted((store.receipt(id_) for id_ in store.ids()), key=lambda receipt: receipt.mail.source_key)
    store.close()
    return [plan(receipt.to_dict()) for receipt in receipts]


def test_the_daemon_the_commands_lambda_and_python_make_the_same_plan(daemon_of, program, tmp_path, monkeypatch):
    from inbox import Envelope, Inbox, Mail

    daemon = daemon_of(RULES)
    envelope = ("--from", "alice@example.org", "--to", "support@example.com")
    ids = [daemon.send(path.read_bytes()) for path in MAILS]
    processed = lines(program("process", FIXTURES / "mail", *envelope, "--dir", "other", "--json", status=None))
    explained = lines(program("explain", FIXTURES / "mail", *envelope, "--dir", "none", "--json"))
    box = Inbox(daemon.rules)
    by_lambda = plans_of_lambda(daemon.rules, tmp_path, monkeypatch)
    assert len(processed) == len(explained) == len(by_lambda) == len(MAILS)
    for path, id_, by_process, by_explain, in_lambda in zip(MAILS, ids, processed, explained, by_lambda, strict=True):
        shown = plan(daemon.settled(id_))
        called = plan(box.explain(Mail.of(path.read_bytes(), Envelope("alice@example.org", ("support@example.com",)))).to_dict())
        assert shown == plan(by_process) == plan(by_explain) == called == in_lambda, path.name


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.split("\n") if line]


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_explaining_twice_says_the_same(path):
    from inbox import Envelope, Mail
    from inbox.testing import inbox_for

    box = inbox_for(RULES)
    mail = Mail.of(path.read_bytes(), Envelope("alice@example.org", ("support@example.com",)))
    assert box.explain(mail).plan == box.explain(mail).plan
