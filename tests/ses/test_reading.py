"""Events within each other, several at once, and events of any shape: each record stands for itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.sources import ses
from inbox.sources.ses.errors import SesError
from ses_signing import ID, TOPIC, event


def created(key=ID):
    return {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "inbound-mail"}, "object": {"key": key}}}


def through_sns(inner):
    return {"Type": "Notification", "TopicArn": TOPIC, "Message": json.dumps(inner)}


def queued(*bodies):
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return {
        "Records": [{"eventSource": "aws:sqs", "messageId": str(n), "receiptHandle": f"r{n}", "body": text} for n, text in enumerate(texts)]
    }


def read(payload):
    return ses.read(payload, topics=[TOPIC])


def test_every_record_of_an_event_is_read():
    batch = read({"Records": [created("a"), created("b"), created("c")]})
    assert [record.place.key for record in batch.records] == ["a", "b", "c"]


def test_every_record_within_a_message_of_a_queue_is_read():
    (item,) = read(queued(through_sns({"Records": [created("a"), created("b")]})))
    assert [record.place.key for record in item.records] == ["a", "b"]


def test_one_bad_record_does_not_take_the_others_with_it():
    batch = read({"Records": [created("a"), {"eventSource": "aws:evil"}, created("c")]})
    assert [record.place.key for record in batch.records] == ["a", "c"]
    assert [error.code for error in batch.errors] == ["unknown"]


def test_a_message_with_one_bad_record_fails_and_gives_the_others():
    batch = read(queued({"Records": [created("a"), {"eventSource": "aws:evil"}, created("c")]}))
    assert [record.place.key for record in batch.records] == ["a", "c"]
    assert batch.failures == ("0",)


def test_messages_of_a_queue_fail_one_by_one_even_when_all_do():
    batch = read(queued("no json", "{}", "[1]", "", "[" * 100_000))
    assert [error.code for error in batch.errors] == ["not-json", "unknown", "not-json", "not-json", "not-json"]
    assert (batch.records, batch.failures) == ((), ("0", "1", "2", "3", "4"))


def test_messages_within_each_other_have_an_end():
    nested = created()
    for _ in range(6):
        nested = queued(nested)
    with pytest.raises(SesError, match="more than 4"):
        raise read(nested).errors[0]


def test_a_topic_within_a_topic_is_none():
    (error,) = read(queued(through_sns(through_sns(event())))).errors
    assert error.code == "unknown"


@pytest.mark.parametrize(
    "wrapped", [lambda e: queued(through_sns(e)), lambda e: {"Records": [{"EventSource": "aws:sns", "Sns": through_sns(e)}]}]
)
def test_a_topic_that_is_not_listed_is_refused_whatever_brings_it(wrapped):
    with pytest.raises(SesError) as caught:
        raise ses.read(wrapped(event()), topics=["arn:aws:sns:us-east-1:123456789012:other"]).errors[0]
    assert (caught.value.code, caught.value.topic) == ("topic", TOPIC)


SENDERS = [
    ("", None),
    ("<>", None),
    (None, None),
    (" <> ", None),
    ("<jane@example.org>", "jane@example.org"),
    ("jane@example.org", "jane@example.org"),
]


@pytest.mark.parametrize(("written", "sender"), SENDERS)
def test_the_null_sender_is_none_however_it_is_written(written, sender):
    payload = event()
    payload["mail"]["source"] = written
    assert read(payload).records[0].sender == sender


ENCODINGS = [
    ("Base64", b"abc"),
    ("BASE64", b"abc"),
    ("base64", b"abc"),
    ("UTF-8", b"YWJj"),
    ("UTF8", b"YWJj"),
    (None, b"YWJj"),
    ("new", b"YWJj"),
]


@pytest.mark.parametrize(("encoding", "mail"), ENCODINGS)
def test_content_is_what_its_encoding_says(encoding, mail):
    action = {"type": "SNS", "encoding": encoding}
    (record,) = read(event(content="YWJj", receipt={"recipients": ["a@b.test"], "action": action})).records
    assert (record.content, record.lossy) == (mail, mail == b"YWJj")


INCOMPLETE = [
    ({"content": "x"}, "content"),
    ({"content": None}, "no-content"),
    ({"mail": {"messageId": "../../x"}}, "message-id"),
    ({"mail": {"messageId": "a b"}}, "message-id"),
    ({"mail": {}}, "message-id"),
    ({"receipt": {"recipients": [], "action": {"type": "SNS"}}}, "no-recipients"),
    ({"receipt": {"recipients": ["a@b.test"], "action": {"type": "S3", "objectKey": "x"}}}, "no-content"),
]


@pytest.mark.parametrize(("change", "code"), INCOMPLETE)
def test_what_a_mail_cannot_be_kept_without_is_missed_by_name(change, code):
    with pytest.raises(SesError) as caught:
        read(event(**change))
    assert caught.value.code == code


KEYS = [("mail", f"mail/{ID}"), ("mail/", f"mail/{ID}"), ("", ID), ("a/b", f"a/b/{ID}")]


@pytest.mark.parametrize(("prefix", "key"), KEYS)
def test_a_key_is_formed_as_ses_forms_it(prefix, key):
    action = {"type": "S3", "bucketName": "inbound-mail", "objectKeyPrefix": prefix}
    (record,) = read(event(receipt={"recipients": ["a@b.test"], "action": action})).records
    assert record.place.key == key


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Records", "eventSource", "s3", "mail", "receipt", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)
SOURCES = st.sampled_from(["aws:ses", "aws:s3", "aws:sns", "aws:sqs"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault of the reader
@given(
    st.lists(
        st.builds(
            lambda source, more: {**more, "eventSource": source},
            SOURCES,
            st.dictionaries(st.sampled_from(["ses", "s3", "body"]), json_values),
        ),
        max_size=3,
    )
)
def test_events_of_any_shape_are_read_or_refused_in_words(records):
    try:
        batch = read({"Records": records})
    except SesError as error:
        assert error.code
    else:
        assert all(item.error or item.records for item in batch)


@given(
    st.dictionaries(
        st.sampled_from(["Type", "TopicArn", "Message", "notificationType", "eventType", "mail", "receipt", "detail", "source"]),
        json_values,
    )
)
def test_messages_of_any_shape_are_read_or_refused_in_words(payload):
    try:
        assert read(payload).records
    except SesError as error:
        assert error.code
