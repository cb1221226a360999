"""One core, several hosts: the daemon, `inbox process`, `inbox explain` and Python make the same plan for the same mail."""

from __future__ import annotations

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


def plan(receipt: dict) -> dict:
    return {**receipt["plan"], "decisions": [d for d in receipt["plan"]["decisions"] if d["matched"]]}


def test_the_daemon_the_commands_and_python_make_the_same_plan(daemon_of, program):
    from inbox import Envelope, Inbox, Mail

    daemon = daemon_of(RULES)
    envelope = ("--from", "alice@example.org", "--to", "support@example.com")
    ids = [daemon.send(path.read_bytes()) for path in MAILS]
    processed = lines(program("process", FIXTURES / "mail", *envelope, "--dir", "other", "--json", status=None))
    explained = lines(program("explain", FIXTURES / "mail", *envelope, "--dir", "none", "--json"))
    box = Inbox(daemon.rules)
    assert len(processed) == len(explained) == len(MAILS)
    for path, id_, by_process, by_explain in zip(MAILS, ids, processed, explained, strict=True):
        shown = plan(daemon.settled(id_))
        called = plan(box.explain(Mail.of(path.read_bytes(), Envelope("alice@example.org", ("support@example.com",)))).to_dict())
        assert shown == plan(by_process) == plan(by_explain) == called, path.name


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.split("\n") if line]


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_explaining_twice_says_the_same(path):
    from inbox import Envelope, Mail
    from inbox.testing import inbox_for

    box = inbox_for(RULES)
    mail = Mail.of(path.read_bytes(), Envelope("alice@example.org", ("support@example.com",)))
    assert box.explain(mail).plan == box.explain(mail).plan
