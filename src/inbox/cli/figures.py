"""What `inbox stats` prints for a person: the same figures as /metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inbox.refusals import COUNTER as REFUSED
from inbox.refusals import REASONS

if TYPE_CHECKING:
    from inbox.store import Stats

Counts = Mapping[tuple[str, str], float]


def figure_lines(stats: Stats, counts: Counts) -> Iterator[str]:
    """Lines: mails by state with the age of the oldest, then every counter, then histograms by count and mean."""
    yield "mails"
    for state, number in stats.states.items():
        age = stats.oldest.get(state)
        yield f"  {state:<12} {number:>10,}" + (f"   oldest {_duration(age)}" if age is not None else "")
    yield f"  {'octets':<12} {stats.octets:>10,}"
    counters, histograms = _parted(counts)
    for title, values in counters.items():
        yield title
        yield from (f"  {labels or '-':<44} {value:>12,.0f}{_meaning(title, labels)}" for labels, value in values)
    for title, rows in histograms.items():
        yield title
        yield from (
            f"  {labels or '-':<44} {count:>12,.0f} times   mean {_number(total / count)}" for labels, count, total in rows if count
        )


def _parted(counts: Counts) -> tuple[dict[str, list[tuple[str, float]]], dict[str, list[tuple[str, float, float]]]]:
    counters: dict[str, list[tuple[str, float]]] = {}
    histograms: dict[str, list[tuple[str, float, float]]] = {}
    for (name, labels), value in sorted(counts.items()):
        if name.endswith("_count"):
            base = name.removesuffix("_count")
            histograms.setdefault(_title(base), []).append((_labels(labels), value, counts.get((f"{base}_sum", labels), 0.0)))
        elif not name.endswith(("_bucket", "_sum")):
            counters.setdefault(_title(name), []).append((_labels(labels), value))
    return counters, histograms


def _meaning(title: str, labels: str) -> str:
    """What a reason for a refusal means."""
    found = REASONS.get(labels.removeprefix("reason ")) if title == _title(REFUSED) else None
    return f"   {found}" if found else ""


def _title(name: str) -> str:
    return name.removeprefix("inbox_").removesuffix("_total").replace("_", " ")


def _labels(text: str) -> str:
    import json

    labels: dict[str, Any] = json.loads(text) if text else {}
    return ", ".join(f"{name} {value}" for name, value in labels.items())


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.4g}"


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
