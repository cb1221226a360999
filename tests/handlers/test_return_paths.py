"""Reports come home along the return paths that forward made, and nothing else goes anywhere along them."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from inbox.errors import RulesError
from inbox.model import Envelope
from inbox.plugins import Plugins
from inbox.reception import Reception
from inbox.send.return_paths import ReturnPaths
from inbox.testing import MemoryNotes, make_mail

TO_TEAM = {"forward": {"to": "team@corp.test"}}
REPORT = (
    b"From: Mail Delivery System <MAILER-DAEMON@corp.test>\r\nSubject: Undelivered\r\nMessage-ID: <r1@corp.test>\r\n\r\nno such user\r\n"
)


@pytest.fixture
def box(inbox_for, rule):
    return inbox_for(rule(TO_TEAM))


@pytest.fixture
def path(box, outbox):
    """The return path of a mail of alice@example.org that was passed on."""
    box.process(make_mail())
    return outbox.sent.pop().sender


def report(path, sender=None, raw=REPORT, **more):
    return make_mail(raw, sender=sender, recipients=[path] if isinstance(path, str) else path, **more)


def test_a_report_goes_home_and_to_nobody_else(box, outbox, path):
    assert path.startswith("SRS0=") and path.endswith("=example.org=alice@example.com")
    receipt = box.process(report(path, ip="198.51.100.7", helo="mx.corp.test"))
    (step,), (outcome,) = receipt.plan.steps, receipt.outcomes
    assert (step.rule, step.handler, step.recipients) == ("return path", "forward-bounce", (path,))
    assert outcome.state == "done" and "a report keeps its null sender" in outcome.detail
    (sent,) = outbox.sent
    assert (sent.sender, sent.recipients) == (None, ("alice@example.org",))
    assert sent.raw.endswith(REPORT) and sent.raw.startswith(b"Received: from mx.corp.test ([198.51.100.7]) by ")


LONG = "0102018f9a2b3c4d-11111111-2222-3333-4444-555555555555-000000@eu-west-1.amazonses.com"


@pytest.mark.parametrize("case", [str, str.lower, str.upper])
def test_a_sender_whose_address_is_too_long_is_found_by_the_mail_that_was_passed_on(inbox_for, rule, outbox, case):
    notes = MemoryNotes()
    box = inbox_for(rule(TO_TEAM), memory=notes)
    mail = make_mail(sender=LONG)
    notes.senders[mail.id] = LONG
    (outcome,) = box.process(mail).outcomes
    path = outbox.sent.pop().sender
    assert "names the mail" in outcome.detail
    assert path.startswith("SRS0=") and f"=kept.invalid={mail.id}@" in path and len(path.partition("@")[0]) <= 64
    (outcome,) = box.process(report(case(path))).outcomes
    assert outcome.state == "done"
    assert outbox.sent.pop().recipients == (LONG,)
    notes.senders.clear()
    (outcome,) = box.process(report(path)).outcomes
    assert outcome.state == "dead" and "is not kept here any more" in outcome.detail
    assert outbox.sent == []


def test_nobody_can_make_such_a_path_for_a_mail_of_his_choice(inbox_for, rule, outbox):
    notes = MemoryNotes()
    box = inbox_for(rule(TO_TEAM), memory=notes)
    mail = make_mail(sender=LONG)
    notes.senders[mail.id] = LONG
    box.process(mail)
    path = outbox.sent.pop().sender
    other = mail.id[:-1] + ("0" if mail.id[-1] != "0" else "1")
    notes.senders[other] = "victim@example.org"
    assert box.process(report(path.replace(mail.id, other))).reply.code == 550
    assert outbox.sent == []


def test_servers_may_change_the_case_of_its_letters(box, outbox, path):
    box.process(report(path.lower()))
    box.process(report(path.upper()))
    assert [sent.recipients for sent in outbox.sent] == [("alice@example.org",), ("ALICE@EXAMPLE.ORG",)]


def test_explain_says_it_and_does_nothing(box, outbox, path):
    plan = box.explain(report(path)).plan
    assert [(step.handler, step.options) for step in plan.steps] == [("forward-bounce", {"to": "alice@example.org"})]
    assert outbox.sent == []


def test_beside_others_each_gets_what_is_due_to_it(box, outbox, path):
    forged = path.replace("alice", "victim")
    receipt = box.process(report([path, "bob@example.com", forged, "x@elsewhere.test"]))
    assert {step.handler: step.recipients for step in receipt.plan.steps} == {"forward": ("bob@example.com",), "forward-bounce": (path,)}
    assert receipt.plan.refused.keys() == {forged, "x@elsewhere.test"}
    assert sorted(sent.recipients for sent in outbox.sent) == [("alice@example.org",), ("team@corp.test",)]


def test_when_all_are_refused_the_reply_says_so(box, path):
    forged = path.replace("alice", "victim")
    assert str(box.explain(report(forged)).reply) == "550 5.1.1 There is no such return path"
    assert box.explain(report([forged, "x@elsewhere.test"])).reply.code >= 550
    assert box.explain(report([forged, "bob@example.com"])).reply.code == 250
    assert box.explain(report([path, "x@elsewhere.test"])).reply.code == 250


def later(days):
    return {"received_at": make_mail().received_at + timedelta(days=days)}


HOSTILE = [
    ("a mail that is no report", lambda path: (report(path, "mallory@evil.test"), "5.7.1 This address takes reports")),
    ("a report in the name of a person", lambda path: (report(path, "alice@example.org"), "5.7.1 This address takes reports")),
    ("another recipient in it", lambda path: (report(path.replace("alice", "victim")), "5.1.1 There is no such")),
    ("another domain in it", lambda path: (report(path.replace("example.org", "victim.test")), "5.1.1 There is no such")),
    ("a shorter hash", lambda path: (report(path.replace(path[5:13], path[5:9])), "5.1.1 There is no such")),
    ("no hash", lambda path: (report(path.replace(path[5:13], "")), "5.1.1 There is no such")),
    ("made for another forwarder", lambda path: (report(f"SRS1=AAAAAAAA=victim.test==x=y@{path.partition('@')[2]}"), "5.1.1 There is no such")),
    ("a later day", lambda path: (report(path.replace(path[14:16], "ZZ")), "5.1.1 There is no such")),
    ("an old one", lambda path: (report(path, **later(22)), "5.1.1 This return path was made more than 21 days ago")),
    ("a domain that is not ours", lambda path: (report(path.replace("@example.com", "@victim.test")), "5.7.1 Relay access denied")),
]  # fmt: skip


@pytest.mark.parametrize("make", [row[1] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_hostile_mail_goes_nowhere(box, outbox, path, make):
    mail, words = make(path)
    receipt = box.process(mail)
    assert receipt.plan.steps == () and outbox.sent == []
    assert words in str(receipt.reply)


def test_what_is_in_a_report_adds_nobody(box, outbox, path):
    raw = b"To: victim@victim.test\r\nCc: other@victim.test\r\nBcc: third@victim.test\r\nX-Inbox-Loop: x@y.test\r\n" + REPORT
    box.process(report(path, raw=raw))
    assert [sent.recipients for sent in outbox.sent] == [("alice@example.org",)]


def test_a_report_that_goes_round_ends(box, outbox, path):
    raw = b"X-Inbox-Loop: " + path.encode() + b"\r\n" + REPORT
    assert box.process(report(path, raw=raw)).outcomes[0].detail.startswith("5.4.6 mail loop")
    for _ in range(30):
        box.process(report(path))
    assert 1 <= len(outbox.sent) <= 10


def test_one_report_makes_one_mail_whoever_repeats_its_address(box, outbox, path):
    box.process(report([path, path, path]))
    assert len(outbox.sent) == 1


def test_where_no_return_path_was_ever_made_such_an_address_is_like_any_other(inbox_for, rule, outbox, tmp_path):
    box = inbox_for(rule(TO_TEAM, "[example.com]"), dir=tmp_path / "data")
    receipt = box.explain(report("SRS0=AAAAAAAA=AA=example.org=x@example.com"))
    assert [step.handler for step in receipt.plan.steps] == ["forward"]
    assert not (tmp_path / "data").exists()


def test_several_forwarders_share_a_secret(inbox_for, rule, outbox, monkeypatch):
    monkeypatch.setenv("RETURN_SECRET", "one secret for all of them")
    one = inbox_for(rule(TO_TEAM), sending={"secret": "env:RETURN_SECRET"})
    other = inbox_for(rule(TO_TEAM), sending={"secret": "env:RETURN_SECRET"})
    one.process(make_mail())
    other.process(report(outbox.sent.pop().sender))
    assert outbox.sent[0].recipients == ("alice@example.org",)


def test_without_a_folder_that_lasts_a_secret_must_be_named(inbox_for, rule, outbox):
    box = inbox_for(rule(TO_TEAM), store="dynamodb://mail")
    outcome = box.process(make_mail()).outcomes[0]
    assert outcome.state == "deferred" and 'set secret = "env:NAME" in [sending]' in outcome.detail and outbox.sent == []


def test_no_rule_may_use_the_step(inbox_for, rule):
    with pytest.raises(RulesError, match="by itself; rules pass mail on with forward"):
        inbox_for(rule({"forward-bounce": {"to": "a@corp.test"}}))


# at the door

DOOR = [
    (None, lambda path: path, None),
    (None, lambda path: path.lower(), None),
    ("alice@example.org", lambda path: path, "550 5.7.1 This address takes reports with the null sender only (MAIL FROM:<>)"),
    (None, lambda path: path.replace("alice", "victim"), "550 5.1.1 There is no such return path"),
    (None, lambda path: path.replace("@example.com", "@victim.test"), "554 5.7.1 Relay access denied"),
    (None, lambda path: "bob@example.com", None),
]


@pytest.fixture
def gate(box, path):
    return Reception(lambda: box.rules, None, None, Plugins(entry_points=False), box.settings, MemoryNotes(), None)


@pytest.mark.parametrize(("sender", "change", "reply"), DOOR)
def test_the_door_answers_at_rcpt(gate, path, sender, change, reply):
    recipient = change(path)
    found = gate.admit(Envelope(sender, (recipient,), ip="198.51.100.7"), recipient)
    assert (str(found) if found else None) == reply


def test_an_old_return_path_is_refused_at_the_door(gate, box):
    old = box.forwarder.return_paths.rewrite("alice@example.org", "example.com", time.time() - 22 * 86_400)
    assert "more than 21 days ago: it is good no longer" in str(gate.admit(Envelope(None, (old,)), old))


def test_a_secret_that_cannot_be_read_is_a_fault_of_ours(box, monkeypatch):
    settings = box.settings.model_copy(update={"sending": box.settings.sending.model_copy(update={"secret": "env:IS_NOT_SET"})})
    gate = Reception(lambda: box.rules, None, None, Plugins(entry_points=False), settings, MemoryNotes(), None)
    recipient = "SRS0=AAAAAAAA=AA=example.org=x@example.com"
    assert gate.admit(Envelope(None, (recipient,)), recipient).code == 451


def test_return_paths_are_known_without_any_rule(box, path):
    assert ReturnPaths(box.settings).home(None, path, time.time()) == "alice@example.org"
