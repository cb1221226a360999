"""SPF, DKIM, DMARC and ARC as facts: worked out from the octets and DNS, once, and never from what header fields claim."""

from __future__ import annotations

import base64
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import inbox
from inbox.config import validate
from inbox.inspect import MailFacts, Materials
from inbox.plugins import Plugins
from inbox.testing import MemoryNotes, make_mail
from name_server import ZoneServer

MAIL = b"From: Jane <jane@example.com>\r\nTo: a@example.org\r\nSubject: hello\r\n\r\nwords\r\n"


@cache
def key():
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    public = base64.b64encode(
        made.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).decode()
    return private, f'"v=DKIM1; k=rsa; p={public[:200]}" "{public[200:]}"'


def signed(raw=MAIL, domain="example.com"):
    oracle = pytest.importorskip("dkim")
    return oracle.sign(raw, b"s", domain.encode(), key()[0]) + raw


@pytest.fixture
def names():
    server = ZoneServer(
        {
            ("example.com", "TXT"): ['"v=spf1 ip4:203.0.113.0/24 -all"', '"something else"'],
            ("_dmarc.example.com", "TXT"): ['"v=DMARC1; p=reject"'],
            ("s._domainkey.example.com", "TXT"): [key()[1]],
            ("s._domainkey.example.net", "TXT"): [key()[1]],
            ("slow.example", "TXT"): None,
        }
    )
    yield server
    server.close()


@pytest.fixture
def ask(names):
    """`ask(raw, *facts, ip=…, sender=…)`: their values, as the path of a mail gets them."""
    plugins = Plugins(entry_points=False)

    def asked(raw, *wanted, ip="203.0.113.9", sender="jane@example.com", **dns):
        settings = validate({"dns": {"nameservers": [names.address], "timeout": 1, **dns}})
        mail = make_mail(raw, ip=ip, sender=sender)
        facts = MailFacts(Materials(mail, cache(lambda: inbox.parse(mail.raw)), MemoryNotes()), plugins, {}, settings)
        values = [facts.get(name) for name in wanted]
        assert not facts.failed, {name: facts.note(name) for name in facts.failed}
        return values

    return asked


ALL = ("spf", "dkim", "dkim.domain", "dmarc", "dmarc.policy", "arc", "verified")


def test_a_mail_that_is_authentic(ask):
    assert ask(signed(), *ALL) == ["pass", "pass", ("example.com",), "pass", "reject", "none", "example.com"]


def test_a_mail_that_somebody_else_wrote(ask):
    assert ask(MAIL, *ALL, ip="198.51.100.1") == ["fail", "none", None, "fail", "reject", "none", None]


def test_a_signature_of_another_domain_proves_nothing_of_the_author(ask):
    assert ask(signed(domain="example.net"), "dkim", "dmarc", "verified", ip="198.51.100.1") == ["pass", "fail", None]


def test_what_header_fields_claim_does_not_count(ask):
    claims = b"Authentication-Results: mx.example.org; spf=pass; dkim=pass; dmarc=pass header.from=example.com\r\nReceived-SPF: pass\r\n"
    assert ask(claims + MAIL, "spf", "dkim", "dmarc", "verified", ip="198.51.100.1") == ["fail", "none", "fail", None]


def test_without_a_client_spf_is_absent_and_the_signature_is_enough(ask):
    assert ask(signed(), "spf", "dmarc", "verified", ip=None) == [None, "pass", "example.com"]


def test_two_authors_are_none(ask):
    raw = MAIL.replace(b"To: a@", b"From: boss@bank.test\r\nTo: a@")
    assert ask(raw, "dmarc", "verified") == ["permerror", None]


def test_no_answer_of_dns_is_temperror(ask):
    assert ask(MAIL, "spf", sender="jane@slow.example") == ["temperror"]


def test_each_question_is_asked_once(ask, names):
    ask(signed(), *ALL, *ALL)
    assert len(names.asked) == len(set(names.asked))


def test_a_name_server_that_is_none_is_a_mistake_in_the_settings():
    with pytest.raises(inbox.ConfigError, match=r"dns\.nameservers.*write 192\.0\.2\.53"):
        validate({"dns": {"nameservers": ["dns.example"]}})
