"""`identity`: domains that mail is sent as: their keys, and the records to publish."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import click

from inbox.cli import NO, OK
from inbox.cli.common import common, print_json, visible
from inbox.cli.kept import of_store, opened
from inbox.cli.resolving import dns_options
from inbox.errors import ConfigError, Deferred
from inbox.model import isoformat

if TYPE_CHECKING:
    from inbox.auth import Resolver
    from inbox.auth.signing import SigningKey
    from inbox.config import Settings
    from inbox.domain_checks import Record, Sender
    from inbox.send.identities import Identity
    from inbox.send.key_files import KeyFolder

_IP_HELP = "Address that mail leaves from, for the SPF record; repeatable."
_EASY_DKIM = (
    "Amazon SES: either it signs (Easy DKIM: publish the three CNAME records that its console names, and no key is needed here), or we do, "
    "with the key above. It takes one signature of ours only, so a second key (Ed25519) does not sign there."
)


@click.group()
def identity() -> None:
    """Domains that mail is sent as: make keys, print the DNS records to publish, rotate."""


@identity.command()
@click.argument("domain")
@click.option("--selector", help="Name of the key in DNS (default: that of inbox.toml, else inbox).")
@click.option("--algorithm", type=click.Choice(["rsa", "ed25519", "both"]), default="rsa", show_default=True, help="Kind of key.")
@click.option("--bits", type=click.Choice(["2048", "3072", "4096"]), default="2048", show_default=True, help="Length of an RSA key.")
@click.option("--rotate", is_flag=True, help="Make the next selector; the old one signs until `inbox identity retire`.")
@click.option("--ip", "ips", multiple=True, metavar="ADDR", help=_IP_HELP)
@common
def add(
    domain: str, selector: str | None, algorithm: str, bits: str, ips: tuple[str, ...], settings: Settings, *, rotate: bool, as_json: bool
) -> int:
    """Make a DKIM key for DOMAIN in the data folder, and print the DNS records to publish. A key that is there is never written over."""
    name, known_ips = domain_name(domain), addresses(ips)
    folder = _folder(settings, name)
    files = folder.make(_new_selector(settings, name, folder, selector, rotate=rotate), algorithm, int(bits))
    sender = sender_of(settings, name, known_ips)
    if as_json:
        print_json({**_said(settings, name), "made": [str(path) for path in files], "records": _records(sender)})
        return OK
    for path in files:
        click.echo(f"; made {path}")
    click.echo("\n".join(_zone(sender)))
    return OK


@identity.command()
@click.argument("domain")
@click.option("--ip", "ips", multiple=True, metavar="ADDR", help=_IP_HELP)
@common
def show(domain: str, ips: tuple[str, ...], settings: Settings, *, as_json: bool) -> int:
    """Print the DNS records of DOMAIN, as lines of a zone file."""
    name, known_ips = domain_name(domain), addresses(ips)
    _known(settings, name)
    sender = sender_of(settings, name, known_ips)
    if as_json:
        print_json({**_said(settings, name), "records": _records(sender)})
    else:
        click.echo("\n".join(_zone(sender)))
    return OK


@identity.command("list")
@common
def list_(settings: Settings, *, as_json: bool) -> int:
    """List identities with their selectors and transports."""
    from inbox.send.identities import Identities

    names = [one.domain for one in Identities(settings)]
    if as_json:
        print_json([_said(settings, name) for name in names])
        return OK
    for name in names:
        said = _said(settings, name)
        keys = [f"{key['selector']} ({key['kind']}, {'signs' if key['signs'] else 'waits'})" for key in said["keys"]]
        click.echo(f"{name}  {said['problem'] or ', '.join(keys) or 'no key'}  {said['transport'] or 'relay'}")
    if not names:
        click.echo("no identity; inbox identity add DOMAIN makes one")
    return OK


@identity.command()
@click.argument("domain")
@click.option("--force", is_flag=True, help="Do not look in DNS for the record of the next key.")
@dns_options
@common
def retire(domain: str, ask: Callable[[Settings], Resolver], settings: Settings, *, force: bool, as_json: bool) -> int:
    """Let the next key of DOMAIN sign, when DNS has its record, and delete the old one."""
    name = domain_name(domain)
    known = _known(settings, name)
    _check_order(known)
    if len(known.selectors) > 1 and not force:
        problems = _unpublished(known, ask(settings))
        if problems:
            if as_json:
                print_json({**_said(settings, name), "problems": problems})
            else:
                click.echo("\n".join(f"{visible(problem)}; nothing was retired" for problem in problems))
            return NO
    old, now = known.folder.retire()
    if as_json:
        print_json({**_said(settings, name), "retired": old})
    else:
        click.echo(f"{old} is retired and its key deleted; {now} signs")
        click.echo(f"leave {old}._domainkey.{name} in DNS for a week, for mail that is on its way; then remove it")
    return OK


@identity.command()
@of_store
@common
def status(settings: Settings, *, url: str | None, as_json: bool) -> int:
    """Identities that sent of late: recipients, permanent bounces, complaints, and which are stopped and why. Exit status 1 when one is."""
    window = timedelta(seconds=settings.sending.window)
    found = opened(settings, url).standings(window, datetime.now(UTC))
    if as_json:
        print_json([standing.to_dict() for standing in found])
    for standing in () if as_json else found:
        stopped = f"  stopped: {standing.stopped}" if standing.stopped else ""
        counted = f"{standing.sends} sent  {standing.bounces} bounced for good  {standing.complaints} complained"
        click.echo(visible(f"{standing.identity}  {counted}  since {isoformat(standing.since)[:19]}{stopped}"))
    return NO if any(standing.stopped for standing in found) else OK


@identity.command()
@click.argument("domain")
@of_store
@common
def resume(domain: str, settings: Settings, *, url: str | None, as_json: bool) -> int:
    """Let DOMAIN send again after it was stopped; what bounced before does not count any more. What waits is sent when it is due."""
    if not opened(settings, url, to_change=True).resume(domain):
        click.echo(f"inbox: {visible(domain)} is not stopped; `inbox identity status` shows who is", err=True)
        return NO
    print_json([domain]) if as_json else click.echo(f"{visible(domain)} sends again")
    return OK


def domain_name(text: str) -> str:
    """The domain in its normal form. ConfigError for what is none."""
    from inbox.parsing.domains import normal_domain

    name = normal_domain(text.strip())
    if name is None or "." not in name or name.startswith("["):
        raise ConfigError(f"{text[:80]!r} is no domain; write example.com")
    return name


def sender_of(settings: Settings, domain: str, ips: Sequence[str] = ()) -> Sender:
    """What the records and the checks of a domain depend on, from the settings. Deferred when a key cannot be read."""
    from inbox.domain_checks import Sender
    from inbox.send.identities import Identities

    identities = Identities(settings)
    found = identities.of(domain)
    keys = [found.keys_of(selector) for selector in found.selectors] if found else []
    transport = found.transport if found else identities.transport
    flat = tuple(key for group in keys for key in group)
    return Sender(domain, flat, transport, settings.hostname, tuple(ips), len(keys[0]) if keys else 0)


def addresses(texts: Sequence[str]) -> tuple[str, ...]:
    """Addresses in their normal form. ConfigError for what is none."""
    try:
        return tuple(str(ip_address(text)) for text in texts)
    except ValueError as error:
        raise ConfigError(f"--ip: {error}; write 192.0.2.1 or 2001:db8::1") from None


def _folder(settings: Settings, domain: str) -> KeyFolder:
    from inbox.send.identities import Identities

    return Identities(settings).folder(domain)


def _known(settings: Settings, domain: str) -> Identity:
    from inbox.send.identities import Identities

    identities = Identities(settings)
    found = identities.of(domain)
    if found is None or found.domain != domain:
        there = ", ".join(one.domain for one in identities) or "none"
        raise ConfigError(f"there is no identity {domain} (there are: {there}); inbox identity add {domain} makes it")
    return found


def _new_selector(settings: Settings, domain: str, folder: KeyFolder, asked: str | None, *, rotate: bool) -> str:
    """The selector of the key that is made. ConfigError when that is not wanted, or not clear."""
    from inbox.send.identities import Identities

    found = Identities(settings).of(domain)
    own = found if found and found.domain == domain else None
    if own:
        _check_order(own)
    default = own.settings.selector if own else "inbox"
    if rotate and not (own and own.selectors):
        raise ConfigError(f"{domain} has no key that could be followed by another; inbox identity add {domain} makes the first")
    if own and own.selectors and not rotate:
        raise ConfigError(f"{domain} has a key already, with selector {own.selectors[0]}, which is kept; --rotate makes the next one")
    return asked or (folder.next_selector(default) if rotate else default)


def _check_order(known: Identity) -> None:
    """ConfigError when something else than the order of the folder says which key signs."""
    if known.settings.key:
        raise ConfigError(f"the key of {known.domain} is the one that inbox.toml refers to; change it there")
    if "selector" in known.settings.model_fields_set and known.folder.selectors():
        text = f"inbox.toml says that {known.settings.selector} signs for {known.domain}; take `selector` out there, and keys sign in the order they were made"
        raise ConfigError(text)


def _unpublished(known: Identity, resolver: Resolver) -> list[str]:
    """What DNS lacks for the next key to sign."""
    from inbox.domain_checks import Sender, check_domain

    sender = Sender(known.domain, known.keys_of(known.selectors[1]))
    findings = [one for one in check_domain(sender, resolver) if one.check == "dkim"]
    return [f"{one.name}: {one.found}" for one in findings if one.verdict in ("missing", "wrong", "unknown")]


def _said(settings: Settings, domain: str) -> dict[str, Any]:
    """An identity as JSON."""
    from inbox.domain_checks import dkim_record

    found = _known(settings, domain)
    said: dict[str, Any] = {"domain": domain, "transport": found.transport, "folder": str(found.folder.path), "keys": [], "problem": None}
    try:
        keys = [(number, key) for number, selector in enumerate(found.selectors) for key in found.keys_of(selector)]
    except Deferred as error:
        return said | {"problem": str(error)}
    listed = [
        {"selector": key.selector, "kind": _kind(key), "signs": number == 0, "record": dkim_record(key)}
        for number, key in keys
    ]  # fmt: skip
    return said | {"keys": listed}


def _records(sender: Sender) -> list[dict[str, Any]]:
    from inbox.domain_checks import records

    return [record.to_dict() for record in records(sender)]


def _kind(key: SigningKey) -> str:
    bits = getattr(key.key, "key_size", None)
    return f"RSA {bits}" if bits else "Ed25519"


def _zone(sender: Sender) -> Iterator[str]:
    """The records as a part of a zone file; what nobody needs is a comment."""
    from inbox.domain_checks import records

    yield f"; {sender.domain}: what to publish in DNS"
    for record in records(sender):
        yield ""
        yield from _comment(f"{record.purpose} ({record.need}): {record.why}")
        yield from _line(record)
    if sender.region:
        yield ""
        yield from _comment(_EASY_DKIM)
    yield ""
    yield from _comment(f"when it is published: inbox doctor --domain {sender.domain}")


def _line(record: Record) -> Iterator[str]:
    yield record.zone_line if record.need != "may" else f";{record.zone_line}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent="; ", subsequent_indent="; ", break_long_words=False, break_on_hyphens=False)
