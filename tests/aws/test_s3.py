"""The handler s3 against a real endpoint: one object a mail, whatever is repeated, and nothing overwritten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest

from answering import Answer, answering
from inbox.aws import client, ses_block
from inbox.aws.ses_json import ses_id
from inbox.model import Raw
from inbox.testing import make_mail
from steps import rules


@pytest.fixture
def bucket(aws):
    aws.client("s3").create_bucket(Bucket="inbound-mail")
    return "inbound-mail"


@pytest.fixture
def run(inbox_for, aws):
    """Process a mail under steps and return its outcomes."""

    def process(*steps, mail=None, endpoint=None, **more):
        settings = {**aws.settings, **({"endpoint": endpoint} if endpoint else {})}
        return inbox_for(rules(*steps, **more), aws=settings).process(mail or make_mail()).outcomes

    return process


def read(aws, key):
    found = aws.client("s3").get_object(Bucket="inbound-mail", Key=key)
    return found["Body"].read(), found


def test_the_octets_are_stored_under_the_id_of_ses_once(run, aws, bucket):
    mail = make_mail(b"Subject: \xff\0\r\n\r\nx")
    step = {"s3": {"bucket": bucket}}
    key = f"mail/{ses_id(mail)}"
    assert [o.detail for o in run(step, step, mail=mail)] == [f"s3://{bucket}/{key}", f"s3://{bucket}/{key} was there already"]
    content, found = read(aws, key)
    assert content == mail.raw
    assert (found["ContentType"], found["Metadata"]) == ("message/rfc822", {"inbox-mail": mail.id})


def test_the_key_is_made_of_the_day_and_of_what_the_rule_found(run, aws, bucket):
    mail = replace(make_mail(subject="order 4711"), received_at=datetime(2026, 3, 7, tzinfo=UTC))
    step = {"s3": {"bucket": bucket, "key": "{year}/{month}/{day}/{date}/{order}/{id}.eml"}}
    (outcome,) = run(step, mail=mail, when=r"{subject: {matches: 'order (?P<order>\d+)'}}")
    assert outcome.detail == f"s3://{bucket}/2026/03/07/2026-03-07/4711/{mail.id}.eml"


def test_content_ses_has_the_block_and_what_was_added_in_front(run, aws, bucket):
    mail = make_mail(helo="mail.example.org", ip="192.0.2.10")
    added = {"add-header": {"name": "X-Team", "value": "blue for {sender}"}}
    run(added, {"s3": {"bucket": bucket, "content": "ses"}}, mail=mail)
    content, _ = read(aws, f"mail/{ses_id(mail)}")
    assert content.endswith(b"X-Team: blue for alice@example.org\r\n" + mail.raw)
    assert ses_block.block_end(content) == len(content) - len(mail.raw) - len(b"X-Team: blue for alice@example.org\r\n")
    assert b"for bob@example.com;\r\n" in content


def test_a_header_that_is_added_behind_a_step_is_not_in_it(run, aws, bucket):
    mail = make_mail()
    run({"s3": {"bucket": bucket, "content": "ses"}}, {"add-header": {"name": "X-Team", "value": "blue"}}, mail=mail)
    assert b"X-Team" not in read(aws, f"mail/{ses_id(mail)}")[0]


@pytest.mark.parametrize("content", ["raw", "ses"])
def test_a_large_mail_comes_from_its_file_unchanged(run, aws, bucket, tmp_path, content):
    octets = b"Subject: large\r\nTo: bob@example.com\r\n\r\n" + b"0123456789abcde\r\n" * 200_000
    (tmp_path / "mail.eml").write_bytes(octets)
    mail = make_mail(octets)
    mail = replace(mail, content=Raw(len(octets), mail.sha256, path=tmp_path / "mail.eml"))
    assert [o.state for o in run({"s3": {"bucket": bucket, "content": content}}, mail=mail)] == ["done"]
    found, _ = read(aws, f"mail/{ses_id(mail)}")
    assert found.endswith(octets) and (found == octets) is (content == "raw")


def test_the_object_is_encrypted_and_classed_as_asked(run, aws, bucket):
    mail = make_mail()
    run({"s3": {"bucket": bucket, "sse": "aws:kms", "kms_key": "alias/mail", "storage_class": "STANDARD_IA"}}, mail=mail)
    _, found = read(aws, f"mail/{ses_id(mail)}")
    assert (found["ServerSideEncryption"], found["StorageClass"]) == ("aws:kms", "STANDARD_IA")
    assert "alias/mail" in found["SSEKMSKeyId"]


@pytest.mark.parametrize(
    ("if_exists", "state", "words", "left"),
    [
        ("fail", "dead", "holds mail another", b"theirs"),
        ("keep", "done", "is another object, which was kept", b"theirs"),
        ("replace", "done", "s3://inbound-mail/", None),
    ],
)
def test_another_object_under_the_key_is_not_overwritten_unasked(run, aws, bucket, if_exists, state, words, left):
    mail = make_mail()
    aws.client("s3").put_object(Bucket=bucket, Key=f"x/{mail.id}", Body=b"theirs", Metadata={"inbox-mail": "another"})
    (outcome,) = run({"s3": {"bucket": bucket, "key": "x/{id}", "if_exists": if_exists}}, mail=mail)
    assert outcome.state == state and words in outcome.detail
    assert read(aws, f"x/{mail.id}")[0] == (left or mail.raw)


def test_the_same_octets_under_the_key_are_the_mail_whoever_put_them_there(run, aws, bucket):
    mail = make_mail()
    aws.client("s3").put_object(Bucket=bucket, Key=f"x/{mail.id}", Body=mail.raw)
    (outcome,) = run({"s3": {"bucket": bucket, "key": "x/{id}"}}, mail=mail)
    assert outcome.state == "done" and outcome.detail.endswith("was there already")


def test_a_missing_bucket_is_tried_again_and_the_receipt_names_the_call(run, aws):
    mail = make_mail()
    (outcome,) = run({"s3": {"bucket": "nowhere-at-all"}}, mail=mail)
    assert outcome.state == "deferred"
    assert outcome.detail.startswith(f"s3:PutObject nowhere-at-all/mail/{ses_id(mail)}: NoSuchBucket: ")


def error(status, code):
    return Answer(status, f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode(), {"Content-Type": "application/xml"})


THEIRS = Answer(200, headers={"ETag": '"x"', "Content-Length": "3", "x-amz-meta-inbox-mail": "another"})


@pytest.mark.parametrize(
    ("status", "code", "state"), [(503, "SlowDown", "deferred"), (403, "AccessDenied", "deferred"), (400, "KeyTooLongError", "dead")]
)
def test_what_s3_answers_is_what_the_receipt_says(run, aws, status, code, state):
    with answering(Answer(404), error(status, code)) as server:
        (outcome,) = run({"s3": {"bucket": "inbound-mail"}}, endpoint=server.url)
    assert outcome.state == state and outcome.detail.startswith("s3:PutObject inbound-mail/mail/") and code in outcome.detail


def test_what_comes_between_looking_and_putting_is_not_overwritten(run, aws):
    with answering(Answer(404), error(412, "PreconditionFailed"), THEIRS) as server:
        (outcome,) = run({"s3": {"bucket": "inbound-mail"}}, endpoint=server.url)
    assert [(asked.method, asked.headers.get("if-none-match")) for asked in server.asked] == [("HEAD", None), ("PUT", "*"), ("HEAD", None)]
    assert outcome.state == "dead" and "holds mail another" in outcome.detail


def test_a_server_that_refuses_conditions_is_not_asked_for_them_twice(run, aws):
    with answering(Answer(404), error(501, "NotImplemented"), Answer(200, headers={"ETag": '"x"'})) as server:
        (outcome,) = run({"s3": {"bucket": "inbound-mail"}}, endpoint=server.url)
    puts = [asked.headers.get("if-none-match") for asked in server.asked if asked.method == "PUT"]
    assert outcome.state == "done" and puts[-1] is None and puts[0] == "*"


def test_a_server_that_ignores_conditions_overwrites_nothing(run, aws):
    with answering(THEIRS) as server:
        (outcome,) = run({"s3": {"bucket": "inbound-mail"}}, endpoint=server.url)
    assert [asked.method for asked in server.asked] == ["HEAD"] and outcome.state == "dead"


def test_aws_itself_is_not_asked_twice(inbox_for, aws):
    from botocore.awsrequest import AWSResponse
    from urllib3 import HTTPResponse

    asked = []

    def answer(request, **_):
        asked.append((request.method, request.url.partition("?")[0], request.headers.get("If-None-Match")))
        return AWSResponse(request.url, 200, {}, HTTPResponse(BytesIO(b""), preload_content=False))

    client("s3", {"region": "eu-west-1"}).meta.events.register("before-send.s3.PutObject", answer)
    mail = make_mail()
    (outcome,) = inbox_for(rules({"s3": {"bucket": "inbound-mail"}}), aws={"region": "eu-west-1"}).process(mail).outcomes
    assert outcome.state == "done"
    assert asked == [("PUT", f"https://inbound-mail.s3.eu-west-1.amazonaws.com/mail/{ses_id(mail)}", b"*")]


@pytest.mark.parametrize("value", ["../../etc", "..", "a//b", "/", "", "a\\b"])
def test_no_mail_climbs_out_of_its_key(run, aws, bucket, value):
    step = {"s3": {"bucket": bucket, "key": "mail/{header.x-folder}/{id}"}}
    (outcome,) = run(step, mail=make_mail(headers={"X-Folder": value} if value else {}))
    assert outcome.state == "dead" and "leave the placeholder out" in outcome.detail
    assert aws.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 0
