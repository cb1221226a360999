"""`serve`, `work`: the long-running commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox import config
from inbox.cli import OK
from inbox.cli.common import common

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.daemon import Daemon

DEFAULT_LISTENER = "127.0.0.1:8025"


@click.command()
@click.option("--smtp", multiple=True, metavar="HOST:PORT", help=f"Listen for SMTP; repeatable (default {DEFAULT_LISTENER}).")
@click.option("--lmtp", multiple=True, metavar="HOST:PORT", help="Listen for LMTP; repeatable.")
@click.option("--smtps", multiple=True, metavar="HOST:PORT", help="Listen for SMTP with implicit TLS; repeatable.")
@click.option("--http", metavar="HOST:PORT", help="Serve /metrics, /healthz and /readyz.")
@click.option("--sns", metavar="HOST:PORT", help="Take what SES publishes on SNS topics by HTTP.")
@click.option("--sqs", multiple=True, metavar="URL", help="Take what SES sends from this SQS queue; repeatable.")
@click.option("--workers", type=click.IntRange(0), help="Worker processes (default 1; 0 only receives).")
@click.option("--certificate", type=click.Path(path_type=Path), help="TLS certificate chain (PEM): offers STARTTLS.")
@click.option("--key", type=click.Path(path_type=Path), help="TLS private key (PEM).")
@click.option(
    "--endpoint-url", "--endpoint", metavar="URL", help="Where AWS is for handlers: http://127.0.0.1:5000, a stand-in on this machine."
)
@click.option("--verified", metavar="A,B", help="With --ses: verified domains (default: those of the recipients).")
@click.option("--ses-setup", is_flag=True, help="With --ses: first write what SES writes to buckets and topics when rules are made.")
@common
def serve(settings: Settings, *, as_json: bool, **flags: Any) -> int:  # noqa: ARG001  logs are JSON anyway
    """Receive mail, keep it, and carry out what the rules say, until SIGTERM. SIGHUP, or a changed file, reloads the rules."""
    from inbox import daemon, logs

    settings = _listening(_overlay(settings, flags))
    logs.setup(settings.log.level, addresses=settings.log.addresses)
    if flags["ses_setup"]:
        _set_up(settings)
    daemon.serve(settings, _announce)
    return OK


def _overlay(settings: Settings, flags: dict[str, Any]) -> Settings:
    """The settings with the flags on top, checked as a whole."""
    given = {name: flags[name] for name in ("smtp", "lmtp", "smtps", "http", "sns", "sqs", "workers") if flags[name] not in (None, ())}
    tls = {name: flags[name] for name in ("certificate", "key") if flags[name]}
    aws = {"endpoint": flags["endpoint_url"]} if flags["endpoint_url"] else {}
    ses = {"verified": tuple(filter(None, map(str.strip, flags["verified"].split(","))))} if flags["verified"] else {}
    return config.with_flags(settings, {**given, **{name: table for name, table in (("tls", tls), ("aws", aws), ("ses", ses)) if table}})


def _set_up(settings: Settings) -> None:
    """Buckets and topics that cannot be reached are an error now, and not with the first mail."""
    from inbox.receipt_rules.serving import served
    from inbox.receipt_rules.setup import announce

    if not settings.ses.rules:
        raise click.UsageError("--ses-setup is about the receipt rules that --ses names")
    for line in announce(served(settings), settings.aws.model_dump(exclude_none=True)):
        click.echo(f"set up: {line}", err=True)


def _listening(settings: Settings) -> Settings:
    if settings.smtp or settings.lmtp or settings.smtps or settings.sns or settings.sqs:
        return settings
    return settings.model_copy(update={"smtp": (DEFAULT_LISTENER,)})


def _announce(daemon: Daemon) -> None:
    """Tell a person at a terminal where it listens and what it would take."""
    if not sys.stderr.isatty():
        return
    click.echo(f"inbox listens on {', '.join(daemon.addresses)}; mail for {_domains(daemon)}; Ctrl-C stops it", err=True)


def _domains(daemon: Daemon) -> str:
    return ", ".join(daemon.box.rules.domains.entries) or "nobody: add domains to the rules file"


@click.command()
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Worker processes.")
@common
def work(workers: int, settings: Settings, *, as_json: bool) -> int:  # noqa: ARG001  logs are JSON anyway
    """Carry out plans of mail that another process receives (`serve --workers 0`), until SIGTERM."""
    from inbox import logs, supervise

    logs.setup(settings.log.level, addresses=settings.log.addresses)
    supervise.main(settings.model_copy(update={"workers": workers}))
    return OK
