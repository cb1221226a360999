"""Budgets: so many within so long for all processes together, whatever is retried, and in both stores."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.ports import Budget
from inbox.store import open_store
from inbox.store.budgets import taken
from inbox.testing import MemoryNotes

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TWO = Budget("reply sender a@x.test", 2, 60)
FIVE = Budget("reply in all", 5, 60)


@pytest.fixture(params=["sqlite", "dynamodb", "test kit"])
def memory(request):
    if request.param == "test kit":
        return MemoryNotes()
    return request.getfixturevalue("store" if request.param == "sqlite" else "new_table")


@pytest.fixture
def budgets(memory):
    """A memory of each kind."""
    return memory if isinstance(memory, MemoryNotes) else (memory() if callable(memory) else memory).memory()


@pytest.fixture
def at(new_mail):
    return lambda seconds=0: replace(new_mail(), received_at=NOW + timedelta(seconds=seconds))


def test_a_budget_is_used_up_and_has_room_again_when_its_time_is_over(budgets, at):
    found = [budgets.take(at(seconds), 1, [TWO]) for seconds in (0, 10, 59, 60, 69, 70)]
    assert found == [None, None, TWO, None, TWO, None]


def test_a_step_that_asks_again_has_what_it_has_and_takes_nothing_more(budgets, at):
    mail = at()
    assert [budgets.take(mail, 1, [TWO]) for _ in range(5)] == [None] * 5
    assert budgets.take(mail, 2, [TWO]) is None
    assert budgets.take(at(1), 1, [TWO]) == TWO
    assert budgets.take(mail, 1, [TWO]) is None


def test_nothing_is_taken_of_any_budget_when_one_is_used_up(budgets, at):
    other = Budget("reply sender b@x.test", 2, 60)
    for _ in range(3):
        budgets.take(at(), 1, [FIVE, TWO])
    assert [budgets.take(at(), 1, [FIVE, other]) for _ in range(2)] == [None, None]
    assert [budgets.take(at(), 1, [FIVE]), budgets.take(at(), 1, [FIVE])] == [None, FIVE]


def test_a_memory_that_only_reads_takes_nothing_and_says_whether_there_is_room(inline, at):
    alone = Budget("one", 1, 60)
    reading = inline.memory(read_only=True)
    assert [reading.take(at(), 1, [alone]) for _ in range(3)] == [None] * 3
    inline.memory().take(at(), 1, [alone])
    assert reading.take(at(), 1, [alone]) == alone


def test_many_at_once_take_exactly_what_there_is(inline, at):
    mails, found = [at(number) for number in range(8)], []
    threads = [threading.Thread(target=lambda mail=mail: found.append(inline.memory().take(mail, 1, [FIVE]))) for mail in mails]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (found.count(None), found.count(FIVE)) == (5, 3)


def test_what_was_taken_outlives_the_process(folder, at):
    for _ in range(2):
        with_store = open_store(folder)
        with_store.memory().take(at(), 1, [TWO])
        with_store.close()
    with_store = open_store(folder)
    assert with_store.memory().take(at(), 1, [TWO]) == TWO
    with_store.close()


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 5), st.integers(1, 90))
def test_in_whatever_order_mails_come_no_window_holds_more_than_the_number(asked, number, seconds):
    times, granted = b"", []
    for second in asked:
        after = taken(times, number, seconds, second * 1_000_000)
        if after is not None:
            times = after
            granted.append(second)
            assert sum(1 for other in granted if second - seconds < other <= second) <= number
    assert len(granted) >= min(number, len(asked))
