"""An imported rule set, judged by our engine, does the same actions in the same order for the same recipients as SES's own evaluation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox import perform
from inbox.model import Outcome, Plan
from inbox.plugins import Plugins
from inbox.receipt_rules import ReceiptRuleSet, Run, accepts, evaluate, to_rules
from inbox.receipt_rules.model import Action, BounceAction
from inbox.receipt_rules.steps import steps_of
from inbox.rules import admit, check, decide, load_text
from receipt_rules.rule_sets import ALL_DOMAINS, ASYNC, BOUNCE, HEADER, S3, SNS, WAITING, recipients, rule_sets

BUILT = Plugins(entry_points=False)
WITHOUT_BOUNCE = st.one_of(S3, SNS, ASYNC, HEADER)


class Facts:
    """The facts of a session with TLS or without, and of a mail that came through SES."""

    def __init__(self, *, tls: bool) -> None:
        self._known = {"tls": "TLSv1.3" if tls else None, "ses_id": "o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"}

    def get(self, name):
        return self._known.get(name)

    def note(self, name):
        return None


def judged(rule_set: ReceiptRuleSet, people: list[str], *, tls: bool, **options) -> Plan:
    text, _ = to_rules(rule_set, domains=ALL_DOMAINS, **options)
    return decide(load_text(text, Path("rules.yaml"), BUILT), Facts(tls=tls), people)


def done(plan: Plan) -> list[tuple[str, tuple[str, ...], str, dict]]:
    """What a plan does: rule, for whom, handler, its options as they are written in the rules."""
    return [(step.rule, step.recipients, step.handler, dict(step.options)) for step in plan.steps]


def wanted(runs: tuple[Run, ...]) -> list[tuple[str, tuple[str, ...], str, dict]]:
    """What SES does, action by action, in the words of handlers."""
    return [
        (run.rule, run.recipients, name, options)
        for run in runs
        for action in run.actions
        for step in steps_of(action).steps
        for name, options in step.items()
    ]


def compare(plan: Plan, runs: tuple[Run, ...]) -> None:
    found, expected = done(plan), wanted(runs)
    assert [(rule, people, handler) for rule, people, handler, _ in found] == [
        (rule, people, handler) for rule, people, handler, _ in expected
    ]
    for (*_, options), (*_, meant) in zip(found, expected, strict=True):
        for name, value in meant.items():
            assert name == "on_error" or options[name] == filled_in(value)


def filled_in(value):
    """An option as a plan has it."""
    if isinstance(value, dict):
        return {name: filled_in(inner) for name, inner in value.items()}
    known = Facts(tls=True).get("ses_id")
    return value.replace("{ses_id}", known).replace("{{", "{").replace("}}", "}") if isinstance(value, str) else value


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule_set=rule_sets(WITHOUT_BOUNCE), people=recipients, tls=st.booleans())
def test_the_same_actions_in_the_same_order_for_the_same_recipients(rule_set, people, tls):
    people = [person for person in people if accepts(rule_set, person)]
    if not people:
        return
    runs = evaluate(rule_set, people, tls=tls)
    plan = judged(rule_set, people, tls=tls)
    refused = {person for run in runs if run.no_tls for person in run.recipients}
    assert set(plan.refused) == refused
    kept = [replace(run, recipients=tuple(p for p in run.recipients if p not in refused)) for run in runs if not run.no_tls]
    compare(plan, tuple(run for run in kept if run.recipients))
    labels = {label for run in kept if run.recipients for action in run.actions for label in steps_of(action).labels}
    assert labels <= set(plan.labels)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule_set=rule_sets(st.one_of(WITHOUT_BOUNCE, BOUNCE)), people=recipients)
def test_with_bounces_sent_later_they_are_actions_like_any_other(rule_set, people):
    people = [person for person in people if accepts(rule_set, person)]
    if people:
        compare(judged(rule_set, people, tls=True, bounce="dsn"), evaluate(rule_set, people, tls=True))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule_set=rule_sets(st.one_of(S3, BOUNCE)), people=recipients)
def test_whoever_is_refused_in_the_dialogue_is_bounced_by_ses_and_nobody_else_is(rule_set, people):
    people = [person for person in people if accepts(rule_set, person)]
    if not people:
        return
    runs, plan = evaluate(rule_set, people, tls=True), judged(rule_set, people, tls=True)
    bounced = {person for run in runs for action in run.actions if isinstance(action, BounceAction) for person in run.recipients}
    later = {person for step in plan.steps if step.handler == "ses-bounce" for person in step.recipients}
    assert bounced == later | set(plan.refused)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule_set=rule_sets(S3), people=recipients)
def test_a_recipient_that_no_enabled_rule_is_for_is_refused_at_rcpt_and_no_other(rule_set, people):
    text, _ = to_rules(rule_set, domains=ALL_DOMAINS)
    rules = load_text(text, Path("rules.yaml"), BUILT)
    for person in people:
        assert (admit(rules, Facts(tls=True), person) is None) == accepts(rule_set, person)


def carried_out(plan: Plan, answer) -> list[tuple[str, tuple[str, ...], str, dict]]:
    """The steps that run when functions answer so: what they end is skipped, as the worker does it."""
    states, ran = {}, []
    while todo := perform.ready(plan, states)[0]:
        step = todo[0]
        said = answer if step.options.get("invocation") == "RequestResponse" else "STOP_RULE_SET" if step.handler == "end" else "CONTINUE"
        stop = {"CONTINUE": None, "STOP_RULE": "rule", "STOP_RULE_SET": "all"}[said]
        ended = perform.Ended(Outcome(step.n, "done", 1, None, datetime.now(UTC)), stop=stop)
        states.update({one.outcome.n: one.outcome.state for one in perform.with_skips(plan, states, ended)})
        ran += [] if step.handler == "end" else [(step.rule, step.recipients, step.handler, dict(step.options))]
    return ran


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rule_set=rule_sets(st.one_of(S3, WAITING, BOUNCE)),
    people=recipients,
    answer=st.sampled_from(["CONTINUE", "STOP_RULE", "STOP_RULE_SET"]),
)
def test_what_a_function_answers_decides_what_is_done_behind_it(rule_set, people, answer):
    people = [person for person in people if accepts(rule_set, person)]
    if not people:
        return
    runs = evaluate(rule_set, people, tls=True, answer=lambda _: answer)
    plan = judged(rule_set, people, tls=True, bounce="dsn")
    found = [(rule, who, handler) for rule, who, handler, _ in carried_out(plan, answer)]
    assert found == [(rule, who, handler) for rule, who, handler, _ in expected(runs, answer)]


def expected(runs, answer):
    """Steps of all actions; the alert of a function that ended its rule stands behind it, and is skipped with the rest."""
    return wanted(tuple(replace(run, actions=_silenced(run.actions)) for run in runs) if answer != "CONTINUE" else runs)


def _silenced(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    return tuple(replace(action, topic_arn=None) if getattr(action, "waits", False) else action for action in actions)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule_set=rule_sets(st.one_of(S3, SNS, WAITING, HEADER, BOUNCE)), bounce=st.sampled_from(["refuse", "dsn"]))
def test_what_is_written_passes_every_check_of_the_language(tmp_path_factory, rule_set, bounce):
    path = tmp_path_factory.getbasetemp() / "checked.yaml"
    path.write_text(to_rules(rule_set, domains=ALL_DOMAINS, bounce=bounce)[0], encoding="utf-8")
    rules, problems = check(path, BUILT)
    assert rules is not None, problems
