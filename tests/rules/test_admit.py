"""At RCPT only the envelope is known: what is certain is said now, everything else waits for the mail."""

from __future__ import annotations

import pytest

from inbox.rules import admit, decide

NO = "refuse: Not you"

TABLE = [
    (f"- name: a\n  when: {{sender: x@spam.test}}\n  {NO}", 550, False),
    (f"- name: a\n  when: {{sender: other@spam.test}}\n  {NO}", None, False),
    (f"- name: a\n  when: {{sender: {{domain: spam.test}}, ip: 192.0.2.1}}\n  {NO}", 550, False),
    (f"- name: a\n  when: {{ip: {{in: [192.0.2.0/24]}}}}\n  unless: {{sender: x@spam.test}}\n  {NO}", None, False),
    (f"- name: a\n  unless: {{sender: other@spam.test}}\n  {NO}", 550, False),
    (f"- name: a\n  recipients: [u@corp.test]\n  {NO}", 550, False),
    (f"- name: a\n  recipients: [v@corp.test]\n  {NO}", None, False),
    (f"- name: a\n  when: {{recipient.tag: {{exists: false}}, recipient.domain: corp.test}}\n  {NO}", 550, False),
    ("- name: a\n  when: {sender: x@spam.test}\n  refuse: {code: 450, text: Later}", 450, False),
    (f"- name: a\n  when: {{subject: x}}\n  {NO}", None, True),
    (f"- name: a\n  when: {{any: [{{subject: x}}, {{sender: x@spam.test}}]}}\n  {NO}", 550, True),
    (f"- name: a\n  when: {{subject: x, sender: other@spam.test}}\n  {NO}\n- name: b\n  when: {{sender: x@spam.test}}\n  {NO}", 550, True),
    (f"- name: a\n  when: {{not: {{subject: x, sender: other@spam.test}}}}\n  {NO}", 550, True),
    (f"- name: a\n  when: {{label: x}}\n  {NO}", None, True),
    (f"- name: vip\n  when: {{subject: x}}\n  stop: true\n- name: a\n  {NO}", None, True),
    (f"- name: vip\n  when: {{sender: x@spam.test}}\n  stop: true\n- name: a\n  {NO}", None, False),
    (f"- name: vip\n  when: {{subject: x}}\n  recipients: [v@corp.test]\n  stop: true\n- name: a\n  {NO}", 550, True),
    (f"- name: vip\n  when: {{subject: x}}\n  label: x\n- name: a\n  {NO}", 550, False),
    (f"- name: a\n  enabled: false\n  {NO}", None, False),
    (f"- name: a\n  shadow: true\n  {NO}", None, False),
    (f"- name: a\n  when: {{subject: x}}\n  shadow: true\n  {NO}", None, False),
    (f"- name: vip\n  recipients: [v@corp.test]\n  stop: mail\n- name: a\n  {NO}", None, True),
    (f"- name: vip\n  recipients: [v@corp.test]\n  when: {{sender: other@spam.test}}\n  stop: mail\n- name: a\n  {NO}", 550, True),
    (f"- name: vip\n  when: {{recipient: v@corp.test}}\n  stop: mail\n- name: a\n  {NO}", None, True),
    (f"- name: vip\n  when: {{sender: other@spam.test}}\n  stop: mail\n- name: a\n  {NO}", 550, False),
    (f"- name: vip\n  recipients: [v@corp.test]\n  shadow: true\n  stop: mail\n- name: a\n  {NO}", 550, False),
    (f"- name: vip\n  shadow: true\n  stop: true\n- name: a\n  {NO}", 550, False),
]


@pytest.mark.parametrize(("rules", "code", "on_content"), TABLE)
def test_a_refusal_is_given_at_rcpt_when_the_envelope_settles_it(desk, given, rules, code, on_content):
    loaded = desk.load(rules)
    facts = given({"sender": "x@spam.test", "ip": "192.0.2.1", "subject": "x"})
    reply = admit(loaded, facts, "u@corp.test")
    assert (reply.code if reply else None) == code
    assert loaded.refuses_on_content is on_content
    assert "subject" not in facts.asked


def test_ten_thousand_blocked_senders_are_looked_up_and_not_walked_through(desk, given):
    rules = "\n".join(f"- name: s{n}\n  when: {{sender: s{n}@spam.test}}\n  refuse: Blocked {n}" for n in range(2000))
    loaded = desk.load(rules)
    assert admit(loaded, given({"sender": "S1234@SPAM.test"}), "u@corp.test").text == "Blocked 1234"
    assert admit(loaded, given({"sender": "s9999@spam.test"}), "u@corp.test") is None
    assert len(loaded.gate_index.candidates(_reader(given, "s7@spam.test"), [])) == 1


def test_a_rule_that_ends_judging_for_all_is_found_among_many_for_whomever_is_asked(desk, given):
    many = "\n".join(f"- name: s{n}\n  when: {{sender: s{n}@spam.test}}\n  refuse: Blocked {n}" for n in range(100))
    loaded = desk.load(f"- name: vip\n  recipients: [v@corp.test]\n  stop: mail\n{many}")
    assert admit(loaded, given({"sender": "s7@spam.test"}), "u@corp.test") is None
    assert decide(loaded, given({"sender": "s7@spam.test"}), ["u@corp.test", "v@corp.test"]).reply.code == 250
    assert decide(loaded, given({"sender": "s7@spam.test"}), ["u@corp.test"]).reply.code == 550


def _reader(given, sender):
    from inbox.rules.seen import Reader

    return Reader(given({"sender": sender}))
