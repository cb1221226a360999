"""The tests in rules.yaml: what is expected, what was found, in a sentence."""

from __future__ import annotations

import pytest

from inbox.rules import decide, run_tests

RULES = """- name: big
  when: {size: {over: 10}}
  label: [large, x]
  do: [nothing]
- name: blocked
  recipients: [no@corp.test]
  refuse: No
"""

EXPECTED = [
    ("to: a@corp.test", "{rules: [big], handlers: [nothing], labels: [x, large], refused: false}", ()),
    ("to: [no@corp.test, a@corp.test]", "{refused: no@corp.test, rules: [big, blocked]}", ()),
    ("to: no@corp.test", "{refused: true, handlers: []}", ()),
    ("to: a@corp.test", "{rules: [blocked]}", ("expected rules [blocked], got [big]",)),
    ("to: a@corp.test", "{rules: [big, default]}", ("expected rules [big, default], got [big]",)),
    (
        "to: a@corp.test",
        "{handlers: [store], labels: []}",
        ("expected handlers [store], got [nothing]", "expected labels [], got [large, x]"),
    ),
    ("to: a@corp.test", "{refused: true}", ("expected refused [a@corp.test], got []",)),
]


@pytest.mark.parametrize(("to", "expect", "problems"), EXPECTED)
def test_a_test_compares_the_plan_with_what_is_expected(desk, given, to, expect, problems):
    (desk.folder / "m.eml").write_bytes(b"Subject: a long mail\r\n\r\n")
    rules = desk.load(
        RULES, default=f"default: [store]\ntests:\n- mail: m.eml\n  {to}\n  from: s@a.test\n  ip: 192.0.2.1\n  helo: h\n  expect: {expect}"
    )

    def judge(mail):
        assert (mail.envelope.sender, mail.envelope.ip, mail.envelope.helo) == ("s@a.test", "192.0.2.1", "h")
        return decide(rules, given({"size": mail.size}), mail.envelope.recipients)

    (result,) = run_tests(rules, judge)
    assert (result.problems, result.passed) == (problems, not problems)
    assert result.place.endswith("rules.yaml:14:3")


def test_default_may_be_named_and_the_sender_is_null_when_left_out(desk, given):
    (desk.folder / "m.eml").write_bytes(b"\r\n")
    rules = desk.load(
        RULES, default="default: [store]\ntests:\n- name: small\n  mail: m.eml\n  to: a@corp.test\n  expect: {rules: default}"
    )
    (result,) = run_tests(rules, lambda mail: decide(rules, given({"size": 1, "sender": mail.envelope.sender}), mail.envelope.recipients))
    assert (result.name, result.problems) == ("small", ())


def test_a_missing_mail_is_a_test_that_fails(desk):
    rules = desk.load(RULES, default="default: [store]\ntests:\n- mail: none.eml\n  expect: {rules: []}")
    (result,) = run_tests(rules, lambda mail: pytest.fail("there is no mail to judge"))
    assert result.problems == (f"the mail {desk.folder}/none.eml cannot be read: No such file or directory",)
