"""`process`, `parse`, `explain`: one file, inline, through the same path as the daemon."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inbox.cli import AGAIN, NO, OK
from inbox.cli.common import common, envelope_options, mails_of, open_inbox, open_store, print_json, print_line
from inbox.cli.trace import receipt_lines
from inbox.errors import ConfigError, NotFound
from inbox.sending import SENT

if TYPE_CHECKING:
    from inbox.app import Inbox
    from inbox.config import Settings
    from inbox.model import Envelope, Mail, Receipt
    from inbox.store import SqliteStore

SHOWN_RULES = 200


@click.command()
@click.argument("files", nargs=-1, required=True)
@envelope_options
@common
def process(files: tuple[str, ...], envelope: Callable[[bytes], Envelope], settings: Settings, *, as_json: bool) -> int:
    """Keep mails from FILES (- is standard input, a folder means all mails in it), judge them and carry out their plans, here and now.

    What is deferred stays in the store for the next worker: exit status 75. A mail that ends dead or refused: 1.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # in order, so that the mail in hand is given back
    store = open_store(settings)
    box = open_inbox(settings, store)
    store.remember_rules(box.rules.version, box.rules.source)
    receipts = [_process(box, store, mail) for _, mail in mails_of(files, envelope)]
    _print(box, receipts, as_json=as_json)
    states = {receipt.state for receipt in receipts}
    if "waiting" in states:
        return AGAIN
    return NO if "dead" in states or any(receipt.reply.code >= 500 for receipt in receipts) else OK


def _process(box: Inbox, store: SqliteStore, mail: Mail) -> Receipt:
    """One mail, kept first; while it is worked on here, no worker of a daemon takes it."""
    with store.working_on(mail) as journal:
        receipt = box.process(mail, journal)
        store.index(mail, box.words(mail))
        return receipt


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--jsonl", is_flag=True, help="One mail a line, with the name of its file.")
@common
def parse(files: tuple[str, ...], settings: Settings, *, jsonl: bool, as_json: bool) -> int:  # noqa: ARG001  for symmetry: JSON is all it prints
    """Read mails from FILES (- is standard input, a folder means all mails in it) and print what they say as JSON.

    One mail is printed over many lines, several on one line each.
    """
    from inbox.parsing import parse as read_message
    from inbox.sources.files import read

    limits = settings.parsing.limits()
    mails = read(files)
    first = list(islice(mails, 2))
    for name, raw in chain(first, mails):
        said = {"file": name, **read_message(raw, limits).to_dict()}
        if jsonl or len(first) > 1:
            print_line(said)
        else:
            print_json(said)
    return OK


@click.command()
@click.argument("mails", nargs=-1, required=True, metavar="FILE|ID...")
@click.option("--all", "every", is_flag=True, help="Show every rule, also those that the index ruled out.")
@envelope_options
@common
def explain(mails: tuple[str, ...], envelope: Callable[[bytes], Envelope], settings: Settings, *, every: bool, as_json: bool) -> int:
    """What would become of a mail under today's rules, and why. Nothing is kept, noted or done.

    FILE needs --to; an ID is looked up in the store.
    """
    has_store = (settings.dir / "inbox.db").exists()
    store = open_store(settings, read_only=True) if has_store else None
    box = open_inbox(settings, store)
    receipts = [box.explain(mail) for name in mails for mail in _find(name, envelope, store)]
    _print(box, receipts, as_json=as_json, every=every)
    return OK


def _find(name: str, envelope: Callable[[bytes], Envelope], store: SqliteStore | None) -> list[Mail]:
    """The mails that a word on the command line means: files, or one of the store."""
    if name == "-" or Path(name).exists():
        return [mail for _, mail in mails_of([name], envelope)]
    if store is None:
        raise ConfigError(f"{name} is no file, and there is no store to look for an id in; name the store's folder with --dir")
    try:
        return [_judged(store.mail(name))]
    except NotFound:
        raise ConfigError(f"{name} is neither a file nor the id of a mail in the store; `inbox list` shows the ids") from None


def _judged(mail: Mail) -> Mail:
    if mail.envelope.source == SENT:
        raise ConfigError(f"mail {mail.id} was made here to leave: no rule judges it; `inbox show {mail.id}` shows what became of it")
    return mail


def _print(box: Inbox, receipts: list[Receipt], *, as_json: bool, every: bool = False) -> None:
    """Every rule is shown when there are few, or when asked for."""
    if every or len(box.rules.rules) <= SHOWN_RULES:
        receipts = [box.every_decision(receipt) for receipt in receipts]
    for receipt in receipts:
        if as_json:
            print_json(receipt.to_dict()) if len(receipts) == 1 else print_line(receipt.to_dict())
        else:
            click.echo("\n".join(receipt_lines(receipt, _subject(receipt))) + ("\n" if len(receipts) > 1 else ""))


def _subject(receipt: Receipt) -> str | None:
    from inbox.parsing import parse as read_message

    return read_message(receipt.mail.raw).subject
