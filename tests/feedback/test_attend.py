"""Whoever works on a mail attends to what it says of mail that we sent: inline, by hand, and the worker; once, however often it is worked on."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from feedback_mails import answer, bounce, complaint, mail, plain
from inbox import app
from inbox.assemble import open_inbox
from inbox.errors import StoreError
from inbox.store.inline import work_inline
from inbox.worker import rounds
from inbox.worker.slot import Slot


@pytest.fixture(autouse=True)
def left(store, event):
    """A mail that left for joe."""
    store.note([event()])


def in_process(box, store, arrived):
    with store.working_on(arrived) as journal:
        box.process(arrived, journal)


def inline(box, store, arrived):
    work_inline(box, store, arrived, "h", datetime.now(UTC) + timedelta(seconds=60))


def by_worker(box, store, arrived):
    store.keep_all([(arrived, None)])
    end = time.monotonic() + 30
    slot = Slot(store.folder / "hand-shm")
    rounds.run(box, store, "w", slot, lambda: store.receipt(arrived.id).state == "settled" or time.monotonic() > end)


@pytest.mark.parametrize("work", [in_process, inline, by_worker])
def test_a_bounce_is_noted_and_its_recipient_suppressed(box, store, work):
    work(box, store, mail(bounce("joe@x.test")))
    assert [one.type for one in store.events(mail="m1")] == ["send", "bounce"]
    assert store.suppressed("joe@x.test").source == "bounce m1"


@pytest.mark.parametrize("text", [bounce("joe@x.test"), complaint(), answer("In-Reply-To: <m1.1@example.com>")])
def test_what_comes_twice_is_noted_once(box, store, text):
    for _ in range(2):
        inline(box, store, mail(text, sender=None if "report" in text else "joe@x.test"))
    assert len(store.events(mail="m1")) == 2


def test_other_mail_notes_nothing(box, store):
    inline(box, store, mail(plain(), sender="ann@y.test"))
    assert [one.type for one in store.events()] == ["send"]


def test_without_a_store_nothing_is_noted_and_nothing_fails(box):
    lone = open_inbox(box.settings)
    assert lone.attend(mail(bounce("joe@x.test"))) == ()
    assert lone.process(mail(bounce("joe@x.test"))).state == "settled"


def test_a_ledger_that_cannot_be_written_now_is_a_reason_to_come_again(box, store, monkeypatch):
    def full(*_):
        raise StoreError("the disk is full")

    monkeypatch.setattr(box.ledger, "note", full)
    with pytest.raises(StoreError):
        inline(box, store, mail(bounce("joe@x.test")))


def test_a_mistake_in_reading_costs_the_mail_nothing(box, store, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("odd")

    monkeypatch.setattr(app.feedback, "read", broken)
    arrived = mail(bounce("joe@x.test"))
    inline(box, store, arrived)
    assert store.receipt(arrived.id).state == "settled"
    assert "could not be noted" in caplog.text
