"""`import`, `export`: rules of other systems to rules.yaml, and back; always with a list of what has no exact translation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox.cli import NO, OK
from inbox.cli.common import common, print_json, visible
from inbox.errors import ConfigError

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.receipt_rules import Loss, ReceiptRuleSet


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
    from inbox.receipt_rules import filter_lines, merged, read, to_rules

    if bool(files) == live:
        raise click.UsageError("name the files to read, or use --live to read the account, not both")
    values = _parameters(parameters)
    sets = [_live(settings, region)] if live else [read(file, parameters=values, rule_set=rule_set) for file in files]
    found = merged(sets)
    text, losses = to_rules(found, domains=_list(domains), bounce=bounce)
    counts = {"name": found.name, "rules": len(found.rules), "filters": filter_lines(found)}
    return _hand_over(text, losses, counts, output, settings, force=force, as_json=as_json)


def _list(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _parameters(given: Sequence[str]) -> dict[str, str]:
    for text in given:
        if "=" not in text:
            raise click.UsageError(f"--parameter {text!r} must be NAME=VALUE")
    return {name: value for name, _, value in (text.partition("=") for text in given)}


def _live(settings: Settings, region: str | None) -> ReceiptRuleSet:
    """The active rule set and the IP filters of the account."""
    from inbox.aws import calling, client
    from inbox.receipt_rules import merged, read_data

    aws = settings.aws.model_dump()
    account = client("ses", {**aws, "region": region or aws["region"]})
    with calling("ses:DescribeActiveReceiptRuleSet"):
        active = account.describe_active_receipt_rule_set()
    with calling("ses:ListReceiptFilters"):
        filters = account.list_receipt_filters()
    return merged([read_data(active, "the active rule set"), read_data({"Filters": [], **filters}, "the IP filters")])


def _hand_over(
    text: str, losses: Sequence[Loss], about: dict[str, Any], output: Path | None, settings: Settings, *, force: bool, as_json: bool
) -> int:
    """Write or print the rules, print what was lost, and say whether they load here: exit status 1 when they do not."""
    problems = _problems(text, output, settings)
    if output:
        _write(output, text, force=force)
    if as_json:
        loss = [one.to_dict() for one in losses]
        print_json({**about, "losses": loss, "problems": problems, "output": str(output) if output else None, "text": text})
        return NO if problems else OK
    if not output:
        click.echo(text, nl=False)
    told = [f"{len(losses)} differences", *(f"  {visible(loss)}" for loss in losses)] if losses else ["no differences"]
    if output:
        told = [f"{output}: {', '.join(f'{value} {name}' for name, value in about.items() if isinstance(value, int))}", *told]
    told += [f"it does not load here: {problem}" for problem in problems]
    for line in told:
        click.echo(line, err=not output)
    return NO if problems else OK


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
