"""Rounds of one worker, in this process: what is written when, which plan holds, when a step is tried again."""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime

import pytest

from inbox.app import Inbox
from inbox.errors import StoreError
from inbox.model import Plan, Reply, Step
from inbox.plugins import Plugins
from inbox.queries import read_query
from inbox.worker import InHand, Slot, run


@pytest.fixture
def work(room, tmp_path):
    """`work(condition)`: one worker, here, until the condition holds (or some seconds have passed)."""

    def until(condition=None, box=None, **changes):
        if changes:
            room.settings = room.settings.model_copy(update={"work": room.settings.work.model_copy(update=changes)})
        box = box or Inbox(
            room.settings.rules, plugins=Plugins(room.settings.plugins_dir), settings=room.settings, memory=room.store.memory()
        )
        end = time.monotonic() + 15
        condition = condition or room.settled
        run(box, room.store, "w1", Slot(tmp_path / "slot-shm"), lambda: condition() or time.monotonic() > end)
        assert condition(), room.states(room.sent[0])
        return box

    return until


def test_many_mails_are_settled_with_their_rows_and_can_be_found(room, work):
    ids = [room.send(f"number {n}") for n in range(120)]
    work()
    assert sorted(room.rows()) == sorted(ids)
    assert [row.id for row in room.store.find(read_query("number 77"))] == [ids[77]]
    assert room.store.subject(ids[5]) == "number 5"
    receipt = room.receipt(ids[0])
    assert [(outcome.n, outcome.state, outcome.attempt) for outcome in receipt.outcomes] == [(1, "done", 1), (2, "done", 1)]


def test_the_receipt_that_observers_see_is_the_one_that_is_stored(room, work, monkeypatch):
    seen = {}
    monkeypatch.setattr(Inbox, "tell", lambda self, mail, receipt: seen.update({mail.id: receipt}))
    room.rules("[discard, {row: {table: inbox_mails, on_error: continue}}, {note: {}}]")
    ids = [room.send(str(n)) for n in range(3)]
    work()
    for id_ in ids:
        assert seen[id_].to_dict() == room.receipt(id_).to_dict()


def test_a_handler_that_ends_all_rules_ends_them_for_good(room, work):
    room.rules("[ends, discard]")
    id_ = room.send("x")
    work()
    assert {outcome.n: outcome.state for outcome in room.receipt(id_).outcomes} == {1: "done", 2: "skipped", 3: "skipped"}
    assert room.rows() == [], "the second rule did nothing"


def test_a_stored_plan_is_performed_and_not_decided_anew(room, work):
    plan = Plan("of older rules", steps=(Step(1, "old", "store", {"table": "old"}, ("u@example.com",)),))
    id_ = room.send("x", plan)
    work()
    assert room.rows("old") == [id_]
    assert room.rows("good") == []
    assert room.receipt(id_).plan == plan


def test_who_is_refused_before_the_250_is_on_record_and_who_would_be_after_it_is_held(room, work):
    room.rules(
        text="""
version: 1
domains: [example.com]
rules:
- name: no
  when: {subject: no}
  refuse: Not this
default: [store]
"""
    )
    id_ = room.send("no")
    given = room.send("x", Plan("v", refused={"u@example.com": Reply(550, "5.7.1", "no")}))
    work()
    assert [(o.n, o.state) for o in room.receipt(given).outcomes] == [(0, "refused")]
    assert room.receipt(given).state == "settled"
    late = room.receipt(id_)
    assert late.state == "quarantined", "a mail that was acknowledged is never settled with nothing done"
    assert late.plan.reply.code == 250
    assert "was acknowledged before" in late.outcomes[0].detail


def test_the_plan_is_on_disk_before_an_acting_step_begins_and_each_outcome_before_the_next(room, work, monkeypatch):
    room.rules("[{note: {}}, {note: {}}]")
    id_ = room.send()
    seen = []
    original = Inbox.attempt

    def attempt(self, mail, step, number, **more):
        receipt = room.receipt(id_)
        seen.append((step.n, receipt.plan is not None, [outcome.n for outcome in receipt.outcomes]))
        return original(self, mail, step, number, **more)

    monkeypatch.setattr(Inbox, "attempt", attempt)
    work()
    assert seen == [(1, True, []), (2, True, [1]), (3, True, [1, 2])]


def test_a_deferred_step_is_tried_again_when_it_is_due_and_given_up_in_the_end(room, work):
    room.rules("[{misbehave: {how: defer}}]")
    id_ = room.send()
    work(retry=(0.1,), retry_for=0.6)
    attempts = [outcome for outcome in room.receipt(id_).outcomes if outcome.n == 1]
    assert [outcome.attempt for outcome in attempts] == list(range(1, len(attempts) + 1))
    assert [outcome.state for outcome in attempts] == ["deferred"] * (len(attempts) - 1) + ["dead"]
    assert 3 <= len(attempts) <= 9
    assert room.receipt(id_).state == "dead"
    assert room.rows() == [id_]


ROWS = [
    ("retry", {1: "dead", 2: "done", 3: "done"}, "dead"),
    ("continue", {1: "failed", 2: "done", 3: "done"}, "settled"),
    ("stop", {1: "failed", 2: "skipped", 3: "done"}, "settled"),
    ("quarantine", {1: "held"}, "quarantined"),
]


@pytest.mark.parametrize(("on_error", "states", "state"), ROWS, ids=[row[0] for row in ROWS])
@pytest.mark.parametrize("handler", ["row: {table: sqlite_master", "store: {table: inbox_mails"], ids=["plugin", "built in"])
def test_a_row_that_the_store_refuses_fails_its_step_only(room, work, monkeypatch, on_error, states, state, handler):
    monkeypatch.setattr("inbox.handlers.keeping.check_store", lambda *_: iter(()))
    monkeypatch.setattr("inbox.handlers.keeping._NAME", __import__("re").compile(".*"))
    room.rules(f"[{{{handler}, on_error: {on_error}}}}}, discard]")
    ids = [room.send(), room.send()]
    work()
    for id_ in ids:
        assert room.states(id_) == states
        assert room.receipt(id_).state == state
        assert "choose a name" in room.receipt(id_).outcomes[0].detail
    assert sorted(room.rows()) == ([] if state == "quarantined" else sorted(ids))


def test_what_was_done_outside_is_written_down_once_the_store_takes_it_again(room, work, monkeypatch):
    """A full disk must not make a handler act again and again."""
    room.rules("[{note: {}}]")
    id_ = room.send()
    failures = iter([True, True])
    original = room.store.settled

    def settled(mail, outcome, *more):
        if outcome.n == 1 and next(failures, False):
            raise StoreError("no room")
        return original(mail, outcome, *more)

    monkeypatch.setattr(room.store, "settled", settled)
    monkeypatch.setattr("inbox.worker.rounds._FIRST_WAIT", 0.05)
    work()
    assert room.lines("calls.txt") == [f"begin {id_} 1", f"end {id_} 1"]
    assert room.states(id_) == {1: "done", 2: "done"}


def test_a_batch_that_fails_is_done_one_by_one_and_only_the_culprit_gets_strikes(room, work, monkeypatch):
    ids = [room.send(str(n)) for n in range(5)]
    index, settle_new = room.store.index, room.store.settle_new

    def failing(write, is_odd):
        def call(*given):
            if is_odd(given[0]):
                raise TypeError("odd words")
            return write(*given)

        return call

    monkeypatch.setattr(room.store, "index", failing(index, lambda mail: mail.id == ids[2]))
    monkeypatch.setattr(room.store, "settle_new", failing(settle_new, lambda found: ids[2] in [one.mail.id for one in found]))
    work()
    assert [room.receipt(id_).state for id_ in ids] == ["settled", "settled", "quarantined", "settled", "settled"]
    assert "TypeError: odd words" in room.receipt(ids[2]).outcomes[-1].detail


def test_a_mail_that_cannot_be_read_is_quarantined(room, work):
    id_, other = room.send(), room.send()
    with room.store._connections.write() as db:
        db.execute("delete from inbox_raw where seq = 1")
    work()
    assert room.receipt(id_).state == "quarantined"
    assert room.receipt(other).state == "settled"


def test_slow_steps_do_not_hold_up_newer_mail_for_long(room, work, monkeypatch):
    monkeypatch.setattr("inbox.worker.rounds._LONG_ROUND", 0.3)
    room.rules(
        text="""
version: 1
domains: [example.com]
rules:
- name: slow
  when: {subject: slow}
  do: [{note: {seconds: 0.4}}]
default: [{store: {table: good}}]
"""
    )
    slow = [room.send("slow") for _ in range(4)]
    quick = []

    def done():
        if room.lines("calls.txt") and not quick:
            quick.append(room.send("quick"))
        return room.settled()

    work(done)
    ended = [line.split()[1] for line in room.lines("calls.txt") if line.startswith("begin")]
    assert ended == slow
    order = {id_: room.receipt(id_).outcomes[-1].at for id_ in (*slow, *quick)}
    assert order[quick[0]] < order[slow[3]]


# the slot


def test_a_slot_tells_who_works_on_what_until_when(tmp_path):
    ours, theirs = Slot(tmp_path / "a-shm"), Slot(tmp_path / "a-shm")
    assert (theirs.read(), theirs.pid()) == (None, 0)
    ours.ready()
    assert theirs.pid() > 0
    ours.begin("06h0rmrhkyrefaftqby7", 3, 60)
    found = theirs.read()
    assert (found.mail, found.n) == ("06h0rmrhkyrefaftqby7", 3)
    assert 59 < found.deadline - time.monotonic() <= 60
    ours.end()
    assert theirs.read() is None
    with ours.holding("x", 0, 1):
        assert dataclasses.replace(theirs.read(), deadline=0) == InHand("x", 0, 0)
    assert theirs.read() is None
    assert (tmp_path / "a-shm").stat().st_mode & 0o777 == 0o600


def test_a_slot_costs_next_to_nothing(tmp_path):
    slot = Slot(tmp_path / "a-shm")
    began = time.perf_counter()
    for n in range(10_000):
        slot.begin("06h0rmrhkyrefaftqby7", n, 60)
        slot.end()
    assert time.perf_counter() - began < 1.0


def test_the_time_a_mail_is_due_again_is_in_its_row(room, work):
    room.rules("[{misbehave: {how: defer}}]")
    id_ = room.send()
    work(lambda: len(room.states(id_)) == 2)
    (row,) = room.store.mails(state="waiting")
    assert 40 < (row.due_at - datetime.now(UTC)).total_seconds() < 80


ODD = """
version: 1
domains: [example.com]
rules:
- {name: odd, when: {odd_fact: true}, label: odd}
- name: second
  do: [{store: {table: good, values: {subject: "{subject}"}}}]
default: [store]
"""


def test_mails_that_cannot_be_judged_now_wait_and_the_others_go_on(room, work):
    room.rules(text=ODD)
    waiting, others = [room.send(f"later {n}") for n in range(3)], [room.send("x") for _ in range(20)]
    work(lambda: sorted(room.rows()) == sorted(others), retry=(0.1,))
    for id_ in waiting:
        assert room.receipt(id_).state == "kept"
        assert {(outcome.n, outcome.state) for outcome in room.receipt(id_).outcomes} == {(0, "deferred")}
    (room.folder / "plugins" / "now").touch()
    work()
    assert sorted(room.rows()) == sorted(waiting + others)
    assert [row.id for row in room.store.find(read_query('"later 1"'))] == [waiting[1]]


def test_a_mail_that_could_not_be_judged_in_time_is_held_and_judged_when_it_is_released(room, work):
    room.rules(text=ODD)
    id_ = room.send("later")
    work(retry=(0.1,), retry_for=0.3)
    assert room.receipt(id_).state == "quarantined"
    assert "ask again" in room.receipt(id_).outcomes[-1].detail
    (room.folder / "plugins" / "now").touch()
    room.store.release_quarantine(id_)
    work()
    assert room.rows() == [id_]
