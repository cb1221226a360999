"""A real Postfix takes what a real daemon passes on and answers, finds in it what was foretold, and its reports come home."""

from __future__ import annotations

import email
import email.policy
import re
import smtplib
import time
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from inbox import auth
from inbox.auth.signing import SigningKey, dkim_signature
from inbox.config import validate
from inbox.send.identities import Identities
from name_server import ZoneServer
from postfix_server import MISSING, Postfix
from published_keys import published, resolver
from waiting import free_port

pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")

RULES = """
version: 1
domains: [shop.example]
rules:
- name: support
  recipients: [support@shop.example]
  do:
  - forward: {to: team@corp.test}
- name: gone
  recipients: [gone@shop.example]
  do:
  - forward: {to: nobody@corp.test}
- name: wrapped
  recipients: [wrapped@shop.example]
  do:
  - forward: {to: team@corp.test, method: wrap}
- name: questions
  recipients: [questions@shop.example]
  do:
  - reply: {text: "We are on it."}
default: [store]
"""
SETTINGS = """
hostname = "mx.shop.example"
[dns]
nameservers = ["{names}"]
[trace]
local = []
[relay]
host = "127.0.0.1"
port = {relay}
"""


@cache
def author():
    return SigningKey("example.org", "s", rsa.generate_private_key(65_537, 2048))


class World:
    """A daemon that takes mail of shop.example, DNS, and Postfix as the server of corp.test and example.org."""

    def __init__(self, daemon, postfix, names):
        self.daemon, self.postfix, self.names = daemon, postfix, names
        self.dns = resolver(names)

    def sent(self, raw, recipient, sender="jane@example.org"):
        """What became of a mail: its receipt."""
        return self.daemon.settled(self.daemon.send(raw, sender, (recipient,)))

    def found(self, octets):
        """What a next hop finds of a mail as it lies in its mailbox: envelope sender, SPF, DKIM, ARC, DMARC; written without the planner."""
        sender = re.match(rb"Return-Path: <(.*)>", octets)[1].decode()
        message = email.message_from_bytes(octets, policy=email.policy.default)
        spf = auth.spf("127.0.0.1", sender or None, "mx.shop.example", self.dns)
        dkim = auth.dkim(octets, self.dns, time.time())
        dmarc = auth.dmarc(message["From"].addresses[0].domain, spf, dkim, self.dns)
        return sender, spf.result, [f"{one.result} {one.domain}" for one in dkim], auth.arc(octets, self.dns).result, dmarc.result


@pytest.fixture
def next_hop_world(program, daemon_of):
    names = {
        "shop.example": {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]},
        "mx.shop.example": {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]},
        "_dmarc.shop.example": {"TXT": ["v=DMARC1; p=reject"]},
        "example.org": {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]},
        "_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]},
        **published(author()),
    }
    relay = free_port()
    program("identity", "add", "shop.example")
    ours = Identities(validate({"dir": program.folder / "inbox-data"})).of("shop.example")
    names |= published(*ours.signing_keys)
    server = ZoneServer({(name, kind): [quoted(text) for text in texts] for name, kinds in names.items() for kind, texts in kinds.items()})
    (program.folder / "inbox.toml").write_text(SETTINGS.format(names=server.address, relay=relay))
    for name in [name for name in program.environment if name.startswith("INBOX_")]:
        del program.environment[name]
    daemon = daemon_of(RULES)
    postfix = Postfix.start(("team@corp.test", "jane@example.org"), daemon.port, relay)
    yield World(daemon, postfix, names)
    postfix.stop()
    server.close()


def quoted(text):
    """A TXT record in strings of at most 255 octets."""
    return " ".join(f'"{text[at : at + 250]}"' for at in range(0, len(text), 250))


def mail(recipient, words=b"where is it?\r\n", subject=b"Order 4711", *, signed):
    number = str(time.monotonic_ns()).encode()
    raw = b"From: Jane Doe <jane@example.org>\r\nTo: " + recipient.encode() + b"\r\nSubject: " + subject + b"\r\nMessage-ID: <" + number
    raw += b"@example.org>\r\nDate: Tue, 24 Nov 2026 06:09:38 +0000\r\n\r\n" + words
    return dkim_signature(raw, author(), time.time()) + raw if signed else raw


def test_a_next_hop_finds_what_was_foretold_and_its_reports_come_home(next_hop_world):
    world = next_hop_world
    signed_mail_arrives_octet_for_octet(world)
    mail_that_only_spf_vouched_for_is_munged(world)
    a_wrapped_mail_holds_the_whole_of_it(world)
    an_answer_is_believed(world)
    a_report_about_a_mail_that_was_passed_on_comes_home(world)
    forged_reports_stay_outside(world)


def signed_mail_arrives_octet_for_octet(world):
    bodies = [b"plain\r\n", "Größe, 8 bits\r\n".encode(), b"x" * 990 + b"\r\n", b".\r\n..\r\nFrom me\r\n\r\n \t \r\n\r\n\r\n"]
    for number, body in enumerate(bodies, 1):
        raw = mail("support@shop.example", body, signed=True)
        (outcome,) = world.sent(raw, "support@shop.example")["outcomes"]
        octets = world.postfix.arrived("team@corp.test", number)
        assert octets.endswith(raw)
        sender, *found = world.found(octets)
        assert sender.startswith("SRS0=") and sender.endswith("=example.org=jane@shop.example")
        assert found == ["pass", ["pass example.org"], "pass", "pass"]
        foretold = "spf pass for ours (shop.example), dkim pass for theirs (example.org), aligned, arc pass, dmarc pass"
        assert outcome["state"] == "done" and f"srs+arc (the envelope sender is rewritten); next hop: {foretold}" in outcome["detail"]
        arc = auth.arc(octets, world.dns)
        assert arc.sealers == ("shop.example",) and "dmarc=pass" in arc.authentication


def mail_that_only_spf_vouched_for_is_munged(world):
    raw = mail("support@shop.example", signed=False)
    (outcome,) = world.sent(raw, "support@shop.example")["outcomes"]
    octets = world.postfix.arrived("team@corp.test", 5)
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert str(message["From"]) == "Jane Doe via support <support@shop.example>"
    assert str(message["Reply-To"]) == "Jane Doe <jane@example.org>"
    assert octets.partition(b"\r\n\r\n")[2] == raw.partition(b"\r\n\r\n")[2]
    _, *found = world.found(octets)
    assert found == ["pass", ["pass shop.example"], "pass", "pass"]
    assert outcome["detail"].endswith("dkim pass for ours (shop.example), aligned, arc pass, dmarc pass")


def a_wrapped_mail_holds_the_whole_of_it(world):
    raw = mail("wrapped@shop.example", "Größe\r\n".encode(), signed=False)
    world.sent(raw, "wrapped@shop.example")
    octets = world.postfix.arrived("team@corp.test", 6)
    assert raw in octets
    _, *found = world.found(octets)
    assert found == ["pass", ["pass shop.example"], "pass", "pass"]


def an_answer_is_believed(world):
    (outcome,) = world.sent(mail("questions@shop.example", signed=True), "questions@shop.example")["outcomes"]
    assert outcome["state"] == "done"
    octets = world.postfix.arrived("jane@example.org")
    sender, _, dkim, _, dmarc = world.found(octets)
    assert (sender, dkim, dmarc) == ("", ["pass shop.example"], "pass")


def a_report_about_a_mail_that_was_passed_on_comes_home(world):
    """Postfix takes a mail for somebody who is not there, and sends a report to the return path, which is ours."""
    raw = mail("gone@shop.example", subject=b"to somebody who left", signed=True)
    assert world.sent(raw, "gone@shop.example")["outcomes"][0]["state"] == "done"
    octets = world.postfix.arrived("jane@example.org", 2)
    report = email.message_from_bytes(octets, policy=email.policy.default)
    assert report.get_content_type() == "multipart/report" and octets.startswith(b"Return-Path: <>")
    assert report["X-Inbox-Loop"].startswith("SRS0=") and "nobody@corp.test" in octets.decode("latin-1")
    assert b"Subject: to somebody who left" in octets


def forged_reports_stay_outside(world):
    path = world.found(world.postfix.mails("team@corp.test")[0])[0]
    refused = {
        ("mallory@example.net", path): b"5.7.1 This address takes reports with the null sender only",
        ("", path.replace("jane", "victim")): b"5.1.1 There is no such return path",
        ("", path.replace("shop.example", "corp.test")): b"5.7.1 Relay access denied",
    }
    with smtplib.SMTP("127.0.0.1", world.daemon.port, timeout=30) as client:
        client.ehlo("mx.corp.test")
        for (sender, recipient), words in refused.items():
            client.mail(sender)
            code, text = client.rcpt(recipient)
            assert code >= 550 and words in text
            client.rset()
    assert len(world.postfix.mails("jane@example.org")) == 2
