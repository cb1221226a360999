"""Bounces: by their fields, by their words; why; and what is none."""

from __future__ import annotations

import base64
import json

import pytest

from inbox.parsing import parse
from inbox.parsing.bounce_reasons import best_status, bounce_type, reason_of

REASONS = [
    ("5.1.1", "550 5.1.1 user unknown", "no-mailbox"),
    ("5.0.0", "550 5.2.2 over quota", "mailbox-full"),
    ("5.0.0", "550 No such user here", "no-mailbox"),
    ("5.7.1", "554 5.7.1 message looks like spam", "content"),
    ("5.7.1", "550 5.7.1 No such user - abc", "no-mailbox"),
    ("5.3.4", None, "too-large"),
    ("4.4.7", None, "expired"),
    (None, None, "unknown"),
    ("5.9.9", None, "other"),
    (None, "words", "other"),
    (None, "550 User [bob@mail.example.org] does not exist", "no-mailbox"),
    (None, "The recipient mailbox has exceeded its disk space limit.", "mailbox-full"),
    (None, "552 5.3.4 Message size exceeds fixed limit", "too-large"),
    (None, "552 We do not accept executable attachments", "attachment"),
    (None, "550 5.7.1 Relaying denied", "other"),
    (None, "550 this address is on our suppression list", "suppressed"),
    (None, "Empf\u00e4nger unbekannt", "no-mailbox"),
    (None, "La bo\u00eete aux lettres est pleine", "mailbox-full"),
    (None, "\u7528\u6237\u4e0d\u5b58\u5728", "no-mailbox"),
]
STATUSES = [
    ("5.0.0", "550 5.2.2 over quota", "5.2.2"),
    ("5.1.1", "550 5.2.2 over quota", "5.1.1"),
    ("4.0.0", "550 5.2.2 over quota", "4.0.0"),
    (None, "550 5.1.1 unknown", "5.1.1"),
    (None, "550 unknown", "5.0.0"),
    (None, "host mx.test[192.0.2.45] said: 451 try later", "4.0.0"),
    (None, "host 209.85.2.1 does not answer on port 550x", None),
    (None, None, None),
]


@pytest.mark.parametrize(("status", "words", "reason"), REASONS)
def test_a_bounce_has_a_reason(status, words, reason):
    assert reason_of(status, words) == reason


@pytest.mark.parametrize(("status", "words", "found"), STATUSES)
def test_the_more_telling_status_counts(status, words, found):
    assert best_status(status, words) == found


@pytest.mark.parametrize(
    ("reason", "status", "found"),
    [
        ("no-mailbox", "5.1.1", ("Permanent", "NoEmail")),
        ("mailbox-full", "5.2.2", ("Transient", "MailboxFull")),
        ("other", "4.4.1", ("Transient", "General")),
        ("other", "5.0.0", ("Permanent", "General")),
        ("unknown", None, ("Undetermined", "Undetermined")),
        (None, "2.0.0", None),
    ],
)
def test_a_reason_has_the_words_of_ses(reason, status, found):
    assert bounce_type(reason, status) == found


def test_every_bounce_of_a_public_suite_names_its_addresses(shared):
    cases = [json.loads(line) for line in (shared / "suites" / "bounce.flufl.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(cases) > 100
    wrong = [case["id"] for case in cases if _told(base64.b64decode(case["input_b64"])) != _wanted(case["expected"])]
    assert wrong == []


def _told(raw):
    bounce = parse(raw).bounce
    found = [one for one in bounce.recipients if one.permanent is not None] if bounce else []
    return {
        True: {one.address.lower() for one in found if one.permanent},
        False: {one.address.lower() for one in found if not one.permanent},
    }


def _wanted(expected):
    return {True: {address.lower() for address in expected["permanent"]}, False: {address.lower() for address in expected["temporary"]}}
