"""Events and stored mails of other projects (../shared/suites/ses.jsonl), each read as the suite expects."""

from __future__ import annotations

import base64
import json

import pytest

from conftest import SHARED
from inbox.sources import ses
from inbox.sources.ses.block import read_block
from inbox.sources.ses.errors import Refused
from inbox.sources.ses.fields import text

SUITE = SHARED / "suites" / "ses.jsonl"
CASES = [json.loads(line) for line in SUITE.read_text(encoding="utf-8").splitlines()] if SUITE.exists() else []
TOPICS = [f"arn:aws:sns:us-west-2:012345678910:{name}-topic" for name in ("example", "recognized")]


def of(*kinds):
    found = [case for case in CASES if case["kind"] in kinds]
    return pytest.mark.parametrize("case", found, ids=lambda case: case["id"])


@of("lambda-event")
def test_an_event_of_lambda_is_read(case):
    wanted = case["expected"]
    (record,) = ses.read(case["payload"]).records
    assert (record.message_id, record.sender, list(record.recipients)) == (wanted["messageId"], wanted["source"], wanted["recipients"])
    assert record.action == wanted["action"]
    assert {f"{name}Verdict": word.upper() for name, word in record.verdicts.items() if name != "dmarc_policy"} == wanted["verdicts"]


@of("sns-notification", "sns-subscriptionconfirmation")
def test_a_message_of_sns_is_taken_when_it_is_signed_for_a_listed_topic(case):
    wanted = case["expected"]

    def read():
        return ses.read(case["payload"], topics=TOPICS, certificate=lambda _: case["cert_pem"].encode())

    if not (wanted["signature_valid"] and wanted.get("topic_allowed", True)):
        with pytest.raises(Refused):
            read()
        return
    (record,) = read().records
    if wanted["type"] == "Notification":
        assert (record.message_id, record.sender, record.action) == (wanted["messageId"], wanted["source"], wanted["action"])
        assert (record.content is not None) == wanted["has_content"]
    else:
        assert record.url == text(case["payload"], "SubscribeURL")


@of("s3-mail", "forward-rewrite")
def test_a_stored_mail_begins_with_the_block_of_ses(case):
    raw = base64.b64decode(case["input_b64"])
    block = read_block(raw)
    assert f"id {block.message_id}".encode() in raw
    assert f"for {block.recipient};".encode() in raw
    assert raw.startswith(f"Return-Path: <{block.sender}>".encode())


def test_the_whole_suite_is_tested():
    if not CASES:
        pytest.skip("no ../shared here (INBOX_SHARED)")
    kinds = {"lambda-event", "sns-notification", "sns-subscriptionconfirmation", "s3-mail", "forward-rewrite"}
    assert (len(CASES), {case["kind"] for case in CASES}) == (19, kinds)
