"""Every operator: what it says of values, of several values, and of a fact that is absent."""

from __future__ import annotations

import json
import time

import pytest

from inbox.rules.pattern import Pattern, PatternSet

HEAD = 'version: 1\ndomains: [corp.test]\nlists:\n  vip: [Boss@corp.test, "*@bank.test", "vip-??@x.test"]\n  nets: [10.0.0.0/8, 2001:db8::/32]\n  other: [x]\n'

TABLE = [
    ("hello", "Hello", True),
    ("hello", "Hello!", False),
    ("[a, hello]", "hello", True),
    ("{is: Hello, case: true}", "hello", False),
    ("{is: Hello, case: true}", "Hello", True),
    ("3", 3, True),
    ("3", 3.0, True),
    ("3", "3", True),
    ("3.0", 3, True),
    ("1.50", 1.5, True),
    ("1.50", "1.50", True),
    ("'3'", 3, True),
    ("true", True, True),
    ("true", "true", True),
    ("true", False, False),
    ("yes", True, False),
    ("010", "010", True),
    ("010", 10, False),
    ("''", "", True),
    ("u@bücher.example", "U@xn--bcher-kva.example", True),
    ("u@xn--bcher-kva.example", "U@BÜCHER.example", True),
    ("{has: voice}", "Your INVOICE", True),
    ("{has: [x, voice]}", "Your INVOICE", True),
    ("{has: voice, case: true}", "Your INVOICE", False),
    ("{has: STRASSE}", "Lange Straße", True),
    ("{starts: your}", "Your INVOICE", True),
    ("{starts: invoice}", "Your INVOICE", False),
    ("{starts: your, case: true}", "Your INVOICE", False),
    ("{ends: [.pdf, .doc]}", "a.PDF", True),
    ("{ends: .PDF, case: true}", "a.pdf", False),
    ("{starts: your, ends: invoice}", "Your INVOICE", True),
    ("{starts: your, ends: x}", "Your INVOICE", False),
    ("{like: 'application/x-ms*'}", "application/x-MSDOWNLOAD", True),
    ("{like: 'application/x-ms*'}", "xapplication/x-ms", False),
    ("{like: 'a?c'}", "aBc", True),
    ("{like: 'a?c'}", "ac", False),
    ("{like: 'a*c'}", "a\nb\nc", True),
    ("{like: 'a.c'}", "abc", False),
    ("{like: 'A*', case: true}", "abc", False),
    (r"{matches: 'order \d+'}", "Your Order 12", True),
    (r"{matches: 'order \d+', case: true}", "Your Order 12", False),
    ("{matches: '^b'}", "a\nb", False),
    ("{in: vip}", "boss@CORP.test", True),
    ("{in: vip}", "anybody@bank.test", True),
    ("{in: vip}", "anybody@sub.bank.test", False),
    ("{in: vip}", "VIP-07@x.test", True),
    ("{in: [other, vip]}", "boss@corp.test", True),
    ("{in: vip}", "x", False),
    ("{in: ['*@a.test', b@b.test]}", "x@a.test", True),
    ("{in: ['*@a.test', b@b.test]}", "b@b.test", True),
    ("{in: nets}", "10.1.2.3", True),
    ("{in: nets}", "11.1.2.3", False),
    ("{in: nets}", "2001:DB8::1", True),
    ("{in: [192.0.2.0/24]}", "192.0.2.9", True),
    ("{in: nets}", "no address", False),
    ("{under: 10}", 9, True),
    ("{under: 10}", 10, False),
    ("{under: 5MB}", 4_999_999, True),
    ("{over: 1KiB}", 1025, True),
    ("{over: 1KiB}", 1024, False),
    ("{over: 2h}", 7201, True),
    ("{over: 4.5}", "5.1", True),
    ("{over: 4.5}", "much", False),
    ("{under: 10}", True, True),
    ("{between: [8, 17]}", 17, True),
    ("{between: [8, 17]}", 7.9, False),
    ("{between: ['08:00', '17:30']}", "17:30", True),
    ("{between: ['08:00', '17:30']}", "17:31", False),
    ("{between: ['22:00', '06:00']}", "23:10", True),
    ("{between: ['22:00', '06:00']}", "05:59", True),
    ("{between: ['22:00', '06:00']}", "12:00", False),
    ("{between: [2026-11-01, 2026-11-30]}", "2026-11-30", True),
    ("{between: [2026-11-01, 2026-11-30]}", "2026-11-30T23:59:59Z", True),
    ("{between: [2026-11-01, 2026-11-30]}", "2026-12-01", False),
    ("{between: [2026-11-01, 2026-11-30]}", "soon", False),
    ("{exists: true}", "", True),
    ("{exists: false}", "x", False),
    ("{domain: corp.test}", "boss@CORP.test", True),
    ("{domain: corp.test}", "corp.test", True),
    ("{domain: corp.test}", "boss@sub.corp.test", False),
    ("{domain: .corp.test}", "boss@sub.corp.test", True),
    ("{domain: .corp.test}", "boss@corp.test", False),
    ("{domain: [a.test, .corp.test]}", "x.y.corp.test.", True),
    ("{domain: xn--bcher-kva.example}", "u@bücher.example", True),
    ("{not: hello}", "hello", False),
    ("{not: hello}", "world", True),
    ("{not: [hello, world]}", "world", False),
    ("{not: {has: x}}", "abc", True),
    ("{not: {starts: a, ends: c}}", "abx", True),
    ("{not: {starts: a, ends: c}}", "abc", False),
    ("{not: ABC, case: true}", "abc", True),
    ("{not: {has: B}, case: true}", "abc", True),
    ("{not: {not: abc}}", "abc", True),
    ("hello", ("world", "hello"), True),
    ("{not: hello}", ("world", "hello"), False),
    ("{not: {has: x}}", ("a", "b"), True),
    ("{under: 5}", (7, 3), True),
    ("{has: a}", "lone \udc80 surrogate, NUL \0", True),
    ("{matches: 'surrogate.*NUL'}", "lone \udc80 surrogate, NUL \0", True),
]


@pytest.mark.parametrize(("condition", "value", "holds"), TABLE)
def test_a_condition_holds_or_not(desk, condition, value, holds):
    plan = desk.plan(f"- name: a\n  when: {{subject: {condition}}}\n  label: x", {"subject": value}, head=HEAD)
    assert plan.decisions[0].matched is holds
    json.dumps(plan.to_dict())


@pytest.mark.parametrize(
    "condition",
    [
        "x",
        "{has: x}",
        "{starts: x}",
        "{ends: x}",
        "{like: '*'}",
        "{matches: '.*'}",
        "{in: vip}",
        "{under: 9}",
        "{over: 0}",
        "{between: [0, 9]}",
        "{exists: true}",
        "{domain: x.test}",
    ],
)
def test_no_operator_but_exists_false_holds_for_an_absent_fact_and_the_reason_is_noted(desk, given, condition):
    from inbox.rules import decide

    rules = desk.load(f"- name: a\n  when: {{subject: {condition}}}\n  label: x\n- name: b\n  label: y", head=HEAD)
    plan = decide(rules, given({}), ["u@corp.test"])
    assert (plan.decisions[0].matched, plan.decisions[0].conditions[0].note) == (False, "absent")
    assert plan.labels == ("y",)
    failed = decide(rules, given({}, {"subject": "fact failed: ValueError: no"}), ["u@corp.test"])
    assert failed.decisions[0].conditions[0].note == "fact failed: ValueError: no"


def test_exists_false_holds_for_an_absent_fact(desk):
    assert desk.plan("- name: a\n  when: {subject: {exists: false}}\n  label: x", {}).labels == ("x",)


def test_what_is_no_number_is_noted(desk):
    plan = desk.plan("- name: a\n  when: {subject: {under: 5}}\n  label: x", {"subject": "many"})
    assert plan.decisions[0].conditions[0].note == "not a number"


GROUPS = [
    ("{any: [{subject: a}, {dmarc: pass}]}", {"subject": "x", "dmarc": "pass"}, True),
    ("{any: [{subject: a}, {dmarc: pass}]}", {"subject": "x", "dmarc": "fail"}, False),
    ("{any: [{subject: a, dmarc: pass}, {size: 1}]}", {"subject": "a", "dmarc": "fail", "size": 2}, False),
    ("{any: [{subject: a, dmarc: pass}, {size: 1}]}", {"subject": "a", "dmarc": "pass", "size": 2}, True),
    ("{all: [{subject: a}, {dmarc: pass}]}", {"subject": "a", "dmarc": "pass"}, True),
    ("{all: [{subject: a}, {dmarc: pass}]}", {"subject": "a"}, False),
    ("{not: {subject: a, dmarc: pass}}", {"subject": "a", "dmarc": "fail"}, True),
    ("{not: {subject: a, dmarc: pass}}", {"subject": "a", "dmarc": "pass"}, False),
    ("{not: [{subject: a}, {dmarc: pass}]}", {"subject": "a", "dmarc": "fail"}, False),
    ("{not: [{subject: a}, {dmarc: pass}]}", {"subject": "b", "dmarc": "fail"}, True),
    ("{not: {any: [{subject: a}, {not: {dmarc: pass}}]}}", {"subject": "b", "dmarc": "pass"}, True),
]


@pytest.mark.parametrize(("when", "values", "holds"), GROUPS)
def test_groups_nest(desk, when, values, holds):
    assert desk.plan(f"- name: a\n  when: {when}\n  label: x", values).decisions[0].matched is holds


@pytest.mark.parametrize(
    ("values", "matches"),
    [({}, True), ({"automatic": "list"}, False), ({"dmarc": "fail"}, False), ({"dmarc": "pass"}, True)],
)
def test_unless_keeps_a_rule_from_matching_when_any_of_its_lines_holds(desk, values, matches):
    plan = desk.plan("- name: a\n  unless: {automatic: {exists: true}, dmarc: fail}\n  label: x", values)
    assert plan.decisions[0].matched is matches
    assert (plan.decisions[0].conditions[0].operator, plan.decisions[0].conditions[0].matched) == ("unless", not matches)


def test_verdicts_say_what_was_asked_and_seen_and_stop_where_it_is_settled(desk):
    plan = desk.plan(
        "- name: a\n  when: {subject: {has: [invoice, x]}, any: [{size: {under: 5}}, {dmarc: pass}], text: never}\n  label: x",
        {"subject": "y" * 300 + "invoice", "size": 9, "dmarc": ("none", "fail")},
    )
    has, group = plan.decisions[0].conditions
    assert (has.fact, has.operator, has.value, has.matched) == ("subject", "has", ["invoice", "x"], True)
    assert has.seen == "y" * 200 + "…"
    assert (group.fact, group.operator, group.matched) == (None, "any", False)
    assert [(child.fact, child.seen) for child in group.children] == [("size", 9), ("dmarc", ["none", "fail"])]


def test_a_long_list_is_shown_shortened(desk):
    wanted = ", ".join(f"w{n}" for n in range(100))
    plan = desk.plan(f"- name: a\n  when: {{subject: [{wanted}]}}\n  label: x", {"subject": tuple(f"s{n}" for n in range(30))})
    verdict = plan.decisions[0].conditions[0]
    assert verdict.value[-2:] == ["w19", "… and 80 more"]
    assert verdict.seen[-2:] == ["s9", "… and 20 more"]


def test_every_pattern_is_refused_or_quick_on_fifty_thousand_characters(shared):
    subject = b"a" * 50_000
    for text in json.loads((shared / "cases" / "json" / "regexes.json").read_text()):
        try:
            pattern = Pattern(text)
        except ValueError:
            continue
        for octets in (subject, subject + b"!", b"abc " * 12_500):
            pattern.found(octets)
            took = min(_timed(pattern, octets) for _ in range(3))
            assert took < 0.05, text


def test_a_pattern_that_hangs_other_engines_is_quick_in_a_rule(shared, given):
    from inbox.plugins import Plugins
    from inbox.rules import decide, load

    rules = load(shared / "cases" / "yaml" / "redos.yaml", Plugins(entry_points=False))
    took = []
    for subject in ("a" * 50_000, "a" * 50_000 + "!"):
        began = time.process_time()
        assert decide(rules, given({"subject": subject}), ["u@local.test"]).decisions[0].matched is (subject[-1] == "a")
        took.append(time.process_time() - began)
    assert max(took) < 0.05


def _timed(pattern, octets):
    began = time.process_time()
    pattern.found(octets)
    return time.process_time() - began


@pytest.mark.parametrize(
    "text", ["(?R)", "\\", "(", "[", "a{1,99999999}", "(?=x)", r"(a)\1", "x" * 2001, "(a{1,100}){1,100}", r"\pL{1,900}"]
)
def test_a_pattern_that_re2_cannot_hold_is_refused(text):
    with pytest.raises(ValueError, match=r"RE2|invalid|missing|trailing|characters|repetition|too large"):
        Pattern(text)


def test_named_groups_cannot_make_a_search_slow():
    pattern = Pattern("(?P<k>(a|b|ab)*){60}")
    pattern.found(b"ab")
    began = time.process_time()
    assert pattern.found(b"ab" * 25_000)
    assert time.process_time() - began < 0.05


def test_a_set_of_patterns_says_which_are_found_and_which_it_cannot_hold():
    patterns = PatternSet(["a+", "(", "b", r"\Az"])
    assert patterns.unusable == {1}
    assert sorted(patterns.found(b"xbaa")) == [0, 2]
    assert patterns.found(b"") == []
