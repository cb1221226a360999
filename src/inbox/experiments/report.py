"""The report of one experiment: how often something became of the mails of each variant, and what that says, in words.

How much repeated looks inflate an error: P. Armitage, C. K. McPherson, B. C. Rowe (1969), JRSS A 132, 235-244; ten looks make 5 % 19.3 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from inbox.experiments.proportions import Interval, Significance, compare, difference, holm, mismatch_p, sample_size, wilson
from inbox.model import Json

Metric = Literal["delivered", "bounced", "complained", "replied", "opened", "clicked"]

METRICS: dict[Metric, str] = {
    "delivered": "is delivered",
    "bounced": "bounces",
    "complained": "is complained about",
    "replied": "is answered",
    "opened": "is opened",
    "clicked": "is clicked in",
}
"""What can be counted, and how a sentence says it."""

TRACKED: frozenset[Metric] = frozenset(("opened", "clicked"))
PEEKING = "Look once, at the end that was planned: who looks ten times and stops at the first p under 0.05 finds a difference where there is none in one of five experiments."
_ALPHA = 0.05
_MISMATCH = 0.001
_LIFT = 0.2  # of the rate of the control: what an experiment should find, unless it is said


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the mails of one variant: distinct recipients per mail, each counted once however many events there were."""

    variant: str
    sent: int
    delivered: int = 0
    bounced: int = 0
    complained: int = 0
    replied: int = 0
    opened: int = 0
    clicked: int = 0

    def of(self, metric: Metric) -> int:
        found: int = getattr(self, metric)
        return found

    def to_dict(self) -> dict[str, Json]:
        return {"variant": self.variant, "sent": self.sent, **{metric: self.of(metric) for metric in METRICS}}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One variant against the control. `p` is adjusted for the number of comparisons, as the interval of the difference is."""

    variant: str
    difference: float
    interval: Interval
    test: Significance
    p: float
    verdict: str

    def to_dict(self) -> dict[str, Json]:
        return {
            "variant": self.variant,
            "difference": self.difference,
            "interval": [self.interval.low, self.interval.high],
            "method": self.test.method,
            "p": self.p,
            "p_unadjusted": self.test.p,
            "verdict": self.verdict,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All variants, the control first; rates are of the mails that were sent."""

    experiment: str
    metric: Metric
    counts: tuple[Counts, ...]
    rates: tuple[tuple[float, Interval], ...]
    comparisons: tuple[Comparison, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Json]:
        return {
            "experiment": self.experiment,
            "metric": self.metric,
            "control": self.counts[0].variant,
            "variants": [
                {**counts.to_dict(), "rate": rate, "interval": [interval.low, interval.high]}
                for counts, (rate, interval) in zip(self.counts, self.rates, strict=True)
            ],
            "comparisons": [comparison.to_dict() for comparison in self.comparisons],
            "warnings": list(self.warnings),
        }


def report(
    experiment: str,
    counts: Sequence[Counts],
    metric: Metric = "replied",
    *,
    control: str | None = None,
    detect: float | None = None,
    weights: Mapping[str, float] | None = None,
) -> Report:
    """What the counts say of a metric. `control`: the variant that others are compared with, the first by name unless it is given;
    `detect`: the difference, a share of all mails, that the experiment should find, for the hint how many mails it needs; `weights`: those
    of the template, to see whether the groups have the sizes that they should have.

    ValueError when there is no such control, or nothing to report.
    """
    ordered = _control_first(counts, control)
    first, others = ordered[0], ordered[1:]
    tests = [compare(one.of(metric), one.sent, first.of(metric), first.sent) for one in others]
    level = 1 - _ALPHA / max(1, len(others))
    adjusted = holm([test.p for test in tests])
    return Report(
        experiment,
        metric,
        ordered,
        tuple((_rate(one, metric), wilson(one.of(metric), one.sent)) for one in ordered),
        tuple(_comparison(one, first, metric, test, p, level) for one, test, p in zip(others, tests, adjusted, strict=True)),
        (*_mismatch(ordered, weights or {}), *_warnings(ordered, metric, tests, detect)),
    )


def _control_first(counts: Sequence[Counts], control: str | None) -> tuple[Counts, ...]:
    ordered = sorted(counts, key=lambda one: (one.variant != control, one.variant))
    names = ", ".join(one.variant for one in ordered)
    if not ordered:
        raise ValueError("no mail of it was sent with a variant; `inbox ab list` shows the experiments that there are")
    if control is not None and ordered[0].variant != control:
        raise ValueError(f"there is no variant {control!r}; there are {names}")
    return tuple(ordered)


def _rate(counts: Counts, metric: Metric) -> float:
    return counts.of(metric) / counts.sent if counts.sent else 0


def _comparison(one: Counts, control: Counts, metric: Metric, test: Significance, p: float, level: float) -> Comparison:
    interval = difference(one.of(metric), one.sent, control.of(metric), control.sent, level)
    rate, other = _rate(one, metric), _rate(control, metric)
    figures = f"{rate:.1%} against {other:.1%}, difference {100 * interval.low:.1f} to {100 * interval.high:.1f} points, {_p(p)}"
    if p < _ALPHA:
        more = "more" if rate > other else "less"
        verdict = f"{one.variant} {METRICS[metric]} {more} often than {control.variant}: {figures}; decide only if this was the planned end"
    else:
        verdict = f"{one.variant} and {control.variant} cannot be told apart: {figures}; that is no proof that they are equal"
    return Comparison(one.variant, rate - other, interval, test, p, verdict)


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def _warnings(ordered: Sequence[Counts], metric: Metric, tests: Sequence[Significance], detect: float | None) -> list[str]:
    found = []
    if len(ordered) == 1:
        found.append(f"all mails had the variant {ordered[0].variant}: there is nothing to compare")
    if any(test.method == "fisher" for test in tests):
        found.append("Few mails so far: fewer than 5 are expected in some group, so Fisher's exact test is used in place of the z-test.")
    if metric in TRACKED:
        found.append("Opens and clicks are also made by programs that scan and preload mail, and hidden by clients that block them.")
    if len(ordered) > 1:
        found += [*_needed(ordered, metric, detect), PEEKING]
    return found


def _mismatch(ordered: Sequence[Counts], weights: Mapping[str, float]) -> Iterator[str]:
    """Groups whose sizes chance alone would hardly give: then the comparison is not to be trusted, whatever it says."""
    heavy, whole = sum(weights.values()), sum(one.sent for one in ordered)
    if not heavy or not {one.variant for one in ordered} <= set(weights):
        return
    odd = [one for one in ordered if mismatch_p(one.sent, whole, weights[one.variant] / heavy) < _MISMATCH / len(ordered)]
    if odd:
        groups = ", ".join(f"{one.variant} {one.sent} instead of {whole * weights[one.variant] / heavy:.0f}" for one in odd)
        yield f"The groups are not of the sizes that the weights ask for: {groups}. Trust no difference before you know why: weights that were changed, mails of one variant that were not sent."


def _needed(ordered: Sequence[Counts], metric: Metric, detect: float | None) -> list[str]:
    rate = _rate(ordered[0], metric)
    change = detect if detect is not None else _LIFT * rate
    other = rate + change if rate + change <= 1 else rate - change
    if change <= 0 or not 0 <= other <= 1:
        return []
    needed, smallest = sample_size(rate, other), min(one.sent for one in ordered)
    which = f"To find a difference of {100 * change:.1f} points from {rate:.1%} four times of five, each variant needs {needed} mails"
    return [f"{which}; the smallest had {smallest}."] if smallest < needed else []
