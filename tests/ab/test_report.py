"""The report of an experiment, in words and as JSON."""

from __future__ import annotations

import json

import pytest

from inbox.experiments import METRICS, Counts, report

CLEAR = [Counts("a", 1000, delivered=990, replied=90), Counts("b", 1000, delivered=985, replied=130)]


def test_a_difference_is_told_with_its_interval_and_a_caution():
    (found,) = report("greeting", CLEAR).comparisons
    assert found.verdict == (
        "b is answered more often than a: 13.0% against 9.0%, difference 1.3 to 6.8 points, p = 0.004; decide only if this was the planned end"
    )


def test_no_difference_is_no_proof_of_being_equal():
    (found,) = report("greeting", [Counts("a", 1000, replied=90), Counts("b", 1000, replied=95)]).comparisons
    assert found.verdict.startswith("b and a cannot be told apart: 9.5% against 9.0%, difference -2.1 to 3.1 points, p = 0.70")
    assert "no proof" in found.verdict


def test_the_control_is_the_first_by_name_unless_it_is_given():
    assert [one.variant for one in report("greeting", reversed(CLEAR)).counts] == ["a", "b"]
    assert [one.variant for one in report("greeting", CLEAR, control="b").counts] == ["b", "a"]
    assert " less often than b" in report("greeting", CLEAR, control="b").comparisons[0].verdict


@pytest.mark.parametrize(("counts", "control", "words"), [([], None, "inbox ab list"), (CLEAR, "c", "there are a, b")])
def test_what_cannot_be_reported_is_said_with_what_there_is(counts, control, words):
    with pytest.raises(ValueError, match=words):
        report("greeting", counts, control=control)


def test_several_variants_are_adjusted_for_each_other():
    found = report("greeting", [*CLEAR, Counts("c", 1000, replied=91), Counts("d", 1000, replied=92)])
    first = found.comparisons[0]
    assert first.p == pytest.approx(3 * first.test.p)
    alone = report("greeting", CLEAR).comparisons[0]
    assert first.interval.low < alone.interval.low < alone.interval.high < first.interval.high


def test_few_mails_are_tested_exactly_and_it_is_said():
    found = report("greeting", [Counts("a", 20, replied=1), Counts("b", 20, replied=4)])
    assert found.comparisons[0].test.method == "fisher"
    assert any("Fisher" in warning for warning in found.warnings)


def test_how_many_mails_are_needed_is_said_until_they_are_there():
    few = report("greeting", [Counts("a", 500, replied=50), Counts("b", 480, replied=50)], detect=0.05)
    assert any(
        "difference of 5.0 points from 10.0% four times of five, each variant needs 686 mails; the smallest had 480" in w
        for w in few.warnings
    )
    enough = report("greeting", [Counts("a", 700, replied=70), Counts("b", 700, replied=70)], detect=0.05)
    assert not any("needs" in warning for warning in enough.warnings)


def test_looking_again_and_again_is_warned_of_and_tracking_too():
    assert any("Look once" in warning for warning in report("greeting", CLEAR).warnings)
    opened = report("greeting", [Counts("a", 10, opened=5), Counts("b", 10, opened=5)], "opened")
    assert any("scan and preload" in warning for warning in opened.warnings)


def test_one_variant_alone_is_compared_with_nothing():
    found = report("greeting", CLEAR[:1])
    assert found.comparisons == ()
    assert found.warnings == ("all mails had the variant a: there is nothing to compare",)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_reads_as_json(metric):
    data = json.loads(json.dumps(report("greeting", CLEAR, metric).to_dict()))
    assert data["control"] == "a"
    assert data["variants"][1]["sent"] == 1000
    assert set(data["comparisons"][0]) == {"variant", "difference", "interval", "method", "p", "p_unadjusted", "verdict"}


@pytest.mark.parametrize(
    ("sent", "weights", "odd"),
    [
        ((1000, 1040), {"a": 1, "b": 1}, False),
        ((1000, 1200), {"a": 1, "b": 1}, True),
        ((1000, 2050), {"a": 1, "b": 2}, False),
        ((1000, 1000), {"a": 1, "b": 2}, True),
        ((1000, 1200), {"a": 1}, False),  # the file is another one today: nothing can be said
        ((1000, 1200), {}, False),
    ],
)
def test_groups_of_sizes_that_chance_would_hardly_give_are_warned_of(sent, weights, odd):
    found = report("greeting", [Counts("a", sent[0]), Counts("b", sent[1])], weights=weights)
    assert any("not of the sizes" in warning for warning in found.warnings) is odd
