"""Recipients are matched as SES matches them; the reference of two lines is the judge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.receipt_rules.matching import covers, matched
from inbox.receipt_rules.model import ReceiptRule

LOCALS = ("user", "user+label", "user+label+more", "other", "USER")
DOMAINS = ("example.com", "sub.example.com", "deep.sub.example.com", "xample.com", "Example.COM")
RECIPIENTS = [f"{local}@{domain}" for local in LOCALS for domain in DOMAINS]
ENTRIES = [*RECIPIENTS, *DOMAINS, *(f".{domain}" for domain in DOMAINS)]


def reference(entry, recipient):
    """Section 2 of the facts about SES, word for word; both lower-cased."""
    local, _, domain = recipient.rpartition("@")
    if "@" in entry:
        return recipient == entry or f"{local.partition('+')[0]}@{domain}" == entry
    return domain.endswith(entry) if entry.startswith(".") else domain == entry


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_matches_what_the_reference_matches(entry):
    rule = ReceiptRule("r", recipients=(entry,))
    assert matched(rule, RECIPIENTS) == tuple(r for r in RECIPIENTS if reference(entry.lower(), r.lower()))


def test_a_rule_without_recipients_is_for_all_and_keeps_their_order_and_spelling():
    assert matched(ReceiptRule("r"), ["B@x.test", "a@x.test"]) == ("B@x.test", "a@x.test")


@given(wide=st.lists(st.sampled_from(ENTRIES), max_size=3), narrow=st.lists(st.sampled_from(ENTRIES), max_size=3))
def test_entries_that_cover_others_match_everything_that_those_match(wide, narrow):
    if covers(wide, narrow):
        found = matched(ReceiptRule("n", recipients=tuple(narrow)), RECIPIENTS)
        assert set(found) <= set(matched(ReceiptRule("w", recipients=tuple(wide)), RECIPIENTS))


def test_an_address_covers_its_labels_and_a_domain_its_addresses():
    assert covers(["user@example.com"], ["user+label@example.com"])
    assert covers(["example.com"], ["user@example.com"])
    assert covers([".example.com"], ["sub.example.com", ".deep.example.com"])
    assert not covers(["example.com"], ["sub.example.com"])
    assert not covers(["user@example.com"], [])
