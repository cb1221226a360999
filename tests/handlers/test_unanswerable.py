"""RFC 3834 by public mails: what no program must answer gets no reply, through the real handler; and ordinary mail does."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from conftest import SHARED
from inbox import Envelope, Mail, parse
from inbox.testing import make_mail

MUST_NOT = ("auto_replied", "precedence_bulk", "x_loop_self", "loop_received_60", "two_from")
REPLY = {"reply": {"text": "x", "every": "0s"}}
OFF = {"reply": dict.fromkeys(("per_sender", "per_domain", "per_subject", "in_all"), "off")}


def suite(name):
    path = SHARED / "suites" / name
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [(case["id"], base64.b64decode(case["input_b64"])) for case in map(json.loads, lines)]


@pytest.fixture
def answered(inbox_for, rule, outbox):
    """Which of these mails got a reply; their envelope sender is a person's, so that only what they say counts."""
    box = inbox_for(rule(REPLY, recipients="[u@local.test]"), handlers=OFF)

    def ask(mails, sender="alice@example.org"):
        found = []
        for name, raw in mails:
            before = len(outbox.sent)
            assert box.process(Mail.of(raw, Envelope(sender, ("u@local.test",), source="test"))).outcomes[0].state == "done", name
            found += [name] * (len(outbox.sent) - before)
        return found

    return ask


def test_no_bounce_and_no_complaint_of_the_public_suites_is_answered(answered, shared):
    bounces, complaints = suite("bounce.flufl.jsonl"), suite("arf.jsonl")
    assert len(bounces) > 100 and complaints
    assert answered([*bounces, *complaints]) == ["groupwise_03"]  # a person's answer with a file, which the suite has as no bounce


def test_no_adversarial_mail_that_must_not_be_answered_is_answered(answered, shared):
    assert answered([(name, (shared / f"cases/eml/{name}.eml").read_bytes()) for name in MUST_NOT]) == []


def test_with_a_null_sender_no_mail_at_all_is_answered(answered, shared):
    mails = [(path.name, path.read_bytes()) for path in sorted((shared / "cases/eml").glob("*.eml"))]
    assert len(mails) > 60 and answered(mails, sender=None) == []


def test_what_the_guard_allows_is_what_is_answered(answered, shared):
    mails = [(path.name, path.read_bytes()) for path in sorted((shared / "cases/eml").glob("*.eml"))]
    allowed = [name for name, raw in mails if parse(raw).may_reply(Envelope("alice@example.org", ("u@local.test",))).ok]
    assert len(allowed) > 30 and answered(mails) == allowed


AUTOMATIC = [
    {"Auto-Submitted": "auto-generated"}, {"Auto-Submitted": "auto-replied; owner=x"}, {"Auto-Submitted": "AUTO-NOTIFIED (why)"}, {"Auto-Submitted": "anything"},
    {"Precedence": "bulk"}, {"Precedence": "list"}, {"Precedence": "junk"}, {"Precedence": "auto_reply"}, {"List-Id": "<x.test>"}, {"List-Unsubscribe": "<https://x.test>"},
    {"List-Help": "<mailto:x@y.test>"}, {"X-Auto-Response-Suppress": "OOF"}, {"X-Auto-Response-Suppress": "All"}, {"X-Autoreply": "yes"}, {"X-Autorespond": "x"},
    {"X-Loop": "bob@example.com"}, {"X-Inbox-Loop": "anybody@anywhere.test"}, {"Return-Path": "<>"}, {"From": "MAILER-DAEMON@s.test"}, {"From": "noreply@s.test"},
    {"Sender": "owner-list@s.test"}, {"Feedback-ID": "x", "Precedence": "bulk"}, {"Subject": "Out of office: Re: Hello"}, {"Message-ID": "<06h0wv1ghbjyq6kxtpe4.2.auto@other.test>"},
]  # fmt: skip


@pytest.mark.parametrize("headers", AUTOMATIC, ids=lambda headers: " ".join(map(": ".join, headers.items())))
def test_each_sign_of_a_program_is_enough(one_step, outbox, headers):
    assert one_step(REPLY, make_mail(headers=headers)).detail.startswith("not answered: ")
    assert outbox.sent == []


@pytest.mark.parametrize(
    "headers",
    [{}, {"Auto-Submitted": "no"}, {"Precedence": "first-class"}, {"X-Loop": "other@example.com"}, {"Subject": "About the office"}],
)
def test_mail_of_people_is_answered(one_step, outbox, headers):
    one_step(REPLY, make_mail(headers=headers))
    assert len(outbox.sent) == 1


def test_what_comes_back_to_our_own_domain_is_not_answered_by_another_rule_of_ours(inbox_for, outbox):
    """Somebody forges one of our addresses as sender, and both addresses have rules that answer."""
    box = inbox_for("version: 1\ndomains: [example.com]\nrules:\n- {name: a, do: [{reply: {text: x, every: 0s}}]}\ndefault: [discard]\n")
    box.process(make_mail(sender="sales@example.com", recipients=("desk@example.com",)))
    (first,) = outbox.sent
    for sender in (None, "desk@example.com"):
        box.process(replace(make_mail(first.raw, sender=sender, recipients=first.recipients)))
    assert outbox.sent == [first]
