"""Paths and parameters of MAIL and RCPT: what is taken, what is refused and how."""

from __future__ import annotations

import pytest

from inbox.sources.smtp.address import read_recipient, read_sender
from inbox.sources.smtp.replies import Refused

SENDERS = [
    ("FROM:<a@s.test>", "a@s.test"),
    ("from:<a@s.test>", "a@s.test"),
    ("FROM: <a@s.test>", "a@s.test"),
    ("FROM:a@s.test", "a@s.test"),
    ("FROM:<>", None),
    ("FROM: <>", None),
    ("FROM:<> SIZE=5", None),
    ("FROM:<A.B+c=d@S.Test>", "A.B+c=d@S.Test"),
    ("FROM:<a..b.@s.test>", "a..b.@s.test"),
    ("FROM:<x%y!z@s.test>", "x%y!z@s.test"),
    ('FROM:<"a b"@s.test>', '"a b"@s.test'),
    ('FROM:<"a"@s.test>', "a@s.test"),
    (r'FROM:<"a\"\b>"@s.test>', r'"a\"b>"@s.test'),
    ("FROM:<@relay.test,@other.test:a@s.test>", "a@s.test"),
    ("FROM:<a@[127.0.0.1]>", "a@[127.0.0.1]"),
    ("FROM:<a@[IPv6:::1]>", "a@[IPv6:::1]"),
    ("FROM:<é@s.test> SMTPUTF8", "é@s.test"),
    ("FROM:<a@" + "d" * 60 + ".test>", "a@" + "d" * 60 + ".test"),
    ("FROM:<a@s.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=a+2Bb AUTH=<>", "a@s.test"),
]
BAD_SENDERS = [
    ("", "501 5.5.4"),
    ("TO:<a@s.test>", "501 5.5.4"),
    ("<a@s.test>", "501 5.5.4"),
    ("FROM:<a@s.test", "501 5.5.4"),
    ("FROM:<a@s.test> x", "555 5.5.4"),
    ("FROM:<root>", "553 5.1.7"),
    ("FROM:<a@>", "553 5.1.7"),
    ("FROM:<@s.test>", "553 5.1.7"),
    ("FROM:<a@b@s.test>", "553 5.1.7"),
    ("FROM:<a b@s.test>", "553 5.1.7"),
    ("FROM:<a@s..test>", "553 5.1.7"),
    ("FROM:<a@s.test.>", "553 5.1.7"),
    (f"FROM:<{'a' * 300}@s.test>", "553 5.1.7"),
    (f"FROM:<a@{'d' * 300}.test>", "553 5.1.7"),
    ("FROM:<é@s.test>", "553 5.6.7"),
    ("FROM:<a\u2028b@s.test> SMTPUTF8", "553 5.1.7"),
    ("FROM:<a@s.test> SIZE=-1", "501 5.5.4"),
    ("FROM:<a@s.test> SIZE=", "501 5.5.4"),
    ("FROM:<a@s.test> SIZE=٣", "501 5.5.4"),
    ("FROM:<a@s.test> SIZE=1 SIZE=2", "501 5.5.4"),
    ("FROM:<a@s.test> BODY=BINARYMIME", "501 5.5.4"),
    ("FROM:<a@s.test> SMTPUTF8=1", "501 5.5.4"),
    ("FROM:<a@s.test> NOTIFY=NEVER", "555 5.5.4"),
]
RECIPIENTS = [
    ("TO:<u@local.test>", "u@local.test"),
    ("to:<U+tag@LOCAL.test>", "U+tag@LOCAL.test"),
    ('TO:<"u"@local.test>', "u@local.test"),
    ("TO:<postmaster>", "postmaster@mx.test"),
    ("TO:<PostMaster>", "postmaster@mx.test"),
    ("TO:<u@local.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;u+40local.test", "u@local.test"),
]
BAD_RECIPIENTS = [
    ("TO:<>", "553 5.1.3"),
    ("TO:<u>", "553 5.1.3"),
    ("TO:<u@local.test.>", "553 5.1.3"),
    ("TO:<x%other.test@local.test>", "554 5.7.1"),
    ("TO:<other.test!x@local.test>", "554 5.7.1"),
    ('TO:<"x@other.test"@local.test>', "554 5.7.1"),
    ("TO:<@local.test:x@other.test>", "554 5.7.1"),
    ("TO:<x@other.test@local.test>", "553 5.1.3"),
    ('TO:<"x@other.test">', "553 5.1.3"),
    ("TO:<u@l\u043ecal.test>", "553 5.6.7"),
    ("TO:<u@local.test> NOTIFY=NEVER,FAILURE", "501 5.5.4"),
    ("TO:<u@local.test> SIZE=1", "555 5.5.4"),
]


@pytest.mark.parametrize(("argument", "address"), SENDERS)
def test_a_sender_that_real_mail_has_is_read(argument, address):
    assert read_sender(argument)[0] == address


@pytest.mark.parametrize(("argument", "reply"), BAD_SENDERS)
def test_a_sender_that_is_none_is_refused(argument, reply):
    with pytest.raises(Refused) as refused:
        read_sender(argument)
    assert str(refused.value.reply).startswith(reply)


@pytest.mark.parametrize(("argument", "address"), RECIPIENTS)
def test_a_recipient_is_read(argument, address):
    assert read_recipient(argument, utf8=False, postmaster="postmaster@mx.test")[0] == address


@pytest.mark.parametrize(("argument", "reply"), BAD_RECIPIENTS)
def test_a_recipient_that_is_none_or_asks_for_relaying_is_refused(argument, reply):
    with pytest.raises(Refused) as refused:
        read_recipient(argument, utf8=False, postmaster="postmaster@mx.test")
    assert str(refused.value.reply).startswith(reply)


def test_parameters_are_given_by_name():
    assert read_sender("FROM:<a@s.test> size=10 SMTPUTF8")[1] == {"SIZE": "10", "SMTPUTF8": ""}
