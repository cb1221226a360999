"""`cost`: what receiving on AWS costs in a month."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import click

from inbox.cli import OK
from inbox.cli.common import print_json
from inbox.costs import PRICES, ROADS, Bill, Line, Load, bill

_CHECK = (
    "List prices of US East in US dollars, those of SES of {ses}, the others of {others}: check them before you rely on them. "
    "Free tiers are not counted; each mail comes alone."
)


@click.command()
@click.option("--mails", type=click.IntRange(min=0), required=True, help="Mails in a month.")
@click.option(
    "--size", type=click.IntRange(min=1, max=40_960), required=True, help="Size of a mail in KB, headers and attachments included."
)
@click.option("--road", "roads", type=click.Choice(list(ROADS)), multiple=True, help="How mail comes to us; repeatable (default: all).")
@click.option("--days", type=click.IntRange(min=1), default=30, show_default=True, help="How long raw mail is kept.")
@click.option("--ms", type=click.IntRange(min=1), default=Load.ms, show_default=True, help="Milliseconds that the function runs a mail.")
@click.option("--memory", type=click.IntRange(128, 10_240), default=Load.memory, show_default=True, help="Memory of the function in MB.")
@click.option("--kms", is_flag=True, help="SES encrypts with a key of yours.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cost(mails: int, size: int, roads: tuple[str, ...], days: int, ms: int, memory: int, *, kms: bool, as_json: bool) -> int:
    """What receiving on AWS costs in a month, line by line, for 1,000 mails and in total."""
    load = Load(mails, size, days=days, ms=ms, memory=memory, kms=kms)
    bills = [bill(load, road) for road in roads or ROADS]
    if as_json:
        print_json({"mails": mails, "size_kb": size, "currency": "USD", "note": _note(), "roads": [_data(one) for one in bills]})
    else:
        click.echo("\n\n".join("\n".join(_lines(one)) for one in bills) + f"\n\n{_note()}")
    return OK


def _note() -> str:
    return _CHECK.format(ses=PRICES["ses mail"].known, others=PRICES["s3 put"].known)


def _data(one: Bill) -> dict[str, Any]:
    return {
        "road": one.road,
        "words": one.words,
        "lines": [_line_data(line) for line in one.lines],
        "fixed": float(one.fixed),
        "total": float(one.total),
        "per_1000": float(one.per_1000),
    }


def _line_data(line: Line) -> dict[str, Any]:
    return {
        "name": line.name,
        "quantity": float(line.quantity),
        "price": {"usd": float(line.price.usd), "per": line.price.per, "unit": line.price.unit, "known": line.price.known},
        "month": float(line.month),
        "per_1000": None if line.per_1000 is None else float(line.per_1000),
    }


def _lines(one: Bill) -> Iterator[str]:
    yield f"{one.road}: {one.words}"
    yield f"  {'':<31} {'quantity':>14}  {'$ a month':>10}  {'1,000 mails':>11}  price"
    for line in one.lines:
        yield f"  {line.name:<31} {line.quantity:>14,.2f}  {line.month:>10,.2f}  {_thousand(line.per_1000):>11}  {_price(line)}"
    yield f"  {'total':<31} {'':>14}  {one.total:>10,.2f}  {_thousand(one.per_1000):>11}  ${one.fixed:,.2f} of it whether mail comes or not"


def _thousand(usd: Decimal | None) -> str:
    return "fixed" if usd is None else f"{usd:,.5f}"


def _price(line: Line) -> str:
    price = line.price
    return f"${price.usd} for {f'{price.per:,}' if price.per > 1 else 'one'} ({price.unit}; {price.known})"
