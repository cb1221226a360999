"""Signing: what we sign, we and dkimpy verify; nobody can add a second From; keys; chains of seals."""

from __future__ import annotations

import base64
import time
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.auth import arc, dkim
from inbox.auth.arc_check import links
from inbox.auth.keys import load_private_key
from inbox.auth.signing import SigningKey, dkim_signature, seal

NOW = time.time()
MAIL = b"From: jane@example.com\r\nTo: a@example.org\r\nSubject:  hello   world \r\n\twith more\r\nList-Id: <x.example.com>\r\n\r\nwords  and\t words \r\n\r\nend\r\n\r\n"


@cache
def private(kind):
    return rsa.generate_private_key(public_exponent=65537, key_size=2048) if kind == "rsa" else ed25519.Ed25519PrivateKey.generate()


def record(kind):
    public = private(kind).public_key()
    if kind == "rsa":
        octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    else:
        octets = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return f"v=DKIM1; k={kind}; p={base64.b64encode(octets).decode()}"


def key(kind="rsa", domain="example.com"):
    return SigningKey(domain, "s", private(kind))


@pytest.fixture
def dns(zone):
    return zone(
        ("s._domainkey.example.com", "TXT", record("rsa")),
        ("e._domainkey.example.com", "TXT", record("ed25519")),
        ("s._domainkey.example.net", "TXT", record("rsa")),
    )


def verified(raw, dns):
    return [(found.result, found.reason) for found in dkim(raw, dns, NOW)]


def test_what_is_signed_verifies(dns):
    assert verified(dkim_signature(MAIL, key(), NOW) + MAIL, dns) == [("pass", "")]
    edwards = SigningKey("example.com", "e", private("ed25519"))
    both = dkim_signature(MAIL, edwards, NOW) + dkim_signature(MAIL, key(), NOW) + MAIL
    assert verified(both, dns) == [("pass", "")] * 2


def test_another_implementation_agrees(dns):
    oracle = pytest.importorskip("dkim")
    raw = dkim_signature(MAIL, key(), NOW) + MAIL
    assert oracle.verify(raw, dnsfunc=lambda name, timeout=5: dns(name.decode().rstrip("."), "TXT")[0].encode())


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=300).map(lambda octets: octets.replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n"), subject=st.text(st.characters(codec="latin-1", exclude_categories=("C",)), max_size=200))  # fmt: skip
def test_any_mail_verifies_here_and_there(body, subject):
    oracle = pytest.importorskip("dkim")
    raw = b"From: jane@example.com\r\nSubject: " + subject.encode("latin-1") + b"\r\n\r\n" + body
    raw = dkim_signature(raw, key(), NOW) + raw
    assert oracle.verify(raw, dnsfunc=lambda name, timeout=5: record("rsa").encode())


@pytest.mark.parametrize("name", [b"From", b"Subject", b"To", b"Date", b"Cc", b"Reply-To"])
def test_nobody_can_add_what_a_reader_sees(dns, name):
    whole = MAIL.replace(b"To:", b"Date: x\r\nCc: x\r\nReply-To: x\r\nTo:", 1)
    raw = dkim_signature(whole, key(), NOW) + whole
    assert verified(raw, dns) == [("pass", "")]
    assert verified(name + b": boss@bank.test\r\n" + raw, dns)[0][0] == "fail"


def test_lines_are_short_and_hold_nothing_of_the_mail_but_names(dns):
    signature = dkim_signature(MAIL, key(), NOW, expires=NOW + 3600, identity="jane@example.com")
    assert max(map(len, signature.split(b"\r\n"))) <= 78
    assert signature.count(b"\r\n") == signature.count(b"\n")
    assert verified(signature + MAIL, dns) == [("pass", "")]


BAD = [
    ("a mail without From", lambda: dkim_signature(b"To: a@example.org\r\n\r\nx\r\n", key(), NOW), "no From"),
    ("a domain with a line break", lambda: key(domain="example.com\r\nBcc: x"), "is no name"),
    ("a selector that ends the tag", lambda: SigningKey("example.com", "s; d=bank.test", private("rsa")), "is no name"),
    ("a key that signs no mail", lambda: load_private_key(elliptic()), "signs no mail"),
    ("a seal with Ed25519", lambda: seal(MAIL, key("ed25519"), NOW, results="x", chain="none"), "RSA keys"),
    ("results of two lines", lambda: seal(MAIL, key(), NOW, results="x\r\nBcc: y", chain="none"), "one line"),
    ("a chain that is not there", lambda: seal(MAIL, key(), NOW, results="x", chain="pass"), "0 links"),
]


def elliptic():
    from cryptography.hazmat.primitives.asymmetric import ec

    made = ec.generate_private_key(ec.SECP256R1())
    return made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@pytest.mark.parametrize(("call", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_cannot_be_signed_is_told(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_chain_of_seals_holds_and_says_who_sealed(dns):
    raw, sealers = MAIL, []
    for number, domain in enumerate(["example.com", "example.net", "example.com", "example.net"]):
        chain = "none" if number == 0 else arc(raw, dns).result
        raw = (
            seal(
                raw,
                key(domain=domain),
                NOW,
                results=f"mx{number}.test; dmarc=pass header.from=example.com",
                chain=chain,
                earlier=links(raw),
            )
            + raw
        )
        sealers.insert(0, domain)
        found = arc(raw, dns)
        assert (found.result, found.sealers) == ("pass", tuple(sealers)), found.reason
    assert found.authentication == "mx0.test; dmarc=pass header.from=example.com"
    assert arc(raw.replace(b"words", b"w0rds"), dns).result == "fail"


def test_another_implementation_agrees_with_our_chain(dns):
    oracle = pytest.importorskip("dkim")
    raw = MAIL
    for number in range(3):
        raw = seal(raw, key(), NOW, results="mx.test; spf=pass", chain="pass" if number else "none", earlier=links(raw)) + raw
    found, _, reason = oracle.arc_verify(raw, dnsfunc=lambda name, timeout=5: record("rsa").encode())
    assert found == b"pass", reason
