"""Tests and intervals for proportions: `hits` of `n`. Own code: a handful of formulas, each with its source, checked against published figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

_NORMAL = NormalDist()
_FEW = 5
_TIE = 1 + 1e-7


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, both proportions or differences of them."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Significance:
    """A two-sided test of equal proportions: its p-value, and by which method it was found."""

    p: float
    method: Literal["z", "fisher"]


def wilson(hits: int, n: int, level: float = 0.95) -> Interval:
    """The score interval of one proportion, without continuity correction; 0 to 1 when n is 0.

    E. B. Wilson (1927), JASA 22, 209-212; method 3 of R. G. Newcombe (1998), Statistics in Medicine 17, 857-872.
    """
    if n == 0:
        return Interval(0, 1)
    z, p = _quantile(level), hits / n
    middle, reach = 2 * n * p + z * z, z * math.sqrt(z * z + 4 * n * p * (1 - p))
    low = 0 if hits == 0 else (middle - reach) / (2 * (n + z * z))
    high = 1 if hits == n else (middle + reach) / (2 * (n + z * z))
    return Interval(low, high)


def difference(hits: int, n: int, control_hits: int, control_n: int, level: float = 0.95) -> Interval:
    """The interval of a proportion minus that of the control: hybrid score, made of both Wilson intervals.

    Method 10 of R. G. Newcombe (1998), Statistics in Medicine 17, 873-890.
    """
    if not n or not control_n:
        return Interval(-1, 1)
    p, q = hits / n, control_hits / control_n
    own, other = wilson(hits, n, level), wilson(control_hits, control_n, level)
    low = p - q - math.hypot(p - own.low, other.high - q)
    return Interval(low, p - q + math.hypot(own.high - p, q - other.low))


def compare(hits: int, n: int, control_hits: int, control_n: int) -> Significance:
    """Whether two proportions differ: the z-test, or Fisher's exact test where one of the counts that are expected is under 5.

    The rule of 5: W. G. Cochran (1954), Biometrics 10, 417-451.
    """
    whole, pooled = n + control_n, hits + control_hits
    if not n or not control_n:
        return Significance(1, "fisher")
    fewest = min(n, control_n) * min(pooled, whole - pooled) / whole
    if fewest < _FEW:
        return Significance(fisher_p(hits, n, control_hits, control_n), "fisher")
    return Significance(math.erfc(abs(z_score(hits, n, control_hits, control_n)) / math.sqrt(2)), "z")


def z_score(hits: int, n: int, control_hits: int, control_n: int) -> float:
    """The statistic of the two-proportion z-test with the pooled variance; 0 when nobody or everybody was hit.

    J. L. Fleiss, B. Levin, M. C. Paik (2003), Statistical Methods for Rates and Proportions, section 3.1, without continuity correction.
    """
    pooled = (hits + control_hits) / (n + control_n)
    variance = pooled * (1 - pooled) * (1 / n + 1 / control_n)
    return (hits / n - control_hits / control_n) / math.sqrt(variance) if variance else 0


def fisher_p(hits: int, n: int, control_hits: int, control_n: int) -> float:
    """The two-sided p-value of Fisher's exact test: the sum over all tables, with these margins, that are not more likely than this one.

    R. A. Fisher (1935), The Design of Experiments, section 11; two-sided as `fisher.test` of R and `fisher_exact` of SciPy have it.
    """
    pooled = hits + control_hits
    seen = _hypergeometric(hits, n, control_n, pooled) * _TIE
    tables = range(max(0, pooled - control_n), min(n, pooled) + 1)
    return min(1, math.fsum(p for p in (_hypergeometric(k, n, control_n, pooled) for k in tables) if p <= seen))


def holm(ps: Sequence[float]) -> tuple[float, ...]:
    """The p-values of several tests, adjusted so that together they err as seldom as one: step-down.

    S. Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    adjusted, largest = [0.0] * len(ps), 0.0
    for done, place in enumerate(sorted(range(len(ps)), key=lambda number: ps[number])):
        largest = max(largest, min(1, (len(ps) - done) * ps[place]))
        adjusted[place] = largest
    return tuple(adjusted)


def sample_size(rate: float, other: float, *, level: float = 0.95, power: float = 0.8) -> int:
    """How many each of two groups needs for the z-test to tell two rates apart with this power; ValueError when they are the same.

    Fleiss, Levin, Paik (2003), section 4.2, formula 4.14; `power.prop.test` of R has the same.
    """
    if rate == other:
        raise ValueError("two rates that are the same cannot be told apart, however many mails are sent")
    middle = (rate + other) / 2
    under_null = _quantile(level) * math.sqrt(2 * middle * (1 - middle))
    under_other = _NORMAL.inv_cdf(power) * math.sqrt(rate * (1 - rate) + other * (1 - other))
    return math.ceil(((under_null + under_other) / (rate - other)) ** 2)


def mismatch_p(sent: int, whole: int, share: float) -> float:
    """How likely a group of a sample is so far from the share that it should have, or farther: two-sided, by the normal approximation.

    Sample ratio mismatch: A. Fabijan and others (2019), Diagnosing Sample Ratio Mismatch in Online Controlled Experiments, KDD.
    """
    variance = whole * share * (1 - share)
    return math.erfc(abs(sent - whole * share) / math.sqrt(2 * variance)) if variance else float(sent == whole * share)


def _quantile(level: float) -> float:
    return _NORMAL.inv_cdf(1 - (1 - level) / 2)


def _hypergeometric(hits: int, n: int, control_n: int, pooled: int) -> float:
    return math.exp(_log_choose(n, hits) + _log_choose(control_n, pooled - hits) - _log_choose(n + control_n, pooled))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
