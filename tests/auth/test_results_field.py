"""Authentication-Results: read from who is trusted, written so that it can be read, and taken away where somebody else claims to be us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.auth import Temporary
from inbox.auth.reported import reported
from inbox.auth.results import Results
from inbox.auth.results_field import Method, read_results, without, write_results
from inbox.testing import make_mail

READ = [
    ("nothing found", "mx.example.com; none", ("mx.example.com", ())),
    ("one", "mx.example.com; spf=pass smtp.mailfrom=example.net", ("mx.example.com", (("spf", "pass", {"smtp.mailfrom": "example.net"}),))),
    ("a version", "mx.example.com 1; dkim/1=pass header.d=a.test", ("mx.example.com", (("dkim", "pass", {"header.d": "a.test"}),))),
    ("upper case", "MX.Example.com; SPF=Pass", ("mx.example.com", (("spf", "pass", {}),))),
    ("a reason", 'a; dkim=fail reason="bad, really" header.i=@b.test', ("a", (("dkim", "fail", {"header.i": "@b.test"}),))),
    ("comments", "a (we (really) are it); spf (x;y=z) = (;) pass (ok) smtp.helo=h", ("a", (("spf", "pass", {"smtp.helo": "h"}),))),
    ("quotes hide nothing", 'a; spf=fail smtp.mailfrom="x; dkim=pass"', ("a", (("spf", "fail", {"smtp.mailfrom": "x; dkim=pass"}),))),
    ("a comment hides nothing", "a; spf=fail (; dkim=pass header.d=b.test)", ("a", (("spf", "fail", {}),))),
    (
        "the first of two properties counts",
        "a; dkim=pass header.d=x.test header.d=y.test",
        ("a", (("dkim", "pass", {"header.d": "x.test"}),)),
    ),
    ("a quoted id", '"mx"; spf=pass', ("mx", (("spf", "pass", {}),))),
    ("what is no result", "a; ; spf; =pass; pass", ("a", ())),
]
UNREADABLE = [
    "",
    ";",
    "; spf=pass",
    "= a; spf=pass",
    "a (; spf=pass",
    'a "; spf=pass',
    "a ); spf=pass",
    "(" * 50 + ")" * 50 + "a; spf=pass",
]


@pytest.mark.parametrize(("value", "expected"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_reading(value, expected):
    said = read_results(value)
    assert said is not None
    assert (said.authserv_id, tuple((m.name, m.result, dict(m.properties)) for m in said.methods)) == expected


@pytest.mark.parametrize("value", UNREADABLE)
def test_what_cannot_be_read_is_nothing(value):
    assert read_results(value) is None


@given(st.text(max_size=200))
def test_reading_never_raises(text):
    said = read_results(text)
    assert said is None or said.authserv_id == said.authserv_id.lower()


ZONE = {("example.org", "TXT"): ["v=spf1 ip4:192.0.2.0/24 -all"], ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=reject"]}


def zone(name, kind):
    if name == "silent.test":
        raise Temporary("no answer")
    return ZONE.get((name, kind), [])


def results(sender="jane@example.org", helo="mail.example.org", ip="192.0.2.7", author="example.org"):
    return Results(make_mail(b"From: a@b\r\n\r\nx\r\n", sender=sender, helo=helo, ip=ip), author, zone)


def test_ours_says_what_was_found():
    assert write_results(results()) == (
        "spf=pass smtp.mailfrom=jane@example.org; dkim=none; dmarc=pass policy.published-domain-policy=reject header.from=example.org"
    )
    assert write_results(results(sender=None, author=None)).startswith("spf=none smtp.helo=mail.example.org; dkim=none; dmarc=permerror")
    assert write_results(results(sender="x@silent.test")).startswith("spf=temperror")


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=40))
def test_ours_is_read_as_it_was_meant_whatever_the_sender_calls_himself(local, helo, author):
    line = write_results(results(sender=f"{local}@example.org", helo=helo, author=author or None))
    said = read_results(f"mx.example.com; {line}")
    assert line.isascii()
    assert line.isprintable()
    assert said is not None
    assert [method.name for method in said.methods] == ["spf", "dkim", "dmarc"]
    assert said.methods[1] == Method("dkim", "none")


US = frozenset(("mx.example.com",))
MAIL = b"From: a@b.test\r\nSubject: Authentication-Results: mx.example.com; spf=pass\r\n\r\nAuthentication-Results: mx.example.com; x=y\r\n"
FORGED = [
    b"Authentication-Results: mx.example.com; spf=pass\r\n",
    b"authentication-RESULTS : MX.example.com 1;\r\n\tdkim=pass\r\n",
    b"Authentication-Results: (hello) mx.example.com; dmarc=pass\r\n",
    b'Authentication-Results: "mx.example.com"; dmarc=pass\r\n',
    b"Authentication-Results: mx.example.com (; dmarc=pass\r\n",
    b"Authentication-Results: mx.example.com\r\n",
    b"Authentication-Results: mx.example.com.; spf=pass\r\n",
    b"Authentication-Results: mx.example.com/1; spf=pass\r\n",
    b"Authentication-Results: mx.example.com\0; spf=pass\r\n",
    b"Authentication-Results: mx.example.\r\n com; spf=pass\r\n",
    b"Authentication-Results: mx.(x)example.com; spf=pass\r\n",
    b"Authentication-Results: ; mx.example.com; spf=pass\r\n",
]
HIDING = {
    "a bare CR": b"X-B: 1\r",
    "a bare LF": b"X-B: 1\n",
    "a line without a colon": b"hello\r\n",
    "a line of mbox": b"From me Tue\r\n",
    "a line that goes on with nothing": b" hello\r\n",
    "a name with a blank": b"X B: 1\r\n",
    "no name": b": 1\r\n",
}
OTHERS = [
    b"Authentication-Results: mx.example.net; spf=pass\r\n",
    b"X-Authentication-Results: mx.example.com; spf=pass\r\n",
    b"ARC-Authentication-Results: i=1; mx.example.com; spf=pass\r\n",
    b"Authentication-Results: mx.example.net; spf=pass reason=mx.example.com\r\n",
]


@pytest.mark.parametrize("field", FORGED)
@pytest.mark.parametrize("before", [b"", *OTHERS])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"], ids=["CRLF", "LF"])
def test_who_claims_to_be_us_is_left_out_and_nothing_else(field, before, end):
    raw = (before + field + b"X-A: 1\r\n" + field + MAIL).replace(b"\r\n", end)
    assert without(raw, US) == (before + b"X-A: 1\r\n" + MAIL).replace(b"\r\n", end)


@pytest.mark.parametrize("line", HIDING.values(), ids=HIDING)
def test_no_odd_line_hides_who_claims_to_be_us(line):
    assert without(line + FORGED[0] + MAIL, US) == line + MAIL


@pytest.mark.parametrize("field", OTHERS)
def test_what_others_say_stays(field):
    assert without(field + MAIL, US) == field + MAIL


@given(st.binary(max_size=300))
def test_a_mail_without_such_a_field_stays_octet_for_octet(raw):
    assert without(raw, US) == raw or b"authentication-results" in raw.lower()


GENUINE = b"Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=j@good.test; dmarc=pass header.from=good.test\r\n"
LIE = b"Authentication-Results: mx.example.com; dkim=pass header.d=bank.test; dmarc=pass header.from=bank.test\r\n"
HOP = b"Received: from x by mx.example.com; Tue, 24 Nov 2026 10:00:00 +0000\r\n"
TRUST = [
    ("above the server's Received", GENUINE + HOP + MAIL, True),
    ("below it, as milters write", HOP + GENUINE + MAIL, True),
    ("two fields of the server", GENUINE + GENUINE.replace(b"spf=pass", b"arc=none") + HOP + MAIL, True),
    ("another's field above", OTHERS[0] + GENUINE + HOP + MAIL, True),
    ("only behind a second Received", HOP + HOP + GENUINE + MAIL, False),
    ("behind a field of the sender", HOP + b"From: x@y\r\n" + GENUINE + MAIL, False),
    ("another server", OTHERS[0] + HOP + MAIL, False),
    ("with a version", GENUINE.replace(b".com;", b".com 1;") + HOP + MAIL, True),
    ("folded behind the colon", GENUINE.replace(b": mx", b":\r\n\tmx") + HOP + MAIL, True),
    ("a name in quotes", HOP + GENUINE.replace(b"mx.example.com;", b'"mx.example.com";') + MAIL, False),
    ("a name with a quoted pair", HOP + GENUINE.replace(b"mx.example.com;", b'"mx\\.example.com";') + MAIL, False),
    ("a name behind a comment", HOP + GENUINE.replace(b"mx.", b"(x) mx.") + MAIL, False),
    ("a name before a comment", HOP + GENUINE.replace(b".com;", b".com (x);") + MAIL, False),
    ("a name before a space that is none", HOP + GENUINE.replace(b".com;", b".com\xa0;") + MAIL, False),
    ("a blank before the colon", HOP + GENUINE.replace(b"Results:", b"Results :") + MAIL, False),
]


@pytest.mark.parametrize(("raw", "believed"), [row[1:] for row in TRUST], ids=[row[0] for row in TRUST])
def test_the_word_of_a_trusted_server_counts_where_it_stands_on_top(raw, believed):
    said = reported(raw, US)
    assert (said is not None) == believed
    if said:
        assert said.spf is not None
        assert (said.spf.result, said.spf.domain) == ("pass", "good.test")
        assert said.dmarc_of("good.test").result == "pass"
        assert said.dmarc_of("bank.test") is None


def test_what_a_sender_writes_below_the_genuine_word_adds_nothing():
    said = reported(GENUINE + HOP + LIE + MAIL, US)
    assert said is not None
    assert said.dkim == ()
    assert said.dmarc_of("bank.test") is None
