"""`send`: mail that is made here, kept in the queue, and delivered by workers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox.cli import NO, OK
from inbox.cli.common import common, open_store, print_json
from inbox.errors import ConfigError

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.send.submission import Submission

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
@click.option("--dry-run", is_flag=True, help="Print the signed octets; nothing is kept or sent.")
@common
def send(settings: Settings, *, dry_run: bool, as_json: bool, **words: Any) -> int:
    """Compose a mail and keep it until workers (`inbox serve`, `inbox work`) deliver it. Prints its id; `inbox show ID` shows what became of it."""
    from inbox.assemble import open_sender
    from inbox.send.rendering import RenderingFailed

    try:
        wanted = submission_of(**words)
        if dry_run:
            return _print_octets(settings, wanted)
        sent = open_sender(settings, open_store(settings)).send(wanted)
    except RenderingFailed as error:
        click.echo(f"inbox: {error}", err=True)
        return NO
    if as_json:
        print_json({"id": sent.id, "recipients": list(sent.recipients), "message_id": sent.message_id})
    else:
        click.echo(sent.id)
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


def _print_octets(settings: Settings, wanted: Submission) -> int:
    from inbox.assemble import open_dry_sender

    sys.stdout.buffer.write(open_dry_sender(settings).signed(wanted))
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
