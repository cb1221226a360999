"""Rows, quarantine, discard, end."""

from __future__ import annotations

import pytest

from inbox.errors import RulesError
from inbox.testing import Journal, make_mail


def test_a_row_has_the_values_that_the_rule_names(inbox_for):
    journal = Journal()
    box = inbox_for(r"""
version: 1
domains: [example.com]
rules:
- name: orders
  when: {subject: {matches: 'order (?P<order>\d+)'}}
  do: [{store: {table: orders, values: {number: "{order}", who: "{from}", what: "{{literal}}"}}}]
default: [discard]
""")
    box.process(make_mail(subject="order 17; DROP TABLE orders"), journal)
    assert [(row.table, dict(row.values)) for row in journal.rows] == [
        ("orders", {"number": "17", "who": "alice@example.org", "what": "{literal}"})
    ]


def test_without_values_a_row_has_the_usual_ones(inbox_for, rule):
    journal = Journal()
    inbox_for(rule("store")).process(make_mail(subject="Grüße", text="hi\n"), journal)
    (row,) = journal.rows
    assert row.table == "mails"
    assert {
        "sender": "alice@example.org",
        "recipients": "bob@example.com",
        "author": "alice@example.org",
        "subject": "Grüße",
    }.items() <= row.values.items()


def test_a_mail_with_nothing_in_it_still_makes_a_row(inbox_for, rule):
    journal = Journal()
    inbox_for(rule("store")).process(make_mail(b"", sender=None), journal)
    assert journal.rows[0].values["subject"] is None and journal.rows[0].values["sender"] is None


@pytest.mark.parametrize(
    "options", [{"table": "a-b"}, {"table": "1a"}, {"table": ""}, {"table": "x; DROP"}, {"values": {"a b": "x"}}, {"table": "x" * 64}]
)
def test_names_that_no_table_can_have_are_found_at_load(inbox_for, rule, options):
    with pytest.raises(RulesError, match="a name is made of letters"):
        inbox_for(rule({"store": options}))


def test_quarantine_holds_the_mail_and_says_why(inbox_for, rule):
    receipt = inbox_for(rule({"quarantine": {"reason": "{subject} looks odd"}})).process(make_mail(subject="A prize"))
    assert receipt.state == "quarantined"
    assert (receipt.outcomes[0].state, receipt.outcomes[0].detail) == ("held", "held: A prize looks odd")


def test_discard_names_its_reason(one_step):
    outcome = one_step({"discard": {"reason": "newsletter"}})
    assert (outcome.state, outcome.detail) == ("done", "discarded: newsletter")


@pytest.mark.parametrize(
    "options", [{"table": "inbox_mails"}, {"table": "SQLITE_x"}, {"values": {"mail_id": "x"}}, {"values": {"Step": "x"}}]
)
def test_what_belongs_to_the_store_is_refused_at_load(inbox_for, rule, options):
    with pytest.raises(RulesError, match="the store"):
        inbox_for(rule({"store": options}))


def test_end_skips_everything_behind_it_in_all_rules(inbox_for):
    rules = "version: 1\ndomains: [example.com]\nrules:\n- {name: a, do: [discard, end, discard]}\n- {name: b, do: [store]}\ndefault: []\n"
    receipt = inbox_for(rules).process(make_mail())
    assert {outcome.n: outcome.state for outcome in receipt.outcomes} == {1: "done", 2: "done", 3: "skipped", 4: "skipped"}
    assert receipt.state == "settled"
