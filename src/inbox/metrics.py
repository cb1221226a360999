"""Counts and timings of this process, and how they are shown to Prometheus (text exposition format 0.0.4).

Everything that is counted stands in one table, with its help and its labels. No label ever holds an address or other words of a mail:
their number must not grow with the mail. A process counts in memory and now and then hands the differences over (`drain`); whoever owns
the store adds them up, so that counts outlive the process and those of all processes meet.
"""

from __future__ import annotations

import json
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_DAY_SECONDS = (0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3600.0, 21_600.0, 86_400.0, 432_000.0)
_OCTETS = tuple(float(1 << shift) for shift in range(10, 28, 2))


class Metric(NamedTuple):
    """One family: what it is, what it says, which labels it has; upper bounds of a histogram's buckets, without +Inf."""

    kind: str
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


METRICS: Mapping[str, Metric] = {
    "inbox_accepted_total": Metric("counter", "Mails answered with 250", ("source",)),
    "inbox_refused_total": Metric("counter", "Refusals of connections, commands, recipients and mails", ("reason",)),
    "inbox_ses_records_total": Metric(
        "counter", "What SES, SNS, SQS and S3 sent, by what it was and what became of it", ("kind", "result")
    ),
    "inbox_ses_failures_total": Metric("counter", "Messages of theirs that could not be taken, by why", ("reason",)),
    "inbox_connections_total": Metric("counter", "Connections that were greeted", ("source",)),
    "inbox_connections": Metric("gauge", "Connections that are open"),
    "inbox_settled_total": Metric("counter", "Mails for which everything is done"),
    "inbox_deferred_total": Metric("counter", "Attempts at steps that will be made again", ("handler",)),
    "inbox_dead_total": Metric("counter", "Steps that were given up", ("handler",)),
    "inbox_steps_total": Metric("counter", "Attempts at steps, by how they ended", ("rule", "handler", "state")),
    "inbox_replies_total": Metric(
        "counter", "Mails that a rule would answer: sent, or why not (over per_sender, per_domain, in_all: a budget)", ("result",)
    ),
    "inbox_rule_matched_total": Metric("counter", "Mails that a rule matched", ("rule",)),
    "inbox_rules_reload_total": Metric("counter", "Reloads of the rules file", ("result",)),
    "inbox_sending_events_total": Metric("counter", "What became of mail that left, for each recipient", ("type", "identity")),
    "inbox_suppressions_total": Metric("counter", "Addresses that came onto the suppression list, by what put them there", ("type",)),
    "inbox_accept_seconds": Metric("histogram", "From the final dot to the answer", (), _SECONDS),
    "inbox_step_seconds": Metric("histogram", "Duration of one attempt at a step", ("handler",), _SECONDS),
    "inbox_settle_seconds": Metric("histogram", "From the arrival of a mail to its last step", (), _DAY_SECONDS),
    "inbox_mail_bytes": Metric("histogram", "Size of mails", (), _OCTETS),
    "inbox_mails": Metric("gauge", "Mails that are kept, by state", ("state",)),
    "inbox_oldest_seconds": Metric("gauge", "Age of the oldest mail in a state", ("state",)),
    "inbox_identities_stopped": Metric(
        "gauge", "Identities that send nothing, since too many mails bounced or recipients complained", ("identity",)
    ),
    "inbox_stored_octets": Metric("gauge", "Octets of all mails that are kept"),
    "inbox_database_octets": Metric("gauge", "Size of the database"),
}

_Labels = tuple[tuple[str, str], ...]

Delta = tuple[str, str, float]
"""Name, labels as JSON text with sorted keys ('' when there are none), and what is added."""

Gauge = tuple[str, Mapping[str, str], float]
"""Name, labels, value of this moment."""

_OTHER = Metric("counter", "Counted by a plugin")
_INF = float("inf")


class _Histogram:
    """Values seen since the last hand-over: how many fell into each bucket alone, and their sum."""

    __slots__ = ("bounds", "buckets", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = (*bounds, _INF)
        self.buckets = [0] * len(self.bounds)
        self.total = 0.0

    def deltas(self, name: str, own: _Labels) -> Iterator[tuple[tuple[str, _Labels], float]]:
        """As Prometheus counts: every bucket holds those below it too."""
        reached = 0
        for bound, count in zip(self.bounds, self.buckets, strict=True):
            reached += count
            if reached:
                yield (f"{name}_bucket", (("le", _number(bound)), *own)), reached
        yield (f"{name}_count", own), reached
        yield (f"{name}_sum", own), self.total


class Metrics:
    """What this process counted since the last `drain` (`inbox.ports.Counter`). Any thread may count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, _Labels], float] = {}
        self._histograms: dict[tuple[str, _Labels], _Histogram] = {}

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter."""
        key = (name, _key(labels))
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + by

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add one value (seconds or octets) to a histogram."""
        key = (name, _key(labels))
        with self._lock:
            histogram = self._histograms.get(key)
            if histogram is None:
                histogram = self._histograms[key] = _Histogram(METRICS[name].bounds if name in METRICS else _SECONDS)
            histogram.buckets[bisect_left(histogram.bounds, value)] += 1
            histogram.total += value

    def drain(self) -> list[Delta]:
        """What was counted since the last call; it is handed over once."""
        deltas: list[Delta] = []
        self.hand_over(deltas.extend)
        return deltas

    def hand_over(self, take: Callable[[list[Delta]], None]) -> None:
        """Give what was counted to `take`; when that raises it is kept for the next time."""
        with self._lock:
            counts, self._counts = self._counts, {}
            histograms, self._histograms = self._histograms, {}
        for (name, own), histogram in histograms.items():
            for key, value in histogram.deltas(name, own):
                counts[key] = counts.get(key, 0) + value
        try:
            take([(name, labels_text(dict(labels)), value) for (name, labels), value in counts.items()])
        except BaseException:
            with self._lock:
                for key, value in counts.items():
                    self._counts[key] = self._counts.get(key, 0) + value
            raise


def _key(labels: dict[str, str]) -> _Labels:
    return tuple(labels.items()) if len(labels) < 2 else tuple(sorted(labels.items()))


def labels_text(labels: Mapping[str, str]) -> str:
    """Labels as the store keeps them."""
    return json.dumps(labels, sort_keys=True, separators=(",", ":")) if labels else ""


def render(counts: Mapping[tuple[str, str], float], gauges: Iterable[Gauge] = ()) -> str:
    """The text that Prometheus reads. `counts`: (name, labels as JSON text) to value."""
    found: dict[str, dict[str, float]] = {}
    for (name, labels), value in counts.items():
        found.setdefault(name, {})[labels] = value
    for name, own, value in gauges:
        found.setdefault(name, {})[labels_text(own)] = value
    lines: list[str] = []
    for name in _families(found):
        metric = METRICS.get(name, _OTHER)
        samples = list(_histogram(name, metric, found) if metric.kind == "histogram" else _plain(name, found))
        if samples:
            lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}", *samples]
    return "\n".join(lines) + "\n"


def _families(found: Mapping[str, object]) -> list[str]:
    """The table's names in its order, then what plugins counted."""
    parts = {f"{name}{end}" for name, metric in METRICS.items() if metric.kind == "histogram" for end in ("_bucket", "_sum", "_count")}
    return [*METRICS, *sorted(set(found) - set(METRICS) - parts)]


def _plain(name: str, found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    for labels, value in sorted(found.get(name, {}).items()):
        yield f"{name}{_shown(_labels(labels))} {_number(value)}"


def _histogram(name: str, metric: Metric, found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Every bucket of the table is shown, also the empty ones, in rising order."""
    buckets = found.get(f"{name}_bucket", {})
    for labels, count in sorted(found.get(f"{name}_count", {}).items()):
        own = _labels(labels)
        for bound in (*metric.bounds, _INF):
            le = {"le": _number(bound)}
            yield f"{name}_bucket{_shown({**own, **le})} {_number(buckets.get(labels_text({**own, **le}), 0))}"
        yield f"{name}_sum{_shown(own)} {_number(found.get(f'{name}_sum', {}).get(labels, 0))}"
        yield f"{name}_count{_shown(own)} {_number(count)}"


def _labels(text: str) -> dict[str, str]:
    return json.loads(text) if text else {}


def _shown(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if value == _INF:
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
