"""Events as SES publishes them: what reads SES's events reads ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from inbox.aws.ses_events import event_json
from inbox.sending import EventType, SendingEvent
from inbox.sources.ses.feedback import feedback

SENT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)

# The fields that SES always writes (SES Developer Guide, contents of event data)
ALWAYS = {
    "bounce": {"bounceType", "bounceSubType", "bouncedRecipients", "timestamp", "feedbackId"},
    "complaint": {"complainedRecipients", "timestamp", "feedbackId"},
    "delivery": {"timestamp", "processingTimeMillis", "recipients", "smtpResponse"},
    "deliveryDelay": {"delayType", "delayedRecipients", "timestamp"},
    "reject": {"reason"},
    "failure": {"templateName", "errorMessage"},
    "send": set(),
}


def event(kind: EventType, **more) -> SendingEvent:
    about = {"mail": "m1", "recipient": "joe@x.test", "identity": "example.com", "message_id": "<m1.1@example.com>"} | more
    return SendingEvent(f"m1.1:joe@x.test:{kind}", kind, SENT + timedelta(seconds=1.5), **about)


@pytest.mark.parametrize("kind", get_args(EventType))
def test_every_event_has_ses_s_shape(kind):
    found = event_json(event(kind, detail="550 5.1.1 no", template="t", variant="b"), source="news@example.com", sent_at=SENT)
    (part,) = set(found) - {"eventType", "mail"}
    assert ALWAYS.get(part, set()) <= set(found[part])
    assert {"timestamp", "messageId", "source", "destination", "headersTruncated"} <= set(found["mail"])
    assert found["mail"]["tags"] == {"ses:from-domain": ["example.com"], "template": ["t"], "variant": ["b"]}
    assert json.loads(json.dumps(found)) == found


def test_a_bounce_says_why_in_ses_s_words():
    found = event_json(event("bounce", subtype="permanent/no_email", detail="550 5.1.1 no such user"))
    assert (found["eventType"], found["bounce"]["bounceType"], found["bounce"]["bounceSubType"]) == ("Bounce", "Permanent", "NoEmail")
    (recipient,) = found["bounce"]["bouncedRecipients"]
    assert recipient == {
        "emailAddress": "joe@x.test",
        "action": "failed",
        "status": "5.1.1",
        "diagnosticCode": "smtp; 550 5.1.1 no such user",
    }
    assert found["mail"]["messageId"] == "m1.1@example.com"
    assert found["mail"]["commonHeaders"] == {"messageId": "<m1.1@example.com>"}


@pytest.mark.parametrize(
    ("given", "word", "recipients", "bounce"),
    [
        (event("bounce", subtype="transient/mailbox_full"), "bounce", ("joe@x.test",), ("Transient", "MailboxFull")),
        (event("bounce"), "bounce", ("joe@x.test",), ("Undetermined", "Undetermined")),
        (event("suppressed", detail="bounced before"), "bounce", ("joe@x.test",), ("Permanent", "OnAccountSuppressionList")),
        (event("complaint", subtype="abuse"), "complaint", ("joe@x.test",), (None, None)),
        (event("delivery", detail="250 ok"), "delivery", ("joe@x.test",), (None, None)),
        (event("delivery_delay", detail="451 4.3.0 busy"), "delay", ("joe@x.test",), (None, None)),
        (event("reject", detail="Bad content"), "reject", ("joe@x.test",), (None, None)),
        (event("rendering_failure", template="t", detail="no name"), "rendering-failure", ("joe@x.test",), (None, None)),
        (event("send"), "send", ("joe@x.test",), (None, None)),
        (event("reply"), "unknown", None, (None, None)),
    ],
    ids=lambda value: value.type if isinstance(value, SendingEvent) else "",
)
def test_our_own_reader_of_ses_s_events_reads_them(given, word, recipients, bounce):
    found = feedback(event_json(given), None)
    assert (found.feedback, found.recipients, (found.bounce_type, found.bounce_subtype)) == (word, recipients, bounce)
    assert found.message_id == "m1.1@example.com"


@pytest.mark.parametrize("name", ["bounce", "complaint", "delivery", "delivery-delay", "reject", "rendering-failure"])
def test_nothing_is_in_the_part_that_ses_does_not_write(shared, name):
    """The samples have every field of the guide that an event of their kind can have."""
    sample = json.loads((shared / "ses" / "samples" / f"feedback.event.{name}.json").read_text())
    kind = name.replace("-", "_")
    found = event_json(event(kind, subtype={"bounce": "permanent/general", "complaint": None}.get(kind), detail="550 5.1.1 no"))
    (part,) = set(sample) - {"eventType", "mail"}
    assert found["eventType"] == sample["eventType"]
    assert set(found[part]) <= set(sample[part])
    assert set(found["mail"]) <= set(sample["mail"])


def test_a_mail_that_ses_sent_has_ses_s_id_and_how_long_it_took():
    found = event_json(event("delivery", message_id="0100019a-000000"), sent_at=SENT)
    assert (found["mail"]["messageId"], "commonHeaders" in found["mail"]) == ("0100019a-000000", False)
    assert found["delivery"]["processingTimeMillis"] == 1500
    assert found["mail"]["timestamp"] == "2026-11-24T06:00:00.000Z"
