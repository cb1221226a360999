"""A daemon that judges who really sent it, before the 250: DNS is a name server on this machine, and the client is 127.0.0.1."""

from __future__ import annotations

import smtplib

import pytest

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
