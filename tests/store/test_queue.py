"""Mail that leaves, in stores without workers (AWS Lambda): kept with its plan, delivered by whoever comes by the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from inbox.assemble import queue_of
from inbox.model import Envelope, Mail
from inbox.sending import SENT, plan_to_send
from inbox.store.inline import InlineQueue, work_due

RULES = "version: 1\ndomains: [far.test]\nrules:\n- {name: all, do: [store]}\ndefault: [store]\n"


def leaving(key: str | None = None) -> Mail:
    envelope = Envelope("shop@example.com", ("alice@far.test", "bob@far.test"), source=SENT)
    return Mail.of(b"From: shop@example.com\r\nSubject: x\r\n\r\nhello\r\n", envelope, source_key=key)


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=30)


@pytest.fixture
def box(inbox_for, outbox):
    return inbox_for(RULES, outbox=outbox)


def test_the_clock_delivers_what_waits(inline, box, outbox):
    mail = leaving()
    assert InlineQueue(inline).keep_all([(mail, plan_to_send(mail, {"identity": "example.com"}))]) == [mail.id]
    assert outbox.sent == []
    (receipt,) = work_due(box, inline, "tick", soon())
    assert receipt.state == "settled"
    assert [(step.handler, step.options) for step in receipt.plan.steps] == [("deliver", {"identity": "example.com"})] * 2
    assert [sent.recipients for sent in outbox.sent] == [("alice@far.test",), ("bob@far.test",)]
    assert work_due(box, inline, "tock", soon()) == []


def test_the_same_key_is_the_same_mail(inline, box, outbox):
    queue, first, second = InlineQueue(inline), leaving("send:7"), leaving("send:7")
    ids = queue.keep_all([(first, plan_to_send(first))]) + queue.keep_all([(second, plan_to_send(second))])
    assert ids == [first.id, first.id]
    work_due(box, inline, "tick", soon())
    assert len(outbox.sent) == 2


def test_a_mail_that_a_crash_left_without_its_plan_is_judged_by_no_rule(inline, box, outbox):
    inline.arrive(leaving(), "queue", soon())
    inline.let_go("queue")
    (receipt,) = work_due(box, inline, "tick", soon())
    assert {step.handler for step in receipt.plan.steps} == {"deliver"}
    assert len(outbox.sent) == 2


def test_a_store_with_workers_is_its_own_queue(store):
    assert queue_of(store) is store


def test_a_table_has_a_queue_for_the_clock(new_table):
    assert isinstance(queue_of(new_table()), InlineQueue)
