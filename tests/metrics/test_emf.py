"""Metrics for CloudWatch: every line is of the published schema, within its limits, and says what was counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.emf import EVERY, Report, emf_lines, lines
from inbox.metrics import METRICS, Metrics

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NUMBER = {"type": "number"}
UNITS = "Seconds Microseconds Milliseconds Bytes Kilobytes Megabytes Gigabytes Terabytes Bits Kilobits Megabits Gigabits Terabits Percent Count None"
TEXT = {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": "^[ -~]+$"}
SCHEMA = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": {"type": "string", "minLength": 1, "maxLength": 255},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "minItems": 1,
                                    "maxItems": 30,
                                    "items": {"type": "string", "minLength": 1, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                                        "Unit": {"enum": UNITS.split()},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
    "additionalProperties": {
        "anyOf": [
            NUMBER,
            TEXT,
            {
                "type": "object",
                "required": ["Values", "Counts", "Min", "Max", "Count", "Sum"],
                "additionalProperties": False,
                "properties": {
                    "Values": {"type": "array", "minItems": 1, "maxItems": 100, "items": NUMBER},
                    "Counts": {"type": "array", "minItems": 1, "maxItems": 100, "items": {"type": "integer", "minimum": 1}},
                    **dict.fromkeys(("Min", "Max", "Sum"), NUMBER),
                    "Count": {"type": "integer", "minimum": 1},
                },
            },
        ]
    },
}
"""The schema of the specification, with its limits (100 metrics, 30 dimensions, 100 values), and the form of a distribution."""


def read(texts):
    """The lines as JSON, each checked: by the schema, and that it holds exactly what it announces."""
    found = []
    for text in texts:
        assert "\n" not in text and len(text) < 256 * 1024
        line = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        jsonschema.validate(line, SCHEMA)
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        (dimensions,) = directive["Dimensions"]
        metrics = [metric["Name"] for metric in directive["Metrics"]]
        assert sorted([*dimensions, *metrics, "_aws"]) == sorted(line)
        assert all(isinstance(line[name], str) for name in dimensions) and not any(isinstance(line[name], str) for name in metrics)
        found.append(line)
    return found


def units(line):
    return {metric["Name"]: metric["Unit"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}


def test_what_was_counted_is_told_once_with_the_names_of_prometheus():
    metrics = Metrics()
    metrics.count("inbox_accepted_total", 3, source="smtp")
    metrics.count("inbox_settled_total")
    metrics.observe("inbox_mail_bytes", 5000)
    metrics.observe("inbox_step_seconds", 0.02, handler="s3")
    found = {tuple(sorted(k for k in line if k != "_aws")): line for line in read(emf_lines(metrics, namespace="Mail", service="Inbox"))}
    plain = found["inbox_mail_bytes", "inbox_settled_total", "service"]
    assert (plain["service"], plain["inbox_settled_total"]) == ("Inbox", 1)
    assert plain["inbox_mail_bytes"] == {"Values": [5000], "Counts": [1], "Min": 5000, "Max": 5000, "Count": 1, "Sum": 5000}
    assert units(plain) == {"inbox_settled_total": "Count", "inbox_mail_bytes": "Bytes"}
    assert found["inbox_accepted_total", "service", "source"]["inbox_accepted_total"] == 3
    step = found["handler", "inbox_step_seconds", "service"]
    assert step["handler"] == "s3" and step["inbox_step_seconds"]["Sum"] == 0.02 and units(step) == {"inbox_step_seconds": "Seconds"}
    assert step["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Mail"
    assert emf_lines(metrics) == []


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(min_value=0, max_value=5e5), min_size=1, max_size=60))
def test_a_histogram_has_the_sum_and_the_number_that_were_counted_each_value_in_its_bucket(values):
    metrics = Metrics()
    for value in values:
        metrics.observe("inbox_settle_seconds", value)
    (line,) = read(emf_lines(metrics))
    found = line["inbox_settle_seconds"]
    total = sum(value * count for value, count in zip(found["Values"], found["Counts"], strict=True))
    assert found["Count"] == sum(found["Counts"]) == len(values)
    assert found["Sum"] == pytest.approx(sum(values)) and total == pytest.approx(sum(values), abs=1e-6)
    bounds = (0, *METRICS["inbox_settle_seconds"].bounds)
    for low, high in pairwise(bounds):
        within = [v for v in values if (low < v or low == 0) and v <= high]
        told = [c for v, c in zip(found["Values"], found["Counts"], strict=True) if low - 1e-9 <= v <= high + 1e-9]
        assert sum(told) >= len(within)


def test_more_than_a_hundred_metrics_go_into_several_lines():
    metrics = Metrics()
    for n in range(250):
        metrics.count(f"plugin_{n}_total", n + 1)
    found = read(emf_lines(metrics))
    assert [len(units(line)) for line in found] == [100, 100, 50]
    assert sum(line[f"plugin_{n}_total"] for line in found for n in range(250) if f"plugin_{n}_total" in line) == 250 * 251 / 2


@pytest.mark.parametrize("rule", ["support@example.com", "für Ämter", "", ":x", " ", "a\nb\x00", "x" * 2000])
def test_a_label_is_a_dimension_that_cloudwatch_takes_and_holds_no_address(rule):
    metrics = Metrics()
    metrics.count("inbox_rule_matched_total", rule=rule)
    (line,) = read(emf_lines(metrics))
    assert "@" not in line["rule"] and line["inbox_rule_matched_total"] == 1
    (shown,) = lines({("n", json.dumps({"rule": rule})): 1.0}, at=AT, addresses=True)
    assert json.loads(shown)["rule"].startswith("support@example.com") is (rule == "support@example.com")


def test_a_number_that_is_none_spoils_no_line():
    found = read(lines({("a_total", ""): float("nan"), ("b_total", ""): 1.0}, [("c_seconds", {}, float("inf"))], at=AT))
    assert units(found[0]) == {"b_total": "Count"}


def test_gauges_are_told_as_they_are():
    gauges = [
        ("inbox_mails", {"state": "dead"}, 2.0),
        ("inbox_oldest_seconds", {"state": "dead"}, 7.5),
        ("inbox_database_octets", {}, 4096.0),
    ]
    found = read(lines({}, gauges, at=AT, service="mx1"))
    assert [(line["service"], line.get("state")) for line in found] == [("mx1", "dead"), ("mx1", None)]
    assert units(found[0]) == {"inbox_mails": "Count", "inbox_oldest_seconds": "Seconds"} and units(found[1]) == {
        "inbox_database_octets": "Bytes"
    }
    assert found[0]["_aws"]["Timestamp"] == int(AT.timestamp() * 1000)


def test_a_daemon_tells_each_minute_what_came_to_the_counts_of_its_store():
    told = []
    report = Report({("inbox_settled_total", ""): 40.0}, told.append, namespace="inbox", service="mx1", addresses=False)
    assert report.is_due(1000.0) and not report.is_due(1000.0 + EVERY - 1) and report.is_due(1000.0 + EVERY)
    for total in (40.0, 42.0, 42.0, 50.0):
        report.tell({("inbox_settled_total", ""): total}, (), AT)
    assert [line["inbox_settled_total"] for line in read(told)] == [2, 8]
