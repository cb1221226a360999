"""What SES would do with a mail: the rules in order, the actions of each, for whom. Pure; it is what imported rules are compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from inbox.receipt_rules.matching import matched
from inbox.receipt_rules.model import Action, LambdaAction, ReceiptRule, ReceiptRuleSet, StopAction

Disposition = Literal["CONTINUE", "STOP_RULE", "STOP_RULE_SET"]


@dataclass(frozen=True, slots=True)
class Run:
    """One rule that a mail came to. `no_tls`: it requires TLS and there was none, so its recipients get a bounce and no action runs."""

    rule: str
    recipients: tuple[str, ...]
    actions: tuple[Action, ...] = ()
    no_tls: bool = False


def go_on(_: LambdaAction) -> Disposition:
    """The answer of a function that ends nothing."""
    return "CONTINUE"


def evaluate(
    rule_set: ReceiptRuleSet, recipients: Sequence[str], *, tls: bool, answer: Callable[[LambdaAction], Disposition] = go_on
) -> tuple[Run, ...]:
    """The rules that run for a mail and the actions that they carry out, in order.

    `recipients`: those of the envelope. `answer`: what a function says that SES waits for. Recipients whom a rule bounced because TLS was
    missing have no part in later rules (assumed). Empty: SES refuses the mail (`accepts` says for whom).
    """
    runs: list[Run] = []
    live = list(dict.fromkeys(recipients))
    for rule in rule_set.rules:
        chosen = matched(rule, live)
        if not rule.enabled or not chosen:
            continue
        if rule.tls_policy == "Require" and not tls:
            runs.append(Run(rule.name, chosen, no_tls=True))
            live = [recipient for recipient in live if recipient not in chosen]
            continue
        actions, ended = _carried_out(rule, answer)
        runs.append(Run(rule.name, chosen, actions))
        if ended:
            break
    return tuple(runs)


def _carried_out(rule: ReceiptRule, answer: Callable[[LambdaAction], Disposition]) -> tuple[tuple[Action, ...], bool]:
    """The actions that run, and whether the rule set ends with them."""
    for n, action in enumerate(rule.actions, start=1):
        if isinstance(action, StopAction):
            return rule.actions[:n], True
        if isinstance(action, LambdaAction) and action.waits and (said := answer(action)) != "CONTINUE":
            return rule.actions[:n], said == "STOP_RULE_SET"
    return rule.actions, False


def accepts(rule_set: ReceiptRuleSet, recipient: str) -> bool:
    """Whether SES takes mail for this recipient of a verified domain: some enabled rule matches it."""
    return any(rule.enabled and matched(rule, [recipient]) for rule in rule_set.rules)
