"""Who wrote it, a person or a program; and may a program answer: both directions, robots never answered, people never ignored."""

from __future__ import annotations

import pytest

from inbox.model import Envelope
from inbox.parsing import parse
from inbox.parsing.automatic import auto_submitted

PERSON = Envelope("ann@person.example", ("help@shop.example",))
FROM = "From: Ann Example <ann@person.example>\r\nTo: help@shop.example\r\n"

PEOPLE = {  # header, text: none of these is a bounce or a robot, and each may be answered
    "talks about a bounce": (
        "Subject: My mail came back",
        "Hello,\n\nmy mail to bob@dest.example could not be delivered: 550 5.1.1 user unknown.\nCan you help?\n",
    ),
    "subject of a bounce": (
        "Subject: Undelivered Mail Returned to Sender",
        "Hi,\n\nI get this for bob@dest.example:\n\n<bob@dest.example>: 550 user unknown\n",
    ),
    "without a greeting": (
        "Subject: Mail delivery failed",
        "My last message could not be delivered to:\n\nbob@dest.example\n\n550 user unknown. What now?\n",
    ),
    "quotes one": (
        "Subject: Re: Mail delivery failed: returning message to sender\r\nIn-Reply-To: <a@b.example>",
        "Why that?\n\n> A message that you sent could not be delivered to one or more of its recipients.\n>   bob@dest.example\n>     550 user unknown\n",
    ),
    "forwards one": (
        "Subject: Fwd: Undelivered Mail Returned to Sender",
        (
            "See below.\n\n---------- Forwarded message ----------\nFrom: Mail Delivery System <MAILER-DAEMON@dest.example>\nSubject: Undelivered Mail Returned to Sender\n\n"
            "I'm sorry to have to inform you that your message could not be delivered.\n\n<bob@dest.example>: 550 user unknown\n"
        ),
    ),
    "support answers": (
        "Subject: Re: my mails\r\nIn-Reply-To: <a@b.example>\r\nReferences: <a@b.example>",
        "Your message was rejected because of an unknown user:\n\nbob@dest.example: user unknown\n\nRegards\nAnn\n",
    ),
    "a parcel": (
        "Subject: Delivery failed",
        "Your parcel could not be delivered today.\n\nEmail: help@shop.example\nNext attempt: tomorrow\n",
    ),
    "a parcel, without a greeting": (
        "Subject: Delivery problem",
        "The package was returned to sender.\nPlease send it to jane@home.example\n",
    ),
    "a parcel, in German": (
        "Subject: Zustellung fehlgeschlagen",
        "Meine Lieferung konnte nicht zugestellt werden, bitte an max@firma.example melden.\n",
    ),
    "a car": ("Subject: Auto: Reparatur", "Mein Auto ist kaputt.\n"),
    "sent through an outgoing filter": ("Subject: x\r\nX-Report-Abuse-To: spam@filter.example", "x\n"),
    "a holiday": ("Subject: Urlaub: Frage zur Buchung", "Was kostet das?\n"),
    "a pupil": ("Subject: Absence: Tom Miller", "He is ill.\n"),
    "two authors and a sender": ("From: bob@person.example, ann@person.example\r\nSender: ann@person.example", "x\n"),
    "says no": ("Subject: Out of office: who takes over?\r\nAuto-Submitted: no", "Who is it?\n"),
    "says no in detail": ("Subject: x\r\nAuto-Submitted: (typed by me (really)) No; reason=human", "x\n"),
    "plans to be away": ("Subject: Vacation planning", "When are you away?\n"),
    "out of office as a theme": ("Subject: Out of office", "The printer there is broken.\n"),
    "answers a vacation": ("Subject: Re: Out of office: your order\r\nIn-Reply-To: <a@b.example>", "Enjoy!\n"),
    "forwarded by a rule": ("Subject: x\r\nX-MS-Exchange-Inbox-Rules-Loop: boss@person.example", "x\n"),
    "went through a loop guard": ("Subject: x\r\nX-Loop: list@other.example", "x\n"),
    "sent through a mail service": ("Subject: x\r\nFeedback-ID: 1.eu-central-1.abc:AmazonSES", "x\n"),
    "first class": ("Subject: x\r\nPrecedence: first-class", "x\n"),
    "wants no delivery report": ("Subject: x\r\nX-Auto-Response-Suppress: DR, NDR, RN", "x\n"),
    "asks for a receipt": ("Subject: x\r\nDisposition-Notification-To: ann@person.example", "x\n"),
    "automatic replies as a theme": ("Subject: Auto reply not working since Monday", "Just asking.\n"),
    "an autoresponder for sale": ("Subject: Autoresponders: which one do you use?\r\nX-Autoreply: no", "Just asking.\n"),
}
ROBOTS = {  # header: kind
    "Auto-Submitted: auto-replied": "auto-reply",
    "Auto-Submitted: AUTO-REPLIED (vacation)": "vacation",
    "Auto-Submitted: (a (nested) comment) auto-generated; type=x": "daemon",
    "Auto-Submitted: auto-notified; owner-email=x@y.example": "daemon",
    "Auto-Submitted: no\r\nAuto-Submitted: auto-replied": "auto-reply",
    "X-Autorespond: your order": "auto-reply",
    "X-Auto-Response: 1": "auto-reply",
    "Delivered-To: Autoresponder": "auto-reply",
    "Precedence: auto_reply": "auto-reply",
    "Precedence: bulk (sent by a machine)": "bulk",
    "Precedence: junk": "bulk",
    "Precedence: LIST": "list",
    "List-Id: Gardeners <g.lists.example>": "list",
    "List-Post: <mailto:g@lists.example>": "list",
    "X-BeenThere: g@lists.example": "list",
    "Mailing-List: contact g-help@lists.example": "list",
    "List-Unsubscribe: <https://news.example/u>": "bulk",
    "List-Archive: <https://news.example/a>": "bulk",
    "List-Whatever: x": "bulk",
    "Subject: Automatic reply: your order": "auto-reply",
    "Subject: AutoReply: your order": "auto-reply",
    "Subject: Out of Office: Re: your order": "vacation",
    "Subject: Out of office\r\nIn-Reply-To: <a@b.example>": "vacation",
    "Subject: AUTO: Ann Example is out of the office (returning 01.12.2026)": "vacation",
    "Subject: Auto: Re: your order": "auto-reply",
    "Subject: Auto: your order\r\nIn-Reply-To: <a@b.example>": "auto-reply",
    "Subject: Urlaub\r\nIn-Reply-To: <a@b.example>": "vacation",
    "Subject: Urlaubsnotiz: Ihre Bestellung": "vacation",
    "Subject: Automatische Antwort: Ihre Bestellung": "auto-reply",
    "Subject: Abwesenheitsnotiz: Ihre Bestellung": "vacation",
    "Subject: =?utf-8?q?R=C3=A9ponse_automatique_=3A_votre_commande?=": "auto-reply",
    "Subject: Absence du bureau : votre commande": "vacation",
    "Subject: =?utf-8?q?Respuesta_autom=C3=A1tica=3A_su_pedido?=": "auto-reply",
    "Subject: Fuera de la oficina: su pedido": "vacation",
    "Subject: =?utf-8?q?Resposta_autom=C3=A1tica=3A_seu_pedido?=": "auto-reply",
    "Subject: Risposta automatica: ordine": "auto-reply",
    "Subject: Automatisch antwoord: bestelling": "auto-reply",
    "Subject: Autosvar: order": "auto-reply",
    "Subject: =?utf-8?b?0JDQstGC0L7QvtGC0LLQtdGCOiDQt9Cw0LrQsNC3?=": "auto-reply",
    "Subject: =?utf-8?b?6Ieq5Yqo5Zue5aSNOiDorqLljZU=?=": "auto-reply",
    "Subject: =?utf-8?b?6Ieq5YuV5b+c562UOiDms6jmloc=?=": "auto-reply",
    "X-Cron-Env: <SHELL=/bin/sh>": "daemon",
    "Return-Path: <>": "daemon",
    "Content-Type: multipart/report; report-type=x-new; boundary=b": "daemon",
    "Content-Type: multipart/report; report-type=disposition-notification; boundary=b": "receipt",
}
SENDERS = [
    *(
        "MAILER-DAEMON@s.example",
        "mailer_daemon@s.example",
        "postmaster@s.example",
        "post_master@s.example",
        "LISTSERV@s.example",
        "majordomo@s.example",
    ),
    *(
        "noreply@s.example",
        "no-reply@s.example",
        "no.reply@s.example",
        "no_reply+17@s.example",
        "orders-noreply@s.example",
        "NoReply-eu@s.example",
        "donotreply@s.example",
    ),
    *(
        "do-not-reply@s.example",
        "nao-responda@s.example",
        "no-responder@s.example",
        "noresponder@s.example",
        "ne-pas-repondre@s.example",
        "nepasrepondre@s.example",
    ),
    *(
        "keine-antwort@s.example",
        "nicht-antworten@s.example",
        "owner-garden@s.example",
        "garden-owner@s.example",
        "garden-request@s.example",
        "bounce-17@s.example",
    ),
    *("garden-bounces@s.example", "bounces+1-ann=x.example@s.example", "autoresponder@s.example"),
]
ANSWERED = [
    "ann@s.example",
    "owner@s.example",
    "request@s.example",
    "nora.reply@s.example",
    "daemonic@s.example",
    "mailerson@s.example",
    "bouncer.bob@s.example",
    "noah@s.example",
]


DAEMONS = {  # what programs write that is no bounce
    "quarantine": (
        "From: postmaster@s.example\r\nSubject: Quarantine summary",
        "These messages have been blocked as spam:\n\nbob@dest.example: cheap pills\njoe@dest.example: 550 more\n",
    ),
    "full soon": (
        "From: System Administrator <postmaster@s.example>\r\nSubject: Your mailbox is almost full",
        "ann@s.example has used 95 % of its quota. Mail could be rejected soon.\n",
    ),
    "aggregate report": (
        "From: postmaster@s.example\r\nSubject: Report Domain: shop.example Submitter: s.example Report-ID: 1",
        "A DMARC report is attached.\n",
    ),
    "vacation": (
        "Return-Path: <>\r\nFrom: ann@s.example\r\nSubject: Out of office: your order\r\nAuto-Submitted: auto-replied",
        "I no longer work here, so your message will not be forwarded. Please write to:\n\nbob@s.example\n",
    ),
    "moderation": (
        "From: garden-bounces@lists.example\r\nSubject: Your message to garden awaits moderator approval",
        "Your mail to 'garden@lists.example' is being held.\n",
    ),
    "parcel": (
        "From: no-reply@parcels.example\r\nAuto-Submitted: auto-generated\r\nSubject: Delivery failed",
        "Your parcel could not be delivered.\n\nhelp@shop.example\n",
    ),
    "alert": ("From: alerts@s.example\r\nSubject: Disk full on mx1", "The disk is full: 550 messages are waiting, see ops@s.example.\n"),
    "receipt": (
        "From: ann@s.example\r\nSubject: Not read: your order\r\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b",
        (
            "--b\nContent-Type: text/plain\n\nYour message was deleted without being read.\n--b\nContent-Type: message/disposition-notification\n\n"
            "Final-Recipient: rfc822; ann@s.example\nDisposition: automatic-action/MDN-sent-automatically; deleted\n--b--\n"
        ),
    ),
}


@pytest.mark.parametrize(("header", "text"), DAEMONS.values(), ids=DAEMONS)
def test_what_a_daemon_writes_is_not_always_a_bounce(header, text):
    assert parse((header + "\r\nTo: help@shop.example\r\n\r\n" + text).encode()).bounce is None


@pytest.mark.parametrize(("header", "text"), PEOPLE.values(), ids=PEOPLE)
def test_a_person_is_no_robot_and_is_answered(header, text):
    author = "To: help@shop.example\r\n" if header.startswith("From:") else FROM
    message = parse((author + header + "\r\n\r\n" + text.replace("\n", "\r\n")).encode())
    assert message.bounce is None
    assert message.automatic is None
    assert message.may_reply(PERSON).to_dict() == message.may_reply().to_dict() == {"ok": True, "reasons": []}


@pytest.mark.parametrize(("header", "kind"), ROBOTS.items())
def test_a_robot_is_told_with_evidence_and_never_answered(header, kind):
    message = parse(f"{FROM}{header}\r\n\r\nx".encode())
    assert message.automatic.kind == kind
    assert message.automatic.evidence
    assert f"automatic:{kind}" in message.may_reply(PERSON).reasons


@pytest.mark.parametrize("sender", SENDERS)
def test_an_address_of_a_daemon_is_not_answered(sender):
    raw = b"From: a@s.example\r\n\r\nx"
    assert parse(raw).may_reply(Envelope(sender, ("help@shop.example",))).reasons == ("daemon-sender",)
    assert "daemon-sender" in parse(f"From: {sender}\r\n\r\nx".encode()).may_reply(PERSON).reasons
    assert "daemon-sender" in parse(f"From: a@s.example\r\nSender: {sender}\r\n\r\nx".encode()).may_reply(PERSON).reasons


@pytest.mark.parametrize("sender", ANSWERED)
def test_an_address_that_only_looks_like_one_is_answered(sender):
    assert parse(f"From: {sender}\r\n\r\nx".encode()).may_reply(Envelope(sender, ("help@shop.example",))).ok


@pytest.mark.parametrize(
    ("header", "envelope", "reason"),
    [
        ("", Envelope(None, ("help@shop.example",)), "null-sender"),
        ("", Envelope("Help@Shop.example", ("help@shop.example",)), "own-address"),
        ("", Envelope("help+4711@shop.example", ("help@shop.example",)), "own-address"),
        ("", Envelope("eve@evil.example", ("ann+shop@person.example",)), "own-address"),
        ("X-Loop: help@shop.example", PERSON, "own-loop"),
        ("X-MS-Exchange-Inbox-Rules-Loop: help@shop.example", PERSON, "own-loop"),
        ("X-Inbox-Loop: other@shop.example", PERSON, "own-loop"),
        ("X-Auto-Response-Suppress: All", PERSON, "suppressed"),
        ("X-Auto-Response-Suppress: DR; OOF; AutoReply", PERSON, "suppressed"),
        ("From: other@person.example", PERSON, "ambiguous-from"),
        ("\r\n".join(["Received: by x"] * 60), PERSON, "too-many-hops"),
    ],
)
def test_a_reason_not_to_answer_is_no_evidence_of_a_robot(header, envelope, reason):
    message = parse(f"{FROM}{header}\r\n\r\nx".replace("\r\n\r\n\r\n", "\r\n\r\n").encode())
    assert message.automatic is None
    assert message.may_reply(envelope).reasons == (reason,)


@pytest.mark.parametrize(
    ("value", "keyword"),
    [
        ("no", "no"),
        (" (x) No ", "no"),
        ("(a(b)c)auto-replied;x=(;)", "auto-replied"),
        ('"auto-generated"', "auto-generated"),
        ("", ""),
        ("((((", "(((("),
    ],
)
def test_auto_submitted_is_read_without_comments_and_parameters(value, keyword):
    assert auto_submitted(value) == keyword


def test_people_of_a_public_suite_are_answered(shared):
    import json

    lines = (shared / "suites" / "reply.talon.jsonl").read_text(encoding="utf-8").splitlines()
    kinds = {"text": "plain"}
    mails = [
        parse(
            f"{FROM}Subject: Re: x\r\nContent-Type: text/{kinds.get(case['format'], 'html')}; charset=utf-8\r\n\r\n{case['input']}".encode()
        )
        for case in map(json.loads, lines)
    ]
    assert len(mails) > 80
    assert [mail for mail in mails if mail.bounce or not mail.may_reply(PERSON).ok] == []
