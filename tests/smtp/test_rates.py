"""Rates: a pure decision about a time and a key, in bounded memory."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.rates import Allowances, Rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/1h", (100, 3600)),
        ("100/h", (100, 3600)),
        ("10/30s", (10, 30)),
        (" 5 / 2 m ", (5, 120)),
        ("1000/1d", (1000, 86_400)),
        ("1/0.5s", (1, 0.5)),
        ("off", None),
        ("OFF", None),
    ],
)
def test_a_rate_is_so_many_within_so_long(text, rate):
    assert Rate.read(text) == rate


@pytest.mark.parametrize("text", ["", "100", "100/", "/1h", "-1/h", "0/1h", "100/0s", "100/1w", "a/h", "1.5/h", "100 per hour", "100/1h/2"])
def test_what_is_no_rate_is_refused_with_the_form(text):
    with pytest.raises(ValueError, match='write so many within so long, "100/1h"'):
        Rate.read(text)


def test_so_many_are_allowed_at_once_and_then_one_after_the_other():
    hour = Allowances(Rate(100, 3600))
    assert [hour.take("a", 0.0) for _ in range(100)] == [0.0] * 100
    assert hour.take("a", 0.0) == pytest.approx(36)
    assert hour.take("a", 35.9) > 0
    assert hour.take("a", 36.1) == 0
    assert hour.take("a", 36.1) > 0


def test_whoever_is_refused_has_used_nothing_up():
    allowances = Allowances(Rate(1, 10))
    assert allowances.take("a", 0) == 0
    assert [allowances.take("a", at) for at in range(1, 10)] == [pytest.approx(10 - at) for at in range(1, 10)]
    assert allowances.take("a", 10) == 0


def test_keys_do_not_share():
    allowances = Allowances(Rate(1, 10))
    assert [allowances.take(key, 0) for key in "abcab"] == [0, 0, 0, 10, 10]


def test_a_clock_that_stands_or_goes_back_gives_nothing_away():
    allowances = Allowances(Rate(2, 10))
    assert [allowances.take("a", at) > 0 for at in (100, 100, 100, 50, 0)] == [False, False, True, True, True]


def test_memory_is_bounded_however_many_keys_come_and_who_comes_often_is_remembered():
    allowances = Allowances(Rate(1, 1e6), room=1000)
    allowances.take("often", 0)
    for number in range(20_000):
        allowances.take(f"key-{number}", number / 1000)
        if not number % 500:
            assert allowances.take("often", number / 1000) > 0
    assert len(allowances) <= 1000


def test_keys_that_have_all_they_are_given_are_forgotten():
    allowances = Allowances(Rate(1, 1))
    for number in range(5000):
        allowances.take(f"key-{number}", float(number))
    assert len(allowances) <= 3


def test_a_full_table_is_small():
    allowances = Allowances(Rate(1, 1e9))
    for number in range(12_000):
        allowances.take(f"2001:db8:{number:x}::/64", 0)
    entries = allowances._spent
    assert sys.getsizeof(entries) + sum(sys.getsizeof(key) + sys.getsizeof(value) for key, value in entries.items()) < 4 << 20


@given(
    number=st.integers(1, 20),
    seconds=st.floats(0.1, 1000, allow_nan=False),
    pauses=st.lists(st.floats(0, 100, allow_nan=False), max_size=200),
)
def test_no_window_ever_has_twice_as_many_as_the_rate(number, seconds, pauses):
    allowances, now, allowed = Allowances(Rate(number, seconds)), 0.0, []
    for pause in pauses:
        now += pause
        if not allowances.take("a", now):
            allowed.append(now)
    for start in allowed:
        assert sum(start <= at < start + seconds * (1 - 1e-6) for at in allowed) < max(2 * number, 2)


@given(number=st.integers(1, 20), seconds=st.floats(0.1, 1000, allow_nan=False))
def test_the_time_to_wait_is_the_time_to_wait(number, seconds):
    allowances = Allowances(Rate(number, seconds))
    for _ in range(number):
        assert allowances.take("a", 5.0) == 0
    wait = allowances.take("a", 5.0)
    assert 0 < wait <= seconds * 1.001
    assert allowances.take("a", 5.0 + wait * 0.99) > 0
    assert allowances.take("a", 5.0 + wait * 1.001) == 0
