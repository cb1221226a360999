"""`plugins`, `doctor`: what is installed here, and whether it can work."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox.cli import OK
from inbox.cli.common import common, print_json
from inbox.cli.domains import Ask, Look, identities_of, print_findings, status
from inbox.cli.resolving import dns_options
from inbox.errors import InboxError

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.plugins import Plugins
    from inbox.rules import Rules

_RENEW = timedelta(days=14)


@click.command()
@common
def plugins(settings: Settings, *, as_json: bool) -> int:
    """List plugins with their versions, facts, handlers and options."""
    from inbox.plugins import Plugins

    listing = Plugins(settings.plugins_dir).listing()
    if as_json:
        print_json(listing)
    else:
        click.echo("\n".join(line for plugin in listing for line in _plugin_lines(plugin)))
    return OK


def _plugin_lines(plugin: dict[str, Any]) -> Iterator[str]:
    yield f"{plugin['name']} {plugin['version'] or ''}".rstrip()
    for kind in ("facts", "handlers"):
        for entry in plugin[kind]:
            first, *more = entry["help"].splitlines()
            yield f"  {kind[:-1]} {entry['name']}: {first}"
            yield from (f"      {line}" for line in more if line.strip())
            yield from (f"      {_option_line(name, option, entry['required'])}" for name, option in entry["options"].items())
    for kind in ("sources", "stores"):
        yield from (f"  {kind[:-1]} {name}" for name in plugin[kind])


def _option_line(name: str, option: dict[str, Any], required: list[str]) -> str:
    kinds = [option.get("type")] if option.get("type") else [part.get("type", "one of") for part in option.get("anyOf", [])]
    kind = " or ".join(str(k) for k in kinds if k and k != "null") or "any"
    return f"{name}: {kind}, required" if name in required else f"{name}: {kind} = {option.get('default')!r}"


@dataclass(frozen=True)
class Finding:
    """One thing that the doctor looked at: ok, warning or wrong, and the remedy."""

    what: str
    verdict: str
    detail: str


@click.command()
@click.option(
    "--domain", "domains", multiple=True, help="Look at the DNS of a domain that mail is sent as, and at nothing else; repeatable."
)
@click.option("--dns", is_flag=True, help="Look at the DNS of all identities too.")
@click.option("--ip", "ips", multiple=True, metavar="ADDR", help="Address that mail leaves from; repeatable.")
@click.option("--selector", "selectors", multiple=True, help="DKIM key to look at whose private half is not here; repeatable.")
@click.option(
    "--mta-sts", "policy", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="MTA-STS policy from a file, not HTTPS."
)
@dns_options
@common
def doctor(
    domains: tuple[str, ...],
    ips: tuple[str, ...],
    selectors: tuple[str, ...],
    policy: Path | None,
    ask: Ask,
    settings: Settings,
    *,
    dns: bool,
    as_json: bool,
) -> int:
    """Look at settings, rules, plugins, store, disk, certificates and where mail goes next, and say what is wrong and what would mend it.

    With --domain: at SPF, DKIM, DMARC, MX, MTA-STS, TLS-RPT, BIMI and reverse DNS of a domain that mail is sent as.
    """
    if not domains and not dns and (ips or selectors or policy):
        raise click.UsageError("--ip, --selector and --mta-sts are about a domain; name it with --domain, or say --dns for all identities")
    look = Look(settings, ask, ips, selectors, policy)
    if domains:
        return print_findings(look.at(domains), as_json=as_json)
    findings = list(_examine(settings))
    if dns:
        found = look.at(identities_of(settings))
        findings += [
            Finding(f"{one.check} {one.name}", one.verdict, "; ".join(filter(None, (one.found, one.why, one.remedy)))) for one in found
        ]
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{finding.verdict:<8} {finding.what}: {finding.detail}")
    return status(finding.verdict for finding in findings)


def _examine(settings: Settings) -> Iterator[Finding]:
    yield Finding("versions", "ok", f"inbox {metadata.version('inboxd')}, Python {platform.python_version()}, SQLite {_sqlite()}")
    if os.geteuid() == 0:
        yield Finding("user", "warning", "running as root; give the daemon an account of its own")
    loaded = _plugins(settings)
    if isinstance(loaded, Finding):
        yield loaded
        return
    yield Finding("plugins", "ok", f"{len(list(loaded.facts))} facts, {len(list(loaded.handlers))} handlers")
    yield from _rules(settings, loaded)
    yield from _secrets(settings)
    yield from _store(settings)
    yield _tls(settings)
    yield from _ways_out(settings)
    yield from _ses(settings)
    yield from _identities(settings)


def _identities(settings: Settings) -> Iterator[Finding]:
    from inbox.send.identities import Identities

    for identity in Identities(settings):
        try:
            names = ", ".join(key.selector for key in identity.signing_keys)
        except InboxError as error:
            yield Finding("identities", "wrong", str(error))
            continue
        for path in identity.folder.too_open():
            yield Finding("identities", "warning", f"others may read the key {path}; chmod 600 {path}")
        if names:
            yield Finding("identities", "ok", f"{identity.domain} signs with {names}")
        else:
            text = f"{identity.domain} has no key{', so only Amazon SES can sign' if identity.amazon else ''}; inbox identity add {identity.domain} makes one"
            yield Finding("identities", "ok" if identity.amazon else "warning", text)


def _ses(settings: Settings) -> Iterator[Finding]:
    from inbox.sources.ses.advice import advice

    yield from (Finding("ses", verdict, words) for verdict, words in advice(settings))


def _sqlite() -> str:
    import sqlite3

    return sqlite3.sqlite_version


def _plugins(settings: Settings) -> Plugins | Finding:
    from inbox.plugins import Plugins

    try:
        return Plugins(settings.plugins_dir)
    except InboxError as error:
        return Finding("plugins", "wrong", str(error))


def _rules(settings: Settings, loaded: Plugins) -> Iterator[Finding]:
    from inbox.assemble import check_rules

    rules, problems = check_rules(settings, loaded)
    for problem in problems:
        yield Finding("rules", {"error": "wrong", "note": "ok"}.get(problem.severity, "warning"), str(problem))
    if rules:
        yield from _step_secrets(rules, loaded)
        domains = ", ".join(rules.domains.entries)
        text = f"{len(rules.rules)} rules for {domains or 'no domain: every mail is refused'}"
        yield Finding("rules", "ok" if domains else "warning", text)


def _secrets(settings: Settings) -> Iterator[Finding]:
    """References to secrets in the settings that lead nowhere now; those of rules are found by `_rules`."""
    from inbox.options import resolve_secret

    named = {f"auth.{user}": reference for user, reference in settings.auth.items()}
    if settings.relay.password and settings.sending.transport is None:
        named["relay.password"] = settings.relay.password
    for name, reference in named.items():
        try:
            resolve_secret(reference, {})
        except InboxError as error:
            yield Finding("secrets", "wrong", f"{name}: {error}")


def _step_secrets(rules: Rules, loaded: Plugins) -> Iterator[Finding]:
    from inbox.options import resolve_secret

    for step in [*(step for rule in rules.rules for step in rule.steps), *rules.default]:
        for name in loaded.handlers.entries[step.handler].secrets & step.options.keys():
            try:
                resolve_secret(str(step.options[name]), rules.secrets)
            except InboxError as error:
                yield Finding("secrets", "wrong", f"{rules.path}:{step.place.line}: {step.handler}.{name}: {error}")


def _store(settings: Settings) -> Iterator[Finding]:
    from inbox.store import open_store

    try:
        store = open_store(settings.dir)
    except (InboxError, OSError) as error:
        yield Finding("store", "wrong", str(error))
        return
    yield Finding("store", "ok", f"{settings.dir}: {store.count():,} mails, {store.durability()}")
    store.close()
    free, needed = shutil.disk_usage(settings.dir).free, settings.limits.min_free or 2 * settings.limits.size
    yield Finding("disk", "ok" if free > needed else "wrong", f"{free >> 20:,} MiB free, mail is refused (452) below {needed >> 20:,} MiB")


def _tls(settings: Settings) -> Finding:
    if not settings.tls.certificate:
        return Finding("tls", "warning", "no certificate: STARTTLS is not offered; `inbox certificate` makes one of your own")
    from inbox.sources.smtp.tls import load_context, validity

    try:
        context = load_context(settings.tls)
    except InboxError as error:
        return Finding("tls", "wrong", str(error))
    assert context is not None
    expires, problem = validity(context, settings.tls.certificate)
    if expires is None:
        return Finding("tls", "wrong", f"{settings.tls.certificate} {problem}")
    soon = expires - datetime.now(UTC) < _RENEW
    detail = f"{settings.tls.certificate}, valid until {expires:%Y-%m-%d}{'; renew it, then send SIGHUP' if soon else ''}"
    return Finding("tls", "warning" if soon else "ok", detail)


def _ways_out(settings: Settings) -> Iterator[Finding]:
    """Each way that mail leaves by, asked without any mail; the doctor makes no connection but to what the settings name."""
    from inbox.send.transports import open_transport

    own = {name: identity.transport for name, identity in settings.identities.items() if identity.transport}
    named = {"relay" if settings.sending.transport is None else "transport": settings.sending.transport}
    for name, url in {**named, **{f"transport of {name}": url for name, url in own.items()}}.items():
        transport = open_transport(url, settings)
        try:
            yield Finding(name, "ok", transport.probe())
        except InboxError as error:
            yield Finding(name, "warning", f"{error}; mail waits until that is mended")
