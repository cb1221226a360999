"""`check`, `test`, `schema`, `train`: rules before they go live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox.cli import NO, OK, USAGE
from inbox.cli.common import common, open_inbox, open_store, print_json

if TYPE_CHECKING:
    from inbox.config import Settings


def _with_rules(settings: Settings, file: Path | None) -> Settings:
    return settings.model_copy(update={"rules": file, "ses": settings.ses.model_copy(update={"rules": ()})}) if file else settings


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@common
def check(file: Path | None, settings: Settings, *, as_json: bool) -> int:
    """Find every mistake in a rules file, and what is likely not meant (warnings). Mistakes: exit status 2."""
    from inbox.assemble import check_rules
    from inbox.plugins import Plugins

    rules, problems = check_rules(_with_rules(settings, file), Plugins(settings.plugins_dir))
    if as_json:
        print_json([_problem(problem) for problem in problems])
    else:
        for problem in problems:
            click.echo(str(problem))
        if rules:
            click.echo(f"{rules.path}: {len(rules.rules)} rules, version {rules.version[:12]}")
    return OK if rules else USAGE


def _problem(problem: Any) -> dict[str, Any]:
    names = ("file", "line", "column", "severity", "text")
    return {name: getattr(problem, name) for name in names}


@click.command(name="test")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@common
def test_(file: Path | None, settings: Settings, *, as_json: bool) -> int:
    """Run the tests in a rules file. A test that fails: exit status 1."""
    from inbox.rules import run_tests

    box = open_inbox(_with_rules(settings, file))
    results = run_tests(box.rules, box.foresee)
    failed = [result for result in results if not result.passed]
    if as_json:
        print_json([{"name": result.name, "passed": result.passed, "problems": list(result.problems)} for result in results])
    else:
        for result in results:
            click.echo(f"{'ok  ' if result.passed else 'FAIL'} {result.name}")
            for problem in result.problems:
                click.echo(f"     {problem}")
        click.echo(f"{len(results) - len(failed)} of {len(results)} tests hold")
    return NO if failed else OK


@click.command()
@common
def schema(settings: Settings, *, as_json: bool) -> int:  # noqa: ARG001  it is JSON either way
    """Print the JSON Schema of rules.yaml for this installation, plugins included: editors complete and check with it."""
    from inbox.plugins import Plugins
    from inbox.rules import schema as rules_schema

    print_json(rules_schema(Plugins(settings.plugins_dir)))
    return OK


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--label", required=True, help="What these mails are: spam, for example.")
@click.option("--model", default="default", show_default=True, help="Name of the model that the fact `bayes` reads.")
@common
def train(files: tuple[str, ...], label: str, model: str, settings: Settings, *, as_json: bool) -> int:
    """Teach the classifier `bayes` that the mails in FILES carry a label. The model is kept in the store."""
    from inbox.facts import bayes
    from inbox.parsing import parse
    from inbox.sources.files import read

    if not label.strip():
        raise click.UsageError("a label is a word, such as spam")
    store = open_store(settings)
    messages = [parse(raw) for _, raw in read(files)]
    trained = bayes.train(store.memory(read_only=True).load(model), label, messages)
    store.save_model(model, trained)
    labels = bayes.labels(trained)
    if as_json:
        print_json({"model": model, "labels": labels})
    else:
        click.echo(
            f"{len(messages)} mails learned as {label}; model {model} knows " + ", ".join(f"{n} {name}" for name, n in labels.items())
        )
    return OK
