"""Octets and records that are made to take long, or to be taken for something else. A quadratic reader would take minutes over any of these."""

from __future__ import annotations

import pytest

from inbox.auth import arc, dkim, dmarc, spf

NOW = 1_795_500_000
MANY = 200_000

MAILS = [
    ("blanks in a signature", b"DKIM-Signature: v=1; a=" + b" " * MANY + b"x; b\r\n\r\n"),
    ("tags without end", b"DKIM-Signature: " + b"a=b;" * MANY + b"\r\n\r\n"),
    ("semicolons", b"DKIM-Signature: " + b";" * MANY + b"\r\n\r\n"),
    ("names to be signed", b"DKIM-Signature: v=1; a=rsa-sha256; d=x.test; s=s; b=YQ==; bh=YQ==; h=from" + b":from" * MANY + b"\r\nFrom: a@x.test\r\n\r\n"),
    ("fields", b"A: b\r\n" * MANY + b"\r\n"),
    ("continuations", b"DKIM-Signature:" + b"\r\n " * MANY + b"\r\n\r\n"),
    ("a line without a colon", b"x" * (5 * MANY)),
    ("blanks in the body", b"From: a@x.test\r\nDKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=x.test; s=s; h=from; b=YQ==; bh=YQ==\r\n\r\n" + b" \t" * (20 * MANY)),
    ("empty lines in the body", b"From: a@x.test\r\nDKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=x.test; s=s; h=from; b=YQ==; bh=YQ==\r\n\r\n" + b"\r\n" * (20 * MANY)),
    ("seals", b"".join(b"ARC-Seal: i=%d; cv=pass\r\nARC-Message-Signature: i=%d\r\nARC-Authentication-Results: i=%d; x\r\n" % (n, n, n) for n in range(1, 51)) + b"\r\n"),
    ("seals of one number", b"ARC-Seal: i=1\r\n" * 1000 + b"\r\n"),
    ("a number of many digits", b"ARC-Seal: i=" + b"1" * MANY + b"\r\n\r\n"),
    ("digits that are none", "ARC-Seal: i=²; cv=none\r\n\r\n".encode("latin-1")),
]  # fmt: skip


@pytest.mark.parametrize("raw", [row[1] for row in MAILS], ids=[row[0] for row in MAILS])
def test_a_hostile_mail_is_no_pass_and_takes_no_time(zone, raw):
    key = "v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL7dmQ=="
    dns = zone(("s._domainkey.x.test", "TXT", key))
    assert all(found.result != "pass" for found in dkim(raw, dns, NOW))
    assert arc(raw, dns).result in ("none", "fail")


RECORDS = [
    ("macros of the local part", "v=spf1 exists:" + "%{l}." * 9_000 + "example.com -all"),
    ("macros in reverse", "v=spf1 exists:" + "%{l9r-}." * 7_000 + "example.com -all"),
    ("terms", "v=spf1 " + "ip4:192.0.2.1 " * 4_000 + "-all"),
    ("blanks", "v=spf1 " + " " * 60_000 + "-all"),
    ("one long word", "v=spf1 " + "a" * 60_000),
    ("slashes", "v=spf1 a:example.com" + "/" * 60_000),
    ("an address of many digits", "v=spf1 ip4:" + "1" * 60_000 + " -all"),
    ("a prefix of many digits", "v=spf1 ip4:192.0.2.1/" + "1" * 60_000 + " -all"),
    ("a name of many dots", "v=spf1 a:" + "a." * 30_000 + "com -all"),
]


@pytest.mark.parametrize("text", [row[1] for row in RECORDS], ids=[row[0] for row in RECORDS])
def test_a_hostile_record_is_no_pass_and_takes_no_time(zone, text):
    local = "-".join(["a"] * 32)
    for _ in range(20):
        assert spf("203.0.113.1", f"{local}@example.com", "x.example.com", zone(("example.com", "TXT", text))).result in (
            "fail",
            "permerror",
            "neutral",
        )
    assert dmarc("example.com", None, [], zone(("_dmarc.example.com", "TXT", f"v=DMARC1; p=reject; {text}"))).policy == "reject"


def test_an_explanation_is_as_long_as_a_person_reads(zone):
    dns = zone(("example.com", "TXT", "v=spf1 -all exp=why.example.com"), ("why.example.com", "TXT", "%{s} " * 10_000))
    found = spf("203.0.113.1", f"{'a' * 60}@example.com", "x.example.com", dns)
    assert (found.result, len(found.explanation)) == ("fail", 1000)


def test_a_long_name_loses_labels_on_the_left(zone):
    dns = zone(("example.com", "TXT", "v=spf1 exists:" + "%{l}." * 8 + "example.com -all"))
    spf("203.0.113.1", f"{'a' * 60}@example.com", "x.example.com", dns)
    asked = dns.asked[-1][0]
    assert asked == ("a" * 60 + ".") * 3 + "example.com"
