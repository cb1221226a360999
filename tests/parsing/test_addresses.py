"""Address fields: lists, groups, comments, quotes, and what is no address."""

from __future__ import annotations

from email.utils import getaddresses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.parsing import parse
from inbox.parsing.odd import parse_odd

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
    ("MAILER-DAEMON (Mail Delivery System)", [("Mail Delivery System", "MAILER-DAEMON")]),
    ("Mail Delivery Subsystem <MAILER-DAEMON>, a@b.c", [("Mail Delivery Subsystem", "MAILER-DAEMON"), (None, "a@b.c")]),
    ("a@b.c, postmaster, d@e.f", [(None, "a@b.c"), (None, "postmaster"), (None, "d@e.f")]),
    ('Friends: a@b.c, "X, Y" <x@y.z>;, q@r.s', [(None, "a@b.c"), ("X, Y", "x@y.z"), (None, "q@r.s")]),
    ("a@b.c d@e.f\r\n g@h.i", [(None, "a@b.c"), (None, "d@e.f"), (None, "g@h.i")]),
    ("Foo <a@b.c> <d@e.f>", [("Foo", "a@b.c"), (None, "d@e.f")]),
    ("'a@b.c', <mailto:d@e.f>, <<g@h.i>>, j@k.l>", [(None, "a@b.c"), (None, "d@e.f"), (None, "g@h.i"), (None, "j@k.l")]),
    ('Foo "Bar" Baz <a@b.c>', [("Foo Bar Baz", "a@b.c")]),
    (r'"Foo \"Bar\"" <a@b.c>', [('Foo "Bar"', "a@b.c")]),
    ('"=?utf-8?q?J=C3=B6rg?= Muster" <j@b.c>', [("Jörg Muster", "j@b.c")]),
    ("jörg@bücher.example", [(None, "jörg@xn--bcher-kva.example")]),
    ("a@b\uff0ec", [(None, "a@b.c")]),
    ("=?utf-8?q?Doe,_John?= <j@x.test>, b@c.d", [("Doe, John", "j@x.test"), (None, "b@c.d")]),
    ("=?utf-8?q?Sales:_EU;?= <j@x.test>", [("Sales: EU;", "j@x.test")]),
    ("=?utf-8?q?a=0D=0AFrom:_b?= <j@x.test>", [("a From: b", "j@x.test")]),
]
LOOKALIKES = [
    ('"a@good.test" <b@evil.test>', "name-is-address"),
    ("=?utf-8?q?a=EF=BC=A0good=2Etest?= <b@evil.test>", "name-is-address"),
    ('"john.doe@corp.test" <jd@corp.test>', None),
    ("P\u0430yPal <x@y.z>", "mixed-script"),
    ("x@p\u0430ypal.test", "mixed-script"),
    ("x@xn--pypal-4ve.test", "mixed-script"),
    ("x@\u0430\u0440\u0440\u04cf\u0435.com", "homograph"),
    ("x@xn--80ak6aa92e.com", "homograph"),
    ("\u043f\u0440\u0435\u0437@\u043a\u0440\u0435\u043c\u043b\u044c.\u0440\u0444", None),
    ("\u0418\u0432\u0430\u043d Petrov <x@y.z>", None),
    ("\u5c71\u7530 Taro <x@y.z>", None),
    ("Bu\u200bb <x@y.z>", "invisible-character"),
    ("a\u200bb@y.z", "invisible-character"),
    ("\u202emoc.live <x@y.z>", "bidi-control"),
    ("a\u2066b <x@y.z>", "bidi-control"),
    ("\u05d3\u05e0\u05d9\u200f (\u05de\u05db\u05d9\u05e8\u05d5\u05ea)\u200e <x@y.z>", None),
    ("\u0645\u062d\u0645\u062f\u061c <x@y.z>", None),
    ("a\u200fb@y.z", "invisible-character"),
    ("a\u202eb@y.z", "bidi-control"),
]
NOT_ADDRESSES = [
    "alice@example.org)bob@evil.com",
    "x@-bad-.com",
    "x@y\0.z",
    "words",
    "<>",
    "x@" + "a" * 64 + ".com",
    "@b.c",
    "a@b@c.d",
    "John Doe",
    '"a@b.c"',
    "/O=X/CN=Y",
    "<boss@corp.test:evil@x.test>",
]


@pytest.mark.parametrize(("field", "expected"), LISTS)
def test_a_field_gives_its_addresses(field, expected):
    message = parse(f"To: {field}\r\n\r\n".encode())
    assert [(address.name, address.address) for address in message.to] == expected


@pytest.mark.parametrize(
    ("fields", "ambiguous"),
    [
        ("From: boss@corp.test, evil@x.test", True),
        ("From: <boss@corp.test> <evil@x.test>", True),
        ("From: boss@corp.test (, evil@x.test", True),
        ('From: "boss <boss@corp.test>, evil@x.test', True),
        ("From: boss@corp.test; evil@x.test", True),
        ("From: ann@corp.test, bob@corp.test\r\nSender: ann@corp.test", False),
        ("From: ann@corp.test", False),
    ],
)
def test_several_authors_without_a_sender_are_ambiguous(fields, ambiguous):
    assert parse(f"{fields}\r\n\r\n".encode()).ambiguous_from is ambiguous


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
    "octets",
    [
        b"(" * 60_000,
        b'"' * 60_001,
        b"<" * 60_000,
        b"a@b.c(" * 9_000,
        b",;:" * 20_000,
        b"\\" * 60_000,
        b"(\\" * 30_000,
        b"@" * 60_000,
        b"a@b.c " * 10_000,
        b'"\\"' * 20_000,
        b"> <@" * 15_000,
        b"@" + b" " * 60_000,
        b"<@a " * 15_000,
    ],
)
def test_a_field_of_brackets_does_not_hang(octets):
    assert len(parse(b"From: " + octets + b"\r\n\r\n").from_) <= 1000


def test_an_unreadable_author_beside_others_makes_the_author_ambiguous():
    message = parse(b"From: ceo@corp.test, x@y@z\r\n\r\n")
    assert message.ambiguous_from
    assert not message.may_reply().ok


@pytest.mark.parametrize(("field", "code"), LOOKALIKES)
def test_what_is_made_to_be_mistaken_is_flagged(field, code):
    found = [(defect.code, defect.where) for defect in parse(f"From: {field}\r\n\r\n".encode()).defects]
    assert found == ([(code, "from")] if code else [])


def test_an_international_domain_is_compared_in_one_form_and_shown_in_the_other():
    address = parse("To: Info@B\u00fccher.Example\r\n\r\n".encode()).to[0]
    assert (address.address, address.readable) == ("Info@xn--bcher-kva.example", "Info@b\u00fccher.example")
    assert parse(f"To: {address.readable}\r\n\r\n".encode()).to == (address,)


def test_a_mailbox_of_the_machine_itself_has_no_domain():
    (author,) = parse(b"From: root (Cron Daemon)\r\n\r\n").from_
    assert (author.local, author.domain, author.tag, author.readable) == ("root", "", None, "root")


def test_two_authors_without_a_comma_are_two():
    assert len(parse(b"From: ceo@corp.test evil@x.test\r\n\r\n").from_) == 2


ATOMS = st.from_regex(r"[a-zA-Z0-9!#$%&*+/=?^_`{|}~-]{1,8}", fullmatch=True)
LABELS = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
SPECS = st.builds(
    lambda local, domain: f"{'.'.join(local)}@{'.'.join(domain)}",
    st.lists(ATOMS, min_size=1, max_size=3),
    st.lists(LABELS, min_size=2, max_size=4),
)
QUOTED = st.text(st.sampled_from("abc ,;:<>@()[].'"), min_size=1, max_size=12).map(lambda text: f"x{text}x")
PHRASES = st.lists(st.from_regex(r"[A-Za-z][a-zA-Z0-9'-]{0,7}", fullmatch=True), min_size=1, max_size=3).map(" ".join)
PARTIES = st.one_of(
    SPECS.map(lambda spec: (spec, ("", spec))),
    st.builds(lambda name, spec: (f"{name} <{spec}>", (name, spec)), PHRASES, SPECS),
    st.builds(lambda name, spec: (f'"{name}" <{spec}>', (name, spec)), QUOTED, SPECS),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(PARTIES, min_size=1, max_size=3))
def test_well_formed_lists_read_as_the_standard_library_and_flanker_read_them(parties):
    """The standard library for whole lists, flanker for one member at a time: as a list parser it is all or nothing."""
    found = [(one.name or "", one.address) for one in parse(f"To: {', '.join(written for written, _ in parties)}\r\n\r\n".encode()).to]
    expected = [(" ".join(name.split()), address) for _, (name, address) in parties]
    assert [(" ".join(name.split()), address) for name, address in found] == expected
    standard = getaddresses([", ".join(written for written, _ in parties)])
    assert [address for _, address in found] == [address for _, address in standard]
    for written, (_, address) in parties:
        other = parse_odd(written)
        assert other is None or other[1] == address
