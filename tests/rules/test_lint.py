"""What `inbox check` warns of in a file that loads."""

from __future__ import annotations

import pytest

from conftest import FIXTURES
from inbox.plugins import Plugins
from inbox.rules import check

STOP = "- name: a\n  label: x\n  stop: true\n- name: b\n  label: y"

WARNED = [
    (STOP, "rule 'b': it is never reached: rule 'a' on line 4 ends judging for these recipients"),
    (
        "- name: a\n  recipients: [corp.test]\n  stop: true\n- name: b\n  recipients: [u@corp.test]\n  label: y",
        "rule 'b': it is never reached: rule 'a' on line 4 ends judging for these recipients",
    ),
    (
        "- name: a\n  recipients: [.corp.test]\n  refuse: No\n- name: b\n  recipients: [x.corp.test, u@y.corp.test]\n  label: y",
        "rule 'b': it is never reached: rule 'a' on line 4 ends judging for these recipients",
    ),
    (
        "- name: a\n  when: {subject: x}\n  stop: true\n- name: b\n  when: {subject: x}\n  label: y",
        "rule 'b': it is never reached: rule 'a' on line 4 has the same recipients and conditions, and ends judging",
    ),
    (
        "- name: a\n  do: [{forward: {to: b@b.test}}]",
        "rule 'a': forward sends mail and nothing keeps it from answering machines; add unless: {automatic: {exists: true}}",
    ),
    (
        "- name: a\n  when: {from.domain: bank.test}\n  do: [{webhook: {url: 'https://a.test'}}]",
        "rule 'a': 'from.domain' is what anybody can write into a mail; add a condition that proves the sender, such as dmarc: pass",
    ),
    (
        "- name: a\n  when: {ip: {exists: true}}\n  refuse: No\n- name: b\n  unless: {header.x-trust: yes}\n  refuse: No",
        "rule 'b': 'header.x-trust' is what anybody can write into a mail; add a condition that proves the sender, such as dmarc: pass",
    ),
    ("- name: a\n  when: {subject: x}", "rule 'a': it has no effect; give it label, set, do, refuse or stop"),
    ("- name: a\n  do: []", "rule 'a': it has no effect; give it label, set, do, refuse or stop"),
    (
        "- name: a\n  recipients: [u@other.test]\n  label: x",
        "rule 'a': no mail comes for u@other.test: it is not among the domains; add it there, or remove it here",
    ),
]


@pytest.mark.parametrize(("rules", "warning"), WARNED)
def test_a_rule_that_is_hardly_meant_so_gets_a_warning(desk, rules, warning):
    problems = desk.problems(desk.whole(rules))
    assert warning in [problem.partition(" warning: ")[2] for problem in problems]


NOTED = [
    (
        "- name: a\n  when: {subject: x}\n  refuse: No",
        "rule 'a': it refuses on content, so every mail is judged before its 250; that holds up the sender",
    ),
    (
        "- name: a\n  when: {subject: x}\n  stop: true\n- name: b\n  refuse: No",
        "rule 'b': it refuses on content, so every mail is judged before its 250; that holds up the sender",
    ),
    (
        "- name: a\n  recipients: [u@corp.test]\n  stop: mail\n- name: b\n  refuse: No",
        "rule 'b': it refuses once all recipients are known, so every mail is judged before its 250; that holds up the sender",
    ),
]


@pytest.mark.parametrize(("rules", "note"), NOTED)
def test_a_refusal_that_waits_for_the_content_is_noted(desk, rules, note):
    assert note in [problem.partition(" note: ")[2] for problem in desk.problems(desk.whole(rules))]


SOUND = [
    "- name: a\n  recipients: [u@corp.test]\n  label: x\n  stop: true\n- name: b\n  recipients: [corp.test]\n  label: y",
    "- name: a\n  recipients: [u+tag@corp.test]\n  stop: true\n- name: b\n  recipients: [u@corp.test]\n  label: y",
    "- name: a\n  recipients: [corp.test]\n  stop: true\n- name: b\n  recipients: [.corp.test]\n  label: y",
    "- name: a\n  when: {subject: x}\n  stop: true\n- name: b\n  when: {subject: {is: x, case: true}}\n  label: y",
    "- name: a\n  when: {subject: x}\n  label: x\n- name: b\n  when: {subject: x}\n  label: y",
    "- name: a\n  enabled: false\n  stop: true\n- name: b\n  label: y",
    "- name: a\n  shadow: true\n  stop: true\n- name: b\n  label: y",
    "- name: a\n  unless: {automatic: {exists: true}}\n  do: [{forward: {to: b@b.test}}]",
    "- name: a\n  when: {may_reply: true}\n  do: [{reply: {text: x}}]",
    "- name: a\n  when: {from.domain: bank.test, dmarc: pass}\n  do: [{webhook: {url: 'https://a.test'}}]",
    "- name: a\n  when: {from.domain: bank.test}\n  do: [store]",
    "- name: a\n  when: {sender: x@spam.test}\n  refuse: No",
    "- name: a\n  recipients: [x.corp.test, .y.corp.test, u@z.corp.test]\n  label: x",
]


@pytest.mark.parametrize("rules", SOUND)
def test_a_sound_rule_gets_no_warning(desk, rules):
    assert desk.problems(desk.whole(rules)) == []


FILE = [
    ("version: 1\ndomains: []\nrules: []\ndefault: [store]\n", "rules.yaml: warning: domains is empty: every recipient is refused"),
    (
        "version: 1\ndomains: [a.test]\nrules: []\ndefault: []\n",
        "rules.yaml: warning: default has no steps: of mail that no rule takes, only the raw mail and its receipt are kept",
    ),
    (
        "version: 1\ndomains: [a.test]\nlists: {vip: [x]}\nrules: []\ndefault: [store]\n",
        "rules.yaml:3:9: warning: list 'vip' is not used by any rule; remove it, or use it with in: vip",
    ),
    (
        "version: 1\ndomains: [a.test]\nfacts: {topic: {keywords: {a: [b]}}}\nrules: []\ndefault: [store]\n",
        "rules.yaml:3:9: warning: fact 'topic' is not read by any rule; remove it",
    ),
    (
        "version: 1\ndomains: [a.test]\nrules: []\ndefault: [{forward: {to: b@b.test}}]\n",
        "rules.yaml:4:12: warning: default: forward sends mail for whatever no rule took, also for automatic mail; use a rule with a guard",
    ),
]


@pytest.mark.parametrize(("text", "warning"), FILE)
def test_a_file_gets_warnings_for_what_is_in_no_rule(desk, text, warning):
    assert desk.problems(text) == [warning]


def test_a_test_whose_mail_is_missing_is_a_warning(desk):
    text = desk.whole("[]") + "tests:\n- mail: no.eml\n  expect: {rules: []}\n"
    assert desk.problems(text) == [f"rules.yaml:6:3: warning: the mail {desk.folder}/no.eml of this test is not there"]


def test_the_good_files_have_no_warning_but_the_hint_on_refusals():
    plugins = Plugins(entry_points=False)
    found = {path.stem: [problem.text for problem in check(path, plugins)[1]] for path in (FIXTURES / "rules").glob("*.yaml")}
    assert found == {
        "groups": [],
        "refunds": ["rule 'no programs': it refuses on content, so every mail is judged before its 250; that holds up the sender"],
    }
