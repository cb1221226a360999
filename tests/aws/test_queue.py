"""A queue of SQS, polled from moto's server: deleted after it is kept, hidden while it takes long, left when it fails."""

from __future__ import annotations

import json
import threading

import pytest

from inbox.config import validate
from inbox.errors import StoreError
from inbox.metrics import Metrics
from inbox.sources.ses import queue as queues
from inbox.sources.ses.intake import Intake
from inbox.sources.ses.queue import Queue
from waiting import until


@pytest.fixture
def url(aws):
    return aws.client("sqs").create_queue(QueueName="inbound", Attributes={"VisibilityTimeout": "30"})["QueueUrl"]


def bounce(n):
    """A message that needs nothing but the handler for feedback."""
    return json.dumps({"eventType": "Bounce", "mail": {"messageId": f"m{n}"}, "bounce": {"feedbackId": f"f{n}"}})


class Polled:
    """A queue with a handler for feedback that the test decides on."""

    def __init__(self, aws, url, folder):
        self.aws, self.url, self.seen, self.failure, self.held = aws, url, [], None, None
        self.begun, self.go = threading.Event(), threading.Event()
        self.go.set()
        settings = validate({"aws": aws.settings, "dir": folder})
        self.queue = Queue(url, settings, Intake(settings, str, Metrics(), feedback=self.take), lambda: self.held)

    def take(self, feedback):
        self.begun.set()
        assert self.go.wait(20)
        self.seen.append(feedback.message_id)
        if self.failure:
            raise self.failure

    def send(self, *bodies):
        for body in bodies:
            self.aws.client("sqs").send_message(QueueUrl=self.url, MessageBody=body)

    def left(self):
        """(to be had, hidden)"""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.aws.client("sqs").get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return tuple(int(found[name]) for name in names)


@pytest.fixture
def polled(aws, url, tmp_path):
    found = Polled(aws, url, tmp_path)
    yield found
    found.go.set()
    found.queue.drain(5)


def test_more_than_one_batch_is_taken_and_deleted(polled):
    polled.send(*(bounce(n) for n in range(23)))
    polled.queue.start()
    until(lambda: polled.left() == (0, 0), "the queue is empty")
    assert sorted(polled.seen) == sorted(f"m{n}" for n in range(23))


def test_a_message_that_fails_stays_and_the_others_of_its_batch_do_not(polled):
    polled.send(bounce(1), "no json", bounce(2))
    polled.queue.start()
    until(lambda: polled.left() == (0, 1), "one message is left")
    assert sorted(polled.seen) == ["m1", "m2"]


def test_what_the_store_does_not_take_stays(polled, caplog):
    polled.failure = StoreError("the disk is full")
    polled.send(bounce(1))
    polled.queue.start()
    until(lambda: "message stays in the queue" in caplog.text, "it is told")
    assert polled.left() == (0, 1)
    record = next(record for record in caplog.records if record.message == "message stays in the queue")
    assert (record.receives, record.why) == (1, "the disk is full")


def test_a_message_that_takes_long_stays_hidden(polled, monkeypatch):
    monkeypatch.setattr(queues, "_HIDDEN", 3)
    polled.go.clear()
    polled.send(bounce(1))
    polled.queue.start()
    assert polled.begun.wait(20)
    asked = []
    hide = polled.queue._hide
    monkeypatch.setattr(polled.queue, "_hide", lambda items: (asked.append(items), hide(items)))
    until(lambda: len(asked) >= 3, "it was hidden again and again")
    assert polled.left() == (0, 1)
    polled.go.set()
    until(lambda: polled.left() == (0, 0), "it is deleted")
    assert polled.seen == ["m1"]


def test_nothing_is_polled_while_no_mail_can_be_taken(polled, monkeypatch):
    polled.held = "452 4.3.1 Not enough disk space"
    waits = []
    monkeypatch.setattr(polled.queue._stop, "wait", lambda seconds: waits.append(seconds) or threading.Event().wait(0.01))
    polled.send(bounce(1))
    polled.queue.start()
    until(lambda: len(waits) > 9, "it waits")
    assert (polled.left(), polled.seen) == ((1, 0), [])
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    polled.held = None
    until(lambda: polled.seen == ["m1"], "it goes on")


def test_a_queue_that_is_not_there_is_told_and_asked_for_again(aws, tmp_path, caplog):
    gone = Polled(aws, f"{aws.endpoint}/123456789012/gone", tmp_path)
    gone.queue.start()
    until(lambda: "queue cannot be worked on" in caplog.text, "it is told")
    record = next(record for record in caplog.records if record.message.startswith("queue cannot be worked on"))
    assert "sqs:ReceiveMessage" in record.why
    gone.queue.drain(5)


def test_draining_finishes_what_is_in_hand_and_takes_no_more(polled):
    polled.go.clear()
    polled.send(*(bounce(n) for n in range(3)))
    polled.queue.start()
    assert polled.begun.wait(20)
    draining = threading.Thread(target=polled.queue.drain, args=(20,))
    draining.start()
    polled.send(bounce(9))
    polled.go.set()
    draining.join(20)
    assert not draining.is_alive()
    assert sum(polled.left()) == 1 + 3 - len(polled.seen)
    assert "m9" not in polled.seen


def test_a_region_in_the_address_of_a_queue_is_that_of_its_calls(tmp_path):
    asked = []

    def client(service, settings):
        asked.append((service, settings))
        raise StoreError("enough")

    settings = validate({"aws": {"region": "us-east-1"}, "dir": tmp_path})
    queue = Queue("https://sqs.eu-west-1.amazonaws.com/123456789012/inbound", settings, None, lambda: None, client=client)
    with pytest.raises(StoreError):
        queue._receive()
    assert asked == [("sqs", {"region": "eu-west-1"})]
