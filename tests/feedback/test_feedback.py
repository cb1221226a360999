"""What a mail says of mail that we sent: only what names one of ours counts, and only for those who had it."""

from __future__ import annotations

import pytest

from feedback_mails import OURS, answer, bounce, complaint, mail, plain
from inbox.config import Settings
from inbox.feedback import read, subtype_of
from inbox.parsing import parse


@pytest.fixture
def to_joe(event):
    return [event(template="t.md", variant="b")]


@pytest.fixture
def to_both(event):
    return [event(), event(to="ann@y.test")]


def events(arrived, sent=(), own: str = OURS):
    return read(parse(arrived.raw, Settings().parsing.limits()), arrived, lambda *ids: sent if own in ids else ())


# bounces


def test_a_bounce_tells_of_the_mail_that_it_names_and_of_the_recipient(to_joe):
    arrived = mail(bounce("JOE@x.test"))
    (found,) = events(arrived, to_joe)
    assert (found.type, found.recipient, found.mail, found.identity) == ("bounce", "joe@x.test", "m1", "example.com")
    assert (found.template, found.variant, found.message_id) == ("t.md", "b", OURS)
    assert (found.subtype, found.detail, found.at) == ("permanent/no_email", "550 5.1.1 no such user", arrived.received_at)
    assert found.key == "m1.1:joe@x.test:bounce"


@pytest.mark.parametrize(
    ("action", "status", "said", "kind", "subtype"),
    [
        ("failed", "5.2.2", "552 5.2.2 mailbox full", "bounce", "transient/mailbox_full"),
        ("failed", "5.0.0", "554 something", "bounce", "permanent/general"),
        ("delayed", "4.4.1", "connection timed out", "delivery_delay", None),
        ("delivered", "2.0.0", "250 ok", "delivery", None),
        ("relayed", "2.0.0", "250 ok", "delivery", None),
    ],
)
def test_reports_of_delivery_say_what_became_of_it(to_joe, action, status, said, kind, subtype):
    (found,) = events(mail(bounce("joe@x.test", action=action, status=status, said=said)), to_joe)
    assert (found.type, found.subtype) == (kind, subtype)


def test_each_recipient_has_an_event_of_its_own(to_both):
    found = events(mail(bounce("joe@x.test", "ann@y.test")), to_both)
    assert [one.recipient for one in found] == ["joe@x.test", "ann@y.test"]


def test_a_bounce_that_names_the_mail_in_its_own_header_only_counts_too(to_joe):
    text = bounce("joe@x.test", about="<removed@mx.test>").replace("MIME-Version", f"References: {OURS}\nMIME-Version", 1)
    assert [one.type for one in events(mail(text), to_joe)] == ["bounce"]


def test_a_bounce_in_words_counts_for_the_one_recipient(to_joe):
    text = (
        "From: Mail Delivery Subsystem <MAILER-DAEMON@mx.test>\nTo: us@example.com\nSubject: Returned mail: see transcript for details\n\n"
        f"The following addresses failed:\n\n  <joe@x.test>: user unknown\n\n--- Original message ---\nMessage-ID: {OURS}\nSubject: hello\n"
    )
    assert [(one.type, one.recipient) for one in events(mail(text), to_joe)] == [("bounce", "joe@x.test")]


@pytest.mark.parametrize("sender", [None, "MAILER-DAEMON@mx.test", "postmaster@mx.test", "ann@y.test"])
def test_a_report_counts_whatever_its_sender(to_joe, sender):
    assert [one.type for one in events(mail(bounce("joe@x.test"), sender=sender), to_joe)] == ["bounce"]
    assert [one.type for one in events(mail(complaint(), sender=sender), to_joe)] == ["complaint"]


# who forges


@pytest.mark.parametrize("about", ["<other.1@example.com>", "<m1.1@example.org>", "", "<>"])
def test_a_bounce_that_names_no_mail_of_ours_counts_for_nothing(to_joe, about):
    assert events(mail(bounce("joe@x.test", about=about)), to_joe) == ()


def test_nobody_can_bounce_for_somebody_who_did_not_have_the_mail(to_both):
    found = events(mail(bounce("victim@z.test", "joe@x.test")), to_both)
    assert [one.recipient for one in found] == ["joe@x.test"]
    assert events(mail(complaint("victim@z.test")), to_both) == ()


@pytest.mark.parametrize("text", [complaint(about="<theirs@evil.test>"), bounce("joe@x.test", about="<theirs@evil.test>")])
def test_the_author_of_a_mail_that_is_forwarded_cannot_have_the_forward_stopped(event, text):
    assert events(mail(text), [event(message_id="<theirs@evil.test>")], own="<theirs@evil.test>") == ()


@pytest.mark.parametrize(
    ("n", "left_as", "named"),
    [(0, "<of-a-program@example.com>", "<of-a-program@example.com>"), (1, "010001-ses", "<010001-ses@email.amazonses.com>")],
)
def test_a_name_that_only_recipients_know_counts(event, n, left_as, named):
    (found,) = events(mail(complaint(about=named)), [event(n=n, message_id=left_as)], own=named)
    assert found.type == "complaint"


def test_our_own_mail_that_waits_to_leave_says_nothing(to_joe):
    assert [events(mail(bounce("joe@x.test"), source=source), to_joe) for source in ("send", "event")] == [(), ()]


def test_a_mail_that_quotes_many_ids_is_asked_about_a_few():
    asked = []
    text = answer("References: " + " ".join(f"<{number}@x.test>" for number in range(1000)))
    arrived = mail(text, sender="joe@x.test")
    read(parse(arrived.raw, Settings().parsing.limits()), arrived, lambda *ids: asked.extend(ids) or ())
    assert asked == [f"<{number}@x.test>" for number in range(999, 995, -1)]


# complaints


def test_a_complaint_counts_for_whom_it_names(to_both):
    assert [(one.type, one.recipient, one.subtype) for one in events(mail(complaint("ann@y.test")), to_both)] == [
        ("complaint", "ann@y.test", "abuse")
    ]


def test_a_complaint_that_hides_who_complains_counts_for_the_only_recipient(to_joe, to_both):
    assert [one.recipient for one in events(mail(complaint()), to_joe)] == ["joe@x.test"]
    assert [one.recipient for one in events(mail(complaint("redacted@x.test")), to_joe)] == ["joe@x.test"]
    assert events(mail(complaint()), to_both) == ()


@pytest.mark.parametrize(
    ("type_", "kind"),
    [("abuse", "complaint"), ("fraud", "complaint"), ("opt-out", "subscription"), ("not-spam", None), ("auth-failure", None)],
)
def test_not_every_feedback_report_is_a_complaint(to_joe, type_, kind):
    found = events(mail(complaint(type_=type_)), to_joe)
    assert [one.type for one in found] == ([kind] if kind else [])


# answers


@pytest.mark.parametrize("field", [f"In-Reply-To: {OURS}", f"References: <first@x.test> {OURS}", f"References: {OURS} <later@x.test>"])
def test_an_answer_of_a_person_counts(to_joe, field):
    (found,) = events(mail(answer(field), sender="joe@x.test"), to_joe)
    assert (found.type, found.recipient, found.variant) == ("reply", "joe@x.test", "b")
    assert found.key == "m1.1:joe@x.test:<answer.1@x.test>:reply"


def test_who_answers_from_another_address_counts_for_the_mail(to_joe, to_both):
    text = answer(f"In-Reply-To: {OURS}", author="joe.private@z.test")
    assert [one.recipient for one in events(mail(text, sender="joe.private@z.test"), to_joe)] == ["joe@x.test"]
    assert [(one.mail, one.recipient) for one in events(mail(text, sender="joe.private@z.test"), to_both)] == [("m1", None)]


@pytest.mark.parametrize(
    "field",
    ["Auto-Submitted: auto-replied", "X-Autoreply: yes", "Precedence: auto_reply", "X-Inbox-Loop: 1 example.com", "List-Id: <l.x.test>"],
)
def test_programs_do_not_answer(to_joe, field):
    assert events(mail(answer(f"In-Reply-To: {OURS}", field), sender="joe@x.test"), to_joe) == ()


def test_what_comes_from_the_null_sender_is_no_answer(to_joe):
    assert events(mail(answer(f"In-Reply-To: {OURS}")), to_joe) == ()


def test_other_mail_is_not_asked_about(to_joe):
    arrived = mail(plain(), sender="ann@y.test")

    def asked(*ids: str):
        raise AssertionError(ids)

    assert read(parse(arrived.raw, Settings().parsing.limits()), arrived, asked) == ()


@pytest.mark.parametrize(
    ("words", "subtype"),
    [
        (("Permanent", "NoEmail"), "permanent/no_email"),
        (("Permanent", "OnAccountSuppressionList"), "permanent/on_account_suppression_list"),
        (("Transient", "MailboxFull"), "transient/mailbox_full"),
        (("Undetermined", None), "undetermined/undetermined"),
        ((None, None), "undetermined/undetermined"),
    ],
)
def test_words_of_ses_become_words_of_events(words, subtype):
    assert subtype_of(*words) == subtype
