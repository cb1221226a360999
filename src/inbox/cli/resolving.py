"""Which DNS a command asks: name servers, or a file."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox.errors import ConfigError

if TYPE_CHECKING:
    from inbox.auth import Resolver
    from inbox.config import Settings


def dns_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --resolver and --nameserver; it is called with `ask`, a function that makes a resolver of the settings."""

    @click.option("--resolver", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Answers of DNS from a file of JSON.")
    @click.option("--nameserver", "nameservers", multiple=True, metavar="ADDR[:PORT]", help="Name server to ask; repeatable.")
    @functools.wraps(command)
    def wrapped(resolver: Path | None, nameservers: tuple[str, ...], **options: Any) -> Any:
        if resolver and nameservers:
            raise click.UsageError("--resolver and --nameserver both say who answers; use one of them")
        return command(ask=lambda settings: open_resolver(settings, resolver, nameservers), **options)

    return wrapped


def open_resolver(settings: Settings, file: Path | None = None, nameservers: tuple[str, ...] = ()) -> Resolver:
    """The resolver of a file, of name servers, else of the settings; its time for questions begins now. ConfigError."""
    from inbox.auth.dns import Dns, make_resolver
    from inbox.auth.zone_file import read_zone
    from inbox.networks import check_name_server

    if file is not None:
        return read_zone(file)
    try:
        servers = [check_name_server(text) for text in nameservers]
    except ValueError as error:
        raise ConfigError(f"--nameserver: {error}") from None
    return Dns(make_resolver(servers or settings.dns.nameservers), settings.dns.timeout)
