"""What `inbox stats` prints for a person: the same figures as /metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from inbox.model import isoformat
from inbox.refusals import COUNTER as REFUSED
from inbox.refusals import REASONS

if TYPE_CHECKING:
    from inbox.sending import Tally
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


_SHOWN = ("send", "delivery", "bounce", "complaint")


def sending_lines(tallies: Sequence[Tally], by: Sequence[str]) -> Iterator[str]:
    """A table: one line for each group, the types that matter most always, others when there are some; then the rates that an identity is judged by."""
    groups: dict[tuple[str, ...], dict[str, int]] = {}
    for tally in tallies:
        counted = groups.setdefault(tuple(_word(getattr(tally, name)) for name in by), {})
        counted[tally.type] = counted.get(tally.type, 0) + tally.number
        if tally.subtype == "permanent":
            counted["permanent"] = counted.get("permanent", 0) + tally.number
    others = sorted({tally.type for tally in tallies} - set(_SHOWN))
    types = [*_SHOWN, *others]
    names = {key: "  ".join(key) or "all" for key in groups}
    width = max([4, *map(len, names.values())])
    yield f"{'':<{width}}" + "".join(f"{type_:>{max(10, len(type_) + 2)}}" for type_ in types)
    for key, counted in groups.items():
        cells = "".join(f"{counted.get(type_, 0):>{max(10, len(type_) + 2)},}" for type_ in types)
        yield f"{names[key]:<{width}}{cells}{_rates(counted)}"


def _word(value: object) -> str:
    return isoformat(value)[:16] if isinstance(value, datetime) else str(value or "-")


def _rates(counted: Mapping[str, int]) -> str:
    sent = counted.get("send", 0)
    if not sent:
        return ""
    return f"   bounced {counted.get('permanent', 0) / sent:.1%}, complained {counted.get('complaint', 0) / sent:.1%}"
