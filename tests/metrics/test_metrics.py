"""Counting, handing over, and the text that Prometheus reads."""

from __future__ import annotations

import re
import threading

import pytest

from inbox.metrics import METRICS, Metrics, render


def totals(*drained):
    """What a store makes of differences."""
    found = {}
    for name, labels, delta in (row for rows in drained for row in rows):
        found[name, labels] = found.get((name, labels), 0) + delta
    return found


def test_counts_are_handed_over_once_and_add_up():
    metrics = Metrics()
    metrics.count("inbox_accepted_total", source="smtp")
    metrics.count("inbox_accepted_total", 2, source="smtp")
    first = metrics.drain()
    metrics.count("inbox_accepted_total", source="smtp")
    assert first == [("inbox_accepted_total", '{"source":"smtp"}', 3)]
    assert totals(first, metrics.drain(), metrics.drain()) == {("inbox_accepted_total", '{"source":"smtp"}'): 4}


def test_threads_may_count_while_another_hands_over():
    metrics, drained = Metrics(), []

    def count():
        for _ in range(5000):
            metrics.count("inbox_settled_total")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        drained.append(metrics.drain())
    drained.append(metrics.drain())
    assert totals(*drained) == {("inbox_settled_total", ""): 20_000}


def test_a_histogram_has_cumulative_buckets_a_sum_and_a_count():
    metrics = Metrics()
    for value in (0.003, 0.2, 99):
        metrics.observe("inbox_step_seconds", value, handler="store")
    text = render(totals(metrics.drain()))
    assert 'inbox_step_seconds_bucket{handler="store",le="0.0025"} 0' in text
    assert 'inbox_step_seconds_bucket{handler="store",le="0.005"} 1' in text
    assert 'inbox_step_seconds_bucket{handler="store",le="0.25"} 2' in text
    assert 'inbox_step_seconds_bucket{handler="store",le="60"} 2' in text
    assert 'inbox_step_seconds_bucket{handler="store",le="+Inf"} 3' in text
    assert 'inbox_step_seconds_count{handler="store"} 3' in text
    assert 'inbox_step_seconds_sum{handler="store"} 99.203' in text


def test_a_value_on_a_bound_is_within_it():
    metrics = Metrics()
    metrics.observe("inbox_accept_seconds", 0.005)
    assert 'inbox_accept_seconds_bucket{le="0.005"} 1' in render(totals(metrics.drain()))


def test_label_values_are_escaped():
    text = render({("inbox_refused_total", '{"reason":"a\\"b\\\\c\\nd"}'): 1})
    assert 'inbox_refused_total{reason="a\\"b\\\\c\\nd"} 1\n' in text


def test_gauges_are_shown_beside_counters():
    text = render({("inbox_settled_total", ""): 2}, [("inbox_mails", {"state": "kept"}, 5.0), ("inbox_connections", {}, 1)])
    assert "# TYPE inbox_mails gauge" in text
    assert 'inbox_mails{state="kept"} 5' in text
    assert "inbox_connections 1" in text
    assert "inbox_settled_total 2" in text


def test_what_a_plugin_counts_is_shown_too():
    assert "# TYPE plugin_things_total counter\nplugin_things_total 3\n" in render({("plugin_things_total", ""): 3})


LINE = re.compile(r"# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+=\"(?:[^\"\\\n]|\\[\\\"n])*\",?)+\})? ([0-9.e+-]+|\+Inf)")


def test_every_line_is_in_the_exposition_format_and_help_comes_before_samples():
    metrics = Metrics()
    for name, metric in METRICS.items():
        labels = dict.fromkeys(metric.labels, "x y\n")
        (metrics.observe if metric.kind == "histogram" else metrics.count)(name, 3, **labels)
    text = render(totals(metrics.drain()))
    assert text.endswith("\n")
    seen = set()
    for line in text.splitlines():
        assert LINE.fullmatch(line), line
        if line.startswith("# TYPE"):
            seen.add(line.split()[2])
        elif not line.startswith("#"):
            family = re.sub(r"_(bucket|sum|count)$", "", re.split(r"[{ ]", line)[0])
            assert family in seen or line.split()[0] in seen
    assert seen == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_no_metric_has_a_label_for_words_of_a_mail(name):
    assert set(METRICS[name].labels) <= {"source", "type", "identity", "reason", "rule", "handler", "state", "result", "kind"}
    assert METRICS[name].help
    assert list(METRICS[name].bounds) == sorted(METRICS[name].bounds)
