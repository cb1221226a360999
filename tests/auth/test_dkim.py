"""DKIM: the public suite, what another implementation signs, what is no pass although its arithmetic holds, trouble of DNS."""

from __future__ import annotations

import base64
import json
import re
import time
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from conftest import SHARED
from inbox.auth import dkim

SUITE = SHARED / "suites" / "dkim.jsonl"
NOW = time.time() + 60
MAIL = b"From: jane@example.com\r\nTo: a@example.org\r\nSubject:  hello   world \r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\nwords  and\t words \r\n\r\nend\r\n\r\n\r\n"


def cases():
    if not SUITE.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="no dkim.jsonl here (INBOX_SHARED)"))]
    return [pytest.param(case, id=case["id"]) for case in map(json.loads, SUITE.read_text().splitlines())]


@pytest.mark.parametrize("case", cases())
def test_the_public_suite(case, zone):
    raw = base64.b64decode(case["input_b64"])
    times = [int(found) for found in re.findall(rb"[;\s]t=(\d{9,10})", raw.partition(b"\r\n\r\n")[0])]
    dns = zone(*((name, "TXT", text.replace("\n", "")) for name, text in case["txt"].items()))
    results = [found.result for found in dkim(raw, dns, max(times, default=1_667_843_664))]
    assert len(results) == case["signatures"]
    assert (set(results) == {"pass"}) if case["expected"] == "pass" else ("pass" not in results)


@cache
def key(bits):
    made = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    private = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    public = made.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, base64.b64encode(public).decode()


def dns_of(zone, bits=2048, tags="v=DKIM1; k=rsa; "):
    return zone(("s._domainkey.example.com", "TXT", f"{tags}p={key(bits)[1]}"))


def signed(raw=MAIL, bits=2048, **more):
    """The mail with a signature of dkimpy above it."""
    oracle = pytest.importorskip("dkim")
    head = oracle.sign(raw, b"s", b"example.com", key(bits)[0], **{"include_headers": [b"from", b"subject", b"to"], **more})
    return head + raw


FORMS = [(b"simple", b"simple"), (b"relaxed", b"relaxed"), (b"simple", b"relaxed"), (b"relaxed", b"simple")]


@pytest.mark.parametrize("forms", FORMS, ids=lambda forms: b"/".join(forms).decode())
@pytest.mark.parametrize("body", [b"words  and\t words \r\n\r\nend\r\n\r\n\r\n", b"", b"\r\n\r\n", b"no end", b" \r\n \r\n"])
def test_what_another_implementation_signs_holds(zone, forms, body):
    raw = MAIL.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    (found,) = dkim(signed(raw, canonicalize=forms), dns_of(zone), NOW)
    assert (found.result, found.domain, found.selector, found.bits) == ("pass", "example.com", "s", 2048), found.reason


CHANGED = [
    ("a word of the body", lambda raw: raw.replace(b"words", b"w0rds"), "fail"),
    ("a signed field", lambda raw: raw.replace(b"hello", b"hallo"), "fail"),
    ("a field that is not signed", lambda raw: raw.replace(b"10:00", b"11:00"), "pass"),
    ("a second From above", lambda raw: b"From: boss@bank.test\r\n" + raw, "policy"),
    ("a second From below", lambda raw: raw.replace(b"\r\n\r\n", b"\r\nFrom: boss@bank.test\r\n\r\n", 1), "fail"),
    ("the domain", lambda raw: raw.replace(b"d=example.com", b"d=example.net"), "permerror"),
    ("the algorithm", lambda raw: raw.replace(b"rsa-sha256", b"rsa-sha1"), "permerror"),
    ("no From is signed", lambda raw: raw.replace(b"h=from", b"h=date"), "permerror"),
    ("a tag twice", lambda raw: raw.replace(b"; d=", b"; d=example.com; d="), "permerror"),
]


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in CHANGED], ids=[row[0] for row in CHANGED])
def test_what_was_changed(zone, change, expected):
    raw = change(signed(canonicalize=(b"relaxed", b"relaxed")))
    assert [found.result for found in dkim(raw, dns_of(zone), NOW)] == [expected]


def test_a_signature_of_a_part_of_the_body_is_no_pass_once_something_follows(zone):
    raw = signed(length=True)
    assert dkim(raw, dns_of(zone), NOW)[0].result == "pass"
    (found,) = dkim(raw.rstrip() + b"\r\nand an advertisement\r\n", dns_of(zone), NOW)
    assert found.result == "policy"
    assert "octets of the body are signed" in found.reason


def test_fields_that_stand_twice_are_named(zone):
    (found,) = dkim(b"Subject: other\r\n" + signed(), dns_of(zone), NOW)
    assert (found.result, found.unsigned) == ("pass", ("subject",))


def test_a_weak_key_proves_nothing(zone):
    raw = signed(bits=1024)
    assert dkim(raw, dns_of(zone, 1024), NOW)[0].result == "pass"
    weak = MAIL  # 512 bits: libraries of today make none, so the published one is weak
    dns = zone(("s._domainkey.example.com", "TXT", "v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL7dmQ=="))
    assert dkim(signed(weak), dns, NOW)[0].result == "permerror"


KEYS = [
    ("revoked", "v=DKIM1; p=", "permerror"),
    ("of another kind", "v=DKIM1; k=ed25519; p={p}", "permerror"),
    ("not for mail", "v=DKIM1; s=tlsrpt; p={p}", "permerror"),
    ("of a version that is not there yet", "v=DKIM2; p={p}", "permerror"),
    ("no base64", "v=DKIM1; p=***", "permerror"),
    ("without v=", "p={p}", "pass"),
    ("in pieces with blanks", "v=DKIM1; p={half} {rest}", "pass"),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in KEYS], ids=[row[0] for row in KEYS])
def test_keys(zone, text, expected):
    public = key(2048)[1]
    dns = zone(("s._domainkey.example.com", "TXT", text.format(p=public, half=public[:100], rest=public[100:])))
    assert dkim(signed(), dns, NOW)[0].result == expected


def test_trouble_of_dns_is_temperror_and_no_key_is_permerror(zone):
    assert dkim(signed(), zone(("s._domainkey.example.com", "*", "TIMEOUT")), NOW)[0].result == "temperror"
    assert dkim(signed(), zone(), NOW)[0].result == "permerror"


def test_only_the_first_five_signatures_cost_a_question(zone):
    dns = dns_of(zone)
    raw = signed().partition(b"From:")[0] * 50 + MAIL
    assert [found.result for found in dkim(raw, dns, NOW)] == ["pass"] * 5 + ["policy"] * 45
    assert len(dns.asked) == 5


HOSTILE = [
    b"",
    b"\r\n",
    b"DKIM-Signature:",
    b"DKIM-Signature: \r\n ;;;=\r\n\r\n",
    b"DKIM-Signature: v=1; b=" + b"A" * 100_000,
    b"\x00\xff" * 1000,
]


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_is_raised_for_any_octets(zone, raw):
    assert all(found.result == "permerror" for found in dkim(raw, zone(), NOW))
