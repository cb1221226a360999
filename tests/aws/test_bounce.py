"""The handler ses-bounce: by SES where it knows the mail, else a report of RFC 3464; never to programs, lists and the null sender."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from answering import Answer, answering
from inbox import parse
from inbox.model import Mail
from inbox.send.compose import Draft
from inbox.send.report import Undelivered, compose_report
from inbox.testing import make_mail
from steps import rules

STEP = {"ses-bounce": {"sender": "mailer-daemon@example.com", "reason": "DoesNotExist"}}
SENT = Answer(200, b"<SendBounceResponse><SendBounceResult><MessageId>b-1</MessageId></SendBounceResult></SendBounceResponse>")


@pytest.fixture
def run(inbox_for, aws):
    def process(mail, step=STEP, answer=SENT):
        with answering(answer) as server:
            (outcome,) = inbox_for(rules(step), aws={**aws.settings, "endpoint": server.url}).process(mail).outcomes
        return outcome, [parse_qs(asked.body.decode()) for asked in server.asked]

    return process


def of_ses(mail: Mail) -> Mail:
    return replace(mail, source_key="ses:o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g")


def test_a_mail_of_ses_is_sent_back_by_ses(run, outbox):
    outcome, (asked,) = run(of_ses(make_mail(recipients=["bob@example.com", "eve@example.com"])))
    assert (outcome.state, outcome.detail, outbox.sent) == ("done", "sent back by SES, b-1", [])
    assert asked["Action"] == ["SendBounce"] and asked["OriginalMessageId"] == ["o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"]
    assert asked["BounceSender"] == ["mailer-daemon@example.com"]
    people = [asked[f"BouncedRecipientInfoList.member.{n}.Recipient"][0] for n in (1, 2)]
    assert people == ["bob@example.com", "eve@example.com"]
    assert asked["BouncedRecipientInfoList.member.1.RecipientDsnFields.Status"] == ["5.1.1"]
    assert asked["BouncedRecipientInfoList.member.1.RecipientDsnFields.DiagnosticCode"] == ["smtp; 550 5.1.1 Mailbox does not exist"]


@pytest.mark.parametrize(
    "mail", [make_mail(), replace(of_ses(make_mail()), received_at=datetime.now(UTC) - timedelta(days=1))], ids=["smtp", "a day old"]
)
def test_a_mail_that_ses_does_not_know_gets_a_report_over_the_relay(run, outbox, mail):
    outcome, asked = run(mail, {"ses-bounce": {"sender": "mailer-daemon@example.com", "code": 552, "status": "5.2.2", "text": "Full"}})
    assert outcome.state == "done" and asked == []
    (sent,) = outbox.sent
    assert (sent.sender, sent.recipients) == (None, ("alice@example.org",))
    report = parse(sent.raw)
    (person,) = report.bounce.recipients
    assert (person.address, person.action, person.status) == ("bob@example.com", "failed", "5.2.2")
    assert "552 5.2.2 Full" in person.diagnostic
    assert report.header("auto-submitted") == ("auto-replied",) and not report.may_reply().ok
    assert "test@example.org" in (report.bounce.original_message_id or "")
    assert report.defects == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "554 5.0.0 Unknown failure"),
        ({"reason": "ExceededQuota"}, "552 5.2.2 Mailbox full"),
        ({"code": 450}, "450 4.0.0 Unknown failure"),
        ({"code": 550, "reason": "DoesNotExist"}, "550 5.1.1 Mailbox does not exist"),
        ({"status": "4.7.1"}, "450 4.7.1 Unknown failure"),
        ({"status": "5.7.1"}, "554 5.7.1 Unknown failure"),
        ({"text": "no: {subject}"}, "554 5.0.0 no: Hello"),
    ],
)
def test_what_is_not_given_is_made_of_the_template(run, outbox, given, words):
    run(make_mail(), {"ses-bounce": {"sender": "mailer-daemon@example.com", **given}})
    assert parse(outbox.sent[0].raw).bounce.recipients[0].diagnostic.endswith(words)


def test_a_report_is_what_the_standard_library_takes_for_one(run, outbox):
    run(make_mail(headers={"X-Odd": "Grüße"}))
    report = email.message_from_bytes(outbox.sent[0].raw, policy=email.policy.default)
    assert (report.get_content_type(), report.get_param("report-type")) == ("multipart/report", "delivery-status")
    text, status, returned = report.iter_parts()
    assert "bob@example.com" in text.get_content() and status.get_content_type() == "message/delivery-status"
    assert [group["Final-Recipient"] for group in status.get_payload()] == [None, "rfc822; bob@example.com"]
    assert returned.get_content_type() == "text/rfc822-headers" and "Message-ID: <test@example.org>" in returned.get_content()
    assert "Hello Bob" not in returned.get_content()


@pytest.mark.parametrize(
    "mail",
    [
        make_mail(sender=None),
        make_mail(headers={"Auto-Submitted": "auto-generated"}),
        make_mail(headers={"List-Id": "<l.example.org>"}),
        make_mail(headers={"Precedence": "bulk"}),
        make_mail(sender="mailer-daemon@example.org"),
    ],
    ids=["null sender", "automatic", "list", "bulk", "daemon"],
)
def test_nothing_is_sent_back_to_programs_lists_and_the_null_sender(run, outbox, mail):
    for each in (mail, of_ses(mail)):
        outcome, asked = run(each)
        assert outcome.state == "done" and outcome.detail.startswith("not sent back: ") and asked == []
    assert outbox.sent == []


def test_what_ses_refuses_is_in_the_receipt(run, outbox):
    refused = Answer(400, b"<ErrorResponse><Error><Code>MessageRejected</Code><Message>not verified</Message></Error></ErrorResponse>")
    outcome, _ = run(of_ses(make_mail()), answer=refused)
    assert outcome.state == "dead"
    assert outcome.detail == "ses:SendBounce o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g: MessageRejected: not verified"


@pytest.mark.parametrize("header", [b"", b"Subject: x", b"X: \xff\nno field\n--=_0\n", b"A: b\r\n" * 20_000])
def test_no_header_breaks_a_report(header):
    draft = Draft(("", "a@x.test"), (("", "b@x.test"),), "s", "t", "<i@x.test>", datetime.now(UTC))
    what = Undelivered(("c@x.test",), datetime.now(UTC), "5.0.0", "554 5.0.0 no\r\nX: y", "x.test")
    report = parse(compose_report(draft, what, header))
    assert [person.address for person in report.bounce.recipients] == ["c@x.test"]
    assert report.size < 100_000 and report.header("x") == ()
