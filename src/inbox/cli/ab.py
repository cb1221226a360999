"""`ab report`, `ab list`: what became of the variants of templates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inbox.cli import OK
from inbox.cli.common import common, open_store, print_json
from inbox.errors import ConfigError, NotFound
from inbox.experiments.report import METRICS, TRACKED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inbox.config import Settings
    from inbox.experiments import Metric, Report
    from inbox.store import SqliteStore


def _moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    """So long before now: `30d`, `12h`."""
    from inbox.options import seconds

    try:
        return None if value is None else datetime.now(UTC) - timedelta(seconds=seconds(value))
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(str(error)) from None


since = click.option("--since", callback=_moment, metavar="DURATION", help="Only mails sent within this time: 30d, 12h.")


@click.group()
def ab() -> None:
    """Compare the variants of templates (docs/ab.md)."""


@ab.command()
@click.argument("experiment", metavar="EXPERIMENT|TEMPLATE")
@click.option("--metric", type=click.Choice(list(METRICS)), default="replied", show_default=True, help="What is compared.")
@click.option("--control", metavar="VARIANT", help="Compare with this one (default: the first of the template, else the first by name).")
@click.option("--detect", type=click.FloatRange(0, 100, min_open=True), metavar="POINTS", help="The difference that is looked for (default: a fifth of the control's rate).")  # fmt: skip
@since
@common
def report(
    experiment: str, metric: Metric, control: str | None, detect: float | None, since: datetime | None, settings: Settings, *, as_json: bool
) -> int:
    """Rates of each variant, their difference to the control, and what that says. A template is named by its file, or as it was sent."""
    from inbox.experiments import report as made

    name, weights = _named(experiment)
    counts = _opened(settings).variant_counts(name, since)
    shown = {one.variant for one in counts}
    first = control or next((variant for variant in weights if variant in shown), None)
    try:
        found = made(name, counts, metric, control=first, detect=detect and detect / 100, weights=weights)
    except ValueError as error:
        raise NotFound(f"{name}: {error}") from None
    print_json(found.to_dict()) if as_json else click.echo("\n".join(_lines(found)))
    return OK


@ab.command(name="list")
@since
@common
def list_(since: datetime | None, settings: Settings, *, as_json: bool) -> int:
    """The experiments that mail was sent for, the last one first."""
    found = _opened(settings).experiments(since)
    if as_json:
        print_json([experiment.to_dict() for experiment in found])
    for one in [] if as_json else found:
        click.echo(f"{one.name:<24} {', '.join(one.variants):<24} {one.sent:>8} sent, {one.first:%Y-%m-%d} to {one.last:%Y-%m-%d}")
    return OK


def _named(experiment: str) -> tuple[str, dict[str, float]]:
    """The name of an experiment, and the weights of its variants where the file of its template says them."""
    path = Path(experiment)
    if not path.is_file():
        return experiment, {}
    from inbox.send.front_matter import load_template

    template = load_template(path)
    return template.experiment, {variant.name: variant.weight for variant in template.variants if variant.name}


def _opened(settings: Settings) -> SqliteStore:
    if settings.store and "://" in settings.store:
        raise ConfigError(f"variants are not counted in {settings.store} yet; they are in the folder of a daemon: name it with --dir")
    return open_store(settings, read_only=True)


def _lines(found: Report) -> Iterator[str]:
    yield f"experiment {found.experiment}, {found.metric} of all that was sent"
    columns = [metric for metric in METRICS if metric not in TRACKED or any(one.of(metric) for one in found.counts)]
    yield "  ".join([f"{'variant':<16}", f"{'sent':>8}", *(f"{metric:>10}" for metric in columns), f"{'rate':>7}  95% interval"])
    for one, (rate, interval) in zip(found.counts, found.rates, strict=True):
        figures = [f"{one.of(metric):>10}" for metric in columns]
        yield "  ".join([f"{one.variant:<16}", f"{one.sent:>8}", *figures, f"{rate:>7.1%}  {interval.low:.1%} to {interval.high:.1%}"])
    yield from (comparison.verdict for comparison in found.comparisons)
    yield from found.warnings
