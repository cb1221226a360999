"""Bounces: by their fields, by their words; why; and what is none."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import FIXTURES
from inbox.parsing import parse
from inbox.parsing.bounce_reasons import best_status, bounce_type, reason_of
from inbox.parsing.bounce_signs import read_head

REASONS = [
    ("5.1.1", "550 5.1.1 user unknown", "no-mailbox"),
    ("5.0.0", "550 5.2.2 over quota", "mailbox-full"),
    ("5.0.0", "550 No such user here", "no-mailbox"),
    ("5.7.1", "554 5.7.1 message looks like spam", "content"),
    ("5.7.1", "550 5.7.1 No such user - abc", "no-mailbox"),
    ("5.3.4", None, "too-large"),
    ("4.4.7", None, "expired"),
    (None, None, "unknown"),
    ("5.9.9", None, "other"),
    ("4.2.1", "450 4.2.1 The user is receiving mail at a rate that prevents additional messages", "other"),
    ("5.2.1", "550 5.2.1 The account is disabled", "no-mailbox"),
    (None, "words", "other"),
    (None, "550 User [bob@mail.example.org] does not exist", "no-mailbox"),
    (None, "The recipient mailbox has exceeded its disk space limit.", "mailbox-full"),
    (None, "552 5.3.4 Message size exceeds fixed limit", "too-large"),
    (None, "552 We do not accept executable attachments", "attachment"),
    (None, "550 5.7.1 Relaying denied", "other"),
    (None, "550 this address is on our suppression list", "suppressed"),
    (None, "Empf\u00e4nger unbekannt", "no-mailbox"),
    (None, "La bo\u00eete aux lettres est pleine", "mailbox-full"),
    (None, "\u7528\u6237\u4e0d\u5b58\u5728", "no-mailbox"),
]
SUBJECTS = [
    "Mail delivery status notification", "nameserver problem", "Routing warning", "processing report", "transmission delayed", "system error", "Undeliverable: x", "Non-delivery",
    "non remis", "Returned mail: x", "Message from a could not be delivered", "e-mail to b rejected", "Your message bounced", "failure notice", "Failed mail",
    "Automatically rejected mail", "nondeliverable", "Delivery of x", "Could not send x", "couldn't be delivered", "Delay", "error sending", "Mail error", "User unknown",
    "unknown recipient", "Mailbox full", "BOUNCE", "NDR", "Unzustellbar", "Zustellung", "\u00c9chec", "Impossible", "Entrega", "Devuelto", "devolvida", "mancato x",
    "recapito", "onbestelbaar", "niet bezorgd", "ikke levere", "Toimitus", "Nedoru\u010ditelno", "niedor\u0119czony", "zwrot", "nie dostarczono", "utilisateur non x",
    "Destinataire inconnu", "K\u00e9zbes\u00edt\u00e9s", "\u0414\u043e\u0441\u0442\u0430\u0432\u043a\u0430", "\u914d\u4fe1", "\u9001\u4fe1", "\u30a8\u30e9\u30fc", "\u9000\u4fe1", "\u9000\u56de",
    "\u6295\u9012", "\u65e0\u6cd5", "\u7121\u6cd5", "\u672a\u9001", "\u4f20\u8f93", "\u50b3", "\uc804\uc1a1", "\ubc18\uc1a1", "\ubc30\ub2ec",
]  # fmt: skip
"""One for each way to say it."""

STATUSES = [
    ("5.0.0", "550 5.2.2 over quota", "5.2.2"),
    ("5.1.1", "550 5.2.2 over quota", "5.1.1"),
    ("4.0.0", "550 5.2.2 over quota", "4.0.0"),
    (None, "550 5.1.1 unknown", "5.1.1"),
    (None, "550 unknown", "5.0.0"),
    (None, "host mx.test[192.0.2.45] said: 451 try later", "4.0.0"),
    (None, "host 209.85.2.1 does not answer on port 550x", None),
    (None, None, None),
]


def test_every_subject_of_a_bounce_speaks_for_one():
    silent = [subject for subject in SUBJECTS if read_head(parse(f"Subject: {subject}\n\n".encode())).weight < 1]
    assert silent == []
    assert read_head(parse(b"Subject: Lunch\n\n")).weight == 0


@pytest.mark.parametrize(("status", "words", "reason"), REASONS)
def test_a_bounce_has_a_reason(status, words, reason):
    assert reason_of(status, words) == reason


@pytest.mark.parametrize(("status", "words", "found"), STATUSES)
def test_the_more_telling_status_counts(status, words, found):
    assert best_status(status, words) == found


@pytest.mark.parametrize(
    ("reason", "status", "found"),
    [
        ("no-mailbox", "5.1.1", ("Permanent", "NoEmail")),
        ("no-mailbox", "4.1.1", ("Transient", "General")),
        ("mailbox-full", "5.2.2", ("Transient", "MailboxFull")),
        ("other", "4.4.1", ("Transient", "General")),
        ("other", "5.0.0", ("Permanent", "General")),
        ("unknown", None, ("Undetermined", "Undetermined")),
        (None, "2.0.0", None),
    ],
)
def test_a_reason_has_the_words_of_ses(reason, status, found):
    assert bounce_type(reason, status) == found


def test_an_address_that_is_still_tried_is_not_given_up():
    report = (
        "From: MAILER-DAEMON@s.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nx\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; s.example\r\n\r\n"
        "Final-Recipient: rfc822; bob@dest.example\r\nAction: delayed\r\n{}\r\n--b--\r\n"
    )
    for fields in (
        "Diagnostic-Code: smtp; connection timed out\r\n",
        "Status: 4.1.1\r\nDiagnostic-Code: smtp; 450 4.1.1 unknown user, greylisted\r\n",
    ):
        (recipient,) = parse(report.format(fields).encode()).bounce.recipients
        assert (recipient.permanent, recipient.type, recipient.subtype) == (False, "Transient", "General")


def test_every_bounce_of_a_public_suite_names_its_addresses(shared):
    cases = [json.loads(line) for line in (shared / "suites" / "bounce.flufl.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(cases) > 100
    wrong = [case["id"] for case in cases if _told(base64.b64decode(case["input_b64"])) != _wanted(case["expected"])]
    assert wrong == []


EXPECTED = json.loads((FIXTURES / "bounces" / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_bounce_of_any_server_is_read(name):
    message = parse((FIXTURES / "bounces" / f"{name}.eml").read_bytes())
    found = [[one.address, one.action, one.status, one.reason] for one in message.bounce.recipients]
    assert {"recipients": found, "original": message.bounce.original_message_id} == EXPECTED[name]
    assert message.automatic.kind in ("bounce", "delay", "receipt")
    assert message.automatic.evidence
    assert not message.may_reply().ok


def test_no_bounce_lacks_its_expectation():
    assert {path.stem for path in (FIXTURES / "bounces").glob("*.eml")} == set(EXPECTED)
    assert len(EXPECTED) >= 40


def test_an_ordinary_mail_costs_a_look_at_its_header_only():
    message = parse(b"From: a@b.example\r\nSubject: Hello\r\nContent-Type: text/plain\r\n\r\nundelivered")
    assert message.bounce is None
    assert "_parts" not in message.__dict__
    assert "_texts" not in message.__dict__


@pytest.mark.parametrize("path", sorted((FIXTURES / "mail").glob("*.eml")), ids=lambda path: path.stem)
def test_no_other_mail_is_a_bounce(path):
    assert (parse(path.read_bytes()).bounce is not None) == (path.stem in ("bounce", "delay"))


def test_no_hostile_mail_is_a_bounce(eml):
    assert [path.name for path in sorted(eml.iterdir()) if parse(path.read_bytes()).bounce] == []


DAEMON = b"From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered Mail\r\n"
HOSTILE = [
    b"a@b.example ", b"<a@b.example>:\n", b"a@", b"@", b"a.", b"x", b"could not be delivered ", b"not ", b"user a ", b"----- original ", b"-", b"550 ", b"5.1.1 ",
    b"Received: from a\n", b"RCPT TO:<", b"label: ", b'"a ', b"(expanded from: ", b"a@b.", b"a-", b"\n\n", b" ", b"\t\n", b"\xe4\xb8\x8d", b"=", b"delivery ", b"message a ", b"'a'@", b"does not ", b"host ",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_notice_makes_the_reader_hang(piece):
    for octets in (piece * (200_000 // len(piece)), b"A message could not be delivered:\n" + piece * (200_000 // len(piece))):
        message = parse(DAEMON + b"\r\n" + octets)
        assert message.bounce is None or len(message.bounce.recipients) <= 1000


@pytest.mark.parametrize(
    "line",
    [
        b"Final-Recipient: rfc822; a@b.c\n",
        b"Final-Recipient: rfc822; a@b.c\n\n",
        b"Action: failed\n",
        b"a: b\n",
        b" x\n",
        b"\n",
        b"Status: 5.1.1 ",
    ],
)
def test_no_status_makes_the_reader_hang(line):
    head = b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    assert len(parse(DAEMON + head + line * (500_000 // len(line)) + b"\r\n--b--").bounce.recipients) <= 1


def test_recipients_are_counted_no_further_than_a_thousand():
    groups = b"".join(b"Final-Recipient: rfc822; u%d@b.example\nAction: failed\n\n" % n for n in range(1500))
    head = b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    assert len(parse(DAEMON + head + groups + b"\r\n--b--").bounce.recipients) == 1000


WORDS = st.sampled_from(
    [
        "a@b.example", "<c@d.example>:", "550 5.1.1", "could not be delivered", "to", "\n", "\n\n", "--- original message ---", "user unknown", "RCPT TO:<e@f.example>", "Reason:",
        "Final-Recipient: rfc822;", "Action: failed", "delayed", "From:", "Message-ID: <x@y>", "\u65e0\u6cd5\u9001\u8fbe", ":", "(expanded from: <g@h>)", "@", "\0", "\ud7ff",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(WORDS | st.text(max_size=5), max_size=30).map(" ".join),
    st.sampled_from(["", "Content-Type: multipart/report; boundary=b\r\n"]),
)
def test_no_words_make_the_reader_raise(words, kind):
    message = parse(DAEMON + kind.encode() + b"X-Failed-Recipients: a@b, <\r\n\r\n" + words.encode("utf-8", "replace"))
    found = message.bounce
    assert not message.may_reply().ok
    assert json.dumps(found.to_dict() if found else None)
    assert all("@" in one.address and len(one.diagnostic or "") <= 1000 for one in (found.recipients if found else ()))


def _told(raw):
    bounce = parse(raw).bounce
    found = [one for one in bounce.recipients if one.permanent is not None] if bounce else []
    return {
        True: {one.address.lower() for one in found if one.permanent},
        False: {one.address.lower() for one in found if not one.permanent},
    }


def _wanted(expected):
    return {True: {address.lower() for address in expected["permanent"]}, False: {address.lower() for address in expected["temporary"]}}
