"""Metrics for CloudWatch: lines of JSON in the Embedded Metric Format, which CloudWatch Logs reads out of a log (CloudWatch User Guide,
"Specification: Embedded metric format").

Names are those of `/metrics`. A line holds metrics of one set of dimensions; labels are dimensions, and `service` is always one. A histogram is told
by values and how often each was seen: one value a bucket, chosen within it so that all together have the sum that was counted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inbox.logs import hide_addresses
from inbox.metrics import METRICS, labels_text

if TYPE_CHECKING:
    from inbox.metrics import Gauge, Metrics

MOST_METRICS = 100
"""Metrics of one line."""
EVERY = 60
"""Seconds between reports: CloudWatch keeps minutes."""
NAMESPACE = "inbox"

Counts = Mapping[tuple[str, str], float]
"""(name, labels as JSON text) to value, as the store keeps them."""


def emf_lines(metrics: Metrics, *, namespace: str = NAMESPACE, service: str = "inbox") -> list[str]:
    """What was counted since the last call, in lines; it is handed over once. None when nothing was counted."""
    counts = {(name, labels): value for name, labels, value in metrics.drain()}
    return lines(counts, at=datetime.now(UTC), namespace=namespace, service=service)


def lines(
    counts: Counts,
    gauges: Iterable[Gauge] = (),
    *,
    at: datetime,
    namespace: str = NAMESPACE,
    service: str = "inbox",
    addresses: bool = False,
) -> list[str]:
    """Counts of a while and gauges of this moment as lines of JSON. `addresses`: whether words that look like one may be read."""
    found: dict[str, dict[str, Any]] = {}
    for (name, labels), value in _values(counts):
        found.setdefault(labels, {})[name] = value
    for name, own, gauge in gauges:
        found.setdefault(labels_text(own), {})[name] = gauge
    made: list[str] = []
    for labels, values in found.items():
        dimensions = {"service": service, **(json.loads(labels) if labels else {})}
        shown = {name: _dimension(str(value), addresses=addresses) for name, value in dimensions.items()}
        made += [json.dumps(_line(part, shown, at, namespace), separators=(",", ":")) for part in _parts(values)]
    return made


class Report:
    """Once a minute, what was counted since the last report; for a daemon whose store adds up the counts of all its processes.

    `before`: what was counted earlier and is not told.
    """

    def __init__(self, before: Counts, write: Callable[[str], object], *, namespace: str, service: str, addresses: bool) -> None:
        self._before, self._write, self._due = before, write, -math.inf
        self._namespace, self._service, self._addresses = namespace, service, addresses

    def is_due(self, monotonic: float) -> bool:
        """Whether a minute is over; the next one begins with it."""
        if monotonic < self._due:
            return False
        self._due = monotonic + EVERY
        return True

    def tell(self, counts: Counts, gauges: Iterable[Gauge], at: datetime) -> None:
        """Write the lines of this minute."""
        added = {key: value - self._before.get(key, 0) for key, value in counts.items() if value > self._before.get(key, 0)}
        self._before = dict(counts)
        for line in lines(added, gauges, at=at, namespace=self._namespace, service=self._service, addresses=self._addresses):
            self._write(line)


def _values(counts: Counts) -> Iterator[tuple[tuple[str, str], Any]]:
    """Counters as they are, and each histogram as one value."""
    buckets: dict[tuple[str, str], dict[float, float]] = {}
    for (name, labels), value in counts.items():
        if name.endswith("_bucket"):
            own = json.loads(labels)
            bound = float(own.pop("le").replace("+Inf", "inf"))
            buckets.setdefault((name.removesuffix("_bucket"), labels_text(own)), {})[bound] = value
    parts = {(f"{name}{end}", labels) for name, labels in buckets for end in ("_sum", "_count")}
    for key, value in counts.items():
        if not key[0].endswith("_bucket") and key not in parts:
            yield key, value
    for (name, labels), reached in buckets.items():
        total = counts.get((f"{name}_sum", labels), 0.0)
        bounds = METRICS[name].bounds if name in METRICS else ()
        yield (name, labels), _histogram(reached, {*bounds, *reached}, total)


def _histogram(reached: Mapping[float, float], bounds: Iterable[float], total: float) -> dict[str, Any]:
    """Values and Counts of cumulative buckets, with the statistics that CloudWatch takes beside them. Empty ones may be missing."""
    seen: list[tuple[float, float, float]] = []  # lower bound, upper bound, how many
    low = before = 0.0
    for bound in sorted(bounds):
        count = reached.get(bound, before) - before
        if count > 0:
            seen.append((low, bound, count))
        low, before = bound, before + max(count, 0)
    least = sum(low * count for low, _, count in seen)
    seen = [(low, high if math.isfinite(high) else low + max(total - least, 0) / count, count) for low, high, count in seen]
    room = sum((high - low) * count for low, high, count in seen)
    share = min(max((total - least) / room, 0), 1) if room > 0 else 0
    values = [low + share * (high - low) for low, high, _ in seen]
    return {
        "Values": values,
        "Counts": [int(count) for *_, count in seen],
        "Min": values[0] if values else 0,
        "Max": values[-1] if values else 0,
        "Count": int(sum(count for *_, count in seen)),
        "Sum": total,
    }


def _parts(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """As many metrics as a line may hold; a number that is none is left out, as CloudWatch would refuse the whole line."""
    fit = [(name, value) for name, value in values.items() if isinstance(value, dict) or math.isfinite(value)]
    return (dict(fit[start : start + MOST_METRICS]) for start in range(0, len(fit), MOST_METRICS))


def _line(values: Mapping[str, Any], dimensions: Mapping[str, str], at: datetime, namespace: str) -> dict[str, Any]:
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": _unit(name)} for name in values],
    }
    about = {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]}
    return {"_aws": about, **dimensions, **values}


def _unit(name: str) -> str:
    if name.endswith("_seconds"):
        return "Seconds"
    return "Bytes" if name.endswith(("_bytes", "_octets")) else "Count"


def _dimension(value: str, *, addresses: bool) -> str:
    """A value as CloudWatch takes it: 1 to 1024 characters of visible ASCII that do not begin with a colon."""
    text = value if addresses else hide_addresses(value)
    shown = re.sub(r"[^ -~]", "?", text).strip().lstrip(":")
    return shown[:1024] or "none"
