"""The handlers sns, sqs and eventbridge against a real endpoint: SES's notification arrives, and a large mail is in S3, not lost."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from answering import Answer, answering
from inbox.aws.ses_json import ses_id
from inbox.testing import make_mail
from steps import rules

LARGE = make_mail(b"Subject: large\r\nTo: bob@example.com\r\n\r\n" + b"0123456789abcde\r\n" * 10_000)
PLACE = {"bucket": "inbound-mail", "key": "large/{ses_id}"}


@pytest.fixture
def run(inbox_for, aws):
    def process(*steps, mail=None, endpoint=None, **more):
        settings = {**aws.settings, **({"endpoint": endpoint} if endpoint else {})}
        return inbox_for(rules(*steps, **more), aws=settings).process(mail or make_mail()).outcomes

    return process


class Queue:
    """A queue, and what is in it."""

    def __init__(self, aws, name, **attributes):
        self.sqs = aws.client("sqs")
        self.url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def bodies(self):
        found = []
        while got := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            found += [message["Body"] for message in got]
            for message in got:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture
def queue(aws):
    return Queue(aws, "inbound")


@pytest.fixture
def topic(aws, queue):
    """A topic whose messages come into the queue, with their envelope."""
    sns = aws.client("sns")
    arn = sns.create_topic(Name="inbound")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue.arn)
    return arn


@pytest.fixture
def bucket(aws):
    aws.client("s3").create_bucket(Bucket="inbound-mail")
    return "inbound-mail"


# sns


def test_the_notification_of_ses_is_published_with_the_mail_in_it(run, topic, queue):
    mail = make_mail(b"Subject: \xff\r\nTo: bob@example.com\r\n\r\nCaf\xe9\r\n")
    (outcome,) = run({"sns": {"topic": topic}}, mail=mail)
    assert outcome.state == "done" and outcome.detail.startswith("published ")
    (body,) = queue.bodies()
    envelope = json.loads(body)
    assert envelope["Subject"] == "Amazon SES Email Receipt Notification"
    found = json.loads(envelope["Message"])
    assert found["receipt"]["action"] == {"type": "SNS", "topicArn": topic, "encoding": "BASE64"}
    assert base64.b64decode(found["content"]).endswith(mail.raw) and found["mail"]["messageId"] == ses_id(mail)
    assert found["receipt"]["processingTimeMillis"] >= 0


def test_a_header_that_was_added_is_in_headers_and_content(run, topic, queue):
    run({"add-header": {"name": "X-Team", "value": "Grün"}}, {"sns": {"topic": topic, "encoding": "utf8"}})
    found = json.loads(json.loads(queue.bodies()[0])["Message"])
    assert {"name": "X-Team", "value": "=?utf-8?b?R3LDvG4=?="} in found["mail"]["headers"]
    assert "\r\nX-Team: =?utf-8?b?R3LDvG4=?=\r\n" in found["content"]


def test_without_content_there_is_no_content(run, topic, queue):
    run({"sns": {"topic": topic, "content": "none", "subject": "mail of {sender}"}})
    envelope = json.loads(queue.bodies()[0])
    assert envelope["Subject"] == "mail of alice@example.org" and "content" not in json.loads(envelope["Message"])


@pytest.mark.parametrize("handler", ["sns", "sqs"])
def test_a_large_mail_is_stored_first_and_the_message_says_where(run, aws, topic, queue, bucket, handler):
    where = {"topic": topic} if handler == "sns" else {"queue": "inbound"}
    (outcome,) = run({handler: {**where, "overflow": PLACE}}, mail=LARGE)
    key = f"large/{ses_id(LARGE)}"
    assert outcome.state == "done" and outcome.detail.endswith(f"mail in s3://inbound-mail/{key}")
    body = json.loads(queue.bodies()[0])
    found = json.loads(body["Message"]) if handler == "sns" else body
    own = topic if handler == "sns" else "inbound"
    assert found["receipt"]["action"] == {
        "type": "S3",
        "topicArn": own,
        "bucketName": "inbound-mail",
        "objectKeyPrefix": "",
        "objectKey": key,
    }
    assert "content" not in found
    assert aws.client("s3").get_object(Bucket="inbound-mail", Key=key)["Body"].read().endswith(LARGE.raw)


@pytest.mark.parametrize("step", [{"sns": {"topic": "arn:aws:sns:us-east-1:123456789012:inbound"}}, {"sqs": {"queue": "inbound"}}])
def test_a_large_mail_without_a_place_for_it_fails_with_the_remedy_and_nothing_is_sent(run, topic, queue, step):
    (outcome,) = run(step, mail=LARGE)
    assert outcome.state == "dead" and "give `overflow: {bucket: NAME, key: mail/{ses_id}}`" in outcome.detail
    assert queue.bodies() == []


def test_a_mail_that_is_small_but_long_as_json_is_stored_too(run, topic, queue, bucket):
    mail = make_mail(b"Subject: x\r\n\r\n" + b"\x01" * 100_000)
    (outcome,) = run({"sns": {"topic": topic, "encoding": "UTF-8", "overflow": PLACE}}, mail=mail)
    assert "mail in s3://" in outcome.detail
    assert json.loads(json.loads(queue.bodies()[0])["Message"])["receipt"]["action"]["type"] == "S3"


@pytest.mark.parametrize("field", ["To", "Subject", "X-Long"])
def test_a_mail_with_an_enormous_header_goes_out_all_the_same(run, topic, queue, bucket, field):
    value = ", ".join(f"user{n}@example.com" for n in range(20_000))
    mail = make_mail(f"{field}: {value}\r\n\r\nx\r\n".encode())
    (outcome,) = run({"sns": {"topic": topic, "overflow": PLACE}}, mail=mail)
    assert (outcome.state, len(queue.bodies())) == ("done", 1)


def test_when_storing_fails_nothing_is_published_and_the_step_is_tried_again(run, topic, queue):
    (outcome,) = run({"sns": {"topic": topic, "overflow": PLACE}}, mail=LARGE)
    assert outcome.state == "deferred" and outcome.detail.startswith("s3:PutObject inbound-mail/large/")
    assert queue.bodies() == []


@pytest.mark.parametrize(
    ("step", "call"),
    [
        (
            {"sns": {"topic": "arn:aws:sns:us-east-1:123456789012:nowhere"}},
            "sns:Publish arn:aws:sns:us-east-1:123456789012:nowhere: NotFound",
        ),
        ({"sqs": {"queue": "nowhere"}}, "sqs:GetQueueUrl nowhere: "),
        (
            {"dynamodb-put": {"table": "nowhere", "item": {"id": "{id}"}, "key": "id"}},
            "dynamodb:PutItem nowhere: ResourceNotFoundException",
        ),
        ({"lambda": {"function": "nowhere"}}, "lambda:Invoke nowhere: ResourceNotFoundException"),
    ],
)
def test_what_is_not_there_yet_is_tried_again_and_the_receipt_names_the_call(run, aws, step, call):
    (outcome,) = run(step)
    assert outcome.state == "deferred" and outcome.detail.startswith(call)


DENIED = Answer(403, b'{"__type":"AccessDeniedException","message":"no"}', {"Content-Type": "application/x-amz-json-1.0"})
DENIED_XML = Answer(403, b"<ErrorResponse><Error><Code>AuthorizationError</Code><Message>no</Message></Error></ErrorResponse>")


@pytest.mark.parametrize(
    ("step", "answer", "call"),
    [
        ({"sns": {"topic": "arn:aws:sns:us-east-1:123456789012:inbound"}}, DENIED_XML, "sns:Publish arn:"),
        ({"sqs": {"queue": "http://127.0.0.1/123456789012/inbound"}}, DENIED, "sqs:SendMessage http:"),
        ({"eventbridge": {}}, DENIED, "events:PutEvents default: "),
        ({"lambda": {"function": "f"}}, DENIED, "lambda:Invoke f: "),
        ({"dynamodb-put": {"table": "mails", "item": {"id": "{id}"}, "key": "id"}}, DENIED, "dynamodb:PutItem mails: "),
    ],
)
def test_a_call_that_is_denied_says_which_and_what_to_do(run, aws, step, answer, call):
    with answering(answer) as server:
        (outcome,) = run(step, endpoint=server.url)
    assert outcome.state == "deferred" and outcome.detail.startswith(call)
    assert "its policy must allow this call" in outcome.detail and len(server.asked) == 1


# sqs


def test_the_queue_gets_what_it_would_get_behind_ses_and_sns(run, queue):
    mail = make_mail()
    (outcome,) = run({"sqs": {"queue": queue.arn}}, mail=mail)
    assert outcome.detail.startswith("sent ")
    found = json.loads(queue.bodies()[0])
    assert found["notificationType"] == "Received" and base64.b64decode(found["content"]).endswith(mail.raw)


def test_the_queue_gets_the_json_of_the_webhook_or_the_octets(run, queue, aws, bucket):
    mail = make_mail(b"Subject: \xff\r\n\r\n\x00")
    run({"sqs": {"queue": queue.url, "body": "json"}}, {"sqs": {"queue": "inbound", "body": "raw"}}, mail=mail)
    first, second = sorted(queue.bodies(), key=lambda body: not body.startswith("{"))
    assert json.loads(first)["mail"]["id"] == mail.id and base64.b64decode(second) == mail.raw
    run({"sqs": {"queue": "inbound", "body": "raw", "overflow": PLACE}}, mail=LARGE)
    assert json.loads(queue.bodies()[0])["stored"] == {"bucket": "inbound-mail", "key": f"large/{ses_id(LARGE)}"}


def test_a_fifo_queue_gets_a_repeat_once(inbox_for, aws):
    queue = Queue(aws, "ordered.fifo", FifoQueue="true")
    box = inbox_for(rules({"sqs": {"queue": "ordered.fifo", "group": "{sender.domain}"}}), aws=aws.settings)
    mail = make_mail()
    (step,) = box.judge(mail).steps
    assert [box.attempt(mail, step, number).outcome.state for number in (1, 2)] == ["done", "done"]
    assert len(queue.bodies()) == 1


def test_a_fifo_topic_gets_a_group_and_an_id_that_a_repeat_has_too(inbox_for, aws):
    published = b"<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>"
    step = {"sns": {"topic": "arn:aws:sns:us-east-1:123456789012:ordered.fifo", "group": "é {sender}"}}
    with answering(Answer(200, published)) as server:
        box, mail = inbox_for(rules(step), aws={**aws.settings, "endpoint": server.url}), make_mail()
        (planned,) = box.judge(mail).steps
        details = [box.attempt(mail, planned, number).outcome.detail for number in (1, 2)]
    assert details == ["published m-1"] * 2
    fields = [
        sorted(part for part in asked.body.split(b"&") if part.startswith(b"Message") and b"Message=" not in part) for asked in server.asked
    ]
    assert fields == [[b"MessageDeduplicationId=" + f"{mail.id}-1".encode(), b"MessageGroupId=__alice%40example.org"]] * 2


# eventbridge


@pytest.fixture
def events(aws, queue):
    """A rule on the default bus that hands everything of ours to the queue."""
    service = aws.client("events")
    service.put_rule(Name="all", EventPattern=json.dumps({"source": ["inbox"]}))
    service.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": queue.arn}])
    return queue


def test_an_event_comes_out_of_the_bus(run, events):
    mail = make_mail(subject="order 7")
    steps = {"eventbridge": {}}, {"eventbridge": {"detail_type": "Order", "detail": {"order": "{n}", "lines": [1, {"of": "{sender}"}]}}}
    assert [o.state for o in run(*steps, mail=mail, when="{subject: {matches: 'order (?P<n>[0-9]+)'}}")] == ["done", "done"]
    first, second = sorted(map(json.loads, events.bodies()), key=lambda event: event["detail-type"] == "Order")
    assert (first["source"], first["detail-type"]) == ("inbox", "Mail Received")
    assert first["detail"]["mail"]["messageId"] == ses_id(mail) and first["detail"]["rule"] == "a"
    assert first["detail"]["receipt"]["recipients"] == ["bob@example.com"] and "action" not in first["detail"]["receipt"]
    assert second["detail"] == {"order": "7", "lines": [1, {"of": "alice@example.org"}]}


@pytest.mark.parametrize(
    ("code", "state"), [("ThrottlingException", "deferred"), ("InternalFailure", "deferred"), ("MalformedDetail", "dead")]
)
def test_an_entry_that_the_bus_refuses_is_not_done(run, aws, code, state):
    body = json.dumps({"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "why"}]}).encode()
    with answering(Answer(200, body, {"Content-Type": "application/x-amz-json-1.1"})) as server:
        (outcome,) = run({"eventbridge": {"bus": "mail"}}, endpoint=server.url)
    assert (outcome.state, outcome.detail) == (state, f"events:PutEvents mail: {code}: why")


def test_an_event_that_is_too_large_fails_before_it_is_put(run, aws):
    with answering() as server:
        (outcome,) = run({"eventbridge": {"detail": {"text": "{text}"}}}, mail=make_mail(text="x" * 300_000), endpoint=server.url)
    assert outcome.state == "dead" and "256 KB is the most" in outcome.detail and server.asked == []


# dynamodb


@pytest.fixture
def table(aws):
    aws.client("dynamodb").create_table(
        TableName="mails",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return lambda: aws.client("dynamodb").scan(TableName="mails")["Items"]


ITEM = {"id": "{id}", "sender": "{sender}", "size": "{size}", "kind": {"auto": False, "tags": ["a", 1, 2.5]}}


def test_an_item_is_put_once_whatever_is_repeated(run, table):
    mail = make_mail()
    step = {"dynamodb-put": {"table": "mails", "item": ITEM, "key": "id", "numbers": ["size"]}}
    first, second = run(step, step, mail=mail)
    assert first.detail == f"item with id = '{mail.id}'" and second.detail == f"item with id = '{mail.id}' was there already"
    kind = {"M": {"auto": {"BOOL": False}, "tags": {"L": [{"S": "a"}, {"N": "1"}, {"N": "2.5"}]}}}
    assert table() == [{"id": {"S": mail.id}, "sender": {"S": "alice@example.org"}, "size": {"N": str(mail.size)}, "kind": kind}]


@pytest.mark.parametrize(
    ("if_exists", "state", "words", "left"),
    [
        ("fail", "dead", "if_exists: keep or replace", "first"),
        ("keep", "done", "was kept", "first"),
        ("replace", "done", "item with", "second"),
    ],
)
def test_another_item_with_the_key_is_not_overwritten_unasked(run, table, if_exists, state, words, left):
    steps = [
        {"dynamodb-put": {"table": "mails", "item": {"id": "k", "v": v}, "key": "id", "if_exists": if_exists}} for v in ("first", "second")
    ]
    outcome = run(*steps)[-1]
    assert outcome.state == state and words in outcome.detail
    assert [item["v"]["S"] for item in table()] == [left]


@pytest.mark.parametrize(
    ("item", "words"),
    [({"id": "{header.x-none}"}, "would be empty"), ({"id": "{id}", "size": "{sender}"}, "'alice@example.org' is no number")],
)
def test_an_item_that_the_mail_makes_impossible_fails_with_the_remedy(run, table, item, words):
    step = {"dynamodb-put": {"table": "mails", "item": item, "key": "id", **({"numbers": ["size"]} if "size" in item else {})}}
    (outcome,) = run(step)
    assert outcome.state == "dead" and words in outcome.detail and table() == []


def test_recipients_are_those_of_the_step(run, queue):
    mail = make_mail(recipients=["bob@example.com", "eve@example.com"])
    mail = replace(mail, envelope=replace(mail.envelope, verdicts={"spam": "fail"}))
    run({"sqs": {"queue": "inbound"}}, mail=mail, when="{recipient: bob@example.com}")
    receipt = json.loads(queue.bodies()[0])["receipt"]
    assert receipt["recipients"] == ["bob@example.com"] and receipt["spamVerdict"] == {"status": "FAIL"}
