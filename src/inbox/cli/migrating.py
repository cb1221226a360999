"""`import`, `export`: rules of other systems to rules.yaml, and back; always with a list of what has no exact translation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox.cli import NO, OK
from inbox.cli.common import common, print_json, visible
from inbox.errors import ConfigError

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.receipt_rules import Imported, ReceiptRuleSet


def writing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --output and --force."""
    force = click.option("--force", is_flag=True, help="Replace the file that is there.")
    output = click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write here (default: standard output).")
    return output(force(command))


@click.group(name="import")
def import_() -> None:
    """Translate rules of another system to rules.yaml. What has no exact translation is listed."""


@import_.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--live", is_flag=True, help="Read the active rule set and the IP filters of the account (needs boto3 and credentials).")
@click.option("--region", help="AWS region for --live.")
@click.option("--domains", metavar="A,B", help="Domains that mail is taken for (default: those of the recipients).")
@click.option("--bounce", type=click.Choice(["refuse", "dsn"]), default="refuse", show_default=True, help="What a BounceAction becomes.")
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Value of a reference in a template; repeatable.")
@click.option("--rule-set", metavar="NAME", help="Which rule set of a template, when it has several.")
@writing
@common
def ses(
    files: tuple[Path, ...],
    region: str | None,
    domains: str | None,
    bounce: Any,
    parameters: tuple[str, ...],
    rule_set: str | None,
    output: Path | None,
    settings: Settings,
    *,
    live: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Translate receipt rules of Amazon SES: what describe-active-receipt-rule-set prints, or a CloudFormation template."""
    from inbox.receipt_rules import import_ses, read_document

    if bool(files) == live:
        raise click.UsageError("name the files to read, or use --live to read the account, not both")
    documents = _live(settings, region) if live else [(read_document(file), str(file)) for file in files]
    found = import_ses(documents, domains=_list(domains), bounce=bounce, parameters=_parameters(parameters), rule_set=rule_set)
    return _hand_over(found, output, settings, force=force, as_json=as_json)


@import_.command()
@click.argument("config_object", metavar="CONFIG", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--domains", metavar="A,B", help="Domains that mail is taken for (default: those of the keys).")
@writing
@common
def forwarder(config_object: Path, domains: str | None, output: Path | None, settings: Settings, *, force: bool, as_json: bool) -> int:
    """Translate the configuration of aws-lambda-ses-forwarder: its config object as JSON, or the JavaScript file that has it."""
    from inbox.receipt_rules import import_forwarder, read_text

    found = import_forwarder(read_text(config_object), str(config_object), domains=_list(domains))
    return _hand_over(found, output, settings, force=force, as_json=as_json)


@import_.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--domains", metavar="A,B", help="Domains that mail is taken for (default: those that patterns name).")
@writing
@common
def mailgun(file: Path, domains: str | None, output: Path | None, settings: Settings, *, force: bool, as_json: bool) -> int:
    """Translate routes of Mailgun: what GET /v3/routes gives."""
    from inbox.receipt_rules import import_mailgun, read_document

    found = import_mailgun(read_document(file), str(file), domains=_list(domains))
    return _hand_over(found, output, settings, force=force, as_json=as_json)


def _list(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _parameters(given: Sequence[str]) -> dict[str, str]:
    for text in given:
        if "=" not in text:
            raise click.UsageError(f"--parameter {text!r} must be NAME=VALUE")
    return {name: value for name, _, value in (text.partition("=") for text in given)}


def _live(settings: Settings, region: str | None) -> list[tuple[Any, str]]:
    """What the API says of the active rule set and the IP filters of the account."""
    from inbox.aws import calling, client

    aws = settings.aws.model_dump()
    account = client("ses", {**aws, "region": region or aws["region"]})
    with calling("ses:DescribeActiveReceiptRuleSet"):
        active = account.describe_active_receipt_rule_set()
    with calling("ses:ListReceiptFilters"):
        filters = account.list_receipt_filters()
    return [(active, "the active rule set"), ({"Filters": [], **filters}, "the IP filters")]


def _hand_over(found: Imported, output: Path | None, settings: Settings, *, force: bool, as_json: bool) -> int:
    """Write or print the rules, print what was lost, and say whether they load here: exit status 1 when they do not."""
    problems = _problems(found.text, output, settings)
    if output:
        _write(output, found.text, force=force)
    if as_json:
        print_json(_as_json(found, problems, output))
        return NO if problems else OK
    if not output:
        click.echo(found.text, nl=False)
    for line in _report(found, problems, output):
        click.echo(visible(line), err=not output)
    return NO if problems else OK


def _as_json(found: Imported, problems: Sequence[str], output: Path | None) -> dict[str, Any]:
    return {
        "name": found.name,
        "rules": found.rules,
        "filters": list(found.filters),
        "losses": [loss.to_dict() for loss in found.losses],
        "problems": list(problems),
        "output": str(output) if output else None,
        "text": found.text,
    }


def _report(found: Imported, problems: Sequence[str], output: Path | None) -> Iterator[str]:
    if output:
        yield f"{output}: made of {found.rules} rules"
    yield f"{len(found.losses)} differences" if found.losses else "no differences"
    yield from (f"  {loss}" for loss in found.losses)
    yield from (f"it does not load here: {problem}" for problem in problems)


def _problems(text: str, output: Path | None, settings: Settings) -> list[str]:
    """Why the rules do not load in this installation: a handler or a fact that it does not have."""
    from inbox.errors import RulesError
    from inbox.plugins import Plugins
    from inbox.rules import load_text

    try:
        load_text(text, output or Path("rules.yaml"), Plugins(settings.plugins_dir), settings)
    except RulesError as error:
        return [str(problem) for problem in error.problems]
    return []


def _write(path: Path, text: str, *, force: bool) -> None:
    if path.exists() and not force:
        raise ConfigError(f"{path} exists already; --force replaces it, another name keeps both")
    path.write_text(text, encoding="utf-8")


@click.group(name="export")
def export_() -> None:
    """Translate rules.yaml to rules of another system. What that system cannot say is listed."""


def exporting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command what every export to SES takes."""
    for option in (
        click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False)),
        click.option("--name", default="inbox", show_default=True, help="Name of the rule set."),
        click.option("--sender", metavar="ADDR", help="Sender of bounces (default: mailer-daemon at the first domain)."),
        click.option("--scan", is_flag=True, help="Let SES scan mail for spam and viruses."),
        writing,
        common,
    ):
        command = option(command)
    return command


@export_.command(name="ses")
@exporting
def to_ses(**options: Any) -> int:
    """Translate rules.yaml to a receipt rule set of Amazon SES, as describe-receipt-rule-set prints one."""
    from inbox.receipt_rules import rule_set_json

    return _export(rule_set_json, **options)


@export_.command()
@exporting
def cloudformation(**options: Any) -> int:
    """Translate rules.yaml to a CloudFormation template with a receipt rule set of Amazon SES and its filters."""
    from inbox.receipt_rules import template

    return _export(template, **options)


def _export(
    form: Callable[[ReceiptRuleSet], dict[str, Any]],
    file: Path | None,
    name: str,
    sender: str | None,
    output: Path | None,
    settings: Settings,
    *,
    scan: bool,
    force: bool,
    as_json: bool,
) -> int:
    from inbox.plugins import Plugins
    from inbox.receipt_rules import Wishes, from_rules
    from inbox.rules import load

    rules = load(file or settings.rules, Plugins(settings.plugins_dir), settings)
    first = next((entry.removeprefix(".") for entry in rules.domains.entries), "example.com")
    made, losses = from_rules(rules, Wishes(name, sender or f"mailer-daemon@{first}", scan), settings.filters)
    found = form(made)
    if output:
        _write(output, json.dumps(found, ensure_ascii=False, indent=2) + "\n", force=force)
    if as_json:
        print_json(
            {"rules": len(made.rules), "losses": [loss.to_dict() for loss in losses], "output": str(output or "") or None, "made": found}
        )
        return OK
    if not output:
        print_json(found)
    told = [f"{output}: {len(made.rules)} rules"] if output else []
    for line in [*told, f"{len(losses)} differences" if losses else "no differences", *(f"  {loss}" for loss in losses)]:
        click.echo(visible(line), err=not output)
    return OK
