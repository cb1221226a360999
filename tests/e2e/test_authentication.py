"""A daemon that judges who really sent it, before the 250: DNS is a name server on this machine, and the client is 127.0.0.1."""

from __future__ import annotations

import base64
import smtplib
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

import inbox
from inbox.auth.signing import SigningKey, dkim_signature
from name_server import ZoneServer

RULES = """
version: 1
domains: [example.com]
rules:
- name: forged
  when: {dmarc: fail, dmarc.policy: reject}
  refuse: example.org disowns this mail
- name: unsure
  when: {any: [{dmarc: temperror}, {spf: temperror}]}
  label: unsure
- name: known
  when: {verified: example.org}
  label: verified
default: [discard]
"""


ZONE = {
    ("example.org", "TXT"): ['"v=spf1 ip4:127.0.0.1 -all"'],
    ("_dmarc.example.org", "TXT"): ['"v=DMARC1; p=reject"'],
    ("elsewhere.test", "TXT"): ['"v=spf1 -all"'],
    ("_dmarc.silent.test", "TXT"): None,
}


@pytest.fixture
def daemon(daemon_of, program):
    names = ZoneServer(ZONE)
    (program.folder / "inbox.toml").write_text(f'[dns]\nnameservers = ["{names.address}"]\ntimeout = 2\n')
    yield daemon_of(RULES)
    names.close()


def mail(author):
    return f"From: {author}\r\nSubject: hello\r\n\r\nwords\r\n".encode()


def labels(daemon, id_):
    return daemon.settled(id_)["plan"]["labels"]


def test_forged_mail_is_refused_before_the_250_and_authentic_mail_is_known(daemon):
    assert labels(daemon, daemon.send(mail("jane@example.org"), "jane@example.org")) == ["verified"]
    with pytest.raises(smtplib.SMTPResponseException, match="disowns") as refused:
        daemon.send(mail("jane@example.org"), "x@elsewhere.test")
    assert refused.value.smtp_code == 550
    assert labels(daemon, daemon.send(mail("x@nobody.test"), "x@nobody.test")) == []


def test_a_name_server_that_does_not_answer_refuses_nobody(daemon):
    assert labels(daemon, daemon.send(mail("x@silent.test"), "x@silent.test")) == ["unsure"]


COPIES = """
version: 1
domains: [example.com]
rules:
- name: all
  do: [maildir: {path: copies}]
default: [discard]
"""


def test_a_copy_says_above_its_own_octets_who_sent_it(daemon_of, program):
    key = ed25519.Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    names = ZoneServer({**ZONE, ("s._domainkey.example.org", "TXT"): [f'"v=DKIM1; k=ed25519; p={public}"']})
    (program.folder / "inbox.toml").write_text(
        f'hostname = "mx.example.com"\n[trace]\nlocal = []\n[dns]\nnameservers = ["{names.address}"]\ntimeout = 2\n'
    )
    folder = program.folder / "copies" / "new"
    daemon = daemon_of(COPIES)
    forged = b"Authentication-Results: mx.example.com; dmarc=pass header.from=bank.test\r\n"
    signed = dkim_signature(mail("jane@example.org"), SigningKey("example.org", "s", key), time.time()) + mail("jane@example.org")
    id_ = daemon.send(forged + signed, "jane@example.org")
    daemon.settled(id_)
    octets = next(folder.iterdir()).read_bytes()
    assert octets.endswith(signed)
    message = inbox.parse(octets)
    assert message.header("return-path") == ("<jane@example.org>",)
    found = "spf=pass smtp.mailfrom=jane@example.org; dkim=pass header.d=example.org header.s=s header.a=ed25519-sha256"
    policy = "dmarc=pass policy.published-domain-policy=reject header.from=example.org"
    assert message.header("authentication-results") == (f"mx.example.com; {found}; {policy}",)
    assert message.header("received-spf")[0].startswith("pass client-ip=127.0.0.1; envelope-from=jane@example.org;")
    assert len(message.header("received")) == 1
    assert program.run("raw", id_).stdout == forged + signed
    names.close()


def test_the_word_of_a_trusted_server_in_front_counts_and_no_name_is_asked(daemon_of, program):
    names = ZoneServer({})
    (program.folder / "inbox.toml").write_text(f'[dns]\nnameservers = ["{names.address}"]\ntrusted = ["front.example.com"]\n')
    daemon = daemon_of(RULES)
    said = b"Authentication-Results: front.example.com; spf=pass smtp.mailfrom=example.org; dmarc=pass header.from=example.org\r\n"
    assert labels(daemon, daemon.send(said + mail("jane@example.org"), "jane@example.org")) == ["verified"]
    assert names.asked == []
    names.close()
