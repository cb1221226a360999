"""Reply addresses: what they prove, what they refuse, and that they survive the way of a mail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox import ReplyToken, read_reply_address, reply_address
from inbox.errors import RulesError
from inbox.model import Envelope, Mail
from inbox.parsing import parse

KEY, OLD_KEY = "k" * 32, "o" * 32
NOW = datetime(2026, 11, 24, 9, 15, tzinfo=UTC)
LATER = datetime(2026, 12, 24, 10, 0, tzinfo=UTC)
MAILBOX, ALICE = "support@example.com", "alice@example.org"


def made(value: str = "4711", key: str = KEY, mailbox: str = MAILBOX) -> str:
    return reply_address(mailbox, value, ALICE, key, expires=NOW + timedelta(days=30))


def read(address: str, author: str | None = ALICE, keys=(KEY,), now: datetime = NOW) -> ReplyToken | None:
    return read_reply_address(address, author, keys, now=now)


def test_an_answer_of_the_one_we_wrote_to_is_valid_and_carries_the_value():
    assert read(made()) == ReplyToken("valid", "4711", LATER)


@pytest.mark.parametrize(
    ("address", "author"),
    [
        (made().upper(), "ALICE@Example.ORG"),
        (made().title(), "Alice+Home@example.org"),
        (made(mailbox="Support+old@EXAMPLE.com."), ALICE),
    ],
)
def test_case_tags_and_final_dots_do_not_matter(address, author):
    assert read(address, author) == ReplyToken("valid", "4711", LATER)


@pytest.mark.parametrize(
    ("token", "state", "value"),
    [
        (read(made(), now=LATER), "valid", "4711"),
        (read(made(), now=LATER + timedelta(seconds=1)), "expired", "4711"),
        (read(made(), "mallory@example.net"), "wrong-sender", "4711"),
        (read(made(), "mallory@example.net", now=LATER + timedelta(days=1)), "wrong-sender", "4711"),
        (read(made(), None), "wrong-sender", "4711"),
        (read(made(key=OLD_KEY), keys=(KEY, OLD_KEY)), "valid", "4711"),
        (read(made(key=OLD_KEY)), "forged", None),
        (read(made().replace("4711", "4712")), "forged", None),
        (read(made().replace("support+", "sales+")), "forged", None),
        (read(made().replace("example.com", "other.test")), "forged", None),
        (read(made(), keys=()), "forged", None),
    ],
)
def test_what_does_not_hold_is_said(token, state, value):
    assert (token.state, token.value) == (state, value)


@pytest.mark.parametrize(
    "recipient", [MAILBOX, "support+news@example.com", "support+4711-abc@example.com", "nobody", "", "a+b-" + "u" * 24 + "@x.y"]
)
def test_an_address_without_a_token_says_nothing(recipient):
    assert read(recipient) is None


def test_every_single_change_of_a_token_is_seen():
    address = made()
    start, end = address.index("+") + 1, address.index("@")
    for at in range(start, end):
        changed = address[:at] + ("0" if address[at] != "0" else "1") + address[at + 1 :]
        token = read(changed)
        assert token is None or token.state in ("forged", "wrong-sender"), changed


@settings(max_examples=100, deadline=None)
@given(st.from_regex(r"[a-z0-9_]{1,10}([.-][a-z0-9_]{1,9}){0,2}", fullmatch=True), st.integers(1, 100_000))
def test_any_value_comes_back_and_the_local_part_stays_short(value, hours):
    address = reply_address(MAILBOX, value, ALICE, KEY, expires=NOW + timedelta(hours=hours))
    assert len(address.rpartition("@")[0]) <= 64
    assert read(address.upper()).value == value
    assert parse(f"To: {address}\r\n\r\n".encode()).to[0].address == address


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((MAILBOX, "Bad Value", ALICE, KEY), "cannot be carried"),
        ((MAILBOX, "A", ALICE, KEY), "lower-case"),
        ((MAILBOX, "", ALICE, KEY), "cannot be carried"),
        ((MAILBOX, "x" * 33, ALICE, KEY), "room for 31 characters"),
        (("long-name-of-a-mailbox-of-forty-characters@x.y", "4711", ALICE, KEY), "room for 0 characters"),
        ((MAILBOX, "4711", "nobody", KEY), "not an address"),
        ((MAILBOX, "4711", ALICE, "short"), "at least 16"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(arguments, words):
    with pytest.raises(ValueError, match=words):
        reply_address(*arguments, expires=LATER)
    with pytest.raises(ValueError, match="between 1970 and 2089"):
        reply_address(MAILBOX, "4711", ALICE, KEY, expires=datetime(2100, 1, 1, tzinfo=UTC))


RULES = """
version: 1
domains: [example.com]
facts:
  token: {reply_token: {key: env:TEST_REPLY_KEY, old_key: env:TEST_OLD_KEY}}
  ticket: {reply_token.value: {key: env:TEST_REPLY_KEY, old_key: env:TEST_OLD_KEY}}
rules:
- name: answers
  when: {token: valid}
  label: answer
  do: [{store: {table: answers, values: {ticket: "{ticket}"}}}]
  stop: true
- name: strangers
  when: {token: [forged, wrong-sender, expired]}
  label: doubtful
  stop: true
- name: questions
  when: {subject: {matches: 'order (?P<order>\\d+)'}}
  do: [{reply: {text: "Thank you", reply_value: "order-{order}", reply_key: env:TEST_REPLY_KEY, reply_within: 2d}}]
default: [discard]
"""


def test_a_question_an_answer_and_a_stranger(inbox_for, outbox, monkeypatch):
    monkeypatch.setenv("TEST_REPLY_KEY", KEY)
    monkeypatch.setenv("TEST_OLD_KEY", OLD_KEY)
    box = inbox_for(RULES)

    def sent(author: str, to: str, subject: str) -> Mail:
        return Mail.of(f"From: {author}\r\nSubject: {subject}\r\n\r\nx".encode(), Envelope(author, (to,)))

    box.process(sent(ALICE, MAILBOX, "order 17"))
    address = parse(outbox.sent[0].raw).reply_to[0].address
    assert address.startswith("support+order-17-")
    answered = box.process(sent(ALICE, address.lower(), "Re: thanks"))
    assert (answered.plan.labels, answered.plan.steps[0].options["values"]) == (("answer",), {"ticket": "order-17"})
    assert box.process(sent("mallory@example.net", address, "order 17")).plan.labels == ("doubtful",)
    old = reply_address(MAILBOX, "9", ALICE, OLD_KEY, expires=datetime.now(UTC) + timedelta(days=1))
    assert box.process(sent(ALICE, old, "x")).plan.labels == ("answer",)


def test_the_fact_without_its_key_is_a_mistake_of_the_file(inbox_for):
    rules = "version: 1\ndomains: [example.com]\nrules:\n- name: a\n  when: {reply_token: valid}\n  label: x\ndefault: [discard]\n"
    with pytest.raises(RulesError, match="needs key: name it in the section facts"):
        inbox_for(rules)
