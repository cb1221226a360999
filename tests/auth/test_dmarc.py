"""DMARC: the public suite, alignment, which policy applies, and trouble of DNS."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from conftest import SHARED
from inbox.auth import Temporary, dmarc, organizational_domain
from inbox.domain_checks.dmarc_check import find_policy

SUITES = SHARED / "suites"


@dataclass
class Said:
    domain: str | None
    result: str = "pass"


def lines(name):
    path = SUITES / name
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no {name} here (INBOX_SHARED)"))]
    return [pytest.param(case, id=str(case.get("id") or case["input"])) for case in map(json.loads, path.read_text().splitlines())]


def domain_of(entry):
    return entry["domain"] if isinstance(entry, dict) else entry


def records(answers):
    for key, value in answers.items():
        name, kind = key.split("|")
        if isinstance(value, list):
            yield from ((name, kind, "".join(one)) for one in value)
        elif value["err"] not in ("ENOTFOUND", "ENODATA"):
            yield name, kind, "TIMEOUT"


@pytest.mark.parametrize("case", lines("dmarc.jsonl"))
def test_the_public_suite(case, zone):
    given, expected = case["input"], case["expected"]
    authors = given["headerFrom"] if isinstance(given["headerFrom"], list) else [given["headerFrom"]]
    author = authors[0].rpartition("@")[2] if len(authors) == 1 else None
    spf = Said(domain_of(given["spfDomains"][0])) if given["spfDomains"] else None
    found = dmarc(author, spf, [Said(domain_of(one)) for one in given["dkimDomains"]], zone(*records(case["dns"])))
    if not expected:
        assert found.result == "permerror"
    else:
        assert (found.result, found.policy) == (expected["result"], expected["policy"])


@pytest.mark.parametrize("case", lines("dmarc.jsonl"))
def test_the_doctor_sees_the_policy_that_receivers_see(case, zone):
    author, dns = case["input"]["headerFrom"], zone(*records(case["dns"]))
    domain = (author[0] if isinstance(author, list) else author).rpartition("@")[2].lower()
    found = dmarc(domain, None, [], dns)
    if found.result == "temperror":
        with pytest.raises(Temporary):
            find_policy(domain, dns)
    else:
        policy = find_policy(domain, dns)
        assert (policy.word if policy else None) == found.policy


@pytest.mark.parametrize("case", lines("psl.jsonl"))
def test_organizational_domains(case):
    assert (organizational_domain(case["input"]) if case["input"] else None) == case["expected"]


POLICIES = [
    ("of the domain itself", "example.com", "v=DMARC1; p=reject; sp=none", "reject"),
    ("of names below", "a.example.com", "v=DMARC1; p=reject; sp=none", "none"),
    ("of names below that do not exist", "ghost.example.com", "v=DMARC1; p=none; sp=none; np=reject", "reject"),
    ("of names below that exist", "a.example.com", "v=DMARC1; p=none; sp=quarantine; np=reject", "quarantine"),
    ("an unknown word with an address for reports", "example.com", "v=DMARC1; p=perhaps; rua=mailto:x@example.com", "none"),
    ("an unknown word", "example.com", "v=DMARC1; p=perhaps", None),
]


@pytest.mark.parametrize(("author", "text", "expected"), [row[1:] for row in POLICIES], ids=[row[0] for row in POLICIES])
def test_which_policy_applies(zone, author, text, expected):
    dns = zone(("_dmarc.example.com", "TXT", text), ("a.example.com", "A", "192.0.2.1"))
    assert dmarc(author, None, [], dns).policy == expected


ALIGNED = [
    ("the same", "example.com", "example.com", "", True),
    ("a name below", "example.com", "mail.example.com", "", True),
    ("a name beside", "a.example.com", "b.example.com", "", True),
    ("a name below, strictly", "example.com", "mail.example.com", "adkim=s", False),
    ("another", "example.com", "example.net", "", False),
    ("one that only ends so", "example.com", "notexample.com", "", False),
    ("another of the same suffix", "example.co.uk", "other.co.uk", "", False),
    ("capitals and a last dot", "example.com", "Mail.EXAMPLE.com.", "", True),
    ("letters of another alphabet", "bücher.example", "xn--bcher-kva.example", "", True),
]


@pytest.mark.parametrize(("author", "signer", "tags", "passes"), [row[1:] for row in ALIGNED], ids=[row[0] for row in ALIGNED])
def test_alignment(zone, author, signer, tags, passes):
    names = {"_dmarc.example.com", "_dmarc.example.co.uk", "_dmarc.xn--bcher-kva.example"}
    dns = zone(*((name, "TXT", f"v=DMARC1; p=reject; {tags}") for name in names))
    assert dmarc(author, None, [Said(signer)], dns).result == ("pass" if passes else "fail")


def test_a_domain_may_say_that_it_is_an_organization_or_a_public_suffix(zone):
    dns = zone(("_dmarc.team.example.com", "TXT", "v=DMARC1; p=reject; psd=n"), ("_dmarc.host.test", "TXT", "v=DMARC1; p=reject; psd=y"))
    assert dmarc("x.team.example.com", None, [Said("example.com")], dns).result == "fail"
    assert dmarc("x.team.example.com", None, [Said("y.team.example.com")], dns).result == "pass"


def test_trouble_of_dns_is_temperror_and_never_a_pass_or_a_fail(zone):
    dns = zone(("_dmarc.example.com", "TXT", "v=DMARC1; p=reject"))
    assert dmarc("example.com", Said("example.com", "temperror"), [], dns).result == "temperror"
    assert dmarc("example.com", Said("example.net", "temperror"), [], dns).result == "fail", "of another's domain it does not matter"
    assert dmarc("example.com", Said("example.com", "temperror"), [Said("example.com")], dns).result == "pass"


def test_a_long_name_costs_no_more_questions_than_a_short_one(zone):
    dns = zone(("_dmarc.example.com", "TXT", "v=DMARC1; p=reject"))
    dmarc(".".join(["a"] * 60) + ".example.com", None, [], dns)
    assert len(dns.asked) <= 8
