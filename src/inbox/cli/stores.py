"""`store`: make a place where functions keep mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from inbox.cli import OK
from inbox.cli.common import common, print_json
from inbox.errors import ConfigError

if TYPE_CHECKING:
    from inbox.config import Settings


@click.group()
def store() -> None:
    """Places where functions keep mail (docs/stores.md)."""


@store.command()
@click.argument("url", required=False)
@common
def create(url: str | None, settings: Settings, *, as_json: bool) -> int:
    """Make the table of dynamodb://TABLE (default: the setting `store`), or see that it is there and has the right keys."""
    from inbox.store.dynamodb import open_dynamodb

    place = url or settings.store
    if not place:
        raise ConfigError("say which: inbox store create dynamodb://TABLE")
    made = open_dynamodb(place, settings.aws.model_dump(exclude_none=True)).create()
    print_json({"store": place, "made": made}) if as_json else click.echo(f"{place} {'is made' if made else 'is there'}")
    return OK
