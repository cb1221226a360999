"""Receipt rules in place of a rules.yaml: read, translated and loaded in one, so that `serve`, `explain` and all other commands go by them."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from inbox.errors import ConfigError, Problem, RulesError
from inbox.networks import Filters
from inbox.receipt_rules.documents import read_document
from inbox.receipt_rules.local_names import ACCOUNT, local_names, pseudo_parameters
from inbox.receipt_rules.model import BounceAction, LambdaAction, Loss, ReceiptRuleSet, S3Action, SNSAction
from inbox.receipt_rules.reading import merged, read_data
from inbox.receipt_rules.steps import WAITS
from inbox.receipt_rules.translating import filter_lines, to_rules
from inbox.rules import Rules, Translated, load_text

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.plugins import Plugins

REGION = "us-east-1"
_LOOPBACK = ("127.0.0.1", "::1")


def load(settings: Settings, plugins: Plugins) -> Rules:
    """The rules that the receipt rules in `settings.ses.rules` come to; a bounce is sent later, as SES does.

    Raises RulesError with every mistake, in the rule set or in what its translation asks for here.
    """
    files = settings.ses.rules
    rule_set = served(settings)
    filters = (*settings.filters, *filter_lines(rule_set))
    domains = identities(settings, rule_set)
    text, losses = to_rules(replace(rule_set, filters=()), domains=domains, bounce="dsn")
    notes = (
        *_about_surroundings(settings, rule_set),
        *_about_identities(settings, domains),
        *(str(loss) for loss in losses if (loss.what, loss.instead) != WAITS),
        *_about_filters(files[0], filters),
    )
    try:
        rules = load_text(text, files[0], plugins, settings)
    except RulesError as error:
        words = (f"its translation does not load here: {problem.text}" for problem in error.problems)
        raise RulesError(tuple(_problems(files[0], words))) from None
    return replace(rules, files=files, translated=Translated(notes, filters))


def served(settings: Settings) -> ReceiptRuleSet:
    """The rule set of `settings.ses.rules`. Raises RulesError with every mistake in it."""
    found: list[ReceiptRuleSet] = []
    for file in settings.ses.rules:
        try:
            found.append(_read(file, settings))
        except ConfigError as error:
            raise RulesError(tuple(_problems(file, str(error).splitlines()))) from None
    try:
        return merged(found)
    except ConfigError as error:
        raise RulesError(tuple(_problems(settings.ses.rules[0], [str(error)]))) from None


def _read(file: Path, settings: Settings) -> ReceiptRuleSet:
    """A file with its references resolved as they would be on this machine."""
    template = read_document(file)
    region = settings.aws.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or REGION
    account = settings.ses.account or ACCOUNT
    named = local_names(template, region, account)
    rule_set = read_data(template, str(file), parameters={**pseudo_parameters(region, account), **named, **settings.ses.parameters})
    made_up = {name: value for name, value in named.items() if name not in settings.ses.parameters and not name.endswith(".Arn")}
    if not made_up:
        return rule_set
    listed = ", ".join(f"{name} is {value}" for name, value in made_up.items())
    note = Loss("AWS makes up names of what the template makes", f"here {listed}; ses.parameters says others")
    return replace(rule_set, notes=(*rule_set.notes, note))


def identities(settings: Settings, rule_set: ReceiptRuleSet) -> tuple[str, ...]:
    """The domains that mail is taken for: those that are verified, or those of all recipients; each with its subdomains, as SES has it."""
    named = settings.ses.verified or tuple(
        entry.rpartition("@")[2].lower().lstrip(".") for rule in rule_set.rules for entry in rule.recipients
    )
    return tuple(entry for domain in dict.fromkeys(named) for entry in (domain, f".{domain}"))


def _about_surroundings(settings: Settings, rule_set: ReceiptRuleSet) -> Iterator[str]:
    """What the actions need here beside the rules."""
    kinds = {type(action) for rule in rule_set.rules if rule.enabled for action in rule.actions}
    if kinds & {S3Action, SNSAction, LambdaAction} and importlib.util.find_spec("boto3") is None:
        yield "boto3 is not installed, and S3, SNS and Lambda actions wait for it: pip install 'inboxd[aws]'"
    if BounceAction in kinds:
        yield f"bounces are handed to the mail server at {settings.relay.host}:{settings.relay.port}; [relay] says another"


def _about_identities(settings: Settings, domains: tuple[str, ...]) -> Iterator[str]:
    if not settings.ses.verified:
        taken = ", ".join(domain for domain in domains if not domain.startswith(".")) or "nobody: name a domain with --verified"
        yield f"verified identities are those of the recipients, with their subdomains ({taken}); --verified says others"


def _about_filters(file: Path, texts: Iterable[str]) -> Iterator[str]:
    """What must be told of the filters. RulesError when they contradict each other."""
    try:
        filters = Filters(texts)
    except ValueError as error:
        raise RulesError(tuple(_problems(file, [f"IP filters, with those of the setting filters: {error}"]))) from None
    for ip in _LOOPBACK:
        deciding = filters.deciding(ip)
        if deciding and deciding.policy == "block":
            yield f'the IP filter {deciding} keeps out mail from this machine; take it in with filters = ["allow {ip}"] in inbox.toml'


def _problems(file: Path, lines: Iterable[str]) -> Iterator[Problem]:
    for line in lines:
        place = re.fullmatch(rf"{re.escape(str(file))}(?::(\d+):(\d+))?:? (.*)", line)
        yield Problem(str(file), int(place[1] or 0), int(place[2] or 0), place[3]) if place else Problem(str(file), 0, 0, line)
