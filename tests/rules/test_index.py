"""With an index the plan is the same as without; the rules it rules out can be shown again."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.rules import decide, expand
from inbox.rules.index import FEW, Index
from inbox.rules.ruleset import Rules

WORDS = ["invoice", "Straße", "STRASSE", "ﬁnal", "kelvin K", "İstanbul", "a.b", "x@corp.test", "x@bücher.example", "3", "", "a+b"]
TEXT = st.sampled_from([*WORDS, "order 12 invoice", "Final K", "i̇stanbul", "strasse", "u@xn--bcher-kva.example", "3.0"])
PEOPLE = ["a@corp.test", "a+tag@corp.test", "b@x.corp.test", "A@corp.test"]
ENTRIES = st.lists(st.sampled_from(["a@corp.test", "a+tag@corp.test", "corp.test", ".corp.test", "b@x.corp.test"]), min_size=1, max_size=2)
SCALAR = st.sampled_from([word for word in WORDS if word])
CONDITION = st.one_of(
    st.sampled_from([*WORDS, 3, 1.5, True]),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
    st.fixed_dictionaries(
        {},
        optional={
            "has": SCALAR,
            "starts": SCALAR,
            "ends": SCALAR,
            "like": st.sampled_from(["*", "in*", "?nvoice", "*k"]),
            "case": st.booleans(),
        },
    ),
    st.sampled_from([{"matches": m} for m in ("(?P<n>\\d+)", "[A-Z]x", "stra(ss|ß)e", "(?-i)K$", "\\Qa.b", "^$")]),
    st.sampled_from([{"domain": "corp.test"}, {"domain": [".corp.test", "bücher.example"]}, {"in": "vip"}, {"in": ["*@corp.test"]}]),
    st.sampled_from([{"exists": False}, {"exists": True}, {"under": 5}, {"not": "invoice"}, {"not": {"has": "a"}}]),
).filter(lambda condition: condition not in ({}, {"case": True}, {"case": False}))
FACTS = ["subject", "text", "sender", "size", "earlier", "recipient", "label"]
WHEN = st.dictionaries(st.sampled_from(FACTS), CONDITION, min_size=1, max_size=3)
RULE = st.fixed_dictionaries(
    {},
    optional={
        "recipients": ENTRIES,
        "when": st.one_of(WHEN, st.builds(lambda a, b: {"any": [a, b]}, WHEN, WHEN)),
        "unless": WHEN,
        "label": st.sampled_from(["invoice", "x"]),
        "do": st.sampled_from([["store"], [{"store": {"table": "{recipient}"}}]]),
        "stop": st.sampled_from([True, False, "mail"]),
        "enabled": st.sampled_from([True, True, False]),
        "shadow": st.sampled_from([False, False, True]),
    },
).map(lambda rule: {**rule, **({"refuse": "No"} if rule.get("stop") and "do" not in rule else {})})
VALUE = st.one_of(st.none(), TEXT, st.lists(TEXT, min_size=1, max_size=3).map(tuple), st.sampled_from([3, 3.0, 1.5, True, 7]))
MAIL = st.dictionaries(st.sampled_from(FACTS[:5]), VALUE)
HEAD = 'version: 1\ndomains: [corp.test, .corp.test]\nlists: {vip: ["*@corp.test", "x@bücher.example", "in*"]}\n'


def loaded(desk, rules: list[dict[str, object]]) -> Rules:
    named = [{"name": f"r{n}", **rule} for n, rule in enumerate(rules)]
    return desk.load("\n".join(f"- {json.dumps(rule)}" for rule in named) or "[]", head=HEAD)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rules=st.lists(RULE, max_size=8), mail=MAIL, people=st.lists(st.sampled_from(PEOPLE), max_size=3, unique=True))
def test_an_indexed_plan_equals_the_plan_without_index(desk, rules, mail, people):
    naive = loaded(desk, rules)
    indexed = replace(naive, index=Index(naive.rules, lambda fact: fact != "earlier"))
    slow, quick = (decide(which, Plain(mail), people) for which in (naive, indexed))
    assert _without_record(quick) == _without_record(slow)
    shown, wanted = expand(indexed, quick), {decision.rule: decision for decision in slow.decisions}
    assert [decision.rule for decision in shown] == [rule.name for rule in naive.rules]
    for decision in shown:
        full = wanted.get(decision.rule)
        assert decision.matched == (full.matched if full else False)
        assert (decision.note == "not reached") == (full is None)
        assert (decision.note == "disabled") == (full is not None and full.note == "disabled")
    kept = {decision.rule for decision in quick.decisions}
    assert [decision for decision in slow.decisions if decision.rule in kept] == list(quick.decisions)
    assert quick.passed_over + len(quick.decisions) == len(slow.decisions)


class Plain:
    def __init__(self, values):
        self.values = values

    def get(self, name):
        return self.values.get(name)

    def note(self, name):
        return None


def _without_record(plan):
    return replace(plan, decisions=(), seen={}, passed_over=0)


def many(count: int) -> str:
    return "\n".join(f"- name: r{n}\n  when: {{subject: word{n}}}\n  label: l{n}" for n in range(count))


def test_few_rules_all_stand_in_the_plan(desk):
    plan = desk.plan(many(FEW), {"subject": "word3"})
    assert (len(plan.decisions), plan.passed_over, plan.seen) == (FEW, 0, {})


def test_many_rules_are_passed_over_and_can_be_shown_with_what_was_seen(desk, given):
    rules = desk.load(
        many(FEW + 40) + "\n- name: people\n  recipients: [z@corp.test]\n  label: z\n- name: off\n  enabled: false\n  label: x"
    )
    plan = decide(rules, Plain({"subject": "word3"}), ["u@corp.test"])
    assert [decision.rule for decision in plan.decisions] == ["r3"]
    assert (plan.passed_over, plan.seen) == (FEW + 41, {"subject": "word3"})
    shown = expand(rules, plan)
    assert len(shown) == FEW + 42
    verdict = shown[4].conditions[0]
    assert (verdict.fact, verdict.operator, verdict.value, verdict.seen, verdict.matched) == ("subject", "is", "word4", "word3", False)
    assert (shown[-2].note, shown[-1].note) == ("for none of the recipients", "disabled")


def test_a_fact_that_notes_the_mail_is_read_only_when_a_rule_asks_for_it(desk):
    rules = desk.load("- name: end\n  recipients: [u@corp.test]\n  stop: true\n" + many(FEW).replace("subject", "earlier"))
    facts = Asked({"earlier": "word1"})
    decide(rules, facts, ["u@corp.test"])
    assert facts.asked == []


class Asked(Plain):
    def __init__(self, values):
        super().__init__(values)
        self.asked = []

    def get(self, name):
        self.asked.append(name)
        return super().get(name)


KINDS = ["{sender: 's%d@x.test'}", "{sender: {domain: 'd%d.test'}}", "{subject: {has: 'needle %d.'}}", "{text: {matches: 'n%d[a-c]+'}}"]
