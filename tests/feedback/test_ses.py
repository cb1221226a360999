"""What Amazon SES tells of mail that was sent, in both dialects, becomes events of the ledger: of our mail under its keys, of other mail by SES's id."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inbox.config import validate
from inbox.errors import StoreError
from inbox.function import Function
from inbox.sources import ses
from inbox.sources.ses.feedback import feedback
from inbox.sources.ses.sending import attend, events

SES_ID = "0100019a5c2f7d31-6f0d5c8e-3b1a-4f3e-9d55-2a8c1e7b9f10-000000"
AT = "2026-11-05T09:30:09.000Z"
GENERAL = {"bounceType": "Transient", "bounceSubType": "General"}
GONE = {"bounceType": "Permanent", "bounceSubType": "NoEmail"}
LISTED = {"bounceType": "Permanent", "bounceSubType": "OnAccountSuppressionList"}
LISTENS = validate({"ses": {"topics": ["arn:aws:sns:us-east-1:123456789012:inbound"]}})
JOE = {"emailAddress": "joe@x.test"}
SAID = {**JOE, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 no such user"}


def event_of(
    word: str, part: str, content: dict[str, Any], *, dialect: str = "eventType", to: tuple[str, ...] = ("joe@x.test",), **mail
) -> Any:
    about = {"messageId": SES_ID, "source": "news@example.com", "timestamp": AT, "destination": list(to), **mail}
    return feedback({dialect: word, "mail": about, part: {"timestamp": AT, **content}}, None)


@pytest.mark.parametrize("dialect", ["eventType", "notificationType"])
@pytest.mark.parametrize(
    ("word", "part", "content", "kind", "subtype", "detail"),
    [
        ("Bounce", "bounce", {**GONE, "bouncedRecipients": [SAID]}, "bounce", "permanent/no_email", "550 5.1.1 no such user"),
        ("Bounce", "bounce", {**GENERAL, "bouncedRecipients": [JOE]}, "bounce", "transient/general", None),
        ("Bounce", "bounce", {**LISTED, "bouncedRecipients": [JOE]}, "suppressed", "permanent/on_account_suppression_list", None),
        ("Complaint", "complaint", {"complainedRecipients": [JOE], "complaintFeedbackType": "abuse"}, "complaint", "abuse", None),
        ("Delivery", "delivery", {"recipients": ["joe@x.test"], "smtpResponse": "250 ok"}, "delivery", None, "250 ok"),
        ("DeliveryDelay", "deliveryDelay", {"delayedRecipients": [JOE], "delayType": "MailboxFull"}, "delivery_delay", "MailboxFull", None),
        ("Send", "send", {}, "send", None, None),
        ("Reject", "reject", {"reason": "Bad content"}, "reject", None, "Bad content"),
        ("Rendering Failure", "failure", {"errorMessage": "no name"}, "rendering_failure", None, "no name"),
        ("Open", "open", {}, "open", None, None),
        ("Click", "click", {"link": "https://x.test/"}, "click", None, "https://x.test/"),
        ("Subscription", "subscription", {"newTopicPreferences": {"unsubscribeAll": True}}, "subscription", "unsubscribed", None),
        ("Subscription", "subscription", {"newTopicPreferences": {"unsubscribeAll": False}}, "subscription", "changed", None),
    ],
)
def test_events_of_ses_are_events_of_the_ledger(dialect, word, part, content, kind, subtype, detail):
    (found,) = events(event_of(word, part, content, dialect=dialect), lambda *_: ())
    assert (found.type, found.subtype, found.detail) == (kind, subtype, detail)
    assert (found.recipient, found.identity, found.message_id, found.mail) == ("joe@x.test", "example.com", SES_ID, None)
    assert found.key.startswith(f"ses:{SES_ID}:joe@x.test:")
    assert found.key.endswith(f":{kind}")


@pytest.mark.parametrize("type_", ["not-spam", "auth-failure"])
def test_reports_that_are_no_complaints_give_no_event(type_):
    content = {"complainedRecipients": [JOE], "complaintFeedbackType": type_}
    assert events(event_of("Complaint", "complaint", content), lambda *_: ()) == ()


@pytest.mark.parametrize("odd", [{}, {"eventType": "SomethingNew", "mail": {"messageId": "x"}}, {"eventType": "Bounce"}])
def test_what_is_not_known_gives_no_event_and_no_error(odd):
    assert events(feedback(odd, None), lambda *_: ()) == ()


def test_mail_that_left_from_here_has_its_own_events(store, books, event):
    store.note([event(template="t", variant="b"), event("delivery", message_id=SES_ID, template="t", variant="b")])
    attend(event_of("Delivery", "delivery", {"recipients": ["joe@x.test"]}), books)
    attend(event_of("Bounce", "bounce", {**GONE, "bouncedRecipients": [SAID]}), books)
    assert [(one.type, one.variant) for one in store.events(mail="m1")] == [("bounce", "b"), ("send", "b"), ("delivery", "b")]
    assert store.suppressed("joe@x.test")


def test_the_message_id_of_the_header_leads_to_it_too(store, books, event):
    store.note([event()])
    attend(event_of("Delivery", "delivery", {"recipients": ["JOE@x.test"]}, commonHeaders={"messageId": "<m1.1@example.com>"}), books)
    assert [one.recipient for one in store.events(mail="m1", type="delivery")] == ["joe@x.test"]


def test_what_ses_tells_twice_counts_once_but_each_opening_counts(store, books):
    for minute in (1, 1, 2):
        attend(event_of("Open", "open", {"timestamp": f"2026-11-05T10:0{minute}:00Z"}), books)
        attend(event_of("Complaint", "complaint", {"complainedRecipients": [JOE]}), books)
    assert sorted(one.type for one in store.events()) == ["complaint", "open", "open"]


def test_who_opened_a_mail_to_several_is_not_known(books, store):
    attend(event_of("Open", "open", {}, to=("joe@x.test", "ann@y.test")), books)
    assert [one.recipient for one in store.events()] == [None]


def test_tags_say_template_and_variant():
    tags = {"ses:from-domain": ["News.Example.com"], "template": ["t.md"], "variant": ["b"]}
    (found,) = events(event_of("Send", "send", {}, tags=tags), lambda *_: ())
    assert (found.identity, found.template, found.variant) == ("news.example.com", "t.md", "b")


def test_out_of_office_answers_suppress_nobody(books, store):
    for number in range(20):
        content = {**GENERAL, "bouncedRecipients": [JOE]}
        attend(event_of("Bounce", "bounce", content, messageId=f"{number:04}{SES_ID[4:]}"), books)
    assert len(store.events(type="bounce")) == 20
    assert not store.suppressed("joe@x.test")


def test_unsubscribing_suppresses_for_the_identity(books):
    attend(event_of("Subscription", "subscription", {"newTopicPreferences": {"unsubscribeAll": True}}), books)
    assert books.why_suppressed("joe@x.test", "example.com")
    assert books.why_suppressed("joe@x.test", "other.test") is None


def queued() -> dict[str, Any]:
    """A bounce as a queue hands it to a function."""
    event = event_of("Bounce", "bounce", {**GONE, "bouncedRecipients": [SAID]}).original
    return {"Records": [{"messageId": "q1", "eventSource": "aws:sqs", "receiptHandle": "r", "body": json.dumps(event)}]}


def test_a_function_notes_what_ses_tells_it(store, books, box, metrics):
    box.ledger = books
    assert Function(box, store, metrics)(queued()) == {"batchItemFailures": []}
    assert store.suppressed("joe@x.test")


def test_a_function_is_called_again_when_it_cannot_be_noted(store, books, box, metrics, monkeypatch):
    def full(*_):
        raise StoreError("the disk is full")

    box.ledger = books
    monkeypatch.setattr(store, "note", full)
    assert Function(box, store, metrics)(queued()) == {"batchItemFailures": [{"itemIdentifier": "q1"}]}


def test_samples_of_ses_give_events(shared):
    folder = shared / "ses" / "samples"
    found = {}
    for path in sorted(folder.glob("feedback.*.json")):
        (record,) = ses.read(json.loads(path.read_text()), settings=LISTENS).records
        found[path.name.removeprefix("feedback.").removesuffix(".json")] = [
            (one.type, one.recipient) for one in events(record, lambda *_: ())
        ]
    assert found["event.bounce"] == [("suppressed", "gone@example.net")]
    assert found["event.delivery"] == [("delivery", "ann@example.net")]
    assert found["event.delivery-delay"] == [("delivery_delay", "ann@example.net")]
    assert found["event.open"] == [("open", None)]
    assert found["event.unknown"] == []
    assert found["notification.bounce"] == [("bounce", "nobody@example.net"), ("bounce", "gone@example.net")]
    assert found["notification.complaint"] == [("complaint", "ann@example.net")]
    assert len(found["event.reject"]) == len(found["event.rendering-failure"]) == 3
