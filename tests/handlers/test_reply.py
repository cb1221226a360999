"""Replies: to whom and how often (RFC 3834, E01 to E06), and what a hostile mail cannot put into them (E10, E11, F11)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest

from inbox.errors import RulesError
from inbox.testing import MemoryNotes, make_mail

HI = {"reply": {"text": "Hello {{ from.name or 'you' }}\n"}}


def sent_message(outbox):
    (sent,) = outbox.sent
    return message_from_bytes(sent.raw, policy=default)


def test_a_reply_says_what_it_is_and_whom_it_answers(one_step, outbox):
    mail = make_mail(
        subject="Where is it?",
        headers={"From": "Alice <x@elsewhere.test>", "Reply-To": "y@elsewhere.test", "References": "<r1@s.test> <r2@s.test>"},
    )
    assert one_step(HI, mail).state == "done"
    message, (sent,) = sent_message(outbox), outbox.sent
    assert (sent.sender, sent.recipients) == (None, ("alice@example.org",))
    assert message["To"] == "alice@example.org" and message["From"] == "bob@example.com"
    assert message["Subject"] == "Re: Where is it?"
    assert message["Auto-Submitted"] == "auto-replied" and message["X-Inbox-Loop"] == "bob@example.com"
    assert message["In-Reply-To"] == "<test@example.org>" and message["References"] == "<r1@s.test> <r2@s.test> <test@example.org>"
    assert message["Message-ID"] == f"<{mail.id}.1@example.com>"
    assert message.get_content().splitlines() == ["Hello Alice"]


def test_a_retry_has_the_same_message_id(inbox_for, rule, outbox):
    box, mail = inbox_for(rule(HI)), make_mail()
    box.process(mail)
    box.process(mail)
    assert len({message_from_bytes(sent.raw)["Message-ID"] for sent in outbox.sent}) == 1


def test_a_long_conversation_keeps_its_first_and_last_references(one_step, outbox):
    references = " ".join(f"<{n}@s.test>" for n in range(500))
    one_step(HI, make_mail(f"Message-ID: <own@s.test>\r\nReferences: {references}\r\n\r\nx".encode()))
    found = sent_message(outbox)["References"].split()
    assert len(found) == 20 and found[0] == "<0@s.test>" and found[-2:] == ["<499@s.test>", "<own@s.test>"]


NOT_ANSWERED = [
    ("null sender", {"sender": None}),
    ("mailer-daemon", {"sender": "mailer-daemon@s.test"}),
    ("owner-", {"sender": "owner-x@s.test"}),
    ("-request", {"sender": "x-request@s.test"}),
    ("noreply", {"sender": "noreply@s.test"}),
    ("automatic", {"headers": {"Auto-Submitted": "auto-replied (vacation)"}}),
    ("generated", {"headers": {"Auto-Submitted": "auto-generated"}}),
    ("list", {"headers": {"List-Id": "<x.s.test>"}}),
    ("bulk", {"headers": {"Precedence": "bulk"}}),
    ("our own", {"headers": {"X-Inbox-Loop": "bob@example.com"}}),
]


@pytest.mark.parametrize("more", [more for _, more in NOT_ANSWERED], ids=[name for name, _ in NOT_ANSWERED])
def test_whom_a_program_must_not_answer_gets_nothing_and_the_receipt_says_why(one_step, outbox, more):
    outcome = one_step(HI, make_mail(**more))
    assert outcome.state == "done" and outcome.detail.startswith("not answered: ") and len(outcome.detail) > len("not answered: ")
    assert outbox.sent == []


def test_our_own_reply_is_not_answered_when_it_comes_back(one_step, outbox):
    one_step(HI)
    one_step(HI, make_mail(outbox.sent[0].raw, sender=None))
    one_step(HI, make_mail(outbox.sent[0].raw, sender="carol@example.org"))
    assert len(outbox.sent) == 1


@pytest.mark.parametrize("case", ["auto_replied", "precedence_bulk", "x_loop_self"])
def test_public_cases_are_not_answered(one_step, outbox, shared, case):
    one_step(HI, make_mail((shared / f"cases/eml/{case}.eml").read_bytes()))
    assert outbox.sent == []


def test_a_hundred_mails_of_one_sender_get_one_reply(inbox_for, rule, outbox):
    box = inbox_for(rule(HI))
    for number in range(100):
        outcome = box.process(make_mail(sender="Alice@example.org" if number % 2 else "alice@example.org")).outcomes[0]
    assert len(outbox.sent) == 1
    assert outcome.detail == "not answered: this sender had mail from us within 7 days, 0:00:00"


def test_after_the_time_has_passed_a_sender_is_answered_again(inbox_for, rule, outbox):
    box = inbox_for(rule({"reply": {"text": "x", "every": "1h"}}), memory=MemoryNotes())
    first = make_mail()
    box.process(first)
    box.process(replace(make_mail(), received_at=first.received_at + timedelta(hours=3)))
    assert len(outbox.sent) == 2


def test_mail_that_must_not_be_answered_does_not_use_up_the_one_reply(inbox_for, rule, outbox):
    box = inbox_for(rule(HI))
    box.process(make_mail(headers={"Auto-Submitted": "auto-generated"}))
    box.process(make_mail())
    assert len(outbox.sent) == 1


def test_a_reply_that_is_refused_for_now_is_tried_again(inbox_for, rule, outbox):
    box, mail = inbox_for(rule(HI)), make_mail()
    outbox.answer = "451 4.3.0 busy"
    assert box.process(mail).outcomes[0].state == "deferred"
    outbox.answer = "250 2.0.0 taken"
    assert box.process(mail).outcomes[0].state == "done"
    assert len(outbox.sent) == 1


@pytest.mark.parametrize(
    "case",
    ["subject_crlf_encoded", "from_name_crlf", "template_inject", "log_inject", "nul_in_header", "empty", "header_1mb", "encword_20k"],
)
def test_a_hostile_mail_is_answered_without_a_header_of_its_own(one_step, outbox, shared, case):
    template = {
        "reply": {"text": "{{ subject }}\n{{ from.name }}\n{{ text }}", "html": "<p>{{ subject }}</p>", "subject": "About {subject}"}
    }
    outcome = one_step(template, make_mail((shared / f"cases/eml/{case}.eml").read_bytes()))
    assert (outcome.state, len(outbox.sent)) == ("done", 1), outcome.detail
    known = [
        "Date",
        "From",
        "To",
        "Subject",
        "Message-ID",
        "In-Reply-To",
        "References",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "X-Inbox-Loop",
    ]
    raw = outbox.sent[0].raw
    names = [name for name in message_from_bytes(raw) if name not in ("In-Reply-To", "References")]
    assert names == [name for name in known if name not in ("In-Reply-To", "References")] + ["MIME-Version", "Content-Type"]
    assert b"\n" not in raw.replace(b"\r\n", b"") and b"\0" not in raw


def test_what_a_mail_holds_is_never_rendered(one_step, outbox, shared):
    one_step({"reply": {"text": "{{ subject }}|{{ text }}"}}, make_mail((shared / "cases/eml/template_inject.eml").read_bytes()))
    content = sent_message(outbox).get_content()
    assert "{{7*7}} ${7*7} %(x)s {0.__class__}|{% for i in range(10**9) %}x{% endfor %}" in content


def test_a_template_file_beside_the_rules_is_used(one_step, outbox, tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/ack.md").write_text("Danke, {{ from }}: {{ header['X-Order'] }} {{ recipient }}\n")
    one_step({"reply": {"template": "templates/ack.md"}}, make_mail(headers={"X-Order": "17"}))
    assert sent_message(outbox).get_content().strip() == "Danke, alice@example.org: 17 bob@example.com"


def test_captures_and_set_values_are_names_in_a_template(inbox_for, outbox):
    box = inbox_for(r"""
version: 1
domains: [example.com]
rules:
- name: a
  when: {subject: {matches: 'order (?P<order>\d+)'}}
  set: {team: "refunds of {order}"}
  do: [{reply: {text: "{{ order }} goes to {{ team }}"}}]
default: [discard]
""")
    box.process(make_mail(subject="order 17"))
    assert sent_message(outbox).get_content().strip() == "17 goes to refunds of 17"


def test_a_name_that_does_not_exist_fails_the_step_alone(inbox_for, rule, outbox):
    receipt = inbox_for(rule({"reply": {"text": "{{ no_such_name }}"}}).replace('"}}]', '"}}, {store: {}}]')).process(make_mail())
    assert [outcome.state for outcome in receipt.outcomes] == ["dead", "done"]
    assert receipt.outcomes[0].detail == "template: there is no fact, capture or set value 'no_such_name'"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either a template or a text"),
        ({"text": "x", "template": "t.md"}, "either a template or a text|is not there"),
        ({"text": "{{ ''.__class__ }}"}, "is no part of a value"),
        ({"text": "{% include '/etc/passwd' %}"}, "line 1: include"),
        ({"text": "x", "html": "{{ x|nosuch }}"}, "html: template"),
        ({"text": "x", "subject": "a\r\nBcc: x"}, "subject is one line"),
        ({"text": "x", "from": "nobody"}, "not an address"),
        ({"template": "missing.md"}, "is not there"),
        ({"text": "x", "every": "soon"}, "every"),
    ],
)
def test_what_is_found_at_load(inbox_for, rule, options, words):
    with pytest.raises(RulesError, match=words):
        inbox_for(rule({"reply": options}))
