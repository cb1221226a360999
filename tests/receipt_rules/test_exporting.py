"""rules.yaml back to SES: what came from there comes back as it was, and what SES cannot say is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.plugins import Plugins
from inbox.receipt_rules import ReceiptFilter, ReceiptRule, ReceiptRuleSet, Wishes, from_rules, read_data, rule_set_json, template, to_rules
from inbox.receipt_rules.model import BounceAction, S3Action, StopAction
from inbox.rules import load_text
from receipt_rules.rule_sets import ALL_DOMAINS, ASYNC, BOUNCE, HEADER, S3, SNS, TOPIC, WAITING, rule_sets

BUILT = Plugins(entry_points=False)
SENDER = "mailer-daemon@example.com"


def back(rule_set: ReceiptRuleSet, **options) -> ReceiptRuleSet:
    text, _ = to_rules(rule_set, domains=ALL_DOMAINS, **options)
    made, _ = from_rules(load_text(text, Path("rules.yaml"), BUILT), Wishes(rule_set.name, SENDER))
    return made


def normal(rule_set: ReceiptRuleSet) -> ReceiptRuleSet:
    """The same rule set without the slash that SES puts in itself."""
    return replace(rule_set, rules=tuple(replace(rule, actions=tuple(map(_normal, rule.actions))) for rule in rule_set.rules))


def _normal(action):
    prefix = getattr(action, "object_key_prefix", None)
    return replace(action, object_key_prefix=prefix.removesuffix("/")) if prefix else action


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule_set=rule_sets(st.one_of(S3, SNS, ASYNC, WAITING, HEADER, BOUNCE)))
def test_what_came_from_ses_goes_back_as_it_was(rule_set):
    assert normal(back(rule_set, bounce="dsn")) == normal(rule_set)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule_set=rule_sets(BOUNCE.map(lambda bounce: replace(bounce, topic_arn=None))))
def test_a_bounce_that_became_a_refusal_goes_back_as_a_bounce(rule_set):
    one = ReceiptRuleSet(rule_set.name, tuple(replace(rule, actions=_one_bounce(rule)) for rule in rule_set.rules))
    assert back(one) == one


def _one_bounce(rule):
    stop = (StopAction("RuleSet"),) if rule.actions and isinstance(rule.actions[-1], StopAction) else ()
    return (*[action for action in rule.actions if isinstance(action, BounceAction)][:1], *stop)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule_set=rule_sets(st.one_of(S3, SNS, WAITING, BOUNCE)))
def test_json_and_template_are_read_as_the_same_rule_set(rule_set):
    rule_set = replace(rule_set, filters=(ReceiptFilter("block-1", "Block", "192.0.2.0/24"),))
    assert replace(read_data(rule_set_json(rule_set), "made"), notes=()) == rule_set
    if rule_set.rules:
        assert replace(read_data(template(rule_set), "made"), notes=()) == rule_set


def exported(rules: str, **options):
    head = "version: 1\ndomains: [example.com]\n"
    return from_rules(load_text(f"{head}rules:\n{rules}\ndefault: [store]\n", Path("rules.yaml"), BUILT), **options)


TOLD = [
    ("- {name: a, when: {subject: x}, do: [store]}", "rule 'a': the condition on subject (is); the rule is switched off"),
    (
        "- {name: a, unless: {any: [{size: {over: 5}}, {spam: {exists: true}}]}, do: [store]}".replace("spam", "automatic"),
        "the condition on automatic (exists)",
    ),
    ("- {name: a, shadow: true, do: [store]}", "rule 'a': shadow: true; the rule is switched off"),
    ("- {name: a, label: red, do: [store]}", "rule 'a': label 'red'"),
    ("- {name: a, set: {x: y}}", "rule 'a': set x"),
    ("- {name: a, do: [store]}", "rule 'a', action 1: store: SES has no such action"),
    ("- {name: a, do: [{s3: {bucket: inbound-mail, key: '{subject}/{id}'}}]}", "SES makes the key itself"),
    ("- {name: a, do: [{s3: {bucket: inbound-mail, sse: AES256}}]}", "s3: sse; it is left out: SES has no such option"),
    (f"- {{name: a, do: [{{sns: {{topic: '{TOPIC}', subject: '{{subject}}'}}}}]}}", "sns: {subject} in an option"),
    ("- {name: a, do: [{add-header: {name: X-A, value: '{subject}'}}]}", "add-header: {subject} in an option"),
    (f"- {{name: a, do: [{{sns: {{topic: '{TOPIC}', content: none}}}}]}}", f"sns without content to {TOPIC}; it is left out"),
    (f"- {{name: a, do: [{{sns: {{topic: '{TOPIC}', on_error: continue, timeout: 5s}}}}]}}", "action 1: sns: timeout"),
    ("- {name: a, do: [end, store]}", "store stands behind end and never runs"),
    ("- {name: a, recipients: [a@example.com], stop: true}\n- {name: b, label: 'X-A: b'}", "StopAction ends it for the whole mail"),
    ("- {name: a, recipients: [a@example.com], refuse: No}\n- {name: b, label: 'X-A: b'}", "refuse ends judging for its recipients"),
    ("- {name: 'a b', label: 'X-A: b'}", "rule 'a b': SES does not take this name; the rule is called a-b"),
    ("- {name: a, label: 'X-A: b'}", "the file: default: store"),
    ("- {name: a, label: 'X-A: b'}", "the file: domains: example.com; verify them"),
]


@pytest.mark.parametrize(("rules", "words"), TOLD)
def test_what_ses_cannot_say_is_told(rules, words):
    _, losses = exported(rules)
    assert any(words in str(loss) for loss in losses), [str(loss) for loss in losses]


def test_a_bounce_by_template_is_exported_with_its_code_status_and_text():
    made, _ = exported(f"- {{name: a, do: [{{ses-bounce: {{sender: {SENDER}, reason: ExceededQuota}}}}]}}")
    assert made.rules[0].actions == (BounceAction("552", "Mailbox full", SENDER, "5.2.2"),)


def test_a_rule_with_a_condition_is_exported_switched_off():
    made, _ = exported("- {name: a, when: {subject: x}, label: 'X-A: b'}\n- {name: b, label: 'X-A: b'}")
    assert [(rule.name, rule.enabled) for rule in made.rules] == [("a", False), ("b", True)]


def test_a_refusal_of_mail_without_tls_becomes_a_policy_also_without_a_rule_behind_it():
    made, _ = exported(
        "- {name: a without TLS, recipients: [a@example.com], when: {tls: {exists: false}}, refuse: No}\n- {name: b, label: 'X-A: b'}"
    )
    assert made.rules[0] == ReceiptRule("a", True, "Require", ("a@example.com",))


def test_filters_and_scanning_are_taken_along():
    made, _ = exported(
        "- {name: a, label: 'X-A: b'}", wishes=Wishes("n", SENDER, scan=True), filters=["block 192.0.2.0/24", "allow 192.0.2.1"]
    )
    assert made.rules[0].scan_enabled
    assert [(one.name, one.policy, one.cidr) for one in made.filters] == [
        ("block-1", "Block", "192.0.2.0/24"),
        ("allow-2", "Allow", "192.0.2.1/32"),
    ]


def test_a_rule_that_was_scanned_goes_back_scanned():
    rule = ReceiptRule("a", True, actions=(S3Action("inbound-mail"),), scan_enabled=True)
    assert back(ReceiptRuleSet("set", (rule,))).rules == (rule,)


def test_more_rules_than_ses_takes_are_told():
    many = "\n".join(f"- {{name: r{n}, label: 'X-A: b'}}" for n in range(201))
    assert any("201 rules; SES takes at most 200" in str(loss) for loss in exported(many)[1])
