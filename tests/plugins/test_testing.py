"""The test kit itself."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

import inbox
from inbox.errors import Deferred, Failed
from inbox.testing import Journal, MemoryNotes, Outbox, make_mail


def test_a_mail_is_made_of_its_parts():
    mail = make_mail(
        subject="Grüße",
        text="hi\n",
        html="<p>hi</p>",
        headers={"X-A": "b", "From": "Carol <c@s.test>"},
        attachments=[("a.txt", "text/csv", b"1,2")],
    )
    message = inbox.parse(mail.raw)
    assert (message.subject, message.text, message.header("x-a")) == ("Grüße", "hi\n", ("b",))
    assert message.from_[0].address == "c@s.test" and message.html.strip() == "<p>hi</p>"
    assert [(one.filename, one.content()) for one in message.attachments] == [("a.txt", b"1,2")]
    assert (mail.envelope.sender, mail.envelope.recipients) == ("alice@example.org", ("bob@example.com",))


def test_raw_octets_are_taken_as_they_are():
    assert make_mail(b"\xff\0").raw == b"\xff\0"
    assert make_mail(sender=None).envelope.sender is None


def test_the_outbox_answers_as_it_is_told():
    outbox = Outbox()
    assert outbox.send(None, ["a@s.test"], b"x") == "250 2.0.0 taken"
    for answer, error in (("451 busy", Deferred), ("550 no", Failed)):
        outbox.answer = answer
        with pytest.raises(error, match=answer):
            outbox.send("b@s.test", ["a@s.test"], b"x")
    assert [(sent.sender, sent.recipients, sent.raw) for sent in outbox.sent] == [(None, ("a@s.test",), b"x")]


def test_memory_counts_other_mails_and_answers_the_same_again():
    memory, hour = MemoryNotes(), timedelta(hours=1)
    first, second = make_mail(), make_mail()
    assert [memory.earlier("k", "a", mail, hour) for mail in (first, second, second, first)] == [0, 1, 1, 0]
    assert memory.earlier("k", "b", second, hour) == 0


def test_the_journal_keeps_plans_outcomes_and_rows(inbox_for):
    journal = Journal()
    box = inbox_for("version: 1\ndomains: [example.com]\nrules:\n- name: a\n  do: [store, discard]\ndefault: [discard]\n")
    mail = make_mail()
    box.process(mail, journal)
    assert [step.handler for step in journal.plans[mail.id].steps] == ["store", "discard"]
    assert [outcome.state for outcome in journal.outcomes[mail.id]] == ["done", "done"]
    assert [row.table for row in journal.rows] == ["mails"]


def test_settings_and_modules_are_handed_in(inbox_for):
    box = inbox_for("version: 1\ndomains: [example.com]\nrules: []\ndefault: [discard]\n", hostname="mx.example.com")
    assert box.settings.hostname == "mx.example.com"


def test_the_kit_works_without_pytest():
    code = "import sys; sys.modules['pytest'] = None; import inbox.testing as t; print(t.make_mail().size > 0, hasattr(t, '_outbox'))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == ["True", "False"]
