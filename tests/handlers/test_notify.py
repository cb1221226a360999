"""The handler notify: a few words to a web address, a topic or an e-mail address, and no notification about a notification."""

from __future__ import annotations

import hashlib
import hmac
import json
from email import message_from_bytes
from email.policy import default

import pytest

from inbox.errors import RulesError
from inbox.testing import make_mail

ALLOWED = {"handlers": {"notify": {"allow": ["127.0.0.1"]}}}
TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts"


def test_a_web_address_gets_the_words_and_what_they_are_about(one_step, hook):
    mail = make_mail(subject="Server is down")
    outcome = one_step({"notify": {"to": f"{hook.url}/chat", "text": "{sender}: {subject}"}}, mail, **ALLOWED)
    assert (outcome.state, outcome.detail) == ("done", "200 OK")
    ((path, headers, body),) = hook.requests
    assert (path, headers["content-type"], headers["idempotency-key"]) == ("/chat", "application/json", f"{mail.id}-1")
    assert json.loads(body) == {
        "text": "alice@example.org: Server is down",
        "mail": mail.id,
        "rule": "a",
        "sender": "alice@example.org",
        "recipients": ["bob@example.com"],
        "subject": "Server is down",
    }


def test_what_is_posted_is_signed_as_a_webhook_is(one_step, hook, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", "s3cr3t-s3cr3t")
    one_step({"notify": {"to": hook.url, "secret": "env:HOOK_SECRET"}}, **ALLOWED)
    ((_, headers, body),) = hook.requests
    fields = dict(part.split("=") for part in headers["x-inbox-signature"].split(","))
    assert fields["v1"] == hmac.new(b"s3cr3t-s3cr3t", f"{fields['t']}.".encode() + body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(("status", "state"), [(404, "dead"), (503, "deferred")])
def test_a_web_address_that_refuses_or_is_down_is_as_with_a_webhook(one_step, hook, status, state):
    hook.statuses = [status]
    assert one_step({"notify": {"to": hook.url}}, **ALLOWED).state == state


def test_an_e_mail_has_the_null_sender_and_says_that_a_program_wrote_it(one_step, outbox):
    mail = make_mail(b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe=0D=0ABcc:_all@example.com?=\r\nFrom: x@y.test\r\n\r\nhi\r\n")
    assert one_step({"notify": {"to": "ops@corp.test"}}, mail).state == "done"
    (sent,) = outbox.sent
    message = message_from_bytes(sent.raw, policy=default)
    assert (sent.sender, sent.recipients) == (None, ("ops@corp.test",))
    assert (message["Subject"], message["Bcc"]) == ("Grüße Bcc: all@example.com", None)
    assert (message["From"], message["To"], message["Auto-Submitted"]) == ("bob@example.com", "ops@corp.test", "auto-generated")
    assert message["Message-ID"] == f"<{mail.id}.1@example.com>"
    assert mail.id in message.get_content()


def test_a_notification_that_comes_back_tells_nobody_by_e_mail(one_step, outbox, hook):
    one_step({"notify": {"to": "bob@example.com"}})
    (own,) = outbox.sent
    back = make_mail(own.raw, sender=None, recipients=("bob@example.com",))
    assert one_step({"notify": {"to": "bob@example.com"}}, back).detail == "not told: the mail is a notification itself"
    assert len(outbox.sent) == 1
    assert one_step({"notify": {"to": hook.url}}, back, **ALLOWED).detail == "200 OK"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"to": "http://{subject}/"}, "to: scheme and host are fixed"),
        ({"to": "http://127.0.0.1:1/"}, "name it in `allow` of [handlers.notify] if it is meant"),
        ({"to": "{sender}"}, "to: whom we tell is fixed; a mail must not choose it"),
        ({"to": "ops"}, "to: 'ops' is no target; write https://host/path, the ARN of a topic of SNS, or an address"),
        ({"to": "arn:aws:sqs:us-east-1:123456789012:x"}, "the ARN of a topic"),
        ({"to": f"{TOPIC}.fifo"}, "to: a FIFO topic wants groups; use the handler sns"),
        ({"to": "ops@corp.test", "from": "nobody"}, "from: 'nobody' is no address"),
        ({"to": "ops@corp.test", "secret": "env:X"}, "secret: signs what is posted to a web address; leave it out"),
        ({}, "notify needs the option 'to'"),
    ],
    ids=str,
)
def test_what_cannot_be_is_found_when_the_rules_are_loaded(inbox_for, rule, options, words):
    with pytest.raises(RulesError) as caught:
        inbox_for(rule({"notify": options}))
    assert words in str(caught.value)


def test_a_topic_gets_the_words(one_step, aws):
    topic = aws.client("sns").create_topic(Name="alerts")["TopicArn"]
    queue = aws.client("sqs").create_queue(QueueName="heard")["QueueUrl"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:heard")
    outcome = one_step({"notify": {"to": topic, "text": "Grüße: {subject}"}}, make_mail(subject="down"), aws=aws.settings)
    assert outcome.detail.startswith("published ")
    (message,) = aws.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(message["Body"])
    assert (body["Message"], body["Subject"]) == ("Grüße: down", "Gre: down")
