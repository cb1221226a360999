"""Trace fields above a copy: who sent it, what was found, and not one octet of the mail itself is different."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import inbox
from inbox.auth.trace import above, received
from inbox.model import Envelope, Mail, Raw

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def mail(**envelope):
    return Mail("0000000000000000abcd", Envelope(**envelope), Raw.of(b"Subject: x\r\n\r\n"), AT)


RECEIVED = [
    ("a file", {}, "by mx.example.com with ESMTP id 0000000000000000abcd; "),
    ("a client", {"helo": "a.test", "ip": "192.0.2.1"}, "from a.test ([192.0.2.1]) by mx.example.com with ESMTP id "),
    ("IPv6", {"helo": "a.test", "ip": "2001:db8::1"}, "from a.test ([IPv6:2001:db8::1]) by "),
    ("TLS and login", {"helo": "a.test", "tls": "TLSv1.3", "auth": "jane"}, "from a.test by mx.example.com with ESMTPSA (TLSv1.3) id "),
    ("LMTP", {"helo": "a.test", "source": "lmtp"}, "with LMTP id"),
    ("a name that is none", {"helo": "a) by evil.test (", "ip": "192.0.2.1"}, "from unknown ([192.0.2.1]) by mx.example.com"),
]


@pytest.mark.parametrize(("envelope", "expected"), [row[1:] for row in RECEIVED], ids=[row[0] for row in RECEIVED])
def test_received(envelope, expected):
    assert expected in " ".join(received(mail(**envelope), "mx.example.com").decode().split())


def test_one_recipient_is_named_and_several_are_not():
    assert b"for <a@b.test>" in received(mail(), "h", ("a@b.test",))
    assert b"for" not in received(mail(), "h", ("a@b.test", "c@b.test"))


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=2000))
def test_whatever_a_client_says_the_fields_stay_four_and_end_where_the_mail_begins(sender, helo, found):
    results = "".join(letter for letter in found if " " <= letter <= "~")
    envelope = {"sender": sender or None, "helo": helo, "ip": "192.0.2.1"}
    octets = above(mail(**envelope), "mx.example.com", ("a@b.test",), results, "pass", "mx.example.com")
    message = inbox.parse(octets + b"Subject: x\r\n\r\nwords\r\n")
    assert [header.name for header in message.headers] == ["Return-Path", "Authentication-Results", "Received-SPF", "Received", "Subject"]
    assert message.text.strip() == "words"
    assert octets.count(b"\n") == octets.count(b"\r\n")
    assert octets.count(b"\r") == octets.count(b"\r\n")
