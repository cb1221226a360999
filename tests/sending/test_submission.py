"""What a mail that is made here says, and what of it is refused."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.config import Settings
from inbox.errors import ConfigError
from inbox.send.attachments import Attachment
from inbox.send.identities import Identities
from inbox.send.sender import Sender
from inbox.send.submission import submission


def made(**words) -> bytes:
    """The octets of a mail, with no identity anywhere."""
    usual = {"from_": "Shop <shop@example.com>", "to": "alice@far.test", "subject": "Hello", "text": "Hello\n"}
    given = {name: value for name, value in {**usual, **words}.items() if value is not None}
    return sender().prepare(submission(given)).mail.raw


def sender(**more) -> Sender:
    settings = Settings.model_validate({"dir": "/nonexistent", **more})
    return Sender(settings, Identities(settings))


def read(raw: bytes):
    return message_from_bytes(raw, policy=default)


def test_it_has_the_fields_that_every_mail_has_once():
    mail = read(made(cc=["Bob <bob@far.test>"], reply_to="help@example.com", headers={"X-Order": "7"}))
    for name, value in {
        "From": "Shop <shop@example.com>",
        "To": "alice@far.test",
        "Cc": "Bob <bob@far.test>",
        "Reply-To": "help@example.com",
    }.items():
        assert mail.get_all(name) == [value]
    assert mail["X-Order"] == "7"
    assert len(mail.get_all("Date")) == len(mail.get_all("Message-ID")) == len(mail.get_all("MIME-Version")) == 1


@pytest.mark.parametrize(
    "more", [{"text": "x"}, {"html": "x"}, {"subject": "x"}, {"attachments": [("a", b"x", None)]}, {"reply_to": "a@b.test"}]
)
def test_what_a_raw_mail_would_leave_out_is_an_error(more):
    with pytest.raises(ConfigError, match="raw says it already; leave one of the two out"):
        sender().prepare(submission({"raw": b"From: shop@example.com\r\nTo: alice@far.test\r\n\r\nx\r\n", **more}))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"Hello Alice,\nhow are you?\n", "does not begin with a header field, but with 'Hello Alice,'; give a text as --text FILE"),
        (b"", "does not begin with a header field"),
        (b"From: a@example.com\nFrom: b@example.com\n\nx\n", "more than one field From"),
    ],
)
def test_octets_that_are_no_mail_are_an_error(raw, why):
    with pytest.raises(ConfigError) as caught:
        sender().prepare(submission({"raw": raw, "from_": "shop@example.com", "to": "alice@far.test"}))
    assert why in str(caught.value)


@pytest.mark.parametrize("more", [{"text": "x"}, {"html": "x"}])
def test_what_a_template_would_replace_is_an_error(more, tmp_path):
    with pytest.raises(ConfigError, match="template says it already"):
        sender().prepare(submission({"from_": "shop@example.com", "to": "alice@far.test", "template": tmp_path / "t.md", **more}))


def test_blind_copies_get_the_mail_and_stand_nowhere():
    prepared = sender().prepare(submission({"from_": "shop@example.com", "to": "alice@far.test", "bcc": "boss@far.test", "text": "x"}))
    assert prepared.mail.envelope.recipients == ("alice@far.test", "boss@far.test")
    assert b"boss" not in prepared.mail.raw


def test_text_is_made_of_html_where_there_is_none():
    mail = read(made(text=None, html="<p>Hello <b>Alice</b></p>"))
    assert mail.get_content_type() == "multipart/alternative"
    assert mail.get_body(("plain",)).get_content().strip() == "Hello Alice"


@pytest.mark.parametrize(
    "name",
    ["report.pdf", "Bericht für März.pdf", "a\r\nX-Evil: 1.pdf", '"; x="y.txt', "../../etc/passwd", "x" * 300, "日本語" * 30 + ".txt"],
)
def test_attachments_keep_their_octets_and_a_name_that_is_one(name):
    content = bytes(range(256)) * 10
    mail = read(made(attachments=[(name, content, None)]))
    (part,) = mail.iter_attachments()
    assert part.get_content() if part.get_content_maintype() == "text" else part.get_content() == content
    assert part.get_filename()
    assert not set(part.get_filename()) & set("\r\n/")
    assert mail["X-Evil"] is None


def test_an_attachment_of_a_type_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="is no media type"):
        made(attachments=[("x", b"", "text/plain\r\nX-Evil: 1")])


def test_a_mail_as_it_is_stays_as_it_is_but_for_what_is_missing_and_blind_copies():
    raw = b"From: shop@example.com\nTo: alice@far.test\nBcc: boss@far.test,\n other@far.test\nSubject: as it is\n\nbody\n"
    prepared = sender().prepare(submission({"raw": raw}))
    assert prepared.mail.envelope.recipients == ("alice@far.test", "boss@far.test", "other@far.test")
    left = prepared.mail.raw
    assert left.endswith(b"From: shop@example.com\r\nTo: alice@far.test\r\nSubject: as it is\r\n\r\nbody\r\n")
    assert b"boss" not in left
    assert b"other" not in left
    assert read(left)["Date"]
    assert prepared.mail.id in read(left)["Message-ID"]
    assert b"\n" not in left.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"to": []}, "there is no recipient"),
        ({"to": ["nobody"]}, "'nobody' is no address for a recipient; write user@example.com"),
        ({"to": ["a@b.test\r\nBcc: c@d.test"]}, "is no address for a recipient"),
        ({"from_": "shop@example.com\nX: y"}, "is no address for From"),
        ({"text": None}, "the mail says nothing; give its text: --text FILE"),
        ({"from_": None}, "nobody is named as author; say whom the mail is from"),
        ({"to": [f"r{number}@far.test" for number in range(101)]}, "101 recipients; a mail has at most 100: send each one of their own"),
        ({"headers": {"Bcc": "x@y.test"}}, "the header field Bcc is ours to write"),
        ({"headers": {"X Y": "z"}}, "cannot be the name of a header field"),
        ({"headers": {"Content-Type": "text/html"}}, "the header field Content-Type is ours"),
        ({"unsubscribe": "http://example.com/u"}, "is nowhere to unsubscribe; write https"),
        ({"unsubscribe": "https://example.com/u>\r\nX: y"}, "is nowhere to unsubscribe"),
        ({"unsubscribe": True}, "there is no unsubscribe_url in [sending]; set it"),
        ({"attachments": ["/nonexistent/file"]}, "attachment /nonexistent/file cannot be read: No such file"),
    ],
)
def test_what_cannot_be_sent_is_said_with_the_remedy(words, why):
    with pytest.raises(ConfigError) as caught:
        made(**words)
    assert why in str(caught.value)


def test_an_author_whose_domain_is_no_identity_is_refused_where_there_are_identities():
    with pytest.raises(
        ConfigError, match=r"From is shop@example\.com, and example\.com is no identity; make it one: inbox identity add example\.com"
    ):
        sender(identities={"example.net": {}}).prepare(submission({"from_": "shop@example.com", "to": "alice@far.test"}))


def test_without_any_identity_mail_is_sent_with_a_warning(caplog):
    made()
    assert "without a DKIM signature" in caplog.text


def test_one_click_fields_stand_together():
    mail = read(made(unsubscribe="https://example.com/u/1?a=b"))
    assert mail["List-Unsubscribe"] == "<https://example.com/u/1?a=b>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    mailto = read(made(unsubscribe="mailto:leave@example.com?subject=unsubscribe"))
    assert mailto["List-Unsubscribe"] == "<mailto:leave@example.com?subject=unsubscribe>"
    assert mailto["List-Unsubscribe-Post"] is None


EVIL = st.text(st.sampled_from('\r\n\0\t ab:@<>"\\,;=?é\u2028\x85\x0b'), max_size=30)
KNOWN = {
    "from",
    "to",
    "cc",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "x-order",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
}


@given(subject=EVIL, name=EVIL, order=EVIL, cc=EVIL, reply=EVIL)
@settings(max_examples=100, deadline=None)
def test_no_value_becomes_a_field_of_its_own(subject, name, order, cc, reply):
    words = {"subject": f"{subject}\r\nX-Evil: 1", "from_": (name, "shop@example.com"), "headers": {"X-Order": f"{order}\n\nX-Evil: 1"}}
    try:
        raw = made(**words, cc=[f"{cc} <bob@far.test>"], reply_to=[f"{reply} <help@example.com>"])
    except ConfigError:
        raw = made(**words)
    head = raw.partition(b"\r\n\r\n")[0]
    fields = [line.partition(b":")[0].decode().lower() for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
    assert set(fields) <= KNOWN
    assert len(fields) == len(set(fields))
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert b"\r" not in head.replace(b"\r\n", b"")
    assert raw.partition(b"\r\n\r\n")[2] == b"Hello\r\n"


def test_an_attachment_is_read_from_a_path(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"hello")
    assert Attachment.of(tmp_path / "a.txt") == Attachment("a.txt", b"hello")
