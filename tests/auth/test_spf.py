"""SPF: the public suite of RFC 7208, the limits, and what a record may not do."""

from __future__ import annotations

import json

import pytest

from conftest import SHARED
from inbox.auth import Temporary, spf
from inbox.domain_checks import Sender
from inbox.domain_checks.spf_check import check_spf

SUITES = SHARED / "suites"


def cases(name):
    path = SUITES / name
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no {name} here (INBOX_SHARED)"))]
    return [pytest.param(case, id=case["id"]) for case in map(json.loads, path.read_text(encoding="utf-8").splitlines())]


@pytest.fixture(scope="module")
def zones():
    return json.loads((SUITES / "spf.zones.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", cases("spf.jsonl"))
def test_the_public_suite(case, zones, zone):
    given = case["input"]
    found = spf(given["ip"], given["mailfrom"] or None, given["helo"], zone(*zones[case["zone"]]))
    assert found.result in case["expected"], found
    if found.result == "fail" and case["explanation"] and case["explanation"] != "DEFAULT":
        assert (found.explanation or "").lower() == case["explanation"].lower()


@pytest.mark.parametrize("case", cases("spf.jsonl"))
def test_the_doctor_tells_the_owner_of_each_permanent_error_and_of_nothing_else(case, zones, zone):
    given = case["input"]
    domain = (given["mailfrom"] or f"@{given['helo']}").rpartition("@")[2]
    try:
        findings = list(check_spf(Sender(domain), zone(*zones[case["zone"]])))
    except Temporary:
        return  # told as unknown
    told = [finding.found for finding in findings if finding.verdict in ("wrong", "missing")]
    if case["expected"] == ["permerror"]:
        assert told
    elif set(case["expected"]) <= {
        "pass",
        "fail",
        "softfail",
        "neutral",
    }:  # other clients of the domain may come to more terms than this one
        assert all("everybody may send" in words or words.startswith("11 terms") for words in told), told


def record(text, *more):
    return (("example.com", "TXT", text), *more)


LIMITS = [
    ("ten terms", "v=spf1 " + " ".join(f"include:i{n}.example.com" for n in range(10)) + " -all", "fail"),
    ("eleven terms", "v=spf1 " + " ".join(f"include:i{n}.example.com" for n in range(11)) + " -all", "permerror"),
    ("two without an answer", "v=spf1 a:x1.example.com a:x2.example.com -all", "fail"),
    ("three without an answer", "v=spf1 a:x1.example.com a:x2.example.com a:x3.example.com -all", "permerror"),
    ("it includes itself", "v=spf1 include:example.com -all", "permerror"),
    ("it redirects to itself", "v=spf1 redirect=example.com", "permerror"),
    ("a long macro", "v=spf1 exists:" + "%{l1r-}." * 30 + "example.com -all", "fail"),
    ("what follows all does not count, but must be right", "v=spf1 -all exp=", "permerror"),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS])
def test_limits(zone, text, expected):
    below = [(f"i{n}.example.com", "TXT", "v=spf1 ?all") for n in range(11)]
    dns = zone(*record(text, *below))
    assert spf("192.0.2.1", "a@example.com", "mail.example.com", dns).result == expected
    assert len(dns.asked) < 30


@pytest.mark.parametrize(("ip", "expected"), [("192.0.2.7", "pass"), ("::ffff:192.0.2.7", "pass"), ("2001:db8::7", "fail")])
def test_an_ipv4_address_in_ipv6_is_that_address(zone, ip, expected):
    assert spf(ip, "a@example.com", "x.example.com", zone(*record("v=spf1 ip4:192.0.2.0/24 -all"))).result == expected


def test_no_answer_of_dns_is_never_a_pass(zone):
    for text in ("TIMEOUT", "v=spf1 include:slow.example.com +all", "v=spf1 a:slow.example.com +all"):
        dns = zone(*record(text, ("slow.example.com", "*", "TIMEOUT")))
        assert spf("192.0.2.1", "a@example.com", "x.example.com", dns).result == "temperror"


def test_the_null_sender_is_the_name_in_helo(zone):
    dns = zone(("mail.example.com", "TXT", "v=spf1 ip4:192.0.2.1 -all"))
    assert spf("192.0.2.1", None, "mail.example.com", dns).domain == "mail.example.com"
    assert spf("192.0.2.1", None, "mail.example.com", dns).result == "pass"


def test_dns_that_answers_nonsense_is_no_match(zone):
    dns = zone(*record("v=spf1 a mx ptr -all", ("example.com", "A", "no address"), ("example.com", "MX", "10 ")))
    assert spf("192.0.2.1", "a@example.com", "x.example.com", dns).result == "fail"
