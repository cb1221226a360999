"""What `inbox doctor --domain` finds: a zone where all is well, and one mistake at a time."""

from __future__ import annotations

from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from inbox.auth.signing import SigningKey
from inbox.domain_checks import Sender, check_domain
from inbox.domain_checks.sts_policy import read_policy
from inbox.send.key_files import generate
from published_keys import public_record, resolver

POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mx.example.com\r\nmax_age: 604800\r\n"
PTR = "25.2.0.192.in-addr.arpa"


@cache
def key(kind="rsa", selector="s", domain="example.com", bits=2048):
    made = rsa.generate_private_key(65_537, bits) if bits < 2048 else generate(kind, bits)
    return SigningKey(domain, selector, made)


def good():
    """A zone without a fault."""
    return {
        "example.com": {"TXT": ["v=spf1 ip4:192.0.2.25 -all", "other=thing"], "MX": ["10 mx.example.com"], "A": ["192.0.2.80"]},
        "s._domainkey.example.com": {"TXT": [public_record(key().key)]},
        "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject; rua=mailto:dmarc@example.com"]},
        "mx.example.com": {"A": ["192.0.2.25"], "TXT": ["v=spf1 a -all"]},
        "_mta-sts.example.com": {"TXT": ["v=STSv1; id=20261124"]},
        "_smtp._tls.example.com": {"TXT": ["v=TLSRPTv1; rua=mailto:tls@example.com"]},
        "default._bimi.example.com": {"TXT": ["v=BIMI1; l=https://example.com/logo.svg; a=https://example.com/logo.pem"]},
        PTR: {"PTR": ["mx.example.com"]},
    }


def sender(**changes):
    return Sender(**{"domain": "example.com", "keys": (key(),), "hostname": "mx.example.com", "ips": ("192.0.2.25",), **changes})


def found(zone, who=None, policy=POLICY, selectors=()):
    def fetch(url):
        assert url == "https://mta-sts.example.com/.well-known/mta-sts.txt"
        if isinstance(policy, Exception):
            raise policy
        return policy

    return check_domain(who or sender(), resolver(zone), fetch=fetch, selectors=selectors)


def faults(findings):
    return [(one.check, one.verdict, one.found) for one in findings if one.verdict != "ok"]


def test_where_all_is_well_nothing_is_said_against_it():
    findings = found(good())
    assert faults(findings) == []
    assert {one.check for one in findings} == {"spf", "dkim", "dmarc", "mx", "mta-sts", "tls-rpt", "bimi", "reverse-dns"}


def test_of_a_domain_that_does_not_exist_all_is_missing():
    assert [(check, verdict) for check, verdict, _ in faults(found({}))] == [
        ("spf", "missing"),
        ("dkim", "missing"),
        ("dmarc", "missing"),
        ("mx", "missing"),
        ("mta-sts", "warning"),
        ("tls-rpt", "warning"),
        ("reverse-dns", "missing"),
        ("reverse-dns", "wrong"),
    ]


# one mistake at a time: (what, name, type, records or None for no answer, [(check, verdict, words that the finding has)])

NO_ANSWER = "no answer"
MANY = {f"_s{n}.example.com": {"TXT": ["v=spf1 ip4:198.51.100.1"]} for n in range(11)}
DKIM, DMARC, BIMI, STS = "s._domainkey.example.com", "_dmarc.example.com", "default._bimi.example.com", "_mta-sts.example.com"
LOGO = "v=BIMI1; l=https://example.com/logo.svg; a=https://example.com/logo.pem"
CASES = [
    # SPF
    ("no SPF", "example.com", "TXT", [], [("spf", "missing", "no record")]),
    ("SPF without its version", "example.com", "TXT", ["v=spf ip4:192.0.2.25 -all"], [("spf", "wrong", "must begin with 'v=spf1 '")]),
    ("SPF in quotes", "example.com", "TXT", ['"v=spf1 -all"'], [("spf", "wrong", "is no SPF record")]),
    ("two SPF records", "example.com", "TXT", ["v=spf1 ip4:192.0.2.25 -all", "v=spf1 -all"], [("spf", "wrong", "2 records")]),
    ("a term that is none", "example.com", "TXT", ["v=spf1 ipv4:192.0.2.25 -all"], [("spf", "wrong", "there is no mechanism 'ipv4'")]),
    ("another address", "example.com", "TXT", ["v=spf1 ip4:192.0.2.26 -all"], [("spf", "wrong", "fail for 192.0.2.25 (-all)")]),
    ("everybody may send", "example.com", "TXT", ["v=spf1 +all"], [("spf", "wrong", "everybody may send")]),
    ("all that says nothing", "example.com", "TXT", ["v=spf1 ip4:192.0.2.25 ?all"], [("spf", "warning", "?all")]),
    ("no all", "example.com", "TXT", ["v=spf1 ip4:192.0.2.25"], [("spf", "warning", "no all")]),
    ("a term behind all", "example.com", "TXT", ["v=spf1 ip4:192.0.2.25 -all a"], [("spf", "warning", "a stands behind all")]),
    ("ptr", "example.com", "TXT", ["v=spf1 ip4:192.0.2.25 ptr -all"], [("spf", "warning", "uses ptr")]),
    ("a long record", "example.com", "TXT", [f"v=spf1 ip4:192.0.2.25 {'ip4:198.51.100.1 ' * 30}-all"], [("spf", "warning", "octets")]),
    ("an include without a record", "example.com", "TXT", ["v=spf1 ip4:192.0.2.25 include:a.example.com -all"], [("spf", "wrong", "a.example.com has no SPF record")]),
    ("an include of itself", "example.com", "TXT", ["v=spf1 ip4:192.0.2.25 include:example.com -all"], [("spf", "wrong", "it leads back to example.com")]),
    ("a host without address", "example.com", "TXT", ["v=spf1 ip4:192.0.2.25 a:old.example.com -all"], [("spf", "warning", "nothing for a:old.example.com")]),
    ("three of them", "example.com", "TXT", ["v=spf1 ip4:192.0.2.25 a:x.example.com a:y.example.com mx:z.example.com -all"], [("spf", "wrong", "nothing for a:x.example.com, a:y")]),
    ("eleven includes", "example.com", "TXT", [f"v=spf1 ip4:192.0.2.25 {' '.join(f'include:{name}' for name in MANY)} -all"], [("spf", "wrong", "11 terms ask DNS")]),
    ("nine includes", "example.com", "TXT", [f"v=spf1 ip4:192.0.2.25 {' '.join(f'include:{name}' for name in [*MANY][:9])} -all"], [("spf", "warning", "9 terms ask DNS")]),
    ("no answer about SPF", "example.com", "TXT", None, [("spf", "unknown", NO_ANSWER)]),
    # DKIM
    ("no key", DKIM, "TXT", [], [("dkim", "missing", "no record")]),
    ("another key", DKIM, "TXT", [public_record(generate("rsa"))], [("dkim", "wrong", "not the other half of ours")]),
    ("a key of another kind", DKIM, "TXT", [public_record(generate("ed25519"))], [("dkim", "wrong", "not the other half of ours")]),
    ("a key that was revoked", DKIM, "TXT", ["v=DKIM1; p="], [("dkim", "wrong", "was revoked")]),
    ("a key that was cut off", DKIM, "TXT", [public_record(key().key)[:255]], [("dkim", "wrong", "p= ")]),
    ("a key without p=", DKIM, "TXT", ["v=DKIM1; k=rsa"], [("dkim", "wrong", "tag p= is missing")]),
    ("two keys", DKIM, "TXT", [public_record(key().key)] * 2, [("dkim", "wrong", "2 records")]),
    ("a key for testing", DKIM, "TXT", [f"{public_record(key().key)}; t=y"], [("dkim", "warning", "t=y")]),
    ("a key for SHA-1", DKIM, "TXT", [public_record(key().key).replace("k=", "h=sha1; k=")], [("dkim", "wrong", "does not take SHA-256")]),
    ("no answer about the key", DKIM, "TXT", None, [("dkim", "unknown", NO_ANSWER)]),
    # DMARC
    ("no DMARC", DMARC, "TXT", [], [("dmarc", "missing", "no record"), ("bimi", "wrong", "no DMARC policy")]),
    ("two DMARC records", DMARC, "TXT", ["v=DMARC1; p=reject; rua=mailto:a@example.com"] * 2, [("dmarc", "wrong", "2 records"), ("bimi", "wrong", "no DMARC policy")]),
    ("DMARC in small letters", DMARC, "TXT", ["v=dmarc1; p=reject"], [("dmarc", "wrong", "must begin with v=DMARC1;"), ("bimi", "wrong", "no DMARC policy")]),
    ("DMARC without policy", DMARC, "TXT", ["v=DMARC1; p=block"], [("dmarc", "wrong", "has no policy"), ("bimi", "wrong", "no DMARC policy")]),
    ("p=none", DMARC, "TXT", ["v=DMARC1; p=none; rua=mailto:a@example.com"], [("dmarc", "warning", "p=none"), ("bimi", "wrong", "DMARC says none")]),
    ("a part of mail", DMARC, "TXT", ["v=DMARC1; p=reject; pct=50; rua=mailto:a@example.com"], [("dmarc", "warning", "pct=50"), ("bimi", "wrong", "not for all mail")]),
    ("names below unprotected", DMARC, "TXT", ["v=DMARC1; p=reject; sp=none; rua=mailto:a@example.com"], [("dmarc", "warning", "sp=none"), ("bimi", "wrong", "sp=none")]),
    ("DMARC for testing", DMARC, "TXT", ["v=DMARC1; p=reject; t=y; rua=mailto:a@example.com"], [("dmarc", "warning", "t=y"), ("bimi", "wrong", "not for all mail")]),
    ("a policy that is none", DMARC, "TXT", ["v=DMARC1; p=reject; sp=drop; rua=mailto:a@example.com"], [("dmarc", "wrong", "a policy is none of")]),
    ("no reports", DMARC, "TXT", ["v=DMARC1; p=reject"], [("dmarc", "warning", "no rua=")]),
    ("reports to no address", DMARC, "TXT", ["v=DMARC1; p=reject; rua=a@example.com"], [("dmarc", "wrong", "rua=a@example.com is no address")]),
    ("reports to the web", DMARC, "TXT", ["v=DMARC1; p=reject; rua=https://example.com/"], [("dmarc", "wrong", "is no address")]),
    ("reports to a stranger", DMARC, "TXT", ["v=DMARC1; p=reject; rua=mailto:a@reports.test!10m"], [("dmarc", "wrong", "nothing at example.com._report._dmarc.reports.test")]),
    ("no answer about DMARC", DMARC, "TXT", None, [("dmarc", "unknown", NO_ANSWER), ("bimi", "unknown", NO_ANSWER)]),
    # MX
    ("no MX", "example.com", "MX", [], [("mx", "warning", "only an address")]),
    ("a null MX", "example.com", "MX", ["0 ."], [("mx", "wrong", "null MX: the domain takes no mail"), ("mta-sts", "wrong", "does not name")]),
    ("a null MX and another", "example.com", "MX", ["0 .", "10 mx.example.com"], [("mx", "wrong", "null MX beside others"), ("mta-sts", "wrong", "does not name")]),
    ("an MX that is an address", "example.com", "MX", ["10 192.0.2.25"], [("mx", "wrong", "192.0.2.25 is an address"), ("mta-sts", "wrong", "does not name")]),
    ("an MX that is not there", "example.com", "MX", ["5 gone.example.com", "10 mx.example.com"], [("mx", "wrong", "gone.example.com has no address"), ("mta-sts", "wrong", "gone.example.com")]),
    ("an MX that is an alias", "mx.example.com", "CNAME", ["a.example.com"], [("mx", "wrong", "mx.example.com is a CNAME to a.example.com")]),
    ("an MX inside", "mx.example.com", "A", ["10.0.0.1"], [("mx", "warning", "mx.example.com has the address 10.0.0.1"), ("reverse-dns", "wrong", "does not lead back"), ("reverse-dns", "warning", "it leads to 10.0.0.1"), ("reverse-dns", "wrong", "SPF of this name is fail")]),
    ("no answer about MX", "example.com", "MX", None, [("mx", "unknown", NO_ANSWER), ("mta-sts", "unknown", NO_ANSWER)]),
    # TLS
    ("no MTA-STS", STS, "TXT", [], [("mta-sts", "warning", "no record")]),
    ("MTA-STS without id", STS, "TXT", ["v=STSv1;"], [("mta-sts", "wrong", "has no id")]),
    ("MTA-STS with an odd id", STS, "TXT", ["v=STSv1; id=2026-11-24"], [("mta-sts", "wrong", "has no id")]),
    ("two of MTA-STS", STS, "TXT", ["v=STSv1; id=1", "v=STSv1; id=2"], [("mta-sts", "wrong", "2 records")]),
    ("no TLS-RPT", "_smtp._tls.example.com", "TXT", [], [("tls-rpt", "warning", "no record")]),
    ("two of TLS-RPT", "_smtp._tls.example.com", "TXT", ["v=TLSRPTv1; rua=mailto:a@example.com"] * 2, [("tls-rpt", "wrong", "2 records")]),
    ("TLS-RPT without address", "_smtp._tls.example.com", "TXT", ["v=TLSRPTv1; rua=a@example.com"], [("tls-rpt", "wrong", "names no address")]),
    # SPF of mail without a sender
    ("no SPF of the name in EHLO", "mx.example.com", "TXT", [], [("reverse-dns", "warning", "SPF of this name is none for 192.0.2.25")]),
    ("SPF of that name against us", "mx.example.com", "TXT", ["v=spf1 -all"], [("reverse-dns", "wrong", "SPF of this name is fail for 192.0.2.25")]),
    # BIMI
    ("two of BIMI", BIMI, "TXT", [LOGO] * 2, [("bimi", "wrong", "2 records")]),
    ("BIMI without logo", BIMI, "TXT", ["v=BIMI1; a=https://example.com/logo.pem"], [("bimi", "wrong", "have l=")]),
    ("BIMI over http", BIMI, "TXT", [LOGO.replace("https", "http", 1)], [("bimi", "wrong", "l=http://example.com/logo.svg is no https address")]),
    ("BIMI as PNG", BIMI, "TXT", [LOGO.replace(".svg", ".png")], [("bimi", "warning", "does not look like SVG")]),
    ("BIMI without certificate", BIMI, "TXT", ["v=BIMI1; l=https://example.com/logo.svg"], [("bimi", "warning", "no a=")]),
    # reverse DNS
    ("no PTR", PTR, "PTR", [], [("reverse-dns", "missing", "no PTR record")]),
    ("a PTR that does not lead back", PTR, "PTR", ["other.example.com"], [("reverse-dns", "wrong", "does not lead back to 192.0.2.25")]),
    ("no answer about PTR", PTR, "PTR", None, [("reverse-dns", "unknown", NO_ANSWER)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "records", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_one_mistake_gives_the_findings_that_it_should(name, kind, records, expected):
    zone = good() | MANY | {"a.example.com": {"A": ["192.0.2.25"]}}
    zone[name][kind] = records
    findings = found(zone)
    said = faults(findings)
    assert [(check, verdict) for check, verdict, _ in said] == [(check, verdict) for check, verdict, _ in expected], said
    assert all(words in text for (_, _, text), (_, _, words) in zip(said, expected, strict=True)), said
    assert all(one.why and one.remedy for one in findings if one.verdict != "ok")


POLICIES = [
    ("no answer", TimeoutError("timed out"), ("unknown", "timed out")),
    ("a page that is not there", ValueError("status 404, not 200"), ("wrong", "status 404")),
    ("no version", POLICY.replace("version", "v"), ("wrong", "version: STSv1")),
    ("no mode", POLICY.replace("mode", "m"), ("wrong", "mode:")),
    ("no age", POLICY.replace("max_age", "age"), ("wrong", "max_age:")),
    ("an age beyond a year", POLICY.replace("604800", "99999999"), ("wrong", "max_age:")),
    ("no server", POLICY.replace("mx: mx.example.com\r\n", ""), ("wrong", "no mx:")),
    ("a server that is none", POLICY.replace("mx.example.com", "a b"), ("wrong", "is no name of a server")),
    ("no line", POLICY + "hello\r\n", ("wrong", "is no line of a policy")),
    ("another server", POLICY.replace("mx.example.com", "mail.example.com"), ("wrong", "does not name mx.example.com")),
    ("a wildcard of another domain", POLICY.replace("mx.example.com", "*.mx.example.com"), ("wrong", "does not name mx.example.com")),
    ("mode none", POLICY.replace("enforce", "none"), ("warning", "mode: none")),
    ("mode testing", POLICY.replace("enforce", "testing"), ("warning", "mode: testing")),
    ("a short age", POLICY.replace("604800", "3600"), ("warning", "max_age: 3600")),
]


@pytest.mark.parametrize(("policy", "expected"), [row[1:] for row in POLICIES], ids=[row[0] for row in POLICIES])
def test_a_policy_of_mta_sts_is_read_and_compared_with_the_servers(policy, expected):
    (said,) = faults(found(good(), policy=policy))
    assert said[:2] == ("mta-sts", expected[0])
    assert expected[1] in said[2]


def test_a_wildcard_of_a_policy_stands_for_one_label():
    assert faults(found(good(), policy=POLICY.replace("mx.example.com", "*.Example.com"))) == []


@given(st.text(st.characters(codec="ascii"), max_size=200) | st.text("versionmodxag_:STS1 \r\n*.", max_size=80))
def test_no_policy_surprises_its_reader(text):
    try:
        policy = read_policy(text)
    except ValueError:
        return
    assert policy.mode in ("enforce", "testing", "none")


# more than one record must change


def test_a_policy_of_the_organization_holds_for_a_name_below():
    zone = good() | {"news.example.com": {"TXT": ["v=spf1 ip4:192.0.2.25 -all"], "MX": ["10 mx.example.com"]}}
    findings = check_domain(sender(domain="news.example.com"), resolver(zone))
    assert [one.found for one in findings if one.check == "dmarc"] == [
        "v=DMARC1; p=reject; rua=mailto:dmarc@example.com (that of _dmarc.example.com, which holds here too)",
        "SPF and DKIM prove what we send",
    ]


def test_strict_alignment_rules_out_the_key_of_the_domain_above():
    zone = good() | {"news.example.com": {"TXT": ["v=spf1 ip4:192.0.2.25 -all"], "MX": ["10 mx.example.com"]}}
    zone["_dmarc.example.com"]["TXT"] = ["v=DMARC1; p=reject; adkim=s; rua=mailto:a@example.com"]
    said = faults(check_domain(sender(domain="news.example.com"), resolver(zone)))
    assert ("dmarc", "wrong", "adkim=s, but we sign as example.com") in said


def test_when_neither_spf_nor_dkim_passes_that_is_said():
    zone = good()
    del zone["s._domainkey.example.com"]
    zone["example.com"]["TXT"] = []
    assert ("dmarc", "wrong", "neither SPF nor DKIM proves what we send") in faults(found(zone))


def test_what_dns_does_not_answer_is_not_held_against_a_domain():
    zone = good()
    zone["s._domainkey.example.com"] = {"TXT": None}
    zone["example.com"]["TXT"] = ["v=spf1 -all"]
    said = faults(found(zone))
    assert [(check, verdict) for check, verdict, _ in said] == [("spf", "wrong"), ("dkim", "unknown"), ("dmarc", "unknown")]


@pytest.mark.parametrize("place", ["_dmarc.example.com.example.com", "s._domainkey.example.com.example.com"])
def test_a_domain_that_was_written_twice_is_recognised(place):
    zone = good()
    zone[place] = zone.pop(place.removesuffix(".example.com"))
    assert [text for _, verdict, text in faults(found(zone)) if verdict == "wrong" and place in text]


def test_reports_to_a_stranger_who_wants_them_are_fine():
    zone = good() | {"example.com._report._dmarc.reports.test": {"TXT": ["v=DMARC1"]}}
    zone["_dmarc.example.com"]["TXT"] = ["v=DMARC1; p=reject; rua=mailto:a@reports.test!10m, mailto:b@sub.example.com"]
    assert faults(found(zone)) == []


def test_a_short_key_is_warned_of():
    short = key(bits=1024)
    zone = good() | {"s._domainkey.example.com": {"TXT": [public_record(short.key)]}}
    assert faults(found(zone, sender(keys=(short,)))) == [("dkim", "warning", "a key of 1024 bits")]


def test_a_key_that_waits_does_no_harm_yet():
    said = faults(found(good(), sender(keys=(key(), key("ed25519", "s-2-ed")), signs=1)))
    assert said == [("dkim", "warning", "no record")]


def test_one_of_two_keys_is_enough_for_dmarc():
    said = faults(found(good(), sender(keys=(key(), key("ed25519", "s-ed")))))
    assert said == [("dkim", "missing", "no record")]


def test_a_selector_of_others_is_looked_at_too():
    zone = good() | {"theirs._domainkey.example.com": {"CNAME": ["x.provider.test"]}, "x.provider.test": {"TXT": ["v=DKIM1; p="]}}
    zone["theirs._domainkey.example.com"]["TXT"] = zone["x.provider.test"]["TXT"]
    assert faults(found(zone, selectors=["theirs"])) == [("dkim", "wrong", "the record was revoked")]


def test_without_an_address_it_is_said_what_was_not_looked_at():
    assert faults(found(good(), sender(ips=()))) == [("spf", "warning", "whether it names who sends was not looked at")]


def test_through_amazon_spf_must_include_it_and_only_dkim_proves_the_domain():
    said = faults(found(good(), sender(transport="ses://eu-west-1", ips=(), keys=())))
    assert said == [("spf", "warning", "amazonses.com is not included")]
    zone = good() | {"amazonses.com": {"TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]}}
    zone["example.com"]["TXT"] = ["v=spf1 include:amazonses.com -all"]
    findings = found(zone, sender(transport="ses://eu-west-1", ips=()))
    assert faults(findings) == []
    assert [one.found for one in findings if one.check == "dmarc"][1] == "DKIM proves what we send"


def test_a_domain_without_a_key_of_ours_lacks_one():
    assert faults(found(good(), sender(keys=()))) == [("dkim", "missing", "no key here")]


def test_a_name_made_of_the_address_is_warned_of():
    zone = good() | {"host-192-0-2-25.provider.test": {"A": ["192.0.2.25"]}, PTR: {"PTR": ["host-192-0-2-25.provider.test"]}}
    assert faults(found(zone)) == [("reverse-dns", "warning", "host-192-0-2-25.provider.test is made of the address")]


@pytest.mark.parametrize(
    ("hostname", "verdict", "words"),
    [
        ("localhost", "wrong", "hostname is localhost"),
        ("gone.example.com", "wrong", "it has no address"),
        ("example.com", "warning", "it leads to 192.0.2.80"),
    ],
)
def test_the_name_said_in_ehlo_must_lead_here(hostname, verdict, words):
    assert faults(found(good(), sender(hostname=hostname))) == [("reverse-dns", verdict, words)]


def test_an_address_of_ipv6_is_looked_at_like_one_of_ipv4():
    zone = good()
    zone["mx.example.com"]["AAAA"] = ["2001:db8::25"]
    zone["example.com"]["TXT"] = ["v=spf1 ip4:192.0.2.25 ip6:2001:db8::/32 -all"]
    zone["5.2.0.0" + ".0" * 20 + ".8.b.d.0.1.0.0.2.ip6.arpa"] = {"PTR": ["mx.example.com."]}
    assert faults(found(zone, sender(ips=("192.0.2.25", "2001:db8::25")))) == []


def test_a_domain_that_wants_no_logo_is_left_alone():
    zone = good() | {"default._bimi.example.com": {"TXT": ["v=BIMI1; l=; a="]}}
    assert faults(found(zone)) == []


@given(
    st.dictionaries(
        st.sampled_from([*good(), "a.example.com"]),
        st.dictionaries(st.sampled_from(["TXT", "MX", "A", "AAAA", "PTR", "CNAME"]), st.none() | st.lists(st.text("v=spf1 :/%{}[];,.", max_size=20) | st.sampled_from(["v=spf1 redirect=example.com", "v=spf1 include:example.com mx a exists:%{i}.x ptr", "10 mx.example.com", "v=DMARC1; p=reject; rua=mailto:a@b.test", "v=BIMI1; l=https://[x", "v=STSv1; id=1", "v=DKIM1; p=AAAA"]), max_size=3)),
    )
)  # fmt: skip
def test_no_zone_breaks_the_checks(zone):
    assert {one.verdict for one in found(zone)} <= {"ok", "warning", "missing", "wrong", "unknown"}
