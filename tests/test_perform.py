"""Which steps may run, how a mail stands, when a step is due again, how an attempt ends."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inbox.deadline import TimeUp, time_limit
from inbox.errors import Deferred, Failed, Suppressed
from inbox.model import Decision, Done, Plan, Reply, Row, Step
from inbox.perform import attempt, due, mail_state, ready, too_late
from inbox.tables import Work

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
WORK = Work()


def plan(*steps: dict) -> Plan:
    return Plan("v", steps=tuple(Step(n, **{"rule": "r", "handler": "h", **step}) for n, step in enumerate(steps, 1)))


READY = [
    ("nothing tried yet: all may run", [{}, {}], {}, [1, 2], []),
    ("a step that is done does not run again", [{}, {}], {1: "done"}, [2], []),
    ("a deferred step may run again, the others go on", [{}, {}], {1: "deferred", 2: "done"}, [1], []),
    ("a dead step does not hold the others", [{}, {}], {1: "dead"}, [2], []),
    ("on_error stop: the next waits", [{"on_error": "stop"}, {}], {}, [1], []),
    ("on_error stop: the next waits while it is deferred", [{"on_error": "stop"}, {}], {1: "deferred"}, [1], []),
    ("on_error stop: done lets the next run", [{"on_error": "stop"}, {}], {1: "done"}, [2], []),
    ("on_error stop: given up skips the rest", [{"on_error": "stop"}, {}, {}], {1: "failed"}, [], [2, 3]),
    ("when_done stop: done skips the rest", [{"when_done": "stop"}, {}], {1: "done"}, [], [2]),
    ("when_done stop: failed lets the next run", [{"when_done": "stop", "on_error": "continue"}, {}], {1: "failed"}, [2], []),
    (
        "held: later steps for the same recipients wait",
        [{"recipients": ("a@x",)}, {"recipients": ("a@x",), "rule": "o"}],
        {1: "held"},
        [],
        [],
    ),
    ("held: other recipients go on", [{"recipients": ("a@x",)}, {"recipients": ("b@x",)}], {1: "held"}, [2], []),
    ("another rule is not touched", [{"on_error": "stop"}, {"rule": "other"}], {1: "failed"}, [2], []),
    ("a skipped step passes its stop on", [{"on_error": "stop"}, {"when_done": "stop"}, {}], {1: "failed", 2: "skipped"}, [], [3]),
]


@pytest.mark.parametrize(("steps", "states", "run", "skip"), [row[1:] for row in READY], ids=[row[0] for row in READY])
def test_ready(steps, states, run, skip):
    may_run, are_skipped = ready(plan(*steps), states)
    assert [step.n for step in may_run] == run
    assert [step.n for step in are_skipped] == skip


IN_ORDER = [
    ("one at a time", [{}, {}], {}, [1], []),
    ("the next, also of another rule, waits while one is deferred", [{}, {"rule": "other"}], {1: "deferred"}, [1], []),
    ("done lets the next run", [{}, {"rule": "other"}, {}], {1: "done"}, [2], []),
    ("given up lets the next run", [{}, {}], {1: "dead"}, [2], []),
    ("what is skipped holds nobody", [{"on_error": "stop"}, {}, {"rule": "other"}], {1: "failed"}, [3], [2]),
]


@pytest.mark.parametrize(("steps", "states", "run", "skip"), [row[1:] for row in IN_ORDER], ids=[row[0] for row in IN_ORDER])
def test_ready_in_order(steps, states, run, skip):
    may_run, are_skipped = ready(replace(plan(*steps), in_order=True), states)
    assert ([step.n for step in may_run], [step.n for step in are_skipped]) == (run, skip)


def test_a_plan_in_order_is_stored_as_such_and_an_older_one_is_not():
    kept = replace(plan({}), in_order=True).to_dict()
    assert Plan.from_dict(kept).in_order
    del kept["in_order"]
    assert not Plan.from_dict(kept).in_order


STATES = [
    ("no steps", [], {}, "settled"),
    ("not tried", [{}], {}, "waiting"),
    ("all done", [{}, {}], {1: "done", 2: "skipped"}, "settled"),
    ("failed with continue settles", [{}], {1: "failed"}, "settled"),
    ("who is suppressed holds nothing up", [{}, {}], {1: "done", 2: "suppressed"}, "settled"),
    ("one deferred", [{}, {}], {1: "done", 2: "deferred"}, "waiting"),
    ("dead only when nothing waits", [{}, {}], {1: "dead", 2: "deferred"}, "waiting"),
    ("dead", [{}, {}], {1: "dead", 2: "done"}, "dead"),
    ("held wins", [{}, {}], {1: "held", 2: "dead"}, "quarantined"),
    ("a poison mail is held before its steps", [{}], {0: "held"}, "quarantined"),
    ("a refused recipient does not hold the mail", [{}], {0: "refused", 1: "done"}, "settled"),
]


@pytest.mark.parametrize(("steps", "states", "expected"), [row[1:] for row in STATES], ids=[row[0] for row in STATES])
def test_mail_state(steps, states, expected):
    assert mail_state(plan(*steps), states) == expected


@pytest.mark.parametrize(("number", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 60), (5, 60), (50, 60)])
def test_the_schedule_is_1_5_15_60_minutes_then_hourly(number, minutes):
    assert due(number, NOW, NOW, WORK, spread=0) == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize(("spread", "seconds"), [(-1, 48), (1, 72)])
def test_the_schedule_is_spread_by_a_fifth(spread, seconds):
    assert due(1, NOW, NOW, WORK, spread=spread) == NOW + timedelta(seconds=seconds)


def test_after_five_days_a_step_is_given_up():
    assert due(99, NOW, NOW + timedelta(days=5), WORK) is None
    assert due(99, NOW, NOW + timedelta(days=5, seconds=-1), WORK) is not None


def test_a_wish_to_wait_longer_is_honoured_up_to_a_day():
    assert due(1, NOW, NOW, WORK, wish=7200, spread=0) == NOW + timedelta(hours=2)
    assert due(1, NOW, NOW, WORK, wish=10**9, spread=0) == NOW + timedelta(days=1)


def raising(error):
    def call():
        raise error

    return call


ATTEMPTS = [
    ("nothing returned", lambda: None, "retry", "done", None),
    ("text is the detail", lambda: "sent", "retry", "done", "sent"),
    ("a row", lambda: Row("t", {}), "retry", "done", "row in t"),
    ("held", lambda: Done("odd", hold=True), "retry", "held", "odd"),
    ("deferred", raising(Deferred("later")), "continue", "deferred", "later"),
    ("any exception is deferred", raising(ValueError("secret path")), "stop", "deferred", "ValueError: secret path"),
    ("sys.exit is deferred", raising(SystemExit(3)), "retry", "deferred", "SystemExit: 3"),
    ("out of memory is deferred", raising(MemoryError()), "retry", "deferred", "MemoryError: "),
    ("suppressed is an end of its own", raising(Suppressed("on the list")), "quarantine", "suppressed", "on the list"),
    ("failed, retry", raising(Failed("no")), "retry", "dead", "no"),
    ("failed, continue", raising(Failed("no")), "continue", "failed", "no"),
    ("failed, stop", raising(Failed("no")), "stop", "failed", "no"),
    ("failed, quarantine", raising(Failed("no")), "quarantine", "held", "no"),
    (
        "a handler that returns nonsense",
        lambda: 3.5,
        "retry",
        "deferred",
        "TypeError: a handler returns None, a short text, Row or Done; this one returned float",
    ),
]


@pytest.mark.parametrize(("call", "on_error", "state", "detail"), [row[1:] for row in ATTEMPTS], ids=[row[0] for row in ATTEMPTS])
def test_attempt(call, on_error, state, detail):
    ended = attempt(Step(1, "r", "h", on_error=on_error), call, 1, datetime.now(UTC), WORK)
    assert (ended.outcome.state, ended.outcome.detail) == (state, detail)
    assert (ended.due_at is not None) == (state == "deferred")


@pytest.mark.parametrize(("on_error", "state"), [("retry", "dead"), ("continue", "failed"), ("stop", "failed"), ("quarantine", "held")])
def test_deferred_for_too_long_is_given_up(on_error, state):
    ended = attempt(Step(1, "r", "h", on_error=on_error), raising(Deferred("still down")), 40, NOW - timedelta(days=9), WORK)
    assert (ended.outcome.state, ended.outcome.detail) == (state, "given up: still down")


def test_a_handler_that_sleeps_past_its_timeout_is_deferred():
    def sleepy():
        try:
            time.sleep(5)
        except Exception:
            time.sleep(5)

    ended = attempt(Step(1, "r", "h", timeout=0.05), sleepy, 1, datetime.now(UTC), WORK)
    assert (ended.outcome.state, ended.outcome.detail) == ("deferred", "took longer than 0.05 s")


def test_a_wish_may_be_the_text_of_a_header():
    assert Deferred("busy", retry_after="120").retry_after == 120


def test_nobody_is_refused_after_the_250():
    refused = {"u@x.test": Reply(550, "5.7.1", "no")}
    decisions = (Decision("spam", matched=True, recipients=("u@x.test",)),)
    late = too_late(Plan("v", Reply(550, "5.7.1", "no"), decisions=decisions, refused=refused))
    assert (late.reply.code, dict(late.refused)) == (250, {})
    assert [(step.rule, step.handler, step.recipients) for step in late.steps] == [("spam", "quarantine", ("u@x.test",))]


def test_a_limit_within_a_limit_is_the_outer_one():
    with pytest.raises(TimeUp), time_limit(0.05) as outer, time_limit(9) as inner:
        assert (outer, inner) == (True, False)
        time.sleep(5)
