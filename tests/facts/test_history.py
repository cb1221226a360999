"""Facts of earlier mails."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError

from inbox.testing import MemoryNotes, make_mail


def later(mail, seconds):
    return replace(mail, received_at=mail.received_at + timedelta(seconds=seconds))


def test_the_same_message_id_is_seen_within_the_window(value):
    memory, first = MemoryNotes(), make_mail()
    assert value("seen", first, memory=memory) is False
    assert value("seen", first, memory=memory) is False
    assert value("seen", later(make_mail(), 60), memory=memory) is True
    assert value("seen", later(make_mail(), 8 * 86_400), memory=memory, window="1d") is False


def test_the_same_text_is_seen_whatever_its_message_id_and_blanks(value):
    memory = MemoryNotes()
    value("seen", make_mail(text="buy  this\n\nnow\n", headers={"Message-ID": "<1@x>"}), memory=memory, by="body")
    assert value("seen", make_mail(text="buy this now\n", headers={"Message-ID": "<2@x>"}), memory=memory, by="body") is True
    assert value("seen", make_mail(text="buy that now\n"), memory=memory, by="body") is False


def test_a_mail_without_what_is_compared_is_never_seen(value):
    memory = MemoryNotes()
    for _ in range(2):
        assert value("seen", make_mail(b"Subject: x\r\n\r\n"), memory=memory) is False
        assert value("seen", make_mail(b"Subject: x\r\n\r\n"), memory=memory, by="body") is False


@pytest.mark.parametrize(
    ("per", "same", "other"),
    [
        ("sender", {"sender": "ALICE@example.org"}, {"sender": "x@example.org"}),
        ("sender.domain", {"sender": "x@example.org"}, {"sender": "alice@example.net"}),
        ("ip", {"ip": "203.0.113.1"}, {"ip": "203.0.113.2"}),
        ("recipient", {"recipients": ["x@example.com", "bob@example.com"]}, {"recipients": ["x@example.com"]}),
    ],
)
def test_rate_counts_the_mails_of_one_side_this_one_included(value, per, same, other):
    memory, base = MemoryNotes(), {"ip": "203.0.113.1"}
    assert value("rate", make_mail(**base), memory=memory, per=per) == 1
    assert value("rate", make_mail(**base), memory=memory, per=per) == 2
    assert value("rate", make_mail(**{**base, **other}), memory=memory, per=per) == 1
    assert value("rate", make_mail(**{**base, **same}), memory=memory, per=per) == 3
    assert value("rate", later(make_mail(**base), 7200), memory=memory, per=per, window="1h") == 1


def test_the_null_sender_is_one_side(value):
    memory = MemoryNotes()
    assert [value("rate", make_mail(sender=None), memory=memory) for _ in range(3)] == [1, 2, 3]


def test_a_side_that_does_not_exist_is_no_option(value):
    with pytest.raises(ValidationError):
        value("rate", per="shoe size")
