"""Address fields: lists, groups, comments, quotes, and what is no address."""

from __future__ import annotations

import pytest

from inbox.parsing import parse

LISTS = [
    ('"a, b" <a@b.c>, c@d.e', [("a, b", "a@b.c"), (None, "c@d.e")]),
    ("Doe, John <john@example.org>", [("Doe, John", "john@example.org")]),
    ("x@y.z; k@l.m", [(None, "x@y.z"), (None, "k@l.m")]),
    ("Team: a@b.c, d@e.f; g@h.i", [(None, "a@b.c"), (None, "d@e.f"), (None, "g@h.i")]),
    ("undisclosed-recipients:;", []),
    ("a@b.c (Joe (Big) Doe)", [("Joe (Big) Doe", "a@b.c")]),
    ("ceo@corp.test <evil@x.test>", [("ceo@corp.test", "evil@x.test")]),
    ("<@relay.test:u@h.test>", [(None, "u@h.test")]),
    ('"a b"@c.d', [(None, '"a b"@c.d')]),
    ('"u"@LOCAL.test.', [(None, "u@local.test")]),
    ("=?utf-8?q?a=2C_b?= <x@y.z>", [("a, b", "x@y.z")]),
    ('"unclosed <a@b.c>, d@e.f', [("unclosed", "a@b.c"), (None, "d@e.f")]),
    ("u@[192.0.2.1]", [(None, "u@[192.0.2.1]")]),
    ("info@b\xfccher.example", [(None, "info@xn--bcher-kva.example")]),
    ("=?utf-8?q?evil=40x=2Etest?= <a@b.c>", [("evil@x.test", "a@b.c")]),
]
NOT_ADDRESSES = ["alice@example.org)bob@evil.com", "x@-bad-.com", "x@y\0.z", "words", "<>", "x@" + "a" * 64 + ".com", "@b.c", "a@b@c.d"]


@pytest.mark.parametrize(("field", "expected"), LISTS)
def test_a_field_gives_its_addresses(field, expected):
    message = parse(f"To: {field}\r\n\r\n".encode())
    assert [(address.name, address.address) for address in message.to] == expected


@pytest.mark.parametrize("field", NOT_ADDRESSES)
def test_what_is_no_address_is_left_out_with_a_defect(field):
    message = parse(f"To: {field}, ok@example.org\r\n\r\n".encode())
    assert [address.address for address in message.to] == ["ok@example.org"]
    assert "address-invalid" in {defect.code for defect in message.defects}


def test_the_tag_is_what_follows_the_first_plus():
    first, second = parse(b"To: User+a+b@LOCAL.test, user@local.test\r\n\r\n").to
    assert (first.local, first.domain, first.tag) == ("User+a+b", "local.test", "a+b")
    assert second.tag is None


@pytest.mark.parametrize(
    "octets", [b"(" * 60_000, b'"' * 60_001, b"<" * 60_000, b"a@b.c(" * 9_000, b",;:" * 20_000, b"\\" * 60_000, b"(\\" * 30_000]
)
def test_a_field_of_brackets_does_not_hang(octets):
    assert len(parse(b"From: " + octets + b"\r\n\r\n").from_) <= 1000


def test_an_unreadable_author_beside_others_makes_the_author_ambiguous():
    message = parse(b"From: ceo@corp.test, x@y@z\r\n\r\n")
    assert message.ambiguous_from
    assert not message.may_reply().ok


def test_a_name_that_turns_the_direction_of_writing_is_flagged():
    message = parse("From: \u202emoc.live <a@b.c>\r\n\r\n".encode())
    assert [(defect.code, defect.where) for defect in message.defects] == [("bidi-control", "from")]
