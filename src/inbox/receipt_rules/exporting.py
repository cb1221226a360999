"""From rules.yaml back to a receipt rule set, with a list of every condition, step and word that SES cannot say.

SES knows recipients, TLS and its eight actions, nothing of content. A rule with any other condition is exported switched off, for without
the condition it would take more mail; a step that SES has no action for is left out. What `to_rules` makes of a rule set comes back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from inbox.networks import Filter
from inbox.receipt_rules.actions import Alert, action_of, header_of, with_topic
from inbox.receipt_rules.matching import covers
from inbox.receipt_rules.model import Action, BounceAction, Loss, ReceiptFilter, ReceiptRule, ReceiptRuleSet, StopAction, to_api
from inbox.receipt_rules.reading import limits
from inbox.receipt_rules.steps import END
from inbox.receipt_rules.translating import NOBODY, WITHOUT_TLS
from inbox.rules import Rule, Rules
from inbox.rules.conditions import Condition, leaves
from inbox.rules.ruleset import StepPlan

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What SES wants and rules do not say: the rule set's name, who sends bounces, and whether mail is scanned."""

    name: str = "inbox"
    sender: str = "mailer-daemon@example.com"
    scan: bool = False


def from_rules(rules: Rules, wishes: Wishes | None = None, filters: Iterable[str] = ()) -> tuple[ReceiptRuleSet, tuple[Loss, ...]]:
    """The receipt rule set that comes nearest, and what it cannot say. `filters`: lines of the setting `filters`."""
    export = _Export(rules, wishes or Wishes())
    made = ReceiptRuleSet(export.wishes.name, tuple(export.receipt_rules()), tuple(_filters(filters)))
    export.tell_of_the_rest()
    return made, (*export.losses, *limits(made))


def _filters(lines: Iterable[str]) -> Iterator[ReceiptFilter]:
    for n, line in enumerate(lines, start=1):
        one = Filter.read(line)
        yield ReceiptFilter(f"{one.policy}-{n}", "Block" if one.policy == "block" else "Allow", str(one.network))


class _Export:
    """One rules file while it is exported."""

    def __init__(self, rules: Rules, wishes: Wishes) -> None:
        self.rules, self.wishes = rules, wishes
        self.losses: list[Loss] = []
        self._names: set[str] = set()

    def tell(self, what: str, instead: str, rule: str | None = None, action: int = 0) -> None:
        self.losses.append(Loss(what, instead, rule, action))

    def receipt_rules(self) -> Iterator[ReceiptRule]:
        """The rules; one that refuses mail without TLS becomes the TLS policy of the next, when that is for the same recipients."""
        waiting: Rule | None = None
        for rule in self.rules.rules:
            if waiting is not None and not _same(waiting, rule):
                yield self._made(waiting.name.removesuffix(WITHOUT_TLS), waiting, (), "Require")
                waiting = None
            if _asks_tls(rule):
                waiting = rule
            elif not _says_nobody(rule):
                yield self._rule(rule, "Require" if waiting else "Optional")
                waiting = None
        if waiting is not None:
            yield self._made(waiting.name.removesuffix(WITHOUT_TLS), waiting, (), "Require")

    def _rule(self, rule: Rule, tls: str) -> ReceiptRule:
        live = rule.enabled
        for condition in [leaf for part in rule.parts for leaf in leaves(part)]:
            live = False
            self.tell(
                f"the condition on {_shown(condition)}", "the rule is switched off, for without it it would take more mail", rule.name
            )
        if rule.shadow:
            live = False
            self.tell("shadow: true", "the rule is switched off", rule.name)
        for name in rule.values:
            self.tell(f"set {name}", "it is left out", rule.name)
        actions = (*self._headers(rule), *self._refusal(rule), *self._actions(rule), *self._stop(rule))
        return self._made(rule.name, replace(rule, enabled=live), actions, tls)

    def _made(self, name: str, rule: Rule, actions: tuple[Action, ...], tls: str) -> ReceiptRule:
        recipients = rule.recipients.entries if rule.recipients else ()
        ends = next((k for k, action in enumerate(actions, start=1) if isinstance(action, StopAction)), len(actions))
        policy: Any = tls
        return ReceiptRule(self._name(name), rule.enabled, policy, recipients, actions[:ends], self.wishes.scan or _scans(rule))

    def _name(self, name: str) -> str:
        """A name that SES takes."""
        plain = _NOT_IN_NAMES.sub("-", name).strip("-_.")[:60] or "rule"
        new = next(one for n in range(1, 1_000_000) if (one := plain if n == 1 else f"{plain}-{n}") not in self._names)
        self._names.add(new)
        if new != name:
            self.tell("SES does not take this name", f"the rule is called {new}", name)
        return new

    # what a rule does

    def _headers(self, rule: Rule) -> Iterator[Action]:
        for label in rule.labels:
            found = header_of(label)
            if found:
                yield found
            else:
                self.tell(f"label {label!r}", "it is left out; AddHeaderAction comes nearest: write it as 'X-Label: …'", rule.name)

    def _refusal(self, rule: Rule) -> Iterator[Action]:
        if rule.refuse is None:
            return
        reply = rule.refuse
        self.tell("refuse: the sender is refused in the dialogue", "SES accepts the mail, then sends a bounce", rule.name)
        if not rule.stop and any(other.enabled for other in self.rules.rules[rule.n + 1 :]):
            self.tell("refuse ends judging for its recipients", "later rules of SES run for them all the same; add stop: mail", rule.name)
        status = None if reply.status == f"{reply.code // 100}.0.0" else reply.status
        yield BounceAction(str(reply.code), reply.text, self.wishes.sender, status)

    def _actions(self, rule: Rule) -> Iterator[Action]:
        last: Action | None = None
        ended = False
        for n, step in enumerate(rule.steps, start=1):
            if ended:
                self.tell(f"{step.handler} stands behind {END} and never runs", "it is left out", rule.name, n)
                continue
            ended = step.handler == END
            found, alert, told = action_of(step.handler, step.options)
            for what, instead in told:
                self.tell(what, instead, rule.name, n)
            self._tell_of_control(rule, step, n)
            joined = with_topic(last, alert) if alert else None
            if joined is not None:
                last = joined
            elif alert and not _belongs_to_stop(rule, n, alert):
                self.tell(
                    f"sns without content to {alert.topic}", "it is left out: SES publishes that only with another action", rule.name, n
                )
            if found is not None:
                if last is not None:
                    yield last
                last = found
        if last is not None:
            yield last

    def _tell_of_control(self, rule: Rule, step: StepPlan, n: int) -> None:
        """Words of a step that SES has not; `on_error: stop` of a function that is waited for is what SES does."""
        waits = step.options.get("invocation") == "RequestResponse" and step.on_error == "stop"
        given = {"on_error": step.on_error != "retry" and not waits, "timeout": step.timeout, "when_done": step.when_done}
        for word in (word for word, told in given.items() if told):
            self.tell(f"{step.handler}: {word}", "it is left out: SES tries for 4 hours, then gives up", rule.name, n)

    def _stop(self, rule: Rule) -> Iterator[Action]:
        topic = _last_topic(rule)
        if any(step.handler == END for step in rule.steps) or rule.stop:
            yield StopAction("RuleSet", topic)
        if rule.stop is True and not self._alone(rule):
            what = "stop: true ends judging for the recipients of the rule"
            self.tell(what, "StopAction ends it for the whole mail: write stop: mail, or tell senders apart otherwise", rule.name)

    def _alone(self, rule: Rule) -> bool:
        """Whether no later rule is for anybody else, so that both kinds of stop come to the same."""
        own = rule.recipients
        later = [other for other in self.rules.rules[rule.n + 1 :] if other.enabled]
        return own is None or all(other.recipients and covers(own.entries, other.recipients.entries) for other in later)

    # the rest of the file

    def tell_of_the_rest(self) -> None:
        for step in self.rules.default:
            self.tell(f"default: {step.handler}", "SES refuses recipients that no rule is for")
        if self.rules.tests:
            self.tell("tests", "they are left out")
        if domains := ", ".join(self.rules.domains.entries):
            self.tell(f"domains: {domains}", "verify them as identities in SES, in a region that receives mail")


def _same(first: Rule, second: Rule) -> bool:
    known = [rule.recipients.entries if rule.recipients else None for rule in (first, second)]
    return known[0] == known[1] and first.enabled == second.enabled and not _asks_tls(second)


def _asks_tls(rule: Rule) -> bool:
    """Whether a rule refuses mail that came without TLS, and nothing else."""
    one = rule.when[0] if len(rule.when) == 1 and rule.unless is None else None
    return (
        rule.refuse is not None
        and isinstance(one, Condition)
        and (one.fact, one.operator, one.wanted) == ("tls", "exists", False)
        and not (rule.labels or rule.values or rule.shadow or rule.stop)
    )


def _says_nobody(rule: Rule) -> bool:
    """Whether this is the rule that refuses recipients of no rule, as SES does by itself."""
    return rule.name == NOBODY and rule.refuse is not None and not rule.when and all(fact.startswith("recipient") for fact in rule.facts)


def _scans(rule: Rule) -> bool:
    """Whether some step says what scanners say."""
    return any(step.options.get("scan") is True for step in rule.steps)


def _shown(condition: Condition) -> str:
    return f"{condition.fact} ({condition.operator})"


def _belongs_to_stop(rule: Rule, n: int, alert: Alert) -> bool:
    """Whether nothing but the end of the rule set comes behind step n, so that its alert is that of the Stop."""
    ends = all(step.handler == END for step in rule.steps[n:]) and bool(rule.stop or rule.steps[n:])
    return ends and alert.kind in (None, "Stop")


def _last_topic(rule: Rule) -> str | None:
    """The topic of the Stop: of an alert that stands right before the end and belongs to no other action."""
    steps = [action_of(step.handler, step.options) for step in rule.steps if step.handler != END]
    alert = steps[-1][1] if steps else None
    if alert is None or alert.kind not in (None, "Stop"):
        return None
    found, earlier, _ = steps[-2] if len(steps) > 1 else (None, None, ())
    return alert.topic if earlier or with_topic(found, alert) is None else None


def rule_set_json(made: ReceiptRuleSet) -> dict[str, Any]:
    """The rule set as describe-receipt-rule-set prints it, with its filters, when there are any, as list-receipt-filters does."""
    found: dict[str, Any] = {"Metadata": {"Name": made.name}, "Rules": [to_api(rule) for rule in made.rules]}
    return {**found, "Filters": [_filter_json(one) for one in made.filters]} if made.filters else found


def _filter_json(one: ReceiptFilter) -> dict[str, Any]:
    return {"Name": one.name, "IpFilter": {"Policy": one.policy, "Cidr": one.cidr}}


def template(made: ReceiptRuleSet) -> dict[str, Any]:
    """A CloudFormation template with the rule set and its filters; each rule comes After the one before."""
    resources: dict[str, Any] = {"RuleSet": {"Type": "AWS::SES::ReceiptRuleSet", "Properties": {"RuleSetName": made.name}}}
    before: str | None = None
    for n, rule in enumerate(made.rules, start=1):
        after = {"After": {"Ref": before}} if before else {}
        before = f"Rule{n}"
        resources[before] = {
            "Type": "AWS::SES::ReceiptRule",
            "Properties": {"RuleSetName": {"Ref": "RuleSet"}, **after, "Rule": to_api(rule)},
        }
    for n, one in enumerate(made.filters, start=1):
        resources[f"Filter{n}"] = {"Type": "AWS::SES::ReceiptFilter", "Properties": {"Filter": _filter_json(one)}}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Description": "Receipt rules, exported by inbox", "Resources": resources}
