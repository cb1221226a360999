"""`auth`: who really sent a mail: SPF, DKIM, DMARC, ARC, with the reasons."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox.cli import NO, OK
from inbox.cli.common import common, print_json
from inbox.cli.resolving import open_resolver
from inbox.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inbox.auth import Resolver
    from inbox.auth.results import Results
    from inbox.config import Settings


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--ip", help="Address of the client that sent it; without it SPF is not checked.")
@click.option("--helo", default="", help="Name that it gave in HELO.")
@click.option(
    "--mail-from", "sender", default=None, help="Envelope sender; empty: the null sender. Default: the Return-Path field, else From."
)
@click.option(
    "--resolver", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Answers of DNS from a file instead of the network."
)
@common
def auth(file: str, ip: str | None, helo: str, sender: str | None, resolver: Path | None, settings: Settings, *, as_json: bool) -> int:
    """Say who really sent the mail in FILE: SPF, DKIM, DMARC, ARC. Exit status 0 when the author's domain is proved, else 1.

    A file for --resolver is JSON: {"example.com": {"TXT": ["v=spf1 -all"], "MX": ["10 mail.example.com"]}}; names that are not in it do not exist, and null instead of a
    list means no answer in time.
    """
    results = _results(file, ip, helo, sender, open_resolver(settings, resolver), settings)
    if as_json:
        print_json(_said(results))
    else:
        click.echo("\n".join(_lines(results)))
    return OK if results.verified else NO


def _results(file: str, ip: str | None, helo: str, sender: str | None, resolver: Resolver, settings: Settings) -> Results:
    from inbox.auth.results import Results, author_of
    from inbox.model import Envelope, Mail
    from inbox.parsing import parse

    with click.open_file(file, "rb") as stream:
        raw = stream.read()
    message = parse(raw, settings.parsing.limits())
    if sender is None:
        path = message.header("return-path")
        sender = path[0].strip("<> ") if path else message.from_[0].address if message.from_ else ""
    try:
        envelope = Envelope(sender or None, (), helo=helo, ip=_address(ip))
    except ValueError as error:
        raise ConfigError(f"--ip: {error}; write 192.0.2.1 or 2001:db8::1") from None
    return Results(Mail.of(raw, envelope), author_of(message), resolver, settings.dns.sealers)


def _address(text: str | None) -> str | None:
    from ipaddress import ip_address

    return str(ip_address(text)) if text else None


def _said(results: Results) -> dict[str, Any]:
    """All results as JSON."""
    return {
        "author": results.author,
        "verified": results.verified,
        "spf": asdict(results.spf) if results.spf else None,
        "dkim": [asdict(one) for one in results.dkim],
        "dmarc": asdict(results.dmarc),
        "arc": asdict(results.arc),
    }


def _lines(results: Results) -> Iterator[str]:
    spf, dmarc, arc = results.spf, results.dmarc, results.arc
    yield f"author    {results.author or 'not one author with a domain'}"
    yield f"spf       {spf.result} for {spf.domain}{_because(spf.reason)}" if spf else "spf       not checked: --ip names the client"
    for one in results.dkim:
        more = f", {', '.join(one.unsigned)} not signed" if one.unsigned else ""
        yield f"dkim      {one.result} for {one.domain or '?'}, selector {one.selector or '?'}, {one.algorithm or '?'}{more}{_because(one.reason)}"
    if not results.dkim:
        yield "dkim      none"
    policy = f", policy {dmarc.policy}" if dmarc.policy else ""
    yield f"dmarc     {dmarc.result}{policy}{_listed('aligned', dmarc.aligned)}{_because(dmarc.reason)}"
    yield f"arc       {arc.result}{_listed('sealed by', arc.sealers)}{_because(arc.reason)}"
    yield f"verified  {results.verified or 'no'}"


def _listed(words: str, names: Sequence[str]) -> str:
    return f", {words} {', '.join(names)}" if names else ""


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""
