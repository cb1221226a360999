"""One mail, several people: what each rule says for whom, and what the plan asks for."""

from __future__ import annotations

import json

import pytest

from inbox.model import Plan, Reply
from inbox.rules import decide, expand

A, B, C = "a@corp.test", "b@corp.test", "c@corp.test"


def steps(plan: Plan) -> list[tuple[int, str, str, tuple[str, ...]]]:
    return [(step.n, step.rule, step.handler, step.recipients) for step in plan.steps]


def test_a_rule_is_judged_for_its_recipients_and_the_others_get_the_default(desk):
    plan = desk.plan("- name: mine\n  recipients: [a@corp.test]\n  do: [nothing]", {}, (A, B))
    assert steps(plan) == [(1, "mine", "nothing", (A,)), (2, "default", "store", (B,))]
    assert plan.decisions[0].recipients == (A,)


def test_stop_mail_ends_judging_for_every_recipient_and_says_so(desk):
    rules = "- name: first\n  recipients: [a@corp.test]\n  do: [nothing]\n  stop: mail\n- name: second\n  do: [store]"
    plan = desk.plan(rules, {}, (A, B), default="default: []")
    assert [(step.rule, step.recipients) for step in plan.steps] == [("first", (A,))]
    assert [(decision.rule, decision.note) for decision in plan.decisions] == [("first", "ends judging for all recipients")]
    assert [decision.note for decision in expand(desk.load(rules), plan)] == ["ends judging for all recipients", "not reached"]
    assert [step.rule for step in desk.plan(rules, {}, (B,)).steps] == ["second"]


def test_stop_mail_leaves_the_default_to_those_whom_no_rule_took(desk):
    plan = desk.plan("- name: first\n  recipients: [a@corp.test]\n  do: [nothing]\n  stop: mail", {}, (A, B))
    assert [(step.rule, step.recipients) for step in plan.steps] == [("first", (A,)), ("default", (B,))]


def test_stop_mail_ends_nothing_where_the_rule_does_not_match_or_only_looks_on(desk):
    for words in ("when: {subject: x}", "shadow: true", "enabled: false"):
        plan = desk.plan(f"- name: first\n  {words}\n  stop: mail\n- name: second\n  do: [nothing]", {"subject": "y"}, (A, B))
        assert [(step.rule, step.recipients) for step in plan.steps] == [("second", (A, B))]


def test_stop_ends_judging_for_the_recipients_of_the_rule_only(desk):
    plan = desk.plan("- name: first\n  recipients: [a@corp.test]\n  do: [nothing]\n  stop: true\n- name: second\n  do: [store]", {}, (A, B))
    assert steps(plan) == [(1, "first", "nothing", (A,)), (2, "second", "store", (B,))]


def test_rules_behind_the_end_for_everybody_are_not_reached(desk):
    plan = desk.plan("- name: first\n  stop: true\n- name: second\n  do: [store]", {}, (A, B))
    assert [decision.rule for decision in plan.decisions] == ["first"]
    assert plan.steps == ()


def test_a_mail_refused_for_all_gets_the_refusal_and_no_steps(desk):
    plan = desk.plan("- name: keep\n  do: [store]\n- name: no\n  refuse: Not here", {}, (A, B))
    refusal = Reply(550, "5.7.1", "Not here")
    assert (plan.reply, plan.refused, plan.steps) == (refusal, {A: refusal, B: refusal}, ())


def test_a_mail_refused_for_some_is_accepted_and_nothing_is_done_for_them(desk):
    plan = desk.plan(
        "- name: keep\n  do: [store]\n- name: no\n  recipients: [b@corp.test]\n  refuse: {code: 451, text: Later}\n- name: also\n  do: [nothing]",
        {},
        (A, B),
    )
    assert plan.reply.code == 250
    assert plan.refused == {B: Reply(451, "4.7.1", "Later")}
    assert steps(plan) == [(1, "keep", "store", (A,)), (2, "also", "nothing", (A,))]


def test_a_temporary_refusal_wins_over_one_for_good_when_all_are_refused(desk):
    plan = desk.plan(
        "- name: one\n  recipients: [a@corp.test]\n  refuse: Never\n- name: two\n  refuse: {code: 450, text: Later}",
        {},
        (A, B),
    )
    assert (plan.reply.code, {text: reply.code for text, reply in plan.refused.items()}) == (450, {A: 550, B: 450})


TAKING = [
    ("label: x", True),
    ("set: {x: y}", True),
    ("do: []", True),
    ("do: [nothing]", False),
    ("stop: true", False),
    ("do: [nothing]\n  shadow: true", True),
    ("do: [nothing]\n  enabled: false", True),
]


@pytest.mark.parametrize(("words", "default"), TAKING)
def test_default_steps_are_for_recipients_that_no_rule_took(desk, words, default):
    plan = desk.plan(f"- name: a\n  {words}", {})
    assert ("default" in [step.rule for step in plan.steps]) is default


def test_a_shadow_rule_is_recorded_and_does_nothing(desk):
    plan = desk.plan("- name: a\n  label: x\n  set: {v: w}\n  refuse: No\n  shadow: true", {})
    assert (plan.decisions[0].matched, plan.decisions[0].shadow) == (True, True)
    assert (plan.labels, plan.values, plan.reply.code) == ((), {}, 250)


def test_a_disabled_rule_is_not_judged(desk, given):
    facts = given({"subject": "x"})
    plan = decide(desk.load("- name: a\n  when: {subject: x}\n  enabled: false\n  label: x"), facts, [A])
    assert (plan.decisions[0].matched, plan.decisions[0].note, facts.asked) == (False, "disabled", [])


def test_rules_for_others_are_noted_without_reading_a_fact(desk, given):
    facts = given({"subject": "x"})
    plan = decide(desk.load("- name: a\n  recipients: [b@corp.test]\n  when: {subject: x}\n  label: x"), facts, [A])
    assert (plan.decisions[0].note, facts.asked) == ("for none of the recipients", [])


def test_conditions_on_the_recipient_are_judged_for_each(desk):
    plan = desk.plan(
        "- name: a\n  when: {size: {over: 1}, recipient.tag: [eu, us]}\n  unless: {recipient: {starts: c}}\n  do: [store]\n  stop: true",
        {"size": 5},
        ("a+EU@corp.test", B, "c+us@corp.test"),
    )
    decision = plan.decisions[0]
    assert decision.recipients == ("a+EU@corp.test",)
    assert [(verdict.fact, verdict.recipient, verdict.matched) for verdict in decision.conditions] == [
        ("size", None, True),
        ("recipient.tag", "a+EU@corp.test", True),
        ("recipient.tag", B, False),
        ("recipient.tag", "c+us@corp.test", True),
        (None, "a+EU@corp.test", False),
        (None, "c+us@corp.test", True),
    ]
    assert steps(plan) == [(1, "a", "store", ("a+EU@corp.test",)), (2, "default", "store", (B, "c+us@corp.test"))]


def test_labels_and_values_of_earlier_rules_can_be_read_for_each_recipient(desk):
    plan = desk.plan(
        "- name: a\n  recipients: [a@corp.test]\n  label: [x, y]\n  set: {team: 'T {recipient}'}\n"
        "- name: b\n  when: {label: x, set.team: {starts: t a@}}\n  label: z\n- name: c\n  unless: {label: {exists: true}}\n  label: none",
        {},
        (A, B),
    )
    assert {decision.rule: decision.recipients for decision in plan.decisions} == {"a": (A,), "b": (A,), "c": (B,)}
    assert (plan.labels, plan.values) == (("x", "y", "z", "none"), {"team": f"T {A}"})


def test_a_step_is_split_where_options_come_out_different(desk):
    plan = desk.plan("- name: a\n  do:\n  - store: {table: 't_{recipient.domain}'}\n  - nothing", {}, (A, B, "c@x.corp.test"))
    assert steps(plan) == [
        (1, "a", "store", (A, B)),
        (2, "a", "store", ("c@x.corp.test",)),
        (3, "a", "nothing", (A, B, "c@x.corp.test")),
    ]
    assert [step.options.get("table") for step in plan.steps] == ["t_corp.test", "t_x.corp.test", None]


def test_a_step_carries_what_was_captured_and_set(desk):
    plan = desk.plan(
        "- name: a\n  recipients: [a@corp.test]\n  set: {who: boss}\n- name: b\n  when: {subject: {matches: '#(?P<n>\\d+)'}}\n  do: [nothing]",
        {"subject": "#7"},
        (A, B),
    )
    assert [(step.recipients, step.values) for step in plan.steps] == [((A,), {"who": "boss", "n": "7"}), ((B,), {"n": "7"})]


def test_placeholders_are_captures_then_set_values_then_facts(desk):
    rules = (
        "- name: a\n  when: {subject: {matches: 'order (?P<order>\\d+)(?P<rest>x)?'}}\n  set: {dmarc: was set, twice: '{order}{order}'}\n"
        "  do: [{store: {values: {a: '{order}|{rest}|{dmarc}|{twice}|{size}|{header.to}|{text}|{{order}}|{virus}', n: 5, l: ['{order}', x]}}}]"
    )
    values = {"subject": "Order 12", "size": 9, "header.to": ("a", "b"), "text": "{order} {{x}}", "virus": True}
    plan = desk.plan(rules, values)
    assert plan.steps[0].options == {
        "table": "mails",
        "values": {"a": "12||was set|1212|9|a, b|{order} {{x}}|{order}|true", "n": 5, "l": ["12", "x"]},
    }


def test_a_default_of_an_option_may_hold_a_placeholder(desk):
    assert desk.plan("- name: a\n  do: [{post: {channel: x}}]", {"subject": "Hi"}).steps[0].options == {"channel": "x", "text": "Hi"}


def test_captures_belong_to_the_recipient_that_gave_them(desk):
    plan = desk.plan(
        "- name: a\n  when: {recipient: {matches: '^(?P<user>[^@+]+)'}}\n  do: [{store: {table: '{user}'}}]",
        {},
        (A, B),
    )
    assert [(step.options["table"], step.recipients) for step in plan.steps] == [("a", (A,)), ("b", (B,))]


def test_words_of_a_step_reach_the_plan(desk):
    plan = desk.plan("- name: a\n  do: [{nothing: {on_error: continue, timeout: 2m, when_done: stop}}, nothing]", {})
    assert [(step.on_error, step.timeout, step.when_done) for step in plan.steps] == [("continue", 120.0, "stop"), ("retry", None, None)]


def test_a_mail_without_recipients_meets_the_rules_for_everybody(desk):
    plan = desk.plan(
        "- name: a\n  recipients: [corp.test]\n  do: [nothing]\n- name: b\n  when: {recipient: {exists: false}}\n  do: [store]", {}, ()
    )
    assert steps(plan) == [(1, "b", "store", ())]
    assert [decision.matched for decision in plan.decisions] == [False, True]


def test_the_same_recipient_twice_is_one(desk):
    assert steps(desk.plan("- name: a\n  do: [store]", {}, (A, A))) == [(1, "a", "store", (A,))]


def test_a_plan_survives_being_stored(desk):
    plan = desk.plan(
        "- name: a\n  when: {any: [{subject: {matches: '(?P<x>.)'}}]}\n  unless: {label: x}\n  do: [{store: {table: '{x}'}}]\n"
        "- name: b\n  recipients: [b@corp.test]\n  refuse: No",
        {"subject": "äx"},
        (A, B),
    )
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


PLACEHOLDERS = [
    "{subject.__class__.__mro__}",
    "{subject.upper}",
    "{0.__class__}",
    "{message.raw}",
    "{settings.secret}",
    "{subject[0]}",
    "{subject!r}",
    "{subject:>1000000000}",
    "{subject:{subject}}",
    "{no_such_name}",
    "{}",
    "{ subject }",
    "{",
    "}",
    "}{",
]


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_what_is_no_plain_name_in_braces_is_refused(desk, text):
    problems = desk.problems(desk.whole(f"- name: a\n  do: [{{store: {{table: '{text}'}}}}]"))
    assert problems[0].startswith("rules.yaml:5:24: rule 'a': store: 'table': ")


def test_the_placeholders_of_the_collection_are_refused(desk, shared):
    for text in json.loads((shared / "cases" / "json" / "placeholders.json").read_text()):
        assert desk.problems(desk.whole(f"- name: a\n  do: [{{store: {{table: {json.dumps(text)}}}}}]")), text
