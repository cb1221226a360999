"""`list`, `show`, `search`, `raw`, `dead`, `quarantine`, `stats`: what is in the store."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox.cli import NO, OK
from inbox.cli.common import common, open_store, print_json, visible
from inbox.cli.trace import event_lines, receipt_lines
from inbox.errors import ConfigError, NotFound
from inbox.findable import STATES
from inbox.model import isoformat

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.model import Receipt
    from inbox.store import SqliteStore
    from inbox.store.dynamodb import DynamoStore
    from inbox.store.tallies import By

    Kept = SqliteStore | DynamoStore

of_store = click.option("--store", "url", metavar="URL", help="Look into dynamodb://TABLE (default: the setting `store`, else the folder).")


@click.command(name="list")
@click.option("--state", type=click.Choice(STATES), help="Only mails in this state.")
@click.option("--rule", help="Only mails that this rule matched.")
@click.option("--label", help="Only mails with this label.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many, newest first.")
@click.option("--before", metavar="ID", help="Older than this mail (for the next page).")
@click.option("--count", "counting", is_flag=True, help="Print their number only.")
@click.option("--ids", is_flag=True, help="Print all ids, one a line, oldest first.")
@of_store
@common
def list_(
    settings: Settings, *, counting: bool, ids: bool, limit: int, before: str | None, url: str | None, as_json: bool, **which: Any
) -> int:
    """List the mails in the store, newest first."""
    store = opened(settings, url)
    if counting:
        number = store.count(**which)
        print_json({"count": number}) if as_json else click.echo(number)
    elif ids:
        found = list(store.ids(**which))
        print_json(found) if as_json else click.echo("".join(f"{id_}\n" for id_ in found), nl=False)
    else:
        _print_rows(store.mails(limit=limit, before=before, **which), as_json=as_json)
    return OK


def opened(settings: Settings, url: str | None, *, to_change: bool = False, make: bool = False) -> Kept:
    """The store to look into: the table or folder that is named, or the table that functions keep mail in, else the folder of the daemon.

    `make`: a folder that is not there yet is made.
    """
    place = url or (settings.store if settings.store and "://" in settings.store else None)
    if place and "://" in place:
        from inbox.store.dynamodb import open_dynamodb

        return open_dynamodb(place, settings.aws.model_dump(exclude_none=True))
    folder = settings.model_copy(update={"dir": Path(place)}) if place else settings
    return open_store(folder, make=make) if to_change else open_store(folder, read_only=True)


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@click.option("--before", metavar="ID", help="Older than this mail (for the next page).")
@common
def search(words: tuple[str, ...], limit: int, before: str | None, settings: Settings, *, as_json: bool) -> int:
    """Find mails, newest first. None found: exit status 1.

    WORDS are words, "phrases" and fields: from: to: subject: file: has:attachment rule: label: state: source: before: after: newer:7d older:
    larger:10M smaller: id:. A minus in front means not; OR stands between two terms, brackets group. A term that begins with a minus goes behind --.
    """
    from inbox.queries import QueryError, read_query

    try:
        query = read_query(" ".join(words))
        rows = open_store(settings, read_only=True).find(query, limit=limit, before=before)
    except (QueryError, NotFound) as error:
        raise ConfigError(str(error)) from None
    _print_rows(rows, as_json=as_json)
    return OK if rows else NO


def _print_rows(rows: Any, *, as_json: bool) -> None:
    """Rows of a list: id, time, state, sender, recipients, subject."""
    if as_json:
        print_json([row.to_dict() for row in rows])
        return
    for row in rows:
        sender, recipients = row.sender or "<>", ", ".join(row.recipients)
        line = f"{row.id}  {isoformat(row.received_at)[:19]}  {row.state:<11}  {sender} -> {recipients}  {row.subject or ''}"
        click.echo(visible(line.rstrip()))


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--all", "every", is_flag=True, help="Show every rule, also those that the index ruled out.")
@of_store
@common
def show(ids: tuple[str, ...], settings: Settings, *, every: bool, url: str | None, as_json: bool) -> int:
    """The receipt of a mail: what was decided and why, what was done, attempt by attempt."""
    store = opened(settings, url)
    for id_ in ids:
        receipt = _expanded(store, _receipt(store, id_), settings, every=every)
        events = store.events(mail=id_)
        if as_json:
            print_json({**receipt.to_dict(), "events": [event.to_dict() for event in events]})
        else:
            click.echo("\n".join([*receipt_lines(receipt, store.subject(id_)), *event_lines(events)]))
    return OK


def _receipt(store: Kept, id_: str) -> Receipt:
    try:
        return store.receipt(id_)
    except NotFound:
        raise ConfigError(f"there is no mail {id_} in the store; `inbox list` shows the ids") from None


def _expanded(store: Kept, receipt: Receipt, settings: Settings, *, every: bool) -> Receipt:
    """With every rule of the version that judged it, when that version can still be loaded; else as it is stored."""
    from inbox.cli.mails import SHOWN_RULES
    from inbox.errors import InboxError
    from inbox.plugins import Plugins
    from inbox.rules import expand, load_text

    plan = receipt.plan
    if plan is None or not (every or plan.passed_over <= SHOWN_RULES):
        return receipt
    try:
        text = store.rules_text(plan.rules_version)
        return receipt.with_decisions(expand(load_text(text, settings.rules, Plugins(settings.plugins_dir), settings), plan))
    except InboxError:
        return receipt


@click.command()
@click.argument("id_", metavar="ID")
@of_store
@common
def raw(id_: str, settings: Settings, *, url: str | None, as_json: bool) -> int:  # noqa: ARG001  octets are octets
    """Write the octets of a mail to standard output, exactly as they came in. `newest` is the one that came in last."""
    store = opened(settings, url)
    if id_ == "newest":
        newest = store.mails(limit=1)
        if not newest:
            raise ConfigError("the store is empty")
        id_ = newest[0].id
    sys.stdout.buffer.write(_receipt(store, id_).mail.raw)
    sys.stdout.buffer.flush()
    return OK


@click.group()
def dead() -> None:
    """Mails that a step gave up on: list them, try again, or drop them."""


@dead.command(name="list")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@of_store
@common
def dead_list(limit: int, settings: Settings, *, url: str | None, as_json: bool) -> int:
    """List the dead mails, newest first."""
    _print_rows(opened(settings, url).mails(state="dead", limit=limit), as_json=as_json)
    return OK


@dead.command(name="retry")
@click.argument("ids", nargs=-1, metavar="ID...")
@click.option("--all", "every", is_flag=True, help="All dead mails.")
@of_store
@common
def dead_retry(ids: tuple[str, ...], settings: Settings, *, every: bool, url: str | None, as_json: bool) -> int:
    """Make the steps that gave up due again, now; what was done is not done again."""
    return _each(settings, url, ids, "dead", "dead_retry", every=every, as_json=as_json)


@dead.command(name="drop")
@click.argument("ids", nargs=-1, metavar="ID...")
@click.option("--all", "every", is_flag=True, help="All dead mails.")
@of_store
@common
def dead_drop(ids: tuple[str, ...], settings: Settings, *, every: bool, url: str | None, as_json: bool) -> int:
    """Give mails up for good: no step of theirs is tried again. Mail and receipt stay, and who dropped it is recorded."""
    return _each(settings, url, ids, "dead", "dead_drop", every=every, as_json=as_json)


@click.group()
def quarantine() -> None:
    """Mails that are held: list them, release or drop them."""


@quarantine.command(name="list")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@of_store
@common
def quarantine_list(limit: int, settings: Settings, *, url: str | None, as_json: bool) -> int:
    """List the held mails, newest first."""
    _print_rows(opened(settings, url).mails(state="quarantined", limit=limit), as_json=as_json)
    return OK


@quarantine.command(name="release")
@click.argument("ids", nargs=-1, metavar="ID...")
@click.option("--all", "every", is_flag=True, help="All held mails.")
@of_store
@common
def quarantine_release(ids: tuple[str, ...], settings: Settings, *, every: bool, url: str | None, as_json: bool) -> int:
    """Let held mails go on: steps that were held count as done, a poison mail is judged again."""
    return _each(settings, url, ids, "quarantined", "release_quarantine", every=every, as_json=as_json)


@quarantine.command(name="drop")
@click.argument("ids", nargs=-1, metavar="ID...")
@click.option("--all", "every", is_flag=True, help="All held mails.")
@of_store
@common
def quarantine_drop(ids: tuple[str, ...], settings: Settings, *, every: bool, url: str | None, as_json: bool) -> int:
    """Give held mails up for good. Mail and receipt stay, and who dropped it is recorded."""
    return _each(settings, url, ids, "quarantined", "dead_drop", every=every, as_json=as_json)


def _each(settings: Settings, url: str | None, ids: tuple[str, ...], state: str, action: str, *, every: bool, as_json: bool) -> int:
    """Do one thing to each mail named, or to all in a state."""
    if bool(ids) == every:
        raise click.UsageError("name mails by their ids, or say --all")
    store = opened(settings, url, to_change=True)
    chosen = list(store.ids(state=state)) if every else list(ids)
    for id_ in chosen:
        try:
            getattr(store, action)(id_)
        except NotFound as error:
            raise ConfigError(str(error)) from None
    print_json(chosen) if as_json else click.echo(f"{len(chosen)} mails")
    return OK


@click.command()
@click.option("--since", metavar="TIME", help="What became of mail that left, of the last 7d, 24h or 30m, in whole hours.")
@click.option(
    "--by", multiple=True, type=click.Choice(("hour", "identity", "domain", "template", "variant")), help="Apart by this; repeatable."
)
@of_store
@common
def stats(since: str | None, by: tuple[By, ...], settings: Settings, *, url: str | None, as_json: bool) -> int:
    """What was accepted, refused and why, settled, deferred; what waits and for how long; per rule and handler.

    With --since: what became of mail that left.
    """
    if since is not None:
        return _sending(opened(settings, url), since, by, as_json=as_json)
    if by:
        raise click.UsageError("--by parts what became of mail that left; say since when: --since 7d")
    from inbox.cli.figures import figure_lines

    store = open_store(settings, read_only=True)
    found, counts = store.stats(datetime.now(UTC)), store.counts()
    if as_json:
        counted = [{"name": name, "labels": labels, "value": value} for (name, labels), value in sorted(counts.items())]
        print_json({**found.to_dict(), "counts": counted})
    else:
        click.echo("\n".join(figure_lines(found, counts)))
    return OK


def _sending(store: Kept, since: str, by: tuple[By, ...], *, as_json: bool) -> int:
    from inbox.cli.figures import sending_lines
    from inbox.options import seconds

    try:
        tallies = store.series(by, since=datetime.now(UTC) - timedelta(seconds=seconds(since)))
    except (ValueError, OverflowError) as error:
        raise click.UsageError(str(error)) from None
    print_json([tally.to_dict() for tally in tallies]) if as_json else click.echo("\n".join(map(visible, sending_lines(tallies, by))))
    return OK
