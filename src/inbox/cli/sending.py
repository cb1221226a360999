"""`send`: mail that is made here, kept in the queue, and delivered by workers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox.cli import AGAIN, NO, OK
from inbox.cli.common import common, open_store, print_json, visible
from inbox.cli.trace import receipt_lines
from inbox.errors import ConfigError

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.send.submission import Submission

_SHOWN = 100
"""Bad rows that are named; how many there are is said too."""
_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@click.command()
@click.option("--to", multiple=True, metavar="ADDR", help="Recipient; repeatable.")
@click.option("--cc", multiple=True, metavar="ADDR", help="Recipient of a copy; repeatable.")
@click.option("--bcc", multiple=True, metavar="ADDR", help="Recipient of whom the others do not know; repeatable.")
@click.option("--from", "from_", metavar="ADDR", help="Author.")
@click.option("--reply-to", multiple=True, metavar="ADDR", help="Where answers go; repeatable.")
@click.option("--subject", metavar="TEXT")
@click.option("--text", type=_FILE, help="File with the text; - is standard input.")
@click.option("--html", type=_FILE, help="File with HTML; the text is made of it unless there is one.")
@click.option("--header", "headers", multiple=True, metavar="NAME:VALUE", help="Further header field; repeatable.")
@click.option(
    "--attach", "attachments", multiple=True, type=click.Path(path_type=Path, dir_okay=False), help="File to go with it; repeatable."
)
@click.option("--template", type=click.Path(path_type=Path, dir_okay=False), help="Template with front matter: subject, from, html.")
@click.option("--data", multiple=True, metavar="FILE.json|KEY=VALUE", help="What the template is filled in with; repeatable.")
@click.option("--raw", type=_FILE, help="The whole mail as it is; - is standard input.")
@click.option("--identity", metavar="DOMAIN", help="Identity that it is sent as (default: that of the author).")
@click.option("--unsubscribe", metavar="URL", help="Where to unsubscribe: https:// (one click), mailto:, or `yes` for our own endpoint.")
@click.option("--idempotency-key", metavar="KEY", help="The same key again is the same mail: it is sent once.")
@click.option(
    "--each", type=click.Path(path_type=Path, dir_okay=False), help="CSV or JSON Lines: a mail for each row; its column `to` says to whom."
)
@click.option("--wait", is_flag=True, help="Deliver it here and now; what is refused for now is left to workers (exit status 75).")
@click.option("--dry-run", is_flag=True, help="Print the signed octets; nothing is kept or sent.")
@common
def send(settings: Settings, *, each: Path | None, wait: bool, dry_run: bool, as_json: bool, **words: Any) -> int:
    """Compose a mail and keep it until workers (`inbox serve`, `inbox work`) deliver it. Prints its id; `inbox show ID` shows what became of it.

    Exit status 1: a template lacks a value, or a recipient of --wait was refused or is suppressed.
    """
    from inbox.send.rendering import RenderingFailed

    if wait and (each or dry_run):
        raise click.UsageError("--wait is for one mail that is sent; --each and --dry-run go without")
    if each and words["to"]:
        raise click.UsageError("--each says to whom, in its column `to`; leave --to out")
    try:
        wanted = submission_of(**words)
        if dry_run:
            return _print_octets(settings, wanted, each)
        if each:
            return _send_each(settings, wanted, each, as_json=as_json)
        return _send_now(settings, wanted, as_json=as_json) if wait else _send(settings, wanted, as_json=as_json)
    except RenderingFailed as error:
        click.echo(f"inbox: {error}", err=True)
        return NO


def _send(settings: Settings, wanted: Submission, *, as_json: bool) -> int:
    from inbox.assemble import open_sender

    sent = open_sender(settings, open_store(settings)).send(wanted)
    print_json(sent.to_dict()) if as_json else click.echo(sent.id)
    return OK


def _send_now(settings: Settings, wanted: Submission, *, as_json: bool) -> int:
    """Keep it, and try each recipient once; the receipt."""
    from inbox.assemble import send_here

    store = open_store(settings)
    receipt = send_here(settings, store, wanted)
    print_json(receipt.to_dict()) if as_json else click.echo("\n".join(receipt_lines(receipt, store.subject(receipt.mail.id))))
    if receipt.state == "waiting":
        return AGAIN
    return OK if {outcome.state for outcome in receipt.outcomes} <= {"done", "deferred"} and receipt.state == "settled" else NO


def _send_each(settings: Settings, wanted: Submission, path: Path, *, as_json: bool) -> int:
    """All rows are looked at first; a bar shows how far it is, on a terminal."""
    from inbox.assemble import open_sender
    from inbox.send.many import look_at, send_each

    sender = open_sender(settings, open_store(settings))
    count, problems = look_at(sender, wanted, path)
    if problems:
        for problem in problems[:_SHOWN]:
            click.echo(f"inbox: {visible(problem)}", err=True)
        click.echo(f"inbox: {len(problems)} of {count} rows are wrong; nothing was sent", err=True)
        return NO
    sent = []
    with click.progressbar(length=count, label="mails kept", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        for group in send_each(sender, wanted, path):
            sent += [one.id for one in group]
            bar.update(len(group))
    print_json(sent) if as_json else click.echo(f"{len(sent)} mails")
    return OK


def submission_of(
    text: Path | None, html: Path | None, raw: Path | None, headers: tuple[str, ...], data: tuple[str, ...], **words: Any
) -> Submission:
    """The submission that the flags describe. ConfigError: files that cannot be read."""
    from inbox.send.attachments import Attachment
    from inbox.send.submission import Submission

    unsubscribe = words.pop("unsubscribe")
    return Submission(
        **{**words, "attachments": tuple(map(Attachment.of, words["attachments"]))},
        text=_text(text),
        html=_text(html),
        raw=_octets(raw) if raw else None,
        headers=dict(map(_header, headers)),
        data=_data(data),
        unsubscribe=True if unsubscribe == "yes" else unsubscribe,
    )


def _print_octets(settings: Settings, wanted: Submission, each: Path | None) -> int:
    """The signed octets; with --each those of the first row, after all rows were looked at."""
    from inbox.assemble import open_dry_sender
    from inbox.send.many import look_at, signed_first

    sender = open_dry_sender(settings)
    if each:
        count, problems = look_at(sender, wanted, each)
        click.echo(
            "".join(f"inbox: {visible(problem)}\n" for problem in problems[:_SHOWN]) + f"{count} rows, {len(problems)} of them wrong",
            err=True,
        )
        if problems or not count:
            return NO
    sys.stdout.buffer.write(signed_first(sender, wanted, each) if each else sender.signed(wanted))
    sys.stdout.buffer.flush()
    return OK


def _octets(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None


def _text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return _octets(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (octet {error.start}); save it as UTF-8") from None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise click.UsageError(f"--header {text!r}: write NAME:VALUE")
    return name.strip(), value.strip()


def _data(parts: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        found |= {name: value} if equals else _json(Path(part))
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(path) or "")
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ConfigError(f'{path} holds no mapping; write {{"name": "value"}}')
    return found
