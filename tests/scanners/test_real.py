"""The scanners of Debian as they are: what they say of mail, and that our facts say the same."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from inbox.testing import make_mail

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
VIRUS = "INBOX-TEST-VIRUS-4711"
BAD_CLIENT = "192.0.2.77"


@pytest.fixture(params=["local socket", "TCP"])
def clamav(request, clamd, free_port):
    return {"clamav": {"server": clamd if request.param == "local socket" else f"127.0.0.1:{free_port}"}}


def test_the_name_of_a_virus(scan, clamav):
    assert scan(clamav, "virus", mail=make_mail(text=f"look at this: {VIRUS}")) == ("Inbox.Test.UNOFFICIAL", None, None)


def test_a_virus_in_an_attachment(scan, clamav):
    mail = EmailMessage()
    mail["Subject"] = "invoice"
    mail.set_content("see the file")
    mail.add_attachment(VIRUS.encode(), maintype="application", subtype="octet-stream", filename="invoice.pdf")
    assert VIRUS.encode() not in mail.as_bytes()
    assert scan(clamav, "virus", mail=make_mail(mail.as_bytes()))[0] == "Inbox.Test.UNOFFICIAL"


@pytest.mark.parametrize("text", ["", "nothing here", "x" * 300_000])
def test_a_clean_mail_has_no_virus(scan, clamav, text):
    assert scan(clamav, "virus", mail=make_mail(text=text)) == (None, None, None)


@pytest.mark.parametrize("octets", [1_100_000, 9_000_000])
def test_a_mail_larger_than_clamd_takes_is_absent_with_a_note_and_not_deferred(scan, clamav, octets):
    value, note, later = scan(clamav, "virus", mail=make_mail(text="0123456789abcdef" * (octets // 16)))
    assert (value, later) == (None, None)
    assert "StreamMaxLength" in note


def test_spam_for_rspamd(scan, rspamd):
    mail = make_mail(text=GTUBE)
    names = ("rspamd", "rspamd.score", "rspamd.symbols", "spam")
    found = scan({"rspamd": {"server": rspamd}}, *names, mail=mail)
    assert [value for value, _, _ in found] == ["reject", 15.0, ("GTUBE",), True]


def test_no_spam_for_rspamd(scan, rspamd):
    found = scan({"rspamd": {"server": rspamd}}, "rspamd", "rspamd.score", "rspamd.symbols", "spam", mail=make_mail(text="hello"))
    assert found == [("no action", None, None), (0.0, None, None), (None, None, None), (False, None, None)]


def test_rspamd_knows_the_envelope(scan, rspamd):
    mail = make_mail(text="hello", ip=BAD_CLIENT, sender="spammer@example.org", recipients=["a@example.com", "b@example.com"])
    action, score, symbols = scan({"rspamd": {"server": rspamd}}, "rspamd", "rspamd.score", "rspamd.symbols", mail=mail)
    assert (action[0], score[0], set(symbols[0])) == ("add header", 8.5, {"BAD_CLIENT", "BAD_SENDER"})


def test_spam_for_spamassassin(scan, spamd):
    names = ("spamassassin", "spamassassin.score", "spamassassin.tests", "spam")
    found = scan({"spamassassin": {"server": spamd}}, *names, mail=make_mail(text=GTUBE))
    assert [value for value, _, _ in found] == [True, 1000.0, ("GTUBE",), True], found


def test_no_spam_for_spamassassin(scan, spamd):
    names = ("spamassassin", "spamassassin.score", "spamassassin.tests", "spam")
    found = scan({"spamassassin": {"server": spamd}}, *names, mail=make_mail(text="hello"))
    assert [value for value, _, _ in found] == [False, 0.0, None, False]


@pytest.mark.parametrize("helo", ["mail.example.org", "[192.0.2.1] (by 10.0.0.1\r\nX-Spam: no", ""])
def test_spamassassin_knows_the_envelope(scan, spamd, helo):
    mail = make_mail(text="hello", ip=BAD_CLIENT, helo=helo, sender="spammer@example.org")
    found = scan({"spamassassin": {"server": spamd}}, "spamassassin.tests", "spamassassin.score", mail=mail)
    assert (set(found[0][0]), found[1][0]) == ({"BAD_CLIENT", "BAD_SENDER"}, 4.0)
