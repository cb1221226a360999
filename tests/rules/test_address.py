"""Recipients are matched as SES does it, and nothing that smells of routing is ours."""

from __future__ import annotations

import pytest

from inbox.rules import RELAY_DENIED, admit
from inbox.rules.address import Recipients, read

MATCHES = [
    ("user@example.com", "user@example.com", True),
    ("user@example.com", "USER+label@Example.COM", True),
    ("User@Example.com", "user@example.com", True),
    ("user@example.com", "other@example.com", False),
    ("user+label@example.com", "user+label@example.com", True),
    ("user+label@example.com", "user@example.com", False),
    ("user+label@example.com", "user+other@example.com", False),
    ("example.com", "anybody@example.com", True),
    ("example.com", "anybody@sub.example.com", False),
    ("sub.example.com", "a@sub.example.com", True),
    ("sub.example.com", "a@example.com", False),
    (".example.com", "a@sub.example.com", True),
    (".example.com", "a@deep.sub.example.com", True),
    (".example.com", "a@example.com", False),
    (".example.com", "a@notexample.com", False),
    ("bücher.example", "a@xn--bcher-kva.example", True),
    ("xn--bcher-kva.example", "a@BÜCHER.example", True),
    ("user@example.com", '"user"@example.com', True),
    ("example.com", '"a b"@example.com', True),
    ("user@example.com", '"user x"@example.com', False),
    ("example.com", "a@example.com.", True),
]


@pytest.mark.parametrize(("entry", "recipient", "matches"), MATCHES)
def test_an_entry_matches_recipients_as_ses_does(entry, recipient, matches):
    assert Recipients((entry,)).holds(read(recipient)) is matches


HOSTILE = [
    "x@other.test",
    "x%other.test@local.test",
    "@local.test:x@other.test",
    "other.test!x@local.test",
    '"x@other.test"@local.test',
    '"x%other.test"@local.test',
    "x@other.test@local.test",
    '"x@other.test"',
    "u@[127.0.0.1]",
    "u@[IPv6:::1]",
    "x@local.test.other.test",
    "u@xn--lcal-5qa.test",
    "u@l\u043ecal.test",
    "u@",
    "@local.test",
    "",
    "u",
    "u v@local.test",
    "u\r\nv@local.test",
    "u@local..test",
    "u@.local.test",
]


@pytest.mark.parametrize("recipient", HOSTILE)
def test_a_foreign_or_hostile_recipient_is_refused(desk, given, recipient):
    rules = desk.load("[]", head="version: 1\ndomains: [local.test]\n")
    assert rules.accepts(recipient) is False
    assert admit(rules, given({}), recipient) == RELAY_DENIED
    assert str(RELAY_DENIED).startswith("554 5.7.1 ")


@pytest.mark.parametrize("recipient", ["u@local.test", "u@LOCAL.TEST", "u+tag@local.test", "u@local.test.", '"u"@local.test', "Postmaster"])
def test_a_recipient_of_ours_is_accepted(desk, given, recipient):
    rules = desk.load("[]", head="version: 1\ndomains: [local.test]\n")
    assert rules.accepts(recipient) is True
    assert admit(rules, given({}), recipient) is None


def test_without_domains_everything_is_refused(desk):
    rules = desk.load("[]", head="version: 1\ndomains: []\n")
    assert [rules.accepts(recipient) for recipient in ("u@local.test", "postmaster", "a@b")] == [False, False, False]


def test_a_domain_with_a_dot_before_it_stands_for_its_subdomains_only(desk):
    rules = desk.load("[]", head="version: 1\ndomains: [.corp.test]\n")
    assert (rules.accepts("a@x.corp.test"), rules.accepts("a@corp.test")) == (True, False)
