"""`suppression`: addresses that no mail is sent to: list, add, remove, import, export."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from inbox.cli import NO, OK
from inbox.cli.common import common, print_json, visible
from inbox.cli.kept import of_store, opened
from inbox.errors import ConfigError, Problem
from inbox.model import isoformat
from inbox.options import seconds
from inbox.store.who import operator

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.suppression import Suppression

_MOST_PROBLEMS = 1000
of_identity = click.option("--identity", metavar="DOMAIN", help="Only for mail of this identity (default: for all).")


@click.group()
def suppression() -> None:
    """Addresses that no mail is sent to, why, and until when."""


@suppression.command("list")
@click.option("--identity", metavar="DOMAIN", help="Only what holds for this identity alone.")
@of_store
@common
def list_(identity: str | None, settings: Settings, *, url: str | None, as_json: bool) -> int:
    """The suppression list, by address."""
    entries = opened(settings, url).suppressions(identity)
    if as_json:
        print_json([entry.to_dict() for entry in entries])
        return OK
    for entry in entries:
        click.echo(visible(_line(entry)))
    return OK


def _line(entry: Suppression) -> str:
    until = f" until {isoformat(entry.until)[:19]}" if entry.until else ""
    return f"{entry.address}  {entry.identity or 'all'}  since {isoformat(entry.since)[:19]}{until}  {entry.reason}  ({entry.source})"


@suppression.command()
@click.argument("address")
@of_identity
@click.option("--reason", default="by hand", show_default=True, help="Why; it stands in the list.")
@click.option("--for", "period", metavar="TIME", help="How long, as 14d or 12h (default: for good).")
@of_store
@common
def add(address: str, identity: str | None, reason: str, period: str | None, settings: Settings, *, url: str | None, as_json: bool) -> int:
    """Send nothing to ADDRESS any more."""
    if "@" not in address:
        raise click.UsageError(f"{address!r} is no address; write user@example.com")
    try:
        until = datetime.now(UTC) + timedelta(seconds=seconds(period)) if period else None
    except ValueError as error:
        raise click.UsageError(f"--for: {error}") from None
    store = opened(settings, url, to_change=True, make=True)
    store.suppress(address, reason, operator(), until, identity)
    found = store.suppressed(address, identity)
    if found is not None:
        print_json(found.to_dict()) if as_json else click.echo(visible(_line(found)))
    return OK


@suppression.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@of_identity
@of_store
@common
def remove(addresses: tuple[str, ...], identity: str | None, settings: Settings, *, url: str | None, as_json: bool) -> int:
    """Take addresses off the list. Exit status 1 when one was not on it."""
    store = opened(settings, url, to_change=True)
    removed = [address for address in addresses if store.unsuppress(address, identity)]
    for address in set(addresses) - set(removed):
        click.echo(f"inbox: {visible(address)} is not on the list{f' of {identity}' if identity else ' of all identities'}", err=True)
    print_json(removed) if as_json else click.echo(f"{len(removed)} removed")
    return OK if len(removed) == len(addresses) else NO


@suppression.command("import")
@click.argument("file", type=click.File(encoding="utf-8-sig", errors="replace"))
@click.option("--skip-bad", is_flag=True, help="Import the good lines although there are bad ones.")
@of_store
@common
def import_(file: IO[str], settings: Settings, *, skip_bad: bool, url: str | None, as_json: bool) -> int:
    """Add what a CSV FILE lists (- is standard input): ours, or one of a provider with a column for the address.

    Bad lines are all named, and then nothing is imported, unless --skip-bad. What the list says of an address is replaced.
    """
    with _rewindable(file) as text:
        now = datetime.now(UTC)
        problems = _problems(_read(text, file.name, now), skip_bad=skip_bad)
        text.seek(0)
        good = (entry for entry in _read(text, file.name, now) if not isinstance(entry, Problem))
        number = opened(settings, url, to_change=True, make=True).suppress_all(good)
    print_json({"imported": number, "skipped": problems}) if as_json else click.echo(f"{number} imported, {problems} skipped")
    return OK


def _rewindable(file: IO[str]) -> IO[str]:
    """A file that can be read twice: first for its mistakes."""
    if file.seekable():
        return file
    copy = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115  the caller closes it
    for line in file:
        copy.write(line)
    copy.seek(0)
    return copy


def _read(text: IO[str], name: str, now: datetime) -> Iterator[Suppression | Problem]:
    from inbox.suppression_files import read

    start = text.read(1)
    text.seek(0)
    return iter(_of_ses(text, name, now)) if start == "{" else read(text, name, now)


def _of_ses(text: IO[str], name: str, now: datetime) -> Iterator[Suppression | Problem]:
    """What `aws sesv2 list-suppressed-destinations` prints."""
    from inbox.suppression_files import read_ses

    try:
        yield from read_ses(json.load(text), name, now)
    except ValueError as error:
        yield Problem(name, getattr(error, "lineno", 1), 1, f"{error}; this is neither CSV nor JSON of SES")


def _problems(entries: Iterator[Suppression | Problem], *, skip_bad: bool) -> int:
    """How many lines are bad; each is named. ConfigError for them unless they are to be skipped."""
    number = 0
    named: list[str] = []
    for entry in entries:
        if isinstance(entry, Problem):
            number += 1
            if number <= _MOST_PROBLEMS:
                named.append(str(entry))
    if number > _MOST_PROBLEMS:
        named.append(f"and {number - _MOST_PROBLEMS} more bad lines")
    if number and not skip_bad:
        raise ConfigError("\n".join([*map(visible, named), "nothing was imported; mend the lines, or leave them out with --skip-bad"]))
    for line in named:
        click.echo(f"inbox: skipped: {visible(line)}", err=True)
    return number


@suppression.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@of_store
@common
def export(file: Path | None, settings: Settings, *, url: str | None, as_json: bool) -> int:
    """Write the list as CSV to FILE, or to standard output: address, identity, reason, source, since, until."""
    from inbox.suppression_files import write

    entries = opened(settings, url).suppressions()
    if file is None:
        _to_stdout(entries, as_json=as_json)
        return OK
    with file.open("w", encoding="utf-8", newline="") as text:
        number = write(entries, text)
    print_json({"exported": number}) if as_json else click.echo(f"{number} exported")
    return OK


def _to_stdout(entries: Iterator[Suppression], *, as_json: bool) -> None:
    from inbox.suppression_files import write

    if as_json:
        print_json([entry.to_dict() for entry in entries])
    else:
        write(entries, _Echo())


class _Echo:
    """Standard output, as click writes to it."""

    def write(self, text: str, /) -> None:
        click.echo(text, nl=False)
