"""What a served rule set does with a mail, seen from the other side: the objects, the messages of the topics, the events of the functions."""

from __future__ import annotations

import base64
import json
import re

import pytest

from inbox.aws.ses_block import block_end
from inbox.sources.ses import read
from ses_local.conftest import FUNCTION, TOPIC, header, rule, rule_set, stop
from ses_local.shapes import differences
from waiting import until

MAIL = (
    b"From: =?utf-8?q?J=C3=A4ne?= <jane@example.org>\r\nTo: Support <support@example.com>, other@example.net\r\nCc: x@example.org\r\n"
    b"Subject: Caf\xe9 order\r\nDate: Wed, 05 Nov 2025 09:59:58 +0000\r\nMessage-ID: <abc@example.org>\r\n\r\n8 bit: \xe9\xff\r\n.dot\r\n"
)


@pytest.fixture
def cloud(aws, program, functions):
    """Two buckets, two topics with a queue each, and functions at an endpoint of their own; `messages(name)` takes what a topic published."""
    program.environment.update(aws.env, INBOX_HANDLERS__LAMBDA__ENDPOINT=functions.url)
    del program.environment["AWS_ENDPOINT_URL"]
    return Cloud(aws)


class Cloud:
    def __init__(self, aws) -> None:
        self.aws, self.s3, self.queues = aws, aws.client("s3"), {}
        for bucket in ("inbound-mail", "late-mail"):
            self.s3.create_bucket(Bucket=bucket)
        for name in ("inbound", "alerts"):
            topic = aws.client("sns").create_topic(Name=name)["TopicArn"]
            assert topic == TOPIC.format(name)
            url = aws.client("sqs").create_queue(QueueName=name)["QueueUrl"].replace("https://queue.amazonaws.com", aws.endpoint)
            aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:123456789012:{name}")
            self.queues[name] = url

    def messages(self, name, count):
        """The SNS envelopes that the queue of a topic got, in any order."""
        found: list[dict] = []

        def enough():
            answer = self.aws.client("sqs").receive_message(QueueUrl=self.queues[name], MaxNumberOfMessages=10)
            found.extend(json.loads(message["Body"]) for message in answer.get("Messages", ()))
            return len(found) >= count

        until(enough, f"{count} messages on {name}")
        return found

    def objects(self, bucket):
        return {item["Key"]: item["Size"] for item in self.s3.list_objects_v2(Bucket=bucket).get("Contents", ())}

    def octets(self, bucket, key):
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def s3(bucket, prefix=None, topic=None):
    options = {"BucketName": bucket, "ObjectKeyPrefix": prefix, "TopicArn": topic and TOPIC.format(topic)}
    return {"S3Action": {name: value for name, value in options.items() if value}}


def sns(topic="inbound", encoding="Base64"):
    return {"SNSAction": {"TopicArn": TOPIC.format(topic), "Encoding": encoding}}


def call(name, kind="RequestResponse", topic=None):
    return {
        "LambdaAction": {
            "FunctionArn": FUNCTION.format(name),
            "InvocationType": kind,
            **({"TopicArn": TOPIC.format(topic)} if topic else {}),
        }
    }


def sample(samples, name):
    return json.loads((samples / name).read_text(encoding="utf-8"))


def test_every_action_in_order_for_the_recipients_of_its_rule(ses, cloud, functions, samples):
    daemon = ses(
        rule_set(
            rule("team", ["example.com"], header("X-Team", "support desk")),
            {**rule("off", ["example.com"], s3("late-mail", "off")), "Enabled": False},
            rule("archive", ["support@example.com"], s3("inbound-mail", "mail", "inbound"), call("Note", "Event", "alerts"), ScanEnabled=True),
            rule("publish", [], sns(), header("X-Late", "too late for that"), sns("alerts", "UTF-8")),
            rule("end", ["sales@example.com"], s3("late-mail"), stop()),
            rule("never", [], s3("late-mail", "never/")),
        ),
        "--endpoint-url", cloud.aws.endpoint,
    )  # fmt: skip
    people = ["support+t42@example.com", "Sales@Example.com"]
    id_ = daemon.send(MAIL, sender="jane@example.org", recipients=people)
    receipt = daemon.settled(id_)
    assert receipt["state"] == "settled", receipt["outcomes"]
    handlers = ["add-header", "s3", "sns", "lambda", "sns", "sns", "add-header", "sns", "s3"]
    assert [step["handler"] for step in receipt["plan"]["steps"]] == handlers
    assert [outcome["n"] for outcome in receipt["outcomes"]] == list(range(1, 10))

    # one id for everything, and one object an action: the block, what rules added, then the sender's octets
    (key,) = cloud.objects("inbound-mail")
    assert re.fullmatch("mail/[0-9a-v]{40}", key)
    ses_id = key.removeprefix("mail/")
    assert list(cloud.objects("late-mail")) == [ses_id]
    stored = cloud.octets("inbound-mail", key)
    head, found = stored[: len(stored) - len(MAIL)], stored[len(stored) - len(MAIL) :]
    assert found == MAIL
    end = block_end(stored)
    assert head[end:] == b"X-Team: support desk\r\n"
    assert b"X-SES-Spam-Verdict: GRAY\r\n" in head
    assert b"X-SES-Spam-Verdict" not in cloud.octets("late-mail", ses_id)[: -len(MAIL)], "that rule scans nothing"
    assert b"X-Late: too late for that\r\n" in cloud.octets("late-mail", ses_id)

    # the topic of the S3 action, and the SNS action, as a queue behind the topic gets them
    envelopes = cloud.messages("inbound", 2)
    assert {envelope["Subject"] for envelope in envelopes} == {"Amazon SES Email Receipt Notification"}
    said = {message["receipt"]["action"]["type"]: message for message in map(json.loads, (e["Message"] for e in envelopes))}
    assert differences(said["S3"], sample(samples, "notification.s3.json")) == []
    assert differences(said["SNS"], sample(samples, "notification.sns-base64.json")) == []
    place = {"type": "S3", "topicArn": TOPIC.format("inbound"), "bucketName": "inbound-mail", "objectKeyPrefix": "mail", "objectKey": key}
    assert said["S3"]["receipt"]["action"] == place
    assert said["S3"]["receipt"]["recipients"] == people[:1]
    assert said["SNS"]["receipt"]["recipients"] == people
    assert {message["mail"]["messageId"] for message in said.values()} == {ses_id}
    assert [said[kind]["receipt"]["spamVerdict"]["status"] for kind in ("S3", "SNS")] == ["GRAY", "DISABLED"]
    assert {said["S3"]["receipt"][f"{name}Verdict"]["status"] for name in ("spf", "dkim", "dmarc")} == {"GRAY"}
    assert said["S3"]["mail"]["destination"] == ["support@example.com", "other@example.net", "x@example.org"]
    content = base64.b64decode(said["SNS"]["content"])
    assert content.endswith(MAIL)
    assert b"X-Team: support desk\r\n" in content
    assert b"X-Late" not in content

    # the second SNS action as text, and the alert of the Lambda action
    alerts = {m["receipt"]["action"]["type"]: m for m in (json.loads(e["Message"]) for e in cloud.messages("alerts", 2))}
    assert differences(alerts["SNS"], sample(samples, "notification.sns-utf8.json")) == []
    assert "X-Late: too late for that\r\n" in alerts["SNS"]["content"]
    assert differences(alerts["Lambda"], sample(samples, "notification.lambda.json")) == []

    # the function
    ((name, kind, event),) = functions.events
    assert (name, kind) == ("Note", "Event")
    assert differences(event, sample(samples, "lambda-event.sync.json")) == []
    assert event["Records"][0]["ses"]["receipt"]["recipients"] == people[:1]
    assert event["Records"][0]["ses"]["mail"]["messageId"] == ses_id

    # round trip: what reads SES reads us
    for message, wanted in ((said["S3"], people[:1]), (said["SNS"], people)):
        (record,) = read(message, topics=[TOPIC.format("inbound")]).records
        assert (record.kind, record.message_id, list(record.recipients)) == ("received", ses_id, wanted)
        assert record.sender == "jane@example.org"
    assert read(said["SNS"], topics=[TOPIC.format("inbound")]).records[0].content.endswith(MAIL)


def gate(name):
    """A rule with a function that SES waits for, and an action behind it."""
    return rule(f"gate-{name}", [f"{name}@example.com"], call(name), s3("late-mail", f"after-{name}"))


ANSWERS = {
    "go": {"disposition": "CONTINUE"},
    "null": None,
    "word": {"disposition": "OTHER"},
    "rule": {"disposition": "stop_rule"},
    "set": {"disposition": "STOP_RULE_SET"},
    "broken": {"errorMessage": "no such table", "errorType": "KeyError"},
}
GOES_ON = {
    "go": {"after-go", "rest"},
    "null": {"after-null", "rest"},
    "word": {"after-word", "rest"},
    "rule": {"rest"},
    "set": set(),
    "broken": set(),
}


def test_a_function_that_ses_waits_for_decides_what_is_done_behind_it(ses, cloud, functions, program):
    program.environment["INBOX_WORK__RETRY"] = "2s"
    functions.answers.update(ANSWERS)
    daemon = ses(rule_set(*map(gate, ANSWERS), rule("rest", [], s3("late-mail", "rest"))), "--endpoint-url", cloud.aws.endpoint)
    ids = {name: daemon.send(MAIL, recipients=[f"{name}@example.com"]) for name in ANSWERS}
    done = {name: daemon.settled(ids[name]) for name in ANSWERS if name != "broken"}
    assert {receipt["state"] for receipt in done.values()} == {"settled"}
    until(lambda: functions.events.count and any(name == "broken" for name, *_ in functions.events), "the broken function is called")
    assert kept_behind(daemon, cloud, ids) == GOES_ON

    # a function that failed is called again, and nothing behind it is done before
    functions.answers["broken"] = None
    assert daemon.settled(ids["broken"])["state"] == "settled"
    assert kept_behind(daemon, cloud, ids)["broken"] == {"after-broken", "rest"}
    assert len([name for name, *_ in functions.events if name == "broken"]) >= 2


def kept_behind(daemon, cloud, ids):
    """Under which prefixes each mail was stored."""
    keys = cloud.objects("late-mail")
    owner = {cloud.s3.head_object(Bucket="late-mail", Key=key)["Metadata"]["inbox-mail"]: key.partition("/")[2] for key in keys}
    return {name: {key.partition("/")[0] for key in keys if key.partition("/")[2] == owner.get(id_)} for name, id_ in ids.items()}


def test_bounces_large_mail_test_mail_and_what_is_written_when_rules_are_made(ses, cloud, functions, next_hop, samples):
    gone = {"SmtpReplyCode": "550", "StatusCode": "5.1.1", "Message": "Mailbox does not exist", "Sender": "postmaster@example.com"}
    daemon = ses(
        rule_set(
            rule("gone", ["gone@example.com"], {"BounceAction": {**gone, "TopicArn": TOPIC.format("alerts")}}, s3("late-mail", "bounced")),
            rule("large", ["large@example.com"], s3("late-mail", "large"), sns(), s3("late-mail", "behind")),
            rule("scan", ["scan@example.com"], call("Scan", "Event"), ScanEnabled=True),
        ),
        "--endpoint-url", cloud.aws.endpoint, "--ses-setup",
    )  # fmt: skip

    # what SES writes when rules are made; the reader of SES ignores it
    setup = "AMAZON_SES_SETUP_NOTIFICATION"
    assert {f"{prefix}/{setup}" for prefix in ("bounced", "large", "behind")} == set(cloud.objects("late-mail"))
    (envelope,) = cloud.messages("inbound", 1)
    assert differences(json.loads(envelope["Message"]), sample(samples, "notification.setup.json")) == []
    assert read(json.loads(envelope["Message"]), topics=[TOPIC.format("inbound")]).records[0].ignore == "setup"

    # a bounce goes back to the sender, and the rule goes on
    bounced, silent = daemon.send(MAIL, "jane@example.org", ["gone@example.com"]), daemon.send(MAIL, None, ["gone@example.com"])
    assert {daemon.settled(id_)["state"] for id_ in (bounced, silent)} == {"settled"}
    ((sender, people, report),) = next_hop.mails
    assert (sender, people) == ("<>", ["jane@example.org"])
    for words in (b"Status: 5.1.1\r\n", b"Final-Recipient: rfc822; gone@example.com\r\n", b"Mailbox does not exist"):
        assert words in report
    assert sum(key.startswith("bounced/") for key in cloud.objects("late-mail")) == 3
    assert differences(json.loads(cloud.messages("alerts", 2)[0]["Message"]), sample(samples, "notification.bounce.json")) == []

    # SNS takes 150 KB; a larger mail is kept, and the rest of the rule is done
    large = daemon.send(MAIL + b"x" * 70 + b"\r\n" + (b"y" * 76 + b"\r\n") * 2100, recipients=["large@example.com"])
    receipt = daemon.settled(large)
    assert [outcome["state"] for outcome in receipt["outcomes"]] == ["done", "dead", "done"]
    assert "150 KB" in receipt["outcomes"][1]["detail"]

    # the test mail of spam filters is what it is
    gtube = MAIL + b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
    for raw in (MAIL, gtube):
        daemon.settled(daemon.send(raw, recipients=["scan@example.com"]))
    found = [event["Records"][0]["ses"]["receipt"] for _, _, event in functions.events]
    assert [(receipt["spamVerdict"]["status"], receipt["virusVerdict"]["status"]) for receipt in found] == [
        ("GRAY", "GRAY"),
        ("FAIL", "GRAY"),
    ]
