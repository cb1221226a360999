"""`certificate`: a pair for TLS, made here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inbox.cli import OK
from inbox.cli.common import common, print_json
from inbox.errors import ConfigError
from inbox.model import isoformat

if TYPE_CHECKING:
    from inbox.config import Settings


@click.command()
@click.option("--name", "names", multiple=True, metavar="HOST", help="Host name or address that it is for; repeatable (default: hostname).")
@click.option("--days", type=click.IntRange(1, 36_500), default=3650, show_default=True, help="How long it is valid.")
@click.option("--force", is_flag=True, help="Replace the files that are there.")
@common
def certificate(names: tuple[str, ...], days: int, settings: Settings, *, force: bool, as_json: bool) -> int:
    """Make a certificate of your own (P-256) for STARTTLS, where tls.certificate and tls.key say, else cert.pem and key.pem."""
    from inbox.sources.smtp.certificate import make_certificate

    chain, key = settings.tls.certificate or Path("cert.pem"), settings.tls.key or Path("key.pem")
    if (there := [str(path) for path in (chain, key) if path.exists()]) and not force:
        raise ConfigError(f"{' and '.join(there)} exist already; --force replaces them")
    named = names or (settings.hostname,)
    pair = make_certificate(named, days)
    _write(key, pair.key, 0o600)
    _write(chain, pair.certificate, 0o644)
    if as_json:
        print_json(
            {"certificate": str(chain), "key": str(key), "names": list(named), "expires": isoformat(pair.expires), "sha256": pair.sha256}
        )
        return OK
    click.echo(f"{chain} and {key}: P-256, for {', '.join(named)}, until {pair.expires:%Y-%m-%d}, SHA-256 {pair.sha256}")
    if settings.tls.certificate is None:
        click.echo(
            f'use them: inbox serve --certificate {chain} --key {key}, or in inbox.toml: tls = {{certificate = "{chain}", key = "{key}"}}'
        )
    else:
        click.echo("SIGHUP tells a running daemon to use them")
    return OK


def _write(path: Path, octets: bytes, mode: int) -> None:
    """Whole or not at all; the key is nobody else's from its first octet on."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(octets)
    fresh.replace(path)
