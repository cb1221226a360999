"""Conversations: bases of subjects, what one mail says, and a memory that neither splits nor hijacks."""

from __future__ import annotations

import base64

import pytest

from inbox import Threads, parse
from inbox.parsing.subjects import read_subject
from inbox.parsing.threads import normal_id

SUBJECTS = [
    ("Re: Hello", "hello", True),
    ("RE: AW: SV: Antw: Odp: VS: R: RIF: RES: YNT: Ynt: Hello", "hello", True),
    ("Fwd: WG: TR: RV: ENC: FW: VB: PD: İLT: Doorst: Hello", "hello", False),
    ("Re[2]: Hello", "hello", True),
    ("Re^3: Re(4): RE [5]: Hello", "hello", True),
    ("re : re: Hello   World", "hello world", True),
    ("回复\uff1a答复: 你好", "你好", True),
    ("回覆\uff1a轉寄\uff1a你好", "你好", True),
    ("转发: 你好", "你好", False),
    ("返信: こんにちは", "こんにちは", True),
    ("회신: 안녕", "안녕", True),
    ("Ответ: \u041d\u0410: Привет", "привет", True),
    ("Απ: Γεια", "γεια", True),
    ("השב: שלום", "שלום", True),
    ("رد: مرحبا", "مرحبا", True),
    ("VÁ: Szia", "szia", True),
    ("Tr: Réunion", "réunion", False),
    ("Re: [Gardeners] Ivy", "[gardeners] ivy", True),
    ("[Gardeners] Re: Ivy", "[gardeners] ivy", True),
    ("Re: [Gardeners] Re: [Gardeners] Ivy", "[gardeners] ivy", True),
    ("[Gardeners] Ivy", "[gardeners] ivy", False),
    ("Re: [a] [b] AW: Ivy", "[a] [b] ivy", True),
    ("AW: [EXTERNAL] Re: Offer", "offer", True),
    ("[EXT] Offer", "offer", False),
    ("[Fwd: Hello]", "hello", False),
    ("Hello (fwd)", "hello", False),
    ("Re:", "", True),
    ("Research: results", "research: results", False),
    ("Restart: done", "restart: done", False),
    ("Fwd", "fwd", False),
    ("", "", False),
]
INDEX = bytes([1]) + bytes(range(21))


def mail(own: str | None, subject: str = "Order", author: str = "alice@example.org", to: str = "shop@example.com", **fields: str) -> bytes:
    head = {"From": author, "To": to, "Subject": subject} | ({"Message-ID": own} if own else {})
    head |= {name.replace("_", "-"): value for name, value in fields.items()}
    return "".join(f"{name}: {value}\r\n" for name, value in head.items()).encode() + b"\r\nx"


def place(threads: Threads, *arguments: str | None, token: str | None = None, **fields: str):
    found = threads.place(parse(mail(*arguments, **fields)), token)
    return found.thread, found.evidence, found.known_author


@pytest.mark.parametrize(("subject", "base", "answer"), SUBJECTS, ids=[subject for subject, _, _ in SUBJECTS])
def test_marks_of_many_languages_are_no_part_of_a_subject(subject, base, answer):
    assert read_subject(subject) == (base, answer)


@pytest.mark.parametrize("text", ["Re: " * 20_000, "[a]" * 20_000, "[Fwd:" * 20_000 + "]", "(fwd)" * 20_000, " (" * 20_000, "Re[" * 20_000])
def test_a_subject_of_marks_does_not_hang(text):
    assert len(read_subject(text).base) <= 2000


@pytest.mark.parametrize(
    ("raw", "key", "evidence"),
    [
        (mail("<c@x>", References="<a@x> <b@x>", In_Reply_To="<b@x>"), "<a@x>", "references"),
        (mail("<c@x>", In_Reply_To="Your message of Monday <b@x>"), "<b@x>", "in-reply-to"),
        (mail("<c@x>", Thread_Index=base64.b64encode(INDEX + b"12345").decode()), f"index:{INDEX.hex()}", "thread-index"),
        (mail("<c@x>", Thread_Index=base64.b64encode(INDEX).decode()), "<c@x>", "message-id"),
        (mail("<c@x>", References="a@x\r\n b@x"), "<a@x>", "references"),
        (mail("<c@x>", Thread_Index="nonsense"), "<c@x>", "message-id"),
        (mail("<c@x>"), "<c@x>", "message-id"),
        (b"Subject: Re: Hello\r\n\r\n", "subject:hello", "subject"),
        (b"Subject: Hello\r\n\r\n", "subject:hello", "subject"),
        (b"", None, None),
    ],
)
def test_one_mail_says_where_it_belongs_and_why(raw, key, evidence):
    message = parse(raw)
    assert (message.thread, message.conversation.key, message.conversation.evidence) == (key, key, evidence)


def test_an_answer_without_references_goes_by_subject_and_people():
    first = parse(mail("<1@x>", "Re: Order", "alice@example.org", "shop+a@example.com")).thread
    assert parse(mail("<2@x>", "AW: order", "Shop <SHOP@example.com>", "alice@example.org")).thread == first
    assert parse(mail("<3@x>", "Re: Order", "mallory@example.net")).thread != first


def test_the_identifier_before_a_server_changed_it_is_an_own_one_too():
    message = parse(mail("<new@outlook.test>", X_Microsoft_Original_Message_ID="<old@x>"))
    assert message.conversation.own == ("<new@outlook.test>", "<old@x>")


def test_a_conversation_is_not_split():
    threads = Threads()
    assert place(threads, "<1@x>") == ("<1@x>", "new", True)
    assert place(threads, "<2@y>", "Re: Order", "shop@example.com", "alice@example.org", In_Reply_To="<1@x>") == (
        "<1@x>",
        "reference",
        True,
    )
    assert place(threads, "<3@x>", "other words", References="<0@lost> <2@y>") == ("<1@x>", "reference", True)
    assert place(threads, "<5@x>", "Re: Order", In_Reply_To="<4@y>") == ("<1@x>", "subject", True)
    assert place(threads, "<4@y>", "Re: later", "shop@example.com", "alice@example.org") == ("<1@x>", "reference", True)


def test_mail_that_ses_renamed_stays_in_its_conversation():
    threads = Threads()
    place(threads, "<1@x>", Thread_Index=base64.b64encode(INDEX).decode())
    threads.note("<ours@shop.example>", "<1@x>")
    threads.note("0102018f-1", "<1@x>")  # what SES answered to SendRawEmail or after DATA
    assert place(threads, "<7@x>", "thanks", In_Reply_To="<0102018f-1@eu-west-1.amazonses.com>") == ("<1@x>", "reference", True)
    assert place(threads, "<8@x>", "thanks", In_Reply_To="<0102018F-2@email.amazonses.com>")[1] == "new"
    assert place(threads, "<9@x>", "re", Thread_Index=base64.b64encode(INDEX + b"12345").decode()) == ("<1@x>", "thread-index", True)
    assert normal_id("<a@b.amazonses.com.evil.test>") == "<a@b.amazonses.com.evil.test>"


def test_a_conversation_is_not_hijacked_by_its_subject():
    threads = Threads()
    place(threads, "<1@x>")
    assert place(threads, "<2@z>", "Re: Order", "mallory@example.net")[1] == "new"
    assert place(threads, "<3@x>", "Order") == ("<3@x>", "new", True), "a new question of the same person is a new conversation"
    assert threads.place(parse(b"Subject: Re: Order\r\n\r\n")).evidence == "new", "nobody is not the same people"


def test_a_stranger_with_a_reference_is_told_apart_and_stays_one():
    threads = Threads()
    place(threads, "<1@x>")
    for own in ("<2@z>", "<3@z>"):
        assert place(threads, own, "Re: Order", "mallory@example.net", In_Reply_To="<1@x>") == ("<1@x>", "reference", False)
    assert place(threads, "<1@x>", "again", "mallory@example.net") == ("<1@x>", "reference", False)


def test_a_reply_token_wins_and_what_is_known_is_never_moved():
    known: dict[str, str] = {}
    threads = Threads(known)
    place(threads, "<1@x>")
    place(threads, "<2@x>", "Other")
    before = dict(known)
    assert place(threads, "<3@x>", "Re: Other", In_Reply_To="<2@x>", token="<1@x>") == ("<1@x>", "reply-token", True)
    assert {key: known[key] for key in before if not key.startswith("people:")} == {
        k: v for k, v in before.items() if not k.startswith("people:")
    }
    assert Threads(known).place(parse(mail("<4@x>", In_Reply_To="<3@x>"))).thread == "<1@x>"


def test_an_ambiguous_author_took_no_part_before():
    threads = Threads()
    threads.place(parse(b"Message-ID: <1@x.y>\r\nFrom: ann@x.y\r\nTo: us@z.y\r\n\r\n"))
    for fields, known in ((b"From: ann@x.y", True), (b"From: ann@x.y\r\nFrom: eve", False)):
        assert threads.place(parse(b"In-Reply-To: <1@x.y>\r\n" + fields + b"\r\nTo: us@z.y\r\n\r\n")).known_author is known
