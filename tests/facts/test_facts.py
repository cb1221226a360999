"""What each built-in fact says of a mail, of an empty one, and of hostile ones (B01 to B14, F16)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from inbox.model import Envelope, Mail
from inbox.testing import make_mail

LETTER = (
    b"From: Alice A <alice+news@Example.ORG>\r\nTo: Bob <bob@example.com>, carol+x@example.net\r\nCc: dave@example.com\r\n"
    b"Reply-To: Desk <desk@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@example.org>\r\nReferences: <0@example.org>\r\n"
    b"X-Spam: no\r\nX-Tag: a\r\nX-Tag: b\r\nReceived: x\r\nReceived: y\r\nList-Id: News <news.example.org>\r\n"
    b"List-Unsubscribe: <https://example.org/u>, <mailto:u@example.org>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nNew words.\r\n\r\n> old words\r\n"
    b"--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n%PDF-1.4 x\r\n"
    b"--b--\r\n"
)
ENVELOPE = Envelope(
    "Bounce+7@Lists.Example.org",
    ("bob@example.com",),
    helo="mx.example.org",
    ip="203.0.113.9",
    tls="TLSv1.3",
    auth="bob",
    source="smtp",
    certificate="ab12 CN=relay.example.org,O=Example",
)
BOUNCE = (
    b"From: MAILER-DAEMON@s.test\r\nSubject: failed\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    b"--b\r\n\r\nsorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; s.test\r\n\r\n"
    b"Final-Recipient: rfc822; x@s.test\r\nAction: failed\r\nStatus: 5.1.1\r\n--b--\r\n"
)
COMPLAINT = (
    b"From: fbl@s.test\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
    b"--b\r\n\r\nspam\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\nUser-Agent: x\r\n--b--\r\n"
)


def letter(raw=LETTER):
    return replace(make_mail(raw), envelope=ENVELOPE, received_at=datetime(2026, 11, 24, 23, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sender", "Bounce+7@Lists.Example.org"),
        ("sender.domain", "lists.example.org"),
        ("sender.tag", "7"),
        ("helo", "mx.example.org"),
        ("ip", "203.0.113.9"),
        ("tls", "TLSv1.3"),
        ("auth", "bob"),
        ("source", "smtp"),
        ("client_certificate", "CN=relay.example.org,O=Example"),
        ("client_certificate.sha256", "ab12"),
        ("size", len(LETTER)),
        ("from", "alice+news@example.org"),
        ("from.address", "alice+news@example.org"),
        ("from.name", "Alice A"),
        ("from.domain", "example.org"),
        ("from.tag", "news"),
        ("from.count", 1),
        ("to", ("bob@example.com", "carol+x@example.net")),
        ("to.name", ("Bob",)),
        ("to.domain", ("example.com", "example.net")),
        ("to.tag", ("x",)),
        ("cc", ("dave@example.com",)),
        ("cc.domain", ("example.com",)),
        ("reply_to", ("desk@example.org",)),
        ("reply_to.name", ("Desk",)),
        ("subject", "Grüße"),
        ("header.X-Spam", "no"),
        ("header.x-tag", ("a", "b")),
        ("header.X-Nothing", None),
        ("reply", "New words."),
        ("html", None),
        ("attachment", True),
        ("attachment.name", ("a.pdf",)),
        ("attachment.type", ("application/octet-stream",)),
        ("attachment.detected", ("application/pdf",)),
        ("attachment.size", (10,)),
        ("attachment.count", 1),
        ("list", True),
        ("list.id", "news.example.org"),
        ("list.unsubscribe", ("https://example.org/u", "mailto:u@example.org")),
        ("automatic", "list"),
        ("may_reply", False),
        ("bounce", None),
        ("complaint", None),
        ("date", "2026-11-24"),
        ("hour", 23),
        ("weekday", "tuesday"),
        ("hops", 2),
        ("message_id", "<1@example.org>"),
        ("thread", "<0@example.org>"),
        ("seen", False),
        ("rate", 1),
    ],
)
def test_what_a_fact_says_of_a_letter(value, name, expected):
    assert value(name, letter()) == expected


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("bounce", BOUNCE, True),
        ("bounce.address", BOUNCE, ("x@s.test",)),
        ("bounce.status", BOUNCE, ("5.1.1",)),
        ("bounce.reason", BOUNCE, ("no-mailbox",)),
        ("bounce.permanent", BOUNCE, (True,)),
        ("automatic", BOUNCE, "bounce"),
        ("may_reply", BOUNCE, False),
        ("complaint", COMPLAINT, "abuse"),
        ("may_reply", b"From: a@s.test\r\nSubject: x\r\n\r\nx", True),
    ],
)
def test_what_a_fact_says_of_reports(value, name, raw, expected):
    assert value(name, Mail.of(raw, Envelope("a@s.test", ("bob@example.com",)))) == expected


@pytest.mark.parametrize(
    ("case", "author", "count"),
    [
        ("two_from", None, 2),
        ("from_group", None, 2),
        ("from_display_spoof", "evil@x.test", 1),
        ("from_comment", "evil@x.test", 1),
        ("from_null", None, 1),
    ],
)
def test_an_author_that_is_not_exactly_one_is_absent(value, shared, case, author, count):
    mail = make_mail((shared / f"cases/eml/{case}.eml").read_bytes())
    assert value("from", mail) == author
    assert value("from.domain", mail) == (author and "x.test")
    assert value("from.count", mail) == count
    assert author or (value("from.name", mail), value("from.tag", mail)) == (None, None)


def test_a_homograph_and_its_a_label_are_the_same_author_and_not_the_one_they_look_like(value, shared):
    domains = {value("from.domain", make_mail((shared / f"cases/eml/{case}.eml").read_bytes())) for case in ("from_homograph", "from_puny")}
    assert len(domains) == 1 and domains != {"corp.test"} and domains.pop().startswith("xn--")


@pytest.mark.parametrize(
    ("sender", "domain", "tag"),
    [
        (None, None, None),
        ("a@b.test", "b.test", None),
        ("a+x+y@B.Test.", "b.test", "x+y"),
        ('"a+b"@b.test', "b.test", "b"),
        ("a@bücher.test", "xn--bcher-kva.test", None),
        ("postmaster", None, None),
        ("a@straße.test", "xn--strae-oqa.test", None),
    ],
)
def test_parts_of_the_envelope_sender(value, sender, domain, tag):
    mail = make_mail(b"", sender=sender)
    assert (value("sender", mail), value("sender.domain", mail), value("sender.tag", mail)) == (sender, domain, tag)


def test_no_fact_fails_on_an_empty_mail_or_on_any_hostile_one(all_facts, facts, shared):
    paths = sorted((shared / "cases/eml").glob("*.eml"))
    assert len(paths) > 60
    for path in paths:
        mail = make_mail(path.read_bytes(), sender=None, recipients=())
        found = facts(mail)
        for name in [*all_facts, "header.subject", "header.Subject", "header.received", "header."]:
            found.get(name)
            note = found.note(name)
            known = (
                ("there is no such fact",)
                if name == "header."
                else ("no Rspamd is set", "no SpamAssassin is set", "no ClamAV is set", "neither Rspamd")
            )
            assert note is None or note.startswith(known), f"{path.name}: {name}: {note}"


ENVELOPE_FACTS = [
    "auth", "client_certificate", "client_certificate.sha256", "helo", "ip", "sender", "sender.domain", "sender.tag", "source", "tls",
    "verdict.dkim", "verdict.dmarc", "verdict.dmarc_policy", "verdict.spam", "verdict.spf", "verdict.virus",
]  # fmt: skip


def test_the_facts_of_the_envelope_and_no_others_are_known_at_rcpt_time(plugins):
    assert [entry.name for entry in plugins.facts if entry.envelope_only] == ENVELOPE_FACTS


def test_verdicts_are_those_of_the_source_and_absent_without_one(plugins):
    envelope = Envelope("a@x.test", ("b@x.test",), verdicts={"spam": "fail", "dmarc": "pass"})
    assert Envelope.from_dict(envelope.to_dict()) == envelope
    function = {entry.name: entry.function for entry in plugins.facts}
    assert [function[f"verdict.{name}"](envelope) for name in ("spam", "dmarc", "virus")] == ["fail", "pass", None]
    assert function["verdict.spam"](Envelope()) is None


def test_every_fact_has_a_help_of_one_sentence(plugins):
    for entry in plugins.facts:
        first = entry.help.splitlines()[0]
        assert 15 < len(first) < 140 and first[-1] in ".:`", entry.name


def test_the_time_of_arrival_is_told_in_any_time_zone(value):
    mail = letter()
    assert value("date", mail, timezone="Asia/Tokyo") == "2026-11-25"
    assert value("hour", mail, timezone="America/New_York") == 18
    assert value("weekday", mail, timezone="Asia/Tokyo") == "wednesday"


def test_importing_facts_loads_nothing_heavy():
    import subprocess
    import sys

    code = "import sys, inbox.facts.bayes, inbox.facts; print(*[n for n in ('jinja2', 'flanker', 'ssl', 'email', 'inbox.parsing.message') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""
