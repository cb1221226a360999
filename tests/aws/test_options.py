"""Options of the handlers of AWS: what is wrong is found when the rules are loaded, with the remedy; a header that is added is one field."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.errors import RulesError
from inbox.handlers.add_header import fields
from inbox.model import Step
from inbox.parsing import parse
from inbox.testing import inbox_for as box_for
from steps import rules

TOPIC = "arn:aws:sns:us-east-1:123456789012:inbound"
KEYED = {"id": "{id}"}

GOOD = [
    {"s3": {"bucket": "a.b-c"}},
    {"s3": {"bucket": "arn:aws:s3:us-east-1:123456789012:accesspoint/mail", "key": "{id}"}},
    {"s3": {"bucket": "abc", "sse": "aws:kms", "kms_key": "arn:aws:kms:eu-west-1:123456789012:key/mrk-1"}},
    {"sns": {"topic": TOPIC, "overflow": {"bucket": "abc", "key": "x/{ses_id}", "sse": "AES256", "storage_class": "GLACIER_IR"}}},
    {"sns": {"topic": f"{TOPIC}.fifo", "group": "x"}},
    {"sqs": {"queue": "https://sqs.us-east-1.amazonaws.com/123456789012/inbound"}},
    {"sqs": {"queue": "arn:aws-cn:sqs:cn-north-1:123456789012:inbound.fifo", "group": "{sender}"}},
    {"lambda": {"function": "Inbox:live"}},
    {"lambda": {"function": "arn:aws:lambda:us-east-1:123456789012:function:Inbox:$LATEST", "timeout": "5s"}},
    {"eventbridge": {"bus": "arn:aws:events:us-east-1:123456789012:event-bus/mail", "detail": {"x": "{subject}"}}},
    {"dynamodb-put": {"table": "arn:aws:dynamodb:us-east-1:123456789012:table/mails", "item": KEYED, "key": "id"}},
    {"ses-bounce": {"sender": "mailer-daemon@example.com", "code": 421, "status": "4.7.0"}},
    {"add-header": {"name": "X-Team", "value": "{subject}"}},
]

BAD = [
    ({"s3": {"bucket": "Inbound"}}, "bucket: 'Inbound' is none; write 3 to 63 small letters"),
    ({"s3": {"bucket": "{sender.domain}"}}, "bucket is fixed: no {placeholder} in it"),
    ({"s3": {"bucket": "10.0.0.1"}}, "bucket: '10.0.0.1' is none"),
    ({"s3": {"bucket": "abc", "key": "mail/all.eml"}}, "key: {id} or {ses_id} must stand in it"),
    ({"s3": {"bucket": "abc", "key": "../{id}"}}, "no part of it may be empty, . or .."),
    ({"s3": {"bucket": "abc", "key": "/{id}"}}, "no part of it may be empty, . or .."),
    ({"s3": {"bucket": "abc", "key": "{id}/{nothing}"}}, "{nothing} is no capture of this rule, no set value and no fact"),
    ({"s3": {"bucket": "abc", "kms_key": "alias/x"}}, "kms_key needs sse: aws:kms"),
    ({"s3": {"bucket": "abc", "sse": "aws:kms", "kms_key": "mine"}}, "kms_key: 'mine' is none; write a key id"),
    ({"s3": {"bucket": "abc", "storage_class": "COLD"}}, "'storage_class' must be"),
    ({"s3": {}}, "s3 needs the option 'bucket'"),
    ({"sns": {"topic": "inbound"}}, "topic: 'inbound' is none; write the ARN of a topic"),
    ({"sns": {"topic": TOPIC.replace("inbound", "{to}")}}, "topic is fixed"),
    ({"sns": {"topic": TOPIC, "encoding": "quoted"}}, "'encoding' must be 'base64', 'utf8'"),
    ({"sns": {"topic": TOPIC, "subject": "x" * 100}}, "subject: one line of at most 99 characters"),
    ({"sns": {"topic": TOPIC, "group": "x"}}, "group: a FIFO topic or queue"),
    ({"sns": {"topic": TOPIC, "overflow": {"bucket": "abc"}}}, "key is missing"),
    ({"sns": {"topic": TOPIC, "overflow": {"bucket": "abc", "key": "{id}", "acl": "x"}}}, "acl is not one of them"),
    ({"sns": {"topic": TOPIC, "overflow": {"bucket": "{to}", "key": "{id}"}}}, "overflow.bucket is fixed"),
    ({"sns": {"topic": TOPIC, "overflow": {"bucket": "abc", "key": "x"}}}, "overflow.key: {id} or {ses_id} must stand in it"),
    ({"sns": {"topic": TOPIC, "overflow": {"bucket": "abc", "key": "{id}", "sse": "DES"}}}, "overflow.sse: AES256 or aws:kms"),
    ({"sns": {"topic": TOPIC, "overflow": {"bucket": "abc", "key": "{id}", "storage_class": "COLD"}}}, "overflow.storage_class: one of"),
    ({"sqs": {"queue": "in bound"}}, "queue: 'in bound' is none; write a name, URL or ARN"),
    ({"sqs": {"queue": "inbound.fifo"}}, "group: a FIFO topic or queue"),
    ({"lambda": {"function": "a b"}}, "function: 'a b' is none"),
    ({"lambda": {"function": "{sender}"}}, "function is fixed"),
    ({"lambda": {"function": "f", "invocation": "DryRun"}}, "'invocation' must be 'Event' or 'RequestResponse'"),
    ({"eventbridge": {"bus": "a bus"}}, "bus: 'a bus' is none"),
    ({"eventbridge": {"source": "aws.ses"}}, "not aws.…, which is AWS's own"),
    ({"eventbridge": {"detail_type": ""}}, "detail_type: 1 to 128 characters"),
    ({"dynamodb-put": {"table": "x", "item": KEYED, "key": "id"}}, "table: 'x' is none"),
    ({"dynamodb-put": {"table": "mails", "item": {"x": "y"}, "key": "id"}}, "key: the item has no attribute 'id'; it has x"),
    ({"dynamodb-put": {"table": "mails", "item": KEYED, "key": "id", "numbers": ["n"]}}, "numbers: the item has no attribute 'n'"),
    ({"ses-bounce": {"sender": "nobody"}}, "sender: 'nobody' is not an address"),
    ({"ses-bounce": {"sender": "a@example.com", "code": 250}}, "code: 250 is no refusal"),
    ({"ses-bounce": {"sender": "a@example.com", "status": "5"}}, "status: '5' is none"),
    ({"ses-bounce": {"sender": "a@example.com", "code": 450, "status": "5.1.1"}}, "contradict each other"),
    ({"add-header": {"name": "X_Team", "value": "x"}}, "name: 'X_Team' is none that can be added"),
    ({"add-header": {"name": "X" * 51, "value": "x"}}, "is none that can be added"),
    ({"add-header": {"name": "X-A\r\nBcc", "value": "x"}}, "is none that can be added"),
    ({"add-header": {"name": "Subject", "value": "x"}}, "choose another: X-Subject"),
    ({"add-header": {"name": "x-ses-virus-verdict", "value": "PASS"}}, "is the mail's own"),
    ({"add-header": {"name": "X-Team", "value": "a\r\nBcc: b@x.test"}}, "value: one line of at most 2047 characters"),
    ({"add-header": {"name": "X-Team", "value": "x" * 2048}}, "value: one line of at most 2047 characters"),
]


@pytest.mark.parametrize("step", GOOD, ids=str)
def test_options_that_aws_takes_are_taken(inbox_for, step):
    assert inbox_for(rules(step)).rules.rules[0].steps[0].handler in step


@pytest.mark.parametrize(("step", "words"), BAD, ids=lambda value: str(value)[:60])
def test_options_that_cannot_work_are_found_when_the_rules_are_loaded(inbox_for, step, words):
    with pytest.raises(RulesError) as caught:
        inbox_for(rules(step))
    assert words in str(caught.value) and "rules.yaml:5:" in str(caught.value)


@settings(max_examples=80, deadline=None)
@given(value=st.text(max_size=3000) | st.sampled_from(["a\r\nBcc: x@x.test", "\u2028X: y", "=?utf-8?q?=0D=0AX:_y?=", "a\r\n\r\nbody"]))
def test_no_value_of_a_mail_adds_a_second_field_or_ends_the_header(value):
    step = Step(1, "a", "add-header", {"name": "X-Team", "value": value})
    ((name, text),) = fields([step])
    head = f"{name}: {text}\r\n\r\n".encode()
    found = parse(head)
    assert [header.name for header in found.headers] == ["X-Team"]
    assert head.count(b"\r\n\r\n") == 1 and not any(line[:1] not in b" \tX" for line in head.split(b"\r\n") if line)


def test_fields_are_added_in_order_and_only_by_their_handler():
    steps = [Step(n, "a", handler, {"name": f"X-{n}", "value": "v"}) for n, handler in enumerate(["add-header", "other", "add-header"], 1)]
    assert fields(steps) == (("X-1", "v"), ("X-3", "v"))


def test_a_field_is_for_those_recipients_for_whom_it_was_added():
    from inbox.perform import earlier
    from inbox.testing import make_mail

    text = rules({"add-header": {"name": "X-For", "value": "{recipient}"}}, "discard", when="{recipient: {exists: true}}")
    plan = box_for(text).judge(make_mail(recipients=["bob@example.com", "eve@example.com"]))
    states = {step.n: "done" for step in plan.steps}
    found = [(step.handler, fields(earlier(plan, states, step))) for step in plan.steps]
    assert found[-1] == ("discard", (("X-For", "bob@example.com"), ("X-For", "eve@example.com")))
    assert fields(earlier(plan, {}, plan.steps[-1])) == ()
