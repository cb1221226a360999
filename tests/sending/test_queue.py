"""Mail that is made here waits in the store, and workers deliver it: one fate for each recipient."""

from __future__ import annotations

import re

from inbox.model import Envelope, Mail
from inbox.send.submission import submission


def test_a_mail_is_kept_at_once_and_delivered_by_a_worker(office, far_end):
    id_ = office.send(to=["alice@far.test", "bob@far.test"], bcc=["carol@far.test"])
    assert office.receipt(id_).state == "waiting"
    assert far_end.taken == []
    office.work(lambda: office.receipt(id_).state == "settled")
    assert sorted(far_end.recipients) == ["alice@far.test", "bob@far.test", "carol@far.test"]
    for sender, _, raw in far_end.taken:
        assert sender == "shop@example.com"
        assert b"carol" not in raw
        assert re.search(rb"(?m)^Message-ID: <" + id_.encode() + rb"\.0@example\.com>\r$", raw)
    assert set(office.events(id_)) == {(kind, f"{name}@far.test") for kind in ("send", "delivery") for name in ("alice", "bob", "carol")}


def test_no_rule_judges_it(office):
    id_ = office.send()
    office.work(lambda: office.receipt(id_).state == "settled")
    plan = office.receipt(id_).plan
    assert [step.handler for step in plan.steps] == ["deliver"]
    assert [mail.id for mail in office.store.mails(rule="send")] == [id_]
    assert office.store.mails(rule="everything") == []
    assert [step.handler for step in office.box.judge(office.store.mail(id_)).steps] == ["deliver"]


def test_one_recipients_4xx_and_another_ones_5xx_hold_nobody_up(office, far_end):
    far_end.answers = {"busy@far.test": "451 4.2.1 busy", "gone@far.test": "550 5.1.1 no such user"}
    id_ = office.send(to=["busy@far.test", "gone@far.test", "alice@far.test"])
    office.work(lambda: office.tried(id_))
    assert office.states(id_) == {"busy@far.test": "deferred", "gone@far.test": "dead", "alice@far.test": "done"}
    assert office.receipt(id_).state == "waiting"
    assert far_end.recipients == ["alice@far.test"]
    bounce = [event for event in office.store.events(mail=id_) if event.type == "bounce"]
    assert [(event.recipient, event.subtype) for event in bounce] == [("gone@far.test", "permanent/no_email")]
    assert ("delivery_delay", "busy@far.test") in office.events(id_)


def test_the_same_idempotency_key_is_the_same_mail(office, far_end):
    first = office.send(idempotency_key="order 7")
    assert office.send(idempotency_key="order 7", subject="Again") == first
    office.work(lambda: office.receipt(first).state == "settled")
    assert len(far_end.taken) == 1


def test_a_recipient_that_is_suppressed_has_that_as_its_outcome(office, far_end):
    office.store.suppress("alice@far.test", "bounce", "test")
    id_ = office.send(to=["alice@far.test", "bob@far.test"])
    office.work(lambda: office.tried(id_))
    assert office.states(id_) == {"alice@far.test": "suppressed", "bob@far.test": "done"}
    assert far_end.recipients == ["bob@far.test"]
    assert ("suppressed", "alice@far.test") in office.events(id_)
    assert office.receipt(id_).state == "settled"


def test_it_is_no_feedback_on_mail_that_was_sent_before(office):
    """An answer that we send to a mail of ours is no answer that came in."""
    first = office.send()
    office.work(lambda: office.receipt(first).state == "settled")
    raw = f"From: shop@example.com\r\nTo: alice@far.test\r\nIn-Reply-To: <{first}.0@example.com>\r\nSubject: Re: Hello\r\n\r\nmore\r\n"
    second = office.sender.send(submission({"raw": raw.encode()})).id
    office.work(lambda: office.receipt(second).state == "settled")
    assert {kind for kind, _ in office.events(first)} == {"send", "delivery"}


def test_what_was_tried_for_as_long_as_mail_is_tried_has_bounced(office, far_end):
    office.change(work={"retry_for": 0})
    far_end.answers = {"alice@far.test": "451 4.2.1 busy"}
    id_ = office.send()
    office.work(lambda: office.receipt(id_).state == "dead")
    (bounce,) = [event for event in office.store.events(mail=id_) if event.type == "bounce"]
    assert (bounce.recipient, bounce.subtype) == ("alice@far.test", "transient/expired")
    assert bounce.detail.startswith("given up: alice@far.test: 451 4.2.1 busy")
    office.store.dead_retry(id_)
    far_end.answers = {}
    office.work(lambda: office.receipt(id_).state == "settled")
    assert far_end.recipients == ["alice@far.test"]


def test_what_never_left_has_not_bounced(office, far_end):
    office.change(work={"retry_for": 0}, identities={"example.com": {}})
    office.store.stop("example.com", "too many complaints")
    id_ = office.send()
    office.work(lambda: office.receipt(id_).state == "dead")
    assert office.events(id_) == [("reject", "alice@far.test")]


def test_a_program_sends_through_its_inbox(office, far_end):
    sent = office.box.send(to=[("Alice Ä", "alice@far.test")], from_="Shop <shop@example.com>", subject="Grüße", text="Hallo\n")
    assert sent.recipients == ("alice@far.test",)
    office.work(lambda: office.receipt(sent.id).state == "settled")
    raw = far_end.taken[0][2]
    assert sent.message_id.encode() in raw
    assert raw.isascii()


def test_mail_in_is_not_kept_waiting_by_a_mailing(office):
    """A mail that comes in while thousands wait to leave is judged in the next round."""
    ids = [office.send(to=[f"r{number}@far.test"]) for number in range(120)]
    mail = Mail.of(b"Subject: hello\r\n\r\nhello\r\n", Envelope("a@far.test", ("u@example.com",), source="smtp"))
    office.store.keep_all([(mail, None)])
    office.work(lambda: office.receipt(mail.id).state == "settled")
    assert sum(office.receipt(id_).state == "settled" for id_ in ids) <= 60
