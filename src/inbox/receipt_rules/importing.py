"""Documents of one kind or several to one rules.yaml: receipt rules with their filters, or Mail Manager's rules with its policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inbox.errors import ConfigError
from inbox.receipt_rules.checks import Check
from inbox.receipt_rules.cloudformation import mail_manager
from inbox.receipt_rules.ingress import kind_of, read_mail_manager
from inbox.receipt_rules.ingress_rules import mail_manager_rules
from inbox.receipt_rules.model import Loss
from inbox.receipt_rules.reading import merged, read_data
from inbox.receipt_rules.translating import Bounces, filter_lines, to_rules


@dataclass(frozen=True, slots=True)
class Imported:
    """A rules file made of something else: its text, what differs, how many rules there were, filters for inbox.toml."""

    text: str
    losses: tuple[Loss, ...]
    rules: int
    name: str
    filters: tuple[str, ...] = ()


def import_ses(
    documents: Sequence[tuple[Any, str]],
    *,
    domains: Iterable[str] | None = None,
    bounce: Bounces = "refuse",
    parameters: Mapping[str, str] | None = None,
    rule_set: str | None = None,
) -> Imported:
    """Everything that documents of SES say, each given with a name for errors, as one rules file. Raises ConfigError."""
    managed = [found for data, name in documents for found in _managed(data, name, parameters or {})]
    if managed and len(managed) < len(documents):
        raise ConfigError("receipt rules and rules of Mail Manager are two systems; import them one after the other")
    if managed:
        given = read_mail_manager(managed)
        text, losses = mail_manager_rules(given, domains=domains)
        return Imported(text, losses, len(given.rules) + sum(len(policy.statements) for policy in given.policies), "mail-manager")
    found = merged([read_data(data, name, parameters=parameters, rule_set=rule_set) for data, name in documents])
    text, losses = to_rules(found, domains=domains, bounce=bounce)
    return Imported(text, losses, len(found.rules), found.name, tuple(filter_lines(found)))


def _managed(data: Any, name: str, parameters: Mapping[str, str]) -> list[tuple[Any, str]]:
    """What of a document belongs to Mail Manager."""
    return [(data, name)] if kind_of(data) else mail_manager(data, parameters, Check(name))
