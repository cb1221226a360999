"""Handlers and facts that misbehave: they cost their own step a try and nothing else. Real worker processes, really killed."""

from __future__ import annotations

import pytest

HOW = [
    ("raise", "deferred", "ValueError"),
    ("sleep", "deferred", "longer than 1 s"),
    ("deaf", "deferred", "did not answer to its alarm"),
    ("swallow", "deferred", "did not answer to its alarm"),
    ("exit", "deferred", "exit status 3"),
    ("clean exit", "deferred", "exit status 0"),
    ("leave", "deferred", "SystemExit"),
    ("kill", "deferred", "SIGKILL"),
    ("crash", "deferred", "SIGSEGV"),
    ("eat", "deferred", "MemoryError"),
    ("fork", "done", "behaved"),
    ("defer", "deferred", "later"),
    ("fail", "dead", "never"),
]


@pytest.mark.parametrize(("how", "state", "detail"), HOW, ids=[row[0] for row in HOW])
def test_a_handler_that_misbehaves_costs_its_step_a_try_and_nothing_else(room, how, state, detail):
    room.rules(f"[{{misbehave: {{how: {how}}}}}]")
    id_ = room.send("the one")
    room.work_until(lambda: set(room.states(id_)) == {1, 2})
    assert room.states(id_) == {1: state, 2: "done"}
    first = [outcome for outcome in room.receipt(id_).outcomes if outcome.n == 1]
    assert [outcome.attempt for outcome in first] == [1]
    assert detail in first[0].detail
    assert room.rows() == [id_]
    room.rules("[discard]")
    other = room.send("another")
    room.work_until(lambda: room.receipt(other).state == "settled")


def test_a_mail_that_kills_its_worker_while_it_is_judged_is_quarantined_and_the_others_go_on(room):
    room.rules(
        text="""
version: 1
domains: [example.com]
rules:
- name: odd
  when: {odd_fact: {is: true}}
  do: [discard]
default: [{store: {table: good}}]
"""
    )
    before = [room.send(f"fine {n}") for n in range(5)]
    poison = room.send("poison")
    after = [room.send(f"fine {n}") for n in range(5)]
    room.work_until(room.settled)
    assert room.receipt(poison).state == "quarantined"
    (held,) = room.receipt(poison).outcomes
    assert (held.n, held.state, held.attempt) == (0, "held", 3)
    assert "exit status 9" in held.detail
    assert sorted(room.rows()) == sorted(before + after)
    assert room.receipt(poison).mail.raw


def test_a_step_that_kills_its_worker_three_times_quarantines_the_mail(room):
    room.rules("[{misbehave: {how: exit}}]")
    id_ = room.send()
    work = room.settings.work.model_copy(update={"retry": (0.1,)})
    room.settings = room.settings.model_copy(update={"work": work})
    room.work_until(lambda: room.receipt(id_).state == "quarantined")
    assert [(outcome.n, outcome.state) for outcome in room.receipt(id_).outcomes if outcome.n != 2] == [
        (1, "deferred"), (1, "deferred"), (1, "deferred"), (0, "held"),
    ]  # fmt: skip
    assert room.rows() == [id_]


def test_an_observer_that_fails_changes_nothing(room):
    ids = [room.send("observer"), room.send("fine")]
    room.work_until(room.settled)
    assert {room.receipt(id_).state for id_ in ids} == {"settled"}
    assert sorted(room.lines("settled.txt")) == sorted(f"{id_} settled 2" for id_ in ids)
