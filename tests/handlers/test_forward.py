"""Forwarding: octets unchanged, loops ended, only CRLF leaves (E07 to E13, E16)."""

from __future__ import annotations

import pytest

from inbox.errors import Deferred, Failed, RulesError
from inbox.handlers.forward import refuse_bad
from inbox.testing import make_mail

TO_TEAM = {"forward": {"to": "team@corp.test"}}


def test_the_mail_leaves_octet_for_octet_with_our_fields_on_top(one_step, outbox):
    raw = b"DKIM-Signature: v=1;\r\n  odd   folding\r\nSubject: =?utf-8?q?x?=\r\nFrom: a@s.test\r\n\r\nbody  \r\n\r\n\r\n"
    assert one_step(TO_TEAM, make_mail(raw, helo="mx.s.test", ip="203.0.113.9")).state == "done"
    (sent,) = outbox.sent
    assert sent.raw.endswith(raw)
    top = sent.raw.removesuffix(raw).replace(b"\r\n ", b" ")
    results, received, loop, nothing = top.split(b"\r\n")
    assert results.startswith(b"Authentication-Results: localhost; spf=") and nothing == b""
    assert received.startswith(b"Received: from mx.s.test ([203.0.113.9]) by localhost with ESMTP id ")
    assert loop == b"X-Inbox-Loop: bob@example.com"
    assert sent.recipients == ("team@corp.test",)


def test_the_same_mail_leaves_as_the_same_octets_on_a_retry(inbox_for, rule, outbox):
    box, mail = inbox_for(rule(TO_TEAM)), make_mail()
    box.process(mail)
    box.process(mail)
    assert outbox.sent[0] == outbox.sent[1]


@pytest.mark.parametrize(
    ("sender", "option", "leaves_from"),
    [
        ("alice@example.org", "relay@example.com", "relay@example.com"),
        ("carol@example.com", None, "carol@example.com"),
        (None, None, None),
        (None, "relay@example.com", None),
    ],
)
def test_the_envelope_sender_is_ours_and_a_report_keeps_its_null_sender(one_step, outbox, sender, option, leaves_from):
    one_step({"forward": {"to": "t@corp.test", **({"from": option} if option else {})}}, make_mail(sender=sender))
    assert outbox.sent[0].sender == leaves_from


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_bare_line_ends_are_mended(one_step, outbox, end):
    raw = end.join([b"Subject: x", b"", b"a", b".", b"b", b""])
    one_step(TO_TEAM, make_mail(raw))
    assert outbox.sent[0].raw.endswith(b"Subject: x\r\n\r\na\r\n.\r\nb\r\n")


@pytest.mark.parametrize(
    ("headers", "goes"),
    [
        (b"", True),
        (b"X-Inbox-Loop: other@example.com\r\n", True),
        (b"X-Inbox-Loop: BOB@example.com\r\n", False),
        (b"X-Inbox-Loop: other@example.com\r\nX-Inbox-Loop: bob@example.com\r\n", False),
        (b"X-Inbox-Loop: v1\r\n", False),
        (b"X-Inbox-Loop: o@example.com\r\n" * 10, False),
        (b"Received: x\r\n" * 50, True),
        (b"Received: x\r\n" * 51, False),
    ],
)
def test_a_mail_that_came_round_is_not_forwarded(one_step, outbox, headers, goes):
    outcome = one_step(TO_TEAM, make_mail(headers + b"Subject: x\r\n\r\nx\r\n"))
    assert outcome.state == ("done" if goes else "dead")
    assert len(outbox.sent) == goes
    assert goes or outcome.detail.startswith("5.4.6 mail loop")


@pytest.mark.parametrize("case", ["loop_received_60", "x_loop_self"])
def test_loops_of_the_public_cases_are_neither_forwarded_nor_answered(inbox_for, rule, outbox, shared, case):
    mail = make_mail((shared / f"cases/eml/{case}.eml").read_bytes())
    assert inbox_for(rule(TO_TEAM)).process(mail).outcomes[0].state == "dead"
    inbox_for(rule({"reply": {"text": "hi"}})).process(mail)
    assert outbox.sent == []


def test_two_installations_that_forward_to_each_other_stop(inbox_for, rule, outbox):
    here = inbox_for(rule({"forward": {"to": "bob@other.test"}}))
    there = inbox_for(rule({"forward": {"to": "bob@example.com"}}, "[bob@other.test]").replace("[example.com,", "[other.test,"))
    raw, sent = b"Subject: x\r\n\r\nx\r\n", 0
    for hop in range(20):
        box, address = [(here, "bob@example.com"), (there, "bob@other.test")][hop % 2]
        box.process(make_mail(raw, recipients=[address]))
        if len(outbox.sent) == sent:
            break
        sent, raw = len(outbox.sent), outbox.sent[-1].raw
    assert sent == 2


def test_several_addresses_leave_as_one_transaction(one_step, outbox):
    one_step({"forward": {"to": ["a@corp.test", "b@corp.test"]}})
    assert outbox.sent[0].recipients == ("a@corp.test", "b@corp.test")


@pytest.mark.parametrize(("answer", "state"), [("451 4.3.0 busy", "deferred"), ("550 5.1.1 unknown", "dead")])
def test_the_next_hop_decides(one_step, outbox, answer, state):
    outbox.answer = answer
    outcome = one_step(TO_TEAM)
    assert (outcome.state, outcome.detail) == (state, answer)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"to": "bob@example.com"}, "recipient of this rule"),
        ({"to": ["a@corp.test", "Bob@Example.com"]}, "recipient of this rule"),
        ({"to": "nobody"}, "not an address"),
        ({"to": "a@b.test\r\nBcc: x"}, "not an address"),
        ({"to": []}, "at least one address"),
        ({"to": "a@corp.test", "from": "x y"}, "not an address"),
        ({"too": "a@corp.test"}, r"it has arc, even, from, method, otherwise, to"),
        ({"to": [f"a{n}@corp.test" for n in range(101)]}, "101 addresses, 100 is the most"),
        ({"to": "a@corp.test", "method": "magic"}, "'auto', 'pass', 'srs', 'munge' or 'wrap'"),
        ({"to": "a@corp.test", "even": "worms"}, "'spam', 'virus' or 'dmarc'"),
        ({"to": "a@corp.test", "arc": "perhaps"}, "arc"),
        ({"to": "a@corp.test", "method": "srs", "otherwise": "wrap"}, "with method srs it says nothing"),
    ],
)
def test_what_is_found_at_load(inbox_for, rule, options, words):
    with pytest.raises(RulesError, match=words):
        inbox_for(rule({"forward": options}))


def test_an_address_out_of_a_mail_that_is_none_is_given_up_and_sends_nothing(inbox_for, rule):
    from inbox.assemble import open_outbox
    from inbox.config import validate

    box = inbox_for(rule({"forward": {"to": "{subject}@corp.test"}}), outbox=open_outbox(validate({"relay": {"port": 9}})))
    outcome = box.process(make_mail(subject="a@evil.test>, <b")).outcomes[0]
    assert outcome.state == "dead" and "is not an address" in outcome.detail


@pytest.mark.parametrize("to", ["{subject}", "{sender}", "x@{where}", "{header.x}", "{set.a}{subject}", "a@b.test{subject}"])
def test_a_mail_must_not_choose_the_domain_that_it_goes_to(inbox_for, rule, to):
    with pytest.raises(RulesError, match="lets a mail choose where it goes; write the domain out"):
        inbox_for(rule({"forward": {"to": to}}))


@pytest.mark.parametrize(("to", "goes"), [("{recipient}", "bob@example.com"), ("{subject}@corp.test", "team@corp.test")])
def test_what_the_rules_fill_in_may_be_the_whole_address(one_step, outbox, to, goes):
    assert one_step({"forward": {"to": to}}, make_mail(b"Subject: team\r\n\r\nwords\r\n")).state == "done"
    assert [sent.recipients for sent in outbox.sent] == [(goes,)]


def test_what_a_scanner_says_that_is_away_is_no_reason_to_give_up():
    class Facts:
        failed = frozenset(("virus",))

        def get(self, name):
            return "error" if name == "virus" else None

        def note(self, name):
            return "no answer"

    with pytest.raises(Deferred, match="not known yet whether it is virus: no answer"):
        refuse_bad(Facts(), set(), vouched=True)
    Facts.failed = frozenset()
    with pytest.raises(Failed, match="virus is not passed on"):
        refuse_bad(Facts(), set(), vouched=True)
