"""What SES refuses while the mail comes in: filters, recipients that no rule is for, size, TLS; and a rule set that changes while it is served."""

from __future__ import annotations

import signal
import smtplib
import socket
import ssl

import pytest

from inbox.config import Settings
from inbox.errors import RulesError
from inbox.plugins import Plugins
from inbox.receipt_rules.serving import load
from inbox.sources.smtp.certificate import make_certificate
from ses_local.conftest import header, rule, rule_set, stop
from waiting import until

MAIL = b"From: alice@example.org\r\nTo: whom@example.com\r\nSubject: Hello\r\n\r\nHello\r\n"


def answers(daemon, *recipients, tls=False):
    """What is said to each recipient."""
    with smtplib.SMTP("127.0.0.1", daemon.port, timeout=20) as client:
        if tls:
            client.starttls(context=ssl._create_unverified_context())
        client.ehlo("sender.example")
        client.mail("alice@example.org")
        return [f"{code} {text.decode()}" for code, text in map(client.rcpt, recipients)]


def test_the_door_refuses_whom_ses_refuses(ses, program):
    pair = make_certificate(["mx.example.com"], 9)
    for name, octets in (("key.pem", pair.key), ("cert.pem", pair.certificate)):
        (program.folder / name).write_bytes(octets)
    daemon = ses(
        rule_set(
            rule("private", ["private@example.com"], header("X-A", "b"), stop(), TlsPolicy="Require"),
            {**rule("off", ["off@example.com"], header("X-A", "b")), "Enabled": False},
            rule("open", ["open@example.com", ".example.net"], header("X-A", "b")),
        ),
        "--certificate", "cert.pem", "--key", "key.pem", "--workers", "0",
    )  # fmt: skip
    said = answers(
        daemon, "open+x@example.com", "off@example.com", "any@example.com", "any@example.org", "a@b.example.net", "a@example.net"
    )
    assert [line[:9] for line in said] == ["250 2.1.5", "550 5.1.1", "550 5.1.1", "554 5.7.1", "250 2.1.5", "550 5.1.1"]
    assert answers(daemon, "private@example.com") == ["530 5.7.0 TLS is required for this recipient; use STARTTLS"]
    assert answers(daemon, "private@example.com", tls=True)[0].startswith("250 ")
    with smtplib.SMTP("127.0.0.1", daemon.port, timeout=20) as client:
        client.ehlo()
        assert int(client.esmtp_features["size"]) == 40 << 20
    assert "verified identities are those of the recipients" in daemon.log()


def test_a_mail_that_was_taken_keeps_the_rule_set_of_its_arrival(ses):
    """No worker runs, so that judging after the 250 would see the later rule set."""
    daemon = ses(rule_set(rule("first", ["example.com"], header("X-A", "b"))), "--workers", "0", "--verified", "example.com,example.net")
    early = daemon.send(MAIL, recipients=["a@example.com"])
    daemon.rules.write_text("{broken", encoding="utf-8")
    until(lambda: "the old ones stay live" in daemon.log(), "the broken file is told")
    assert answers(daemon, "a@example.com")[0].startswith("250 ")
    daemon.rules.write_text(
        rule_set(rule("second", ["example.net"], header("X-A", "b")), Filters=[{"Name": "x", "IpFilter": {"Policy": "Block", "Cidr": "192.0.2.0/24"}}]),
        encoding="utf-8",
    )  # fmt: skip
    daemon.signal(signal.SIGHUP)
    until(lambda: answers(daemon, "a@example.com")[0].startswith("550 5.1.1"), "the new rule set holds")
    late = daemon.send(MAIL, recipients=["a@example.net"])
    matched = {id_: [d["rule"] for d in daemon.show(id_)["plan"]["decisions"] if d["matched"]] for id_ in (early, late)}
    assert matched == {early: ["first"], late: ["second"]}


def is_blocked(daemon, ip):
    """Whether a client from this address is turned away; a proxy speaks for it."""
    with socket.create_connection(("127.0.0.1", daemon.port), 20) as talk, talk.makefile("rwb") as lines:
        lines.readline()
        lines.write(f"EHLO me\r\nXCLIENT ADDR={ip}\r\nQUIT\r\n".encode())
        lines.flush()
        return any(line.startswith(b"554 5.7.1") for line in lines)


def test_ip_filters_hold_at_connect_and_their_loopback_is_told(ses, program):
    block = {"Name": "all", "IpFilter": {"Policy": "Block", "Cidr": "0.0.0.0/0"}}
    program.environment["INBOX_FILTERS"] = "allow 127.0.0.1"
    program.environment["INBOX_XCLIENT_FROM"] = "127.0.0.1"
    daemon = ses(rule_set(rule("all", ["example.com"], header("X-A", "b")), Filters=[block]), "--workers", "0")
    assert answers(daemon, "a@example.com")[0].startswith("250 ")
    assert is_blocked(daemon, "192.0.2.7")
    assert "keeps out mail from this machine" not in daemon.log()
    checked = program.run("check", "--ses", "ruleset.json")
    assert b"keeps out" not in checked.stdout
    del program.environment["INBOX_FILTERS"]
    assert b'take it in with filters = ["allow 127.0.0.1"]' in program.run("check", "--ses", "ruleset.json").stdout

    # other filters hold from the next connection on
    daemon.rules.write_text(rule_set(rule("all", ["example.com"], header("X-A", "b"))), encoding="utf-8")
    until(lambda: not is_blocked(daemon, "192.0.2.7"), "the filter is gone")


BAD = [
    ("{", "ruleset.json"),
    ('{"Rules": [{"Name": "a b"}]}', "Rules[0].Name"),
    (rule_set(rule("a", ["example.com"], {"StopAction": {"Scope": "Rule"}})), "StopAction"),
    (rule_set(rule("a", ["example.com"], {"S3Action": {"BucketName": "No Bucket"}})), "rule 'a'"),
    (
        rule_set(
            rule("a", ["example.com"]),
            Filters=[{"Name": n, "IpFilter": {"Policy": n, "Cidr": "10.0.0.0/8"}} for n in ("Block", "Allow")],
        ),
        "10.0.0.0/8 is allowed and blocked; keep one of the two filters",
    ),
]


@pytest.mark.parametrize(("text", "words"), BAD, ids=[words for _, words in BAD])
def test_a_broken_rule_set_is_one_clear_error_that_names_the_place(tmp_path, text, words):
    (tmp_path / "ruleset.json").write_text(text, encoding="utf-8")
    with pytest.raises(RulesError) as problem:
        load(Settings(ses={"rules": (tmp_path / "ruleset.json",)}), Plugins())
    assert words in str(problem.value)
    assert all(line.startswith(str(tmp_path / "ruleset.json")) for line in str(problem.value).splitlines())


def test_serving_a_broken_rule_set_ends_at_once_with_status_2(program):
    (program.folder / "ruleset.json").write_text("{", encoding="utf-8")
    done = program.run("serve", "--ses", "ruleset.json", "--smtp", "127.0.0.1:0")
    assert (done.returncode, b"ruleset.json" in done.stderr, b"Traceback" in done.stderr) == (2, True, False)


def test_rules_and_receipt_rules_at_once_are_an_error_of_use(program):
    done = program.run("check", "--ses", "ruleset.json", "--rules", "rules.yaml")
    assert (done.returncode, b"use one of them" in done.stderr) == (2, True)
    assert not (program.folder / "inbox-data").exists()


def test_explain_says_why_ses_does_what_it_does(program):
    (program.folder / "ruleset.json").write_text(rule_set(rule("first", ["a@example.com"], header("X-A", "b"))), encoding="utf-8")
    (program.folder / "mail.eml").write_bytes(MAIL)
    said = program.json("explain", "mail.eml", "--to", "a+label@example.com", "--ses", "ruleset.json")
    assert [(d["rule"], d["recipients"]) for d in said["plan"]["decisions"] if d["matched"]] == [("first", ["a+label@example.com"])]
