"""Intervals and tests of proportions, against figures that others have published."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.experiments.proportions import compare, difference, fisher_p, holm, sample_size, wilson, z_score

# Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3
WILSON = [((81, 263), (0.2553, 0.3662)), ((15, 148), (0.0624, 0.1605)), ((0, 20), (0, 0.1611)), ((1, 29), (0.0061, 0.1718))]

# Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10
HYBRID = [
    ((56, 70, 48, 80), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ((0, 10, 0, 10), (-0.2775, 0.2775)),
    ((10, 10, 0, 20), (0.6791, 1)),
    ((10, 10, 0, 10), (0.6075, 1)),
]

FISHER = [
    ((3, 4, 1, 4), 0.4857),  # the lady who tastes tea; ?fisher.test of R
    ((2, 12, 15, 18), 0.0005367),  # convictions of twins; ?fisher.test of R, two-sided
    ((8, 10, 1, 6), 0.0349650349650),  # whales and sharks; scipy.stats.fisher_exact
]


@pytest.mark.parametrize(("counts", "limits"), WILSON)
def test_the_interval_of_a_rate_is_that_of_wilson(counts, limits):
    found = wilson(*counts)
    assert (found.low, found.high) == pytest.approx(limits, abs=5e-5)


@pytest.mark.parametrize(("counts", "limits"), HYBRID)
def test_the_interval_of_a_difference_is_that_of_newcombe(counts, limits):
    found = difference(*counts)
    assert (found.low, found.high) == pytest.approx(limits, abs=5e-5)


def test_the_z_test_is_that_of_statsmodels():
    """The example of statsmodels.stats.proportion.proportions_ztest: count [5, 12], nobs [83, 99]."""
    assert z_score(5, 83, 12, 99) == pytest.approx(-1.4078304151258787)
    found = compare(5, 83, 12, 99)
    assert (found.method, found.p) == ("z", pytest.approx(0.15918129181156992))


@pytest.mark.parametrize(("counts", "p"), FISHER)
def test_the_exact_test_is_that_of_fisher(counts, p):
    assert fisher_p(*counts) == pytest.approx(p, rel=1e-4)


@pytest.mark.parametrize(
    ("counts", "method"), [((4, 50, 5, 50), "fisher"), ((5, 50, 5, 50), "z"), ((46, 50, 45, 50), "fisher"), ((0, 0, 5, 50), "fisher")]
)
def test_where_fewer_than_5_are_expected_in_a_cell_the_test_is_exact(counts, method):
    assert compare(*counts).method == method


def test_several_tests_are_adjusted_by_holm():
    """p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") of R."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()


@pytest.mark.parametrize(
    ("rates", "power", "n"),
    [
        ((0.50, 0.75), 0.9, 77),  # ?power.prop.test of R: n = 76.7
        ((0.75, 0.50), 0.9, 77),
    ],
)
def test_the_size_of_a_sample_is_that_of_power_prop_test(rates, power, n):
    assert sample_size(*rates, power=power) == n


def test_a_sample_of_that_size_finds_the_difference_that_often():
    """Exactly: the sum of the probabilities of all results that the z-test calls different, over binomial distributions."""
    n = sample_size(0.3, 0.45)
    powers = [math.comb(n, k) for k in range(n + 1)]
    one = [ways * 0.3**k * 0.7 ** (n - k) for k, ways in enumerate(powers)]
    other = [ways * 0.45**k * 0.55 ** (n - k) for k, ways in enumerate(powers)]
    found = sum(
        p * q for k, p in enumerate(one) if p > 1e-9 for m, q in enumerate(other) if q > 1e-9 and abs(z_score(k, n, m, n)) > 1.959964
    )
    assert found == pytest.approx(0.8, abs=0.01)


def test_rates_that_are_the_same_are_never_told_apart():
    with pytest.raises(ValueError, match="cannot be told apart"):
        sample_size(0.1, 0.1)


tables = st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300), st.integers(0, 300)).map(
    lambda drawn: (min(drawn[:2]), max(drawn[:2]), min(drawn[2:]), max(drawn[2:]))
)


@given(tables)
def test_any_counts_give_a_probability_and_an_interval_around_the_difference(counts):
    hits, n, control_hits, control_n = counts
    assert 0 <= compare(*counts).p <= 1
    found = difference(*counts)
    assert -1.0000001 <= found.low <= found.high <= 1.0000001
    if n and control_n:
        assert found.low - 1e-9 <= hits / n - control_hits / control_n <= found.high + 1e-9


@given(tables)
def test_who_is_the_control_changes_the_sign_alone(counts):
    hits, n, control_hits, control_n = counts
    there, back = difference(*counts), difference(control_hits, control_n, hits, n)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert compare(*counts).p == pytest.approx(compare(control_hits, control_n, hits, n).p)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_adjusting_keeps_the_order_and_never_helps(ps):
    adjusted = holm(ps)
    assert all(after >= before for before, after in zip(ps, adjusted, strict=True))
    assert all(low <= high for low, high in pairwise(sorted(zip(ps, adjusted, strict=True))))
