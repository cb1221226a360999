"""What the commands share: their common options, settings made of them, and how they print."""

from __future__ import annotations

import functools
import ipaddress
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox import config
from inbox.errors import ConfigError
from inbox.model import Envelope, Mail

if TYPE_CHECKING:
    from inbox.app import Inbox
    from inbox.config import Settings
    from inbox.store import SqliteStore

_FLAGS = ("dir", "rules", "plugins_dir")
_SES_HELP = "Receipt rules of Amazon SES in place of a rules file: a rule set or a template; repeatable, for IP filters."


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --config, --dir, --rules, --ses, --plugins-dir and --json; it is called with `settings` and `as_json`."""

    @click.option("--config", "config_file", type=click.Path(path_type=Path, dir_okay=False), help="Settings file (default inbox.toml).")
    @click.option("--dir", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept (default ./inbox-data).")
    @click.option("--rules", type=click.Path(path_type=Path, dir_okay=False), help="Rules file (default rules.yaml).")
    @click.option("--ses", multiple=True, type=click.Path(path_type=Path, dir_okay=False), help=_SES_HELP)
    @click.option("--plugins-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of plugins (default plugins/ if there).")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @functools.wraps(command)
    def wrapped(config_file: Path | None, ses: tuple[Path, ...], *, as_json: bool, **options: Any) -> Any:
        flags = {name: options.pop(name) for name in _FLAGS}
        if ses and flags["rules"]:
            raise click.UsageError("--rules and --ses both say which rules hold; use one of them")
        if ses or flags["rules"]:
            flags["ses"] = {"rules": ses}
        settings = config.load(config_file, flags)
        return command(settings=settings, as_json=as_json, **options)

    return wrapped


def envelope_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --from, --to, --ip and --helo; it is called with `envelope`, a function of the mail's octets."""

    @click.option("--from", "sender", metavar="ADDR", help="Envelope sender; '' is the null sender (default: the From header).")
    @click.option("--to", "recipients", metavar="ADDR", multiple=True, help="Envelope recipient; repeatable.")
    @click.option("--ip", help="Address of the client.")
    @click.option("--helo", help="What the client calls itself.")
    @functools.wraps(command)
    def wrapped(sender: str | None, recipients: tuple[str, ...], ip: str | None, helo: str | None, **options: Any) -> Any:
        def envelope(raw: bytes) -> Envelope:
            if not recipients:
                raise click.UsageError("say whom the mail is for: --to ADDR (the envelope decides, not the To header)")
            _check_envelope(sender, recipients, ip)
            return Envelope(_sender(sender, raw), recipients, helo=helo, ip=ip)

        return command(envelope=envelope, **options)

    return wrapped


def _check_envelope(sender: str | None, recipients: tuple[str, ...], ip: str | None) -> None:
    """UsageError for what no client could have said."""
    for option, address in [("--from", sender), *(("--to", recipient) for recipient in recipients)]:
        plain = (address or "").strip().removeprefix("<").removesuffix(">")
        if (option == "--to" or plain) and plain.lower() != "postmaster" and not re.fullmatch(r'(?:"[^"]+"|[^\s@"]+)@[^\s@]+', plain):
            raise click.UsageError(
                f"{option} {address!r} is no address; write user@example.com" + (" ('' for none)" if option == "--from" else "")
            )
    try:
        ipaddress.ip_address(ip or "::")
    except ValueError:
        raise click.UsageError(f"--ip {ip!r} is no address; write 192.0.2.1 or 2001:db8::1") from None


def _sender(sender: str | None, raw: bytes) -> str | None:
    if sender is not None:
        return sender.strip().removeprefix("<").removesuffix(">") or None
    from inbox.parsing import parse

    authors = parse(raw).from_
    return authors[0].address if authors else None


def mails_of(paths: Iterable[str], envelope: Callable[[bytes], Envelope]) -> Iterable[tuple[str, Mail]]:
    """(name, mail) of every file named: `-` is standard input, a folder means all mails in it."""
    from inbox.sources.files import read

    for name, raw in read(paths):
        yield name, Mail.of(raw, envelope(raw))


def open_store(settings: Settings, *, read_only: bool = False, make: bool = True) -> SqliteStore:
    """The store of the settings; to read from one that is not there is an error, not a new store, and so it is unless `make`."""
    from inbox import store

    if (read_only or not make) and not (settings.dir / store.DATABASE).exists():
        raise ConfigError(f"there is no store in {settings.dir}; name its folder with --dir, or start `inbox serve`")
    return store.open_store(settings.dir, read_only=read_only)


def open_inbox(settings: Settings, store: SqliteStore | None = None) -> Inbox:
    """The Inbox that the settings describe."""
    from inbox.assemble import open_inbox as assemble

    return assemble(settings, store)


def print_json(value: Any) -> None:
    """One JSON document, readable."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_line(value: Any) -> None:
    """One JSON document on one line."""
    click.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def visible(text: object) -> str:
    """Text of a mail for a terminal: control characters and direction marks are shown as escapes, never obeyed."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
