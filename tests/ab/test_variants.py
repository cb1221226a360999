"""Who gets which variant: the same recipient the same one, shares as weights say, and few that move when weights change."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.send.variants import Template, Variant, choose

MANY, SOME = 100_000, 20_000


def template(experiment: str = "greeting", /, **weights: float) -> Template:
    variants = tuple(Variant(name, weight, "Hello", "Hello", None) for name, weight in weights.items())
    return Template("welcome", experiment, None, None, variants)


@cache
def assigned(experiment: str = "greeting", many: int = MANY, /, **weights: float) -> tuple[str, ...]:
    made = template(experiment, **weights)
    return tuple(str(choose(made, f"user{number}@example.com").name) for number in range(many))


def moves(before: dict[str, float], after: dict[str, float]) -> Counter[tuple[str, str]]:
    """Who moves from which variant to which when weights change, of 20,000 recipients."""
    before, after = assigned("greeting", SOME, **before), assigned("greeting", SOME, **after)
    return Counter((was, now) for was, now in zip(before, after, strict=True) if was != now)


WEIGHTS = [{"a": 1, "b": 1}, {"a": 9, "b": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 0.5, "b": 0.25, "c": 0.125, "d": 0.125}]
CRITICAL = {1: 10.828, 2: 13.816, 3: 16.266}  # chi-square, upper 0.1 %, by degrees of freedom: NIST/SEMATECH e-Handbook, section 1.3.6.7.4


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_shares_are_as_the_weights_say(weights):
    counts, whole = Counter(assigned(**weights)), sum(weights.values())
    expected = {name: MANY * weight / whole for name, weight in weights.items()}
    chi_square = sum((counts[name] - expected[name]) ** 2 / expected[name] for name in weights)
    assert chi_square < CRITICAL[len(weights) - 1]


def test_two_experiments_assign_independently():
    both = Counter(zip(assigned("greeting", SOME, a=1, b=1), assigned("other", SOME, a=1, b=1), strict=True))
    assert sum((count - SOME / 4) ** 2 / (SOME / 4) for count in both.values()) < CRITICAL[3]


def test_raising_a_weight_moves_recipients_to_that_variant_only_and_no_more_than_the_shares_ask_for():
    moved = moves({"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 1, "c": 2})
    assert set(moved) == {("a", "c"), ("b", "c")}
    assert sum(moved.values()) == pytest.approx(SOME * (1 / 2 - 1 / 3), rel=0.05)


def test_a_new_variant_takes_from_all_and_moves_nobody_else():
    moved = moves({"a": 1, "b": 1}, {"a": 1, "b": 1, "c": 1})
    assert {now for _, now in moved} == {"c"}


def test_a_variant_of_weight_0_gets_nobody_and_only_its_own_recipients_move():
    moved = moves({"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 1, "c": 0})
    assert {was for was, _ in moved} == {"c"}
    assert "c" not in assigned("greeting", SOME, a=1, b=1, c=0)


addresses = st.emails() | st.text(min_size=1)


@given(addresses, st.permutations(["a", "b", "c"]))
def test_neither_the_order_of_variants_nor_the_scale_of_weights_matters(address, order):
    weights = {"a": 1, "b": 2, "c": 4}
    one = choose(template(**weights), address)
    assert choose(template(**{name: weights[name] * 8 for name in order}), address).name == one.name


@given(addresses)
def test_case_and_composition_of_letters_do_not_matter(address):
    made = template(a=1, b=1, c=1)
    assert choose(made, f" {address.lower()} ") == choose(made, address.lower())
    assert choose(made, "MÜLLER@Example.com") == choose(made, "mu\u0308ller@example.com")


def test_assignments_are_those_of_yesterday():
    """Of another release or machine too: these are written down, and a change of them would mix the groups of experiments that run."""
    made = template(a=1, b=1, c=2)
    assert [choose(made, f"user{number}@example.com").name for number in range(12)] == EXPECTED


EXPECTED = ["a", "c", "b", "b", "a", "c", "a", "c", "b", "c", "a", "a"]


def test_a_template_without_variants_has_one_for_all():
    only = Variant(None, 1, "Hello", "Hello", None)
    assert choose(Template("welcome", "welcome", None, None, (only,)), "user@example.com") is only
