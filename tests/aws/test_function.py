"""The Lambda adapter: one event in, every mail of it kept, judged and worked on, and an answer that makes AWS repeat what was not done."""

from __future__ import annotations

import json
import types

import pytest

from conftest import SHARED
from inbox import Deferred, Failed, hookimpl
from inbox.app import Inbox
from inbox.config import validate
from inbox.function import Function, Undone
from inbox.metrics import Metrics
from inbox.plugins import Plugins
from inbox.store import open_store

ID = "o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"
TOPIC = "arn:aws:sns:us-east-1:123456789012:inbound"
SAMPLES = SHARED / "ses" / "samples"
RULES = """
version: 1
domains: [example.com]
rules:
- {name: virus, when: {verdict.virus: fail}, refuse: No viruses}
- {name: sales, recipients: [sales@example.com], do: [tell], stop: true}
- {name: word, when: {subject: {has: rule only}}, set: {disposition: stop_rule}}
- {name: all, do: [tell, {store: {table: mails}}]}
default: [discard]
"""


class Told:
    """A plugin whose handler counts. `fail`: raised before anything is done."""

    __name__ = "told"

    def __init__(self):
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.fail: Exception | None = None

    @hookimpl
    def register_handlers(self, register):
        def tell(mail, step):
            """Have an effect outside."""
            if self.fail:
                raise self.fail
            self.calls.append((mail.source_key, step.recipients))

        register("tell", tell, acts=True)


def raw(subject="Hello"):
    return f"From: jane@example.org\r\nTo: support@example.com\r\nSubject: {subject}\r\n\r\nwords\r\n".encode()


def receipt(message_id, recipients, action, **verdicts):
    statuses = {f"{name}Verdict": {"status": verdicts.get(name, "PASS")} for name in ("spam", "virus", "spf", "dkim", "dmarc")}
    mail = {
        "timestamp": "2025-11-05T10:00:00.000Z",
        "source": "jane@example.org",
        "messageId": message_id,
        "destination": [],
        "headersTruncated": False,
    }
    return {
        "mail": mail,
        "receipt": {"timestamp": "2025-11-05T10:00:00.000Z", "recipients": list(recipients), "action": action, **statuses},
    }


def notification(*recipients, message_id=ID, bucket="inbound-mail", **verdicts):
    action = {"type": "S3", "topicArn": TOPIC, "bucketName": bucket, "objectKeyPrefix": "mail", "objectKey": f"mail/{message_id}"}
    return {"notificationType": "Received", **receipt(message_id, recipients or ("support@example.com",), action, **verdicts)}


def lambda_event(*recipients, invocation="RequestResponse", message_id=ID, **verdicts):
    action = {"type": "Lambda", "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:f", "invocationType": invocation}
    recipients = recipients or ("support@example.com",)
    return {"Records": [{"eventSource": "aws:ses", "eventVersion": "1.0", "ses": receipt(message_id, recipients, action, **verdicts)}]}


def queue(*bodies):
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return {
        "Records": [{"eventSource": "aws:sqs", "messageId": f"m{n}", "receiptHandle": "h", "body": text} for n, text in enumerate(texts, 1)]
    }


def failures(*numbers):
    return {"batchItemFailures": [{"itemIdentifier": f"m{n}"} for n in numbers]}


@pytest.fixture
def s3(aws):
    client = aws.client("s3")
    client.create_bucket(Bucket="inbound-mail")
    client.create_bucket(Bucket="foreign")
    return client


@pytest.fixture
def put(s3):
    return lambda message_id=ID, content=None, bucket="inbound-mail": s3.put_object(
        Bucket=bucket, Key=f"mail/{message_id}", Body=raw() if content is None else content
    )


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def room(aws, tmp_path, told):
    """The function over a SQLite store, with all that AWS is asked in moto's server."""
    (tmp_path / "rules.yaml").write_text(RULES)
    ses = {"buckets": ["inbound-mail/mail"], "topics": [TOPIC], "account": "123456789012"}
    settings = validate({"rules": tmp_path / "rules.yaml", "ses": ses, "aws": aws.settings})
    store, metrics = open_store(tmp_path / "data"), Metrics()
    box = Inbox(settings.rules, plugins=Plugins(None, [told]), settings=settings, memory=store.memory(), counter=metrics)
    yield types.SimpleNamespace(call=Function(box, store, metrics), store=store, box=box, metrics=metrics)
    store.close()


def kept(room):
    """(source key, recipients, state) of every mail in the store, oldest first."""
    found = [room.store.receipt(id_) for id_ in room.store.ids()]
    return sorted((receipt.mail.source_key, receipt.mail.envelope.recipients, receipt.state) for receipt in found)


# what comes in by each road


@pytest.mark.parametrize(
    "event",
    [
        queue(notification()),
        queue({"Type": "Notification", "TopicArn": TOPIC, "MessageId": "x", "Message": json.dumps(notification())}),
        {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Type": "Notification", "TopicArn": TOPIC, "MessageId": "x", "Message": json.dumps(notification())}}]},
        lambda_event(invocation="Event"),
    ],
    ids=["queue, raw", "queue, of a topic", "topic", "lambda action"],
)  # fmt: skip
def test_a_mail_is_kept_judged_and_worked_on_by_whatever_road_it_comes(room, put, told, event):
    put()
    assert room.call(event) in ({}, failures())
    assert kept(room) == [(f"ses:{ID}", ("support@example.com",), "settled")]
    assert told.calls == [(f"ses:{ID}", ("support@example.com",))]
    (id_,) = room.store.ids()
    assert room.store.receipt(id_).mail.raw == raw()


def test_the_same_mail_by_two_roads_and_again_has_one_effect(room, put, told):
    put()
    for event in (queue(notification()), lambda_event(), queue(notification(), notification())):
        room.call(event)
    assert told.calls == [(f"ses:{ID}", ("support@example.com",))]


def test_a_second_rule_of_ses_adds_its_recipients_and_only_those_are_judged(room, put, told):
    put()
    room.call(queue(notification("support@example.com")))
    room.call(queue(notification("support@example.com", "billing@example.com")))
    assert told.calls == [(f"ses:{ID}", ("support@example.com",)), (f"ses:{ID}", ("billing@example.com",))]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples of ../shared are not there")
@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_every_sample_is_taken_or_told_and_nothing_is_half_kept(room, put, s3, path):
    for key in (f"mail/{ID}", ID, "in box/déjà+vu/" + ID):
        s3.put_object(Bucket="inbound-mail", Key=key, Body=(SAMPLES / "s3-object.eml").read_bytes())
    try:
        answer = room.call(json.loads(path.read_text(encoding="utf-8")))
    except Exception as error:
        assert type(error).__module__.startswith("inbox."), "an error with words of ours"
        assert str(error)
    else:
        assert answer == {} or set(answer) <= {"batchItemFailures", "disposition"}
    assert all(state == "settled" for _, _, state in kept(room))


# what fails


def test_one_bad_message_does_not_keep_the_others_of_its_batch(room, put, told):
    put("a" * 40)
    put("b" * 40)
    answer = room.call(
        queue(
            notification(message_id="a" * 40),
            "{cut off",
            {"Event": "s3:TestEvent", "Service": "Amazon S3"},
            notification(message_id="b" * 40),
        )
    )
    assert answer == failures(2)
    assert [key for key, _ in told.calls] == [f"ses:{'a' * 40}", f"ses:{'b' * 40}"]


FAULTS = [
    ("a missing object", notification(message_id="c" * 40), "NoSuchKey"),
    ("a foreign bucket", notification(bucket="foreign"), "foreign/mail"),
    ("a bucket that is not there", notification(message_id="c" * 40, bucket="inbound-mail"), "s3:GetObject inbound-mail/mail/cccc"),
    ("an event that nobody knows", {"hello": "world"}, "hello"),
    (
        "a foreign topic",
        {"Type": "Notification", "TopicArn": TOPIC + "2", "MessageId": "x", "Message": json.dumps(notification())},
        "inbound2",
    ),
]


@pytest.mark.parametrize(("body", "words"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_what_cannot_be_taken_is_named_and_comes_again(room, put, caplog, body, words):
    put(bucket="foreign")
    assert room.call(queue(body)) == failures(1)
    assert words in caplog.text or any(words in str(vars(record)) for record in caplog.records)
    assert kept(room) == []


def test_outside_of_a_queue_it_is_raised_after_the_others_were_done(room, put, told):
    put("a" * 40)
    first, second = lambda_event(message_id="b" * 40), lambda_event(message_id="a" * 40)
    with pytest.raises(Undone, match=r"b{40}.*NoSuchKey"):
        room.call({"Records": [*first["Records"], *second["Records"]]})
    assert [key for key, _ in told.calls] == [f"ses:{'a' * 40}"]


def test_a_deferred_step_fails_the_message_until_it_is_done_and_the_rest_is_done_once(room, put, told):
    put()
    told.fail = Deferred("the far end is away")
    assert room.call(queue(notification())) == failures(1)
    assert room.call(queue(notification())) == failures(1)
    told.fail = None
    assert room.call(queue(notification())) == failures()
    (id_,) = room.store.ids()
    outcomes = room.store.receipt(id_).outcomes
    assert [(outcome.n, outcome.state) for outcome in outcomes] == [(1, "deferred"), (2, "done"), (1, "deferred"), (1, "done")]


CLOCK = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


def test_the_clock_has_done_what_is_due_whether_the_queue_brings_it_again_or_not(room, put, told):
    put()
    told.fail = Deferred("the far end is away", 0)
    room.call(queue(notification()))
    told.fail = None
    assert room.call(CLOCK) == {"due": 0}, "it is due in a minute"
    (id_,) = room.store.ids()
    bring_near(room.store)
    assert room.call(CLOCK) == {"due": 1}
    assert room.store.receipt(id_).state == "settled"
    assert room.call(queue(notification())) == failures(), "the message that comes again finds it done"
    assert len(told.calls) == 1


def test_the_clock_gives_up_what_was_tried_for_five_days(room, put, told):
    put()
    told.fail = Deferred("the far end is away")
    room.call(queue(notification()))
    bring_near(room.store)
    room.call(CLOCK)
    assert [state for _, _, state in kept(room)] == ["dead"], "the mail is of 2025"


def bring_near(store):
    with store._connections.write() as db:
        db.execute("update inbox_mails set due_at = 1 where due_at > 0")
        db.execute("update inbox_steps set due_at = 1 where due_at > 0")


def test_a_step_that_is_given_up_is_kept_as_dead_and_does_not_come_again(room, put, told):
    put()
    told.fail = Failed("never")
    assert room.call(queue(notification())) == failures()
    assert [state for _, _, state in kept(room)] == ["dead"]


def test_without_a_store_it_comes_again_until_it_is_done(room, put, told):
    put()
    call = Function(room.box, None, room.metrics)
    told.fail = Failed("never")
    assert call(queue(notification())) == failures(1)
    told.fail = None
    assert call(queue(notification())) == failures()


def test_without_a_store_mail_that_a_rule_holds_comes_again_since_nobody_else_has_it(room, put, tmp_path):
    put()
    (tmp_path / "held.yaml").write_text("version: 1\ndomains: [example.com]\nrules: [{name: odd, do: [quarantine]}]\ndefault: [discard]\n")
    box = Inbox(tmp_path / "held.yaml", settings=room.box.settings)
    assert Function(box, None, room.metrics)(queue(notification())) == failures(1)
    assert Function(box, room.store, room.metrics)(queue(notification())) == failures()
    assert [state for _, _, state in kept(room)] == ["quarantined"]


class Context:
    aws_request_id = "request"

    def __init__(self, milliseconds):
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self):
        return self.milliseconds


def test_a_step_that_takes_longer_than_the_function_has_is_interrupted_and_comes_again(room, put, told, monkeypatch):
    import time

    put()
    with monkeypatch.context() as patch:
        patch.setattr(Told, "calls", property(lambda self: time.sleep(30)), raising=False)
        assert room.call(queue(notification()), Context(4_000)) == failures(1)
    assert [state for _, _, state in kept(room)] == ["waiting"]


# what SES is answered


DISPOSITIONS = [
    ("nothing stops", ("support@example.com",), {}, "CONTINUE"),
    ("a rule stops for all", ("sales@example.com",), {}, "STOP_RULE_SET"),
    ("a rule stops for one of two", ("sales@example.com", "support@example.com"), {}, "CONTINUE"),
    ("a rule refuses", ("support@example.com",), {"virus": "FAIL"}, "STOP_RULE_SET"),
    ("a domain that is not ours", ("x@elsewhere.test",), {}, "STOP_RULE_SET"),
]


@pytest.mark.parametrize(("recipients", "verdicts", "expected"), [row[1:] for row in DISPOSITIONS], ids=[row[0] for row in DISPOSITIONS])
def test_the_disposition(room, put, recipients, verdicts, expected):
    put()
    assert room.call(lambda_event(*recipients, **verdicts)) == {"disposition": expected}
    assert room.call(lambda_event(*recipients, **verdicts)) == {"disposition": expected}, "and the same when the event comes again"


def test_a_rule_may_name_the_disposition(room, put):
    put(content=raw("this rule only"))
    assert room.call(lambda_event()) == {"disposition": "STOP_RULE"}


def test_mail_that_a_rule_refuses_is_held_since_ses_has_acknowledged_it(room, put, told):
    put()
    room.call(lambda_event(virus="FAIL"))
    assert [state for _, _, state in kept(room)] == ["quarantined"]
    assert told.calls == []


def test_the_metrics_of_an_event_stand_in_the_log_for_cloudwatch(room, put, capsys, monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "Mail")
    put()
    room.call(queue(notification()))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(line["service"] == "Mail" and line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "inbox" for line in lines)
    assert [line["source"] for line in lines if "inbox_accepted_total" in line] == ["ses"]
    (settled,) = [line for line in lines if "inbox_settled_total" in line]
    assert settled["inbox_settled_total"] == 1 and settled["inbox_mail_bytes"]["Sum"] == len(raw())
    room.call(queue(notification()))  # the same once more: nothing is done, and nothing is told twice
    assert not any("inbox_settled_total" in line for line in capsys.readouterr().out.splitlines())
