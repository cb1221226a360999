"""The JSON of SES: equal to its samples for SES's own mail, and of the documented shape for any other."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.aws import ses_block, ses_json
from inbox.aws.ses_json import lambda_event, notification
from inbox.model import Envelope, Mail, Raw
from inbox.parsing import parse
from inbox.testing import make_mail

ID = "o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"
TOPIC = "arn:aws:sns:us-east-1:123456789012:inbound"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:Inbox"
PASS = {"spam": "pass", "virus": "pass", "spf": "pass", "dkim": "pass", "dmarc": "pass"}
SUPPORT = ("support+t42@example.com",)
AT = datetime(2025, 11, 5, 10, 0, 0, 123_000, UTC)


def sample(shared, name):
    return json.loads((shared / "ses" / "samples" / name).read_text(encoding="utf-8"))


@pytest.fixture
def stored(shared):
    """The mail of the samples as it is kept: SES's block and the sender's octets."""
    raw = (shared / "ses" / "samples" / "s3-object.eml").read_bytes()
    envelope = Envelope("jane@example.org", SUPPORT, source="ses", verdicts=PASS)
    return Mail("0" * 20, envelope, Raw.of(raw), AT, f"ses:{ID}")


ACTIONS = {
    "notification.s3.json": ses_json.s3_action("inbound-mail", f"mail/{ID}", prefix="mail", topic=TOPIC),
    "notification.s3-no-prefix.json": ses_json.s3_action("inbound-mail", ID, topic=TOPIC),
    "notification.sns-base64.json": ses_json.sns_action(TOPIC, "base64"),
    "notification.sns-utf8.json": ses_json.sns_action(TOPIC, "utf8"),
    "notification.bounce.json": ses_json.bounce_action("550", "5.1.1", "Mailbox does not exist", "mailer-daemon@example.com", topic=TOPIC),
    "notification.lambda.json": ses_json.lambda_action(FUNCTION, "Event", topic=TOPIC),
    "notification.stop.json": ses_json.stop_action(topic=TOPIC),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_a_notification_about_a_mail_of_ses_is_the_one_that_ses_sent(shared, stored, name):
    content = stored.raw if ".sns-" in name else None
    made = notification(stored, parse(stored.raw), SUPPORT, ACTIONS[name], content=content, processing_ms=934)
    assert json.loads(ses_json.dumps(made)) == sample(shared, name)
    assert list(made) == list(sample(shared, name))


def test_the_workmail_alert_has_its_organization(shared, stored):
    expected = sample(shared, "notification.workmail.json")
    action = ses_json.workmail_action(expected["receipt"]["action"]["organizationArn"], topic=TOPIC)
    assert notification(stored, parse(stored.raw), SUPPORT, action, processing_ms=934) == expected


def test_the_event_of_a_function_is_the_one_that_ses_sent(shared, stored):
    action = ses_json.lambda_action(FUNCTION, "RequestResponse")
    assert lambda_event(stored, parse(stored.raw), SUPPORT, action, processing_ms=934) == sample(shared, "lambda-event.sync.json")


def test_verdicts_that_ses_did_not_give_are_disabled_and_a_policy_stands_beside_a_failed_dmarc(shared, stored):
    expected = sample(shared, "lambda-event.async-scan-disabled.json")["Records"][0]["ses"]["receipt"]
    verdicts = {"spf": "pass", "dkim": "pass", "dmarc": "fail", "dmarc_policy": "reject"}
    mail = replace(stored, envelope=replace(stored.envelope, verdicts=verdicts))
    assert ses_json.receipt_json(mail, SUPPORT, ses_json.lambda_action(FUNCTION, "Event")) == expected
    kind = replace(stored, envelope=replace(stored.envelope, verdicts={**verdicts, "dmarc": "pass"}))
    assert "dmarcPolicy" not in ses_json.receipt_json(kind, SUPPORT, ses_json.stop_action())


STATUS = {"status": str}
SHAPE = {
    "mail": {
        "timestamp": str,
        "source": str,
        "messageId": str,
        "destination": [str],
        "headersTruncated": bool,
        "headers": [{"name": str, "value": str}],
        "commonHeaders": {
            "returnPath": str,
            "from": [str],
            "date": str,
            "to": [str],
            "cc": [str],
            "bcc": [str],
            "sender": [str],
            "replyTo": [str],
            "messageId": str,
            "subject": str,
        },
    },
    "receipt": {
        "timestamp": str,
        "processingTimeMillis": int,
        "recipients": [str],
        **dict.fromkeys(("spamVerdict", "virusVerdict", "spfVerdict", "dkimVerdict", "dmarcVerdict"), STATUS),
        "dmarcPolicy": str,
        "action": dict,
    },
}
"""As the guide documents it; in `commonHeaders` every key may be missing, in `receipt` dmarcPolicy."""
OPTIONAL = {*SHAPE["mail"]["commonHeaders"], "dmarcPolicy"}


def differences(found, shape, place=""):
    """Where JSON is not of a shape: keys that are missing or too many, and values of another type."""
    if isinstance(shape, dict):
        if type(found) is not dict:
            return [f"{place} is {type(found).__name__}"]
        wrong = [f"{place}.{key} is not documented" for key in found.keys() - shape.keys()]
        wrong += [f"{place}.{key} is missing" for key in shape.keys() - found.keys() - OPTIONAL]
        return wrong + [text for key in shape.keys() & found.keys() for text in differences(found[key], shape[key], f"{place}.{key}")]
    if isinstance(shape, list):
        if type(found) is not list:
            return [f"{place} is {type(found).__name__}"]
        return [text for item in found for text in differences(item, shape[0], f"{place}[]")]
    return [] if type(found) is shape else [f"{place} is {type(found).__name__}"]


MAILS = {
    "usual": make_mail(helo="mail.example.org", ip="192.0.2.10"),
    "null sender": make_mail(sender=None),
    "nothing in its header": make_mail(b"\r\nhi\r\n"),
    "every party": make_mail(headers={"Cc": "c@x.test", "Bcc": "b@x.test", "Sender": "s@x.test", "Reply-To": "Ann, B <r@x.test>"}),
    "octets that are no text": make_mail(b"Subject: \xff\x00\xed\xa0\x80\r\nFrom: \xe9 <a@x.test>\r\n\r\n\xff"),
    "many fields": make_mail(headers={f"X-{n}": "x" * 200 for n in range(100)}),
    "a helo that would be a header": make_mail(helo="x\r\nX-SES-Virus-Verdict: PASS", ip="1.2.3.4"),
}


@pytest.mark.parametrize("name", MAILS)
def test_any_mail_gives_json_of_the_documented_shape(name):
    mail = MAILS[name]
    action = ses_json.sns_action(TOPIC)
    found = json.loads(ses_json.dumps(notification(mail, parse(mail.raw), ("bob@example.com",), action, content=mail.raw)))
    assert found.pop("notificationType") == "Received" and base64.b64decode(found.pop("content")) == mail.raw
    assert differences(found, SHAPE) == []
    event = lambda_event(mail, parse(mail.raw), ("bob@example.com",), ses_json.lambda_action(FUNCTION, "Event"))
    (record,) = event.pop("Records")
    assert event == {} and differences(record.pop("ses"), SHAPE) == []
    assert record == {"eventSource": "aws:ses", "eventVersion": "1.0"}


def test_the_shape_says_what_is_wrong():
    assert differences({"a": 1, "b": [1]}, {"a": str, "c": str}) != []
    assert differences({"a": True}, {"a": int}) == [".a is bool"]


def test_header_fields_beyond_ten_kilobytes_are_cut():
    mail = MAILS["many fields"]
    found = ses_json.mail_json(mail, parse(mail.raw), ("bob@example.com",))
    size = sum(len(field["name"]) + len(field["value"]) + 4 for field in found["headers"])
    assert found["headersTruncated"] is True and 9_000 < size <= 10_240
    assert found["headers"][0]["name"] == "Return-Path"


def test_text_that_is_no_text_is_lost_in_utf8_and_never_in_base64():
    mail, action = make_mail(b"Subject: x\r\n\r\nCaf\xe9"), ses_json.sns_action(TOPIC, "utf8")
    found = notification(mail, parse(mail.raw), (), action, content=mail.raw)
    assert found["content"] == "Subject: x\r\n\r\nCaf\ufffd"


def test_json_holds_only_what_a_queue_takes():
    assert ses_json.dumps({"a": "é\ud800\uffff😀\x07"}) == '{"a":"é\\ud800\\uffff😀\\u0007"}'


def test_the_id_is_that_of_ses_or_forty_letters_of_our_own():
    mail = make_mail()
    assert ses_json.ses_id(replace(mail, source_key=f"ses:{ID}")) == ID
    made = ses_json.ses_id(mail)
    assert made == ses_json.ses_id(replace(mail, received_at=AT)) != ses_json.ses_id(make_mail())
    assert len(made) == 40 and set(made) <= set("0123456789abcdefghijklmnopqrstuv")


# the header block


def test_the_block_of_a_mail_of_our_own_has_the_eight_fields_in_the_order_of_ses():
    mail = make_mail(helo="mail.example.org", ip="192.0.2.10")
    mail = replace(mail, envelope=replace(mail.envelope, verdicts={**PASS, "dmarc": "gray"}), received_at=AT)
    block = ses_json.header_block(mail, parse(mail.raw), "bob@example.com", "eu-west-1")
    fields = parse(block + mail.raw).headers
    assert [header.name.lower().encode() for header in fields[:8]] == list(ses_block.NAMES)
    assert fields[1].value == (
        "from mail.example.org (mail.example.org [192.0.2.10]) by inbound-smtp.eu-west-1.amazonaws.com with SMTP id "
        f"{ses_json.ses_id(mail)} for bob@example.com; Wed, 05 Nov 2025 10:00:00 +0000 (UTC)"
    )
    assert fields[2].value == "PASS" and "dmarc=none header.from=example.org;" in fields[5].value
    assert ses_block.block_end(block) == len(block)


def test_a_scan_that_was_not_made_is_not_in_the_block():
    mail = make_mail()
    block = ses_json.header_block(mail, parse(mail.raw), "bob@example.com", "us-east-1")
    assert b"Verdict" not in block and b"spf=none" in block and b"dkim=none" in block


def test_fields_that_rules_add_stand_below_the_block_and_above_the_sender(stored):
    added = [("X-Team", "blue")]
    for mail in (make_mail(), stored):
        head, skip = ses_json.front(mail, parse(mail.raw), "bob@example.com", "us-east-1", added)
        whole = head + mail.raw[skip:]
        end = ses_block.block_end(whole)
        assert whole[end:].startswith(b"X-Team: blue\r\n") and whole.count(b"X-SES-RECEIPT:") == 1
        assert whole.endswith(mail.raw[skip:])


def test_a_sender_that_writes_the_block_itself_gets_ours_on_top(stored):
    forged = replace(stored, source_key=None, envelope=Envelope("evil@x.test", SUPPORT, source="smtp"))
    head, skip = ses_json.front(forged, parse(forged.raw), "bob@example.com", "us-east-1")
    assert skip == 0 and b"Spam-Verdict" not in head and ses_block.block_end(head + forged.raw) == len(head)


@pytest.mark.parametrize(
    ("name", "scanned"), [("s3-object.spoofed-verdicts.eml", True), ("s3-object.spoofed-verdicts-unscanned.eml", False)]
)
def test_the_block_ends_where_ses_ended_it(shared, name, scanned):
    raw = (shared / "ses" / "samples" / name).read_bytes()
    block = raw[: ses_block.block_end(raw)]
    assert block.count(b"Authentication-Results") == 1 and (b"X-SES-Spam-Verdict: FAIL" in block) is scanned


@pytest.mark.parametrize(
    "head", [b"", b"Subject: x\r\n", b"Return-Path: <a>\r\nReturn-Path: <b>\r\nX-SES-DKIM-SIGNATURE: x\r\n", b"\xff:\n"]
)
def test_what_is_no_block_ends_nowhere(head):
    assert ses_block.block_end(head) == 0


@settings(max_examples=80, deadline=None)
@given(helo=st.text(), sender=st.text(min_size=1), recipient=st.text(), ip=st.text())
def test_no_word_of_a_stranger_adds_a_field_to_the_block(helo, sender, recipient, ip):
    mail = Mail.of(b"Subject: x\r\n\r\n", Envelope(sender, (recipient,), helo=helo, ip=ip))
    block = ses_json.header_block(mail, parse(mail.raw), recipient, "us-east-1")
    names = [line.partition(b":")[0].lower().decode() for line in block.split(b"\r\n")[:-1] if not line.startswith(b" ")]
    assert names == [name.decode() for name in ses_block.NAMES if b"verdict" not in name]
    assert b"\r" not in block.replace(b"\r\n", b"") and b"\n" not in block.replace(b"\r\n", b"")


def test_what_a_sender_wrote_below_does_not_lengthen_a_block_without_its_last_field():
    block = b"Return-Path: <a@x.test>\r\nReceived: from x\r\nX-SES-RECEIPT: AEFB\r\n"
    assert ses_block.block_end(block + b"X-SES-DKIM-SIGNATURE: a=b\r\nFrom: a@x.test\r\n") > len(block)
    for sent in (b"Received: by y\r\n", b"X-SES-Virus-Verdict: PASS\r\n", b"From: a@x.test\r\n"):
        assert ses_block.block_end(block + sent + b"X-SES-DKIM-SIGNATURE: a=b\r\n\r\n") == 0
