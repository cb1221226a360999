"""What kind of mail it is, whether it may be answered, reports, replies, threads."""

from __future__ import annotations

import pytest

from inbox.model import Envelope
from inbox.parsing import parse
from inbox.parsing.limits import DEFAULT, Limits
from inbox.parsing.quoting import split_reply

PERSON = Envelope("a@s.test", ("u@local.test",))
KINDS = [
    ("", None),
    ("Auto-Submitted: no", None),
    ("Auto-Submitted: No (really); a=b", None),
    ("Auto-Submitted: auto-replied", "auto-reply"),
    ("Auto-Submitted: (c) Auto-Replied; owner=x", "auto-reply"),
    ("Auto-Submitted: auto-replied (vacation)", "vacation"),
    ("Auto-Submitted: auto-generated", "daemon"),
    ("Auto-Submitted: auto-notified", "daemon"),
    ("X-Autoreply: yes", "auto-reply"),
    ("Precedence: auto_reply", "auto-reply"),
    ("Subject: Out of office: Re: hello", "vacation"),
    ("Subject: Re: Out of office", None),
    ("Precedence: list", "list"),
    ("List-Id: <x.y>", "list"),
    ("List-Unsubscribe: <mailto:x@y.z>", "bulk"),
    ("Precedence: Bulk", "bulk"),
    ("Precedence: first-class", None),
    ("X-Auto-Response-Suppress: All", None),
]
SENDERS = [
    (None, "null-sender"),
    ("owner-x@s.test", "daemon-sender"),
    ("MAILER-DAEMON@s.test", "daemon-sender"),
    ("x-request@s.test", "daemon-sender"),
    ("noreply@s.test", "daemon-sender"),
    ("no-reply@s.test", "daemon-sender"),
    ("bounces+17=x@s.test", "daemon-sender"),
    ("list-bounces@s.test", "daemon-sender"),
]
REPLIES = [
    ("Yes\n\nOn Mon, Nov 23, 2026 at 4:02 PM A <a@b.c> wrote:\n> no", "Yes"),
    ("Ja\n\nAm 23.11.2026 um 16:02 schrieb A <a@b.c>:\n> nein", "Ja"),
    ("Oui\n\nLe 23 nov. 2026 \xe0 16:02, A <a@b.c> a \xe9crit :\n> non", "Oui"),
    ("S\xed\n\nEl lun, 23 nov 2026 a las 16:02, A (<a@b.c>) escribi\xf3:\n> no", "S\xed"),
    ("\u0414\u0430\n\n23.11.2026 16:02, A <a@b.c> \u043f\u0438\u0448\u0435\u0442:\n> \u043d\u0435\u0442", "\u0414\u0430"),
    ("Yes\n-----Original Message-----\nFrom: a@b.c\nno", "Yes"),
    ("Yes\n\n________________________________\nFrom: A <a@b.c>\nSent: Monday\nTo: B\nSubject: x\n\nno", "Yes"),
    ("> question\nanswer\n> other\nmore", "answer\nmore"),
    ("On the board she wrote: hello", "On the board she wrote: hello"),
    ("From: Berlin\nTo: Rome\n", "From: Berlin\nTo: Rome"),
    (
        "FYI\n\n---------- Forwarded message ----------\nFrom: a@b.c\n\ntext",
        "FYI\n\n---------- Forwarded message ----------\nFrom: a@b.c\n\ntext",
    ),
    ("> only\n> quoted", None),
    ("From: a@b.c\nSent: Monday\nTo: b@c.d\nSubject: x\n\ntext", "From: a@b.c\nSent: Monday\nTo: b@c.d\nSubject: x\n\ntext"),
    ("", None),
]


@pytest.mark.parametrize(("field", "kind"), KINDS)
def test_a_field_tells_what_kind_of_mail_it_is(field, kind):
    found = parse(f"From: a@s.test\r\n{field}\r\n\r\nx".encode() if field else b"From: a@s.test\r\n\r\nx").automatic
    assert (found.kind if found else None) == kind
    assert not found or found.evidence


@pytest.mark.parametrize(("sender", "reason"), SENDERS)
def test_a_sender_that_is_no_person_is_not_answered(sender, reason):
    found = parse(b"From: a@s.test\r\n\r\nx").may_reply(Envelope(sender, ("u@local.test",)))
    assert (found.ok, found.reasons) == (False, (reason,))


def test_a_person_may_be_answered():
    assert parse(b"From: a@s.test\r\n\r\nx").may_reply(PERSON).to_dict() == {"ok": True, "reasons": []}


def test_a_mail_that_asks_for_silence_is_not_answered():
    assert parse(b"From: a@s.test\r\nX-Auto-Response-Suppress: DR, AutoReply\r\n\r\n").may_reply(PERSON).reasons == ("suppressed",)


@pytest.mark.parametrize(("text", "reply"), REPLIES)
def test_a_reply_is_what_was_newly_written(text, reply):
    assert split_reply(text, DEFAULT).text == reply


def test_a_signature_is_set_apart():
    found = split_reply("Yes\n-- \nBob\n\nOn 1.1.2026 A wrote:\n> x", DEFAULT)
    assert (found.text, found.signature) == ("Yes", "-- \nBob")


@pytest.mark.parametrize(
    "line", ["> x\n", ">", "On Mon\n", 'On "', "From: a@b.c\n", "-- \n", "----", "_" * 40 + "\n", "http://(\n> ", "\n"]
)
def test_a_text_that_hangs_other_splitters_does_not_hang_this_one(line):
    split_reply(line * (300_000 // len(line)), Limits(reply=1 << 20, reply_lines=100_000))


def test_words_beyond_the_limit_are_not_lost():
    text = "new words\n" * 30
    found = split_reply(text, Limits(reply=100))
    assert found.text == text.strip()
