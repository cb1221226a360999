"""Notices: an event and what is to be told of it are kept together, once, and told as any step is carried out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email import message_from_bytes

import pytest

from inbox.assemble import open_inbox
from inbox.config import validate
from inbox.errors import ConfigError
from inbox.model import Envelope, Mail
from inbox.send.notices import noted
from inbox.sending import SendingEvent

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
RULES = "version: 1\ndomains: [example.com]\nrules: []\ndefault: [discard]\n"
BOUNCE = {"subtype": "permanent/no_email", "detail": "550 5.1.1 no such user"}


def event(kind: str = "bounce", mail: str | None = "m1", minutes: float = 1, **more) -> SendingEvent:
    about = {"mail": mail, "recipient": "joe@x.test", "identity": "example.com", "message_id": f"<{mail}.1@example.com>"} | more
    key = about.pop("key", f"{mail}.1:joe@x.test:{kind}")
    return SendingEvent(key, kind, NOW + timedelta(minutes=minutes), **about)


@pytest.fixture
def note(store):
    """Notes events under settings of [notifications]; the mails that are queued then."""

    def make(events, hostname: str = "mx.example.com", **notifications) -> list[Mail]:
        before = set(store.ids())
        table = validate({"notifications": notifications}).notifications
        noted(store, lambda: store.note(events), events, table, hostname)
        return [store.mail(id_) for id_ in store.ids() if id_ not in before]

    return make


@pytest.fixture
def told(store, inbox_for):
    """Carries out the plan of a notice once; its outcome."""

    def run(mail: Mail, **settings):
        (step,) = store.receipt(mail.id).plan.steps
        return inbox_for(RULES, **settings).attempt(mail, step, 1).outcome

    return run


def test_an_event_that_is_wanted_is_queued_with_a_plan_and_waits_for_workers(store, note):
    (mail,) = note([event(**BOUNCE)], ops={"to": "ops@corp.test"})
    receipt = store.receipt(mail.id)
    assert (mail.envelope.source, mail.envelope.sender, receipt.state) == ("event", None, "waiting")
    assert [(step.rule, step.handler, step.options["to"]) for step in receipt.plan.steps] == [("ops", "notify", "ops@corp.test")]
    assert [claim.mail.id for claim in store.claim("w", 10, datetime.now(UTC))] == [mail.id]
    assert len(store.events(type="bounce")) == 1


def test_the_same_event_again_tells_nobody_again(note):
    assert len(note([event()], ops={"to": "ops@corp.test"})) == 1
    assert note([event(minutes=5)], ops={"to": "ops@corp.test"}) == []


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        ({}, ["bounce", "complaint"]),
        ({"events": ["delivery"]}, ["delivery"]),
        ({"identity": "example.org"}, []),
        ({"identity": "example.com", "events": ["bounce"]}, ["bounce"]),
    ],
    ids=str,
)
def test_who_is_told_of_what_is_as_the_settings_say(note, asked, kinds):
    mails = note([event("delivery"), event("bounce"), event("complaint")], ops={"to": "ops@corp.test", **asked})
    assert sorted(json.loads(mail.raw.partition(b"\r\n\r\n")[2])["eventType"].lower() for mail in mails) == kinds


def test_each_notification_tells_for_itself(note):
    assert len(note([event()], ops={"to": "ops@corp.test"}, crm={"to": "https://crm.test/events"})) == 2


def test_e_mails_about_e_mails_that_tell_do_not_go_on_for_ever(note):
    """Amazon SES tells of the notices that leave through it, too, as of any mail of the account."""
    readers = {"ops": {"to": "ops@corp.test", "events": ["delivery"]}, "boss": {"to": "boss@corp.test", "events": ["delivery"]}}
    told = {"crm": {"to": "https://crm.test/events", "events": ["delivery"]}}
    for recipient in ("OPS@corp.test", "boss@corp.test"):
        assert note([event("delivery", mail=None, key=recipient, recipient=recipient)], **readers) == []
        assert len(note([event("delivery", mail=None, key=f"{recipient}2", recipient=recipient)], **readers, **told)) == 1
    assert len(note([event("delivery")], **readers)) == 2


def test_neither_is_there_without_the_other(store):
    table = validate({"notifications": {"ops": {"to": "ops@corp.test"}}}).notifications

    def note_and_fail():
        store.note([event()])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        noted(store, note_and_fail, [event()], table, "mx.example.com")
    assert (store.events(), store.count()) == ([], 0)


def test_a_web_address_gets_what_ses_would_publish_signed(store, note, told, hook, monkeypatch):
    monkeypatch.setenv("HOOK", "s3cr3t-s3cr3t")
    store.keep_all(
        [(Mail("m1", Envelope("news@example.com", ("joe@x.test",), source="send"), Mail.of(b"x", Envelope()).content, NOW), None)]
    )
    store.note([event("send", minutes=0)])
    (mail,) = note([event(**BOUNCE)], crm={"to": f"{hook.url}/events", "secret": "env:HOOK"})
    assert told(mail, handlers={"notify": {"allow": ["127.0.0.1"]}}).state == "done"
    ((path, headers, body),) = hook.requests
    found = json.loads(body)
    assert (path, headers["idempotency-key"], "x-inbox-signature" in headers) == ("/events", f"{mail.id}-1", True)
    assert (found["eventType"], found["bounce"]["bounceSubType"]) == ("Bounce", "NoEmail")
    assert (found["mail"]["source"], found["mail"]["timestamp"]) == ("news@example.com", "2026-11-24T06:00:00.000Z")
    assert "s3cr3t" not in json.dumps(store.receipt(mail.id).to_dict())


def test_a_web_address_that_is_down_is_tried_again(note, told, hook):
    hook.statuses = [503]
    (mail,) = note([event()], crm={"to": hook.url})
    assert told(mail, handlers={"notify": {"allow": ["127.0.0.1"]}}).state == "deferred"


def test_an_e_mail_says_it_in_words_and_nobody_is_told_of_its_own_fate(note, told, outbox):
    (mail,) = note([event(**BOUNCE)], ops={"to": "ops@corp.test"})
    assert told(mail).state == "done"
    (sent,) = outbox.sent
    message = message_from_bytes(sent.raw)
    assert (sent.sender, sent.recipients) == (None, ("ops@corp.test",))
    assert (message["From"], message["Auto-Submitted"]) == ("postmaster@mx.example.com", "auto-generated")
    assert message["Subject"] == "Bounce joe@x.test: smtp; 550 5.1.1 no such user"
    assert '"bounceSubType": "NoEmail"' in message.get_payload()


def test_a_host_without_a_name_writes_as_the_identity(note, told, outbox):
    (mail,) = note([event()], hostname="localhost", ops={"to": "ops@corp.test"})
    told(mail)
    assert message_from_bytes(outbox.sent[0].raw)["From"] == "postmaster@example.com"


def test_addresses_that_strangers_wrote_add_no_field(note):
    (mail,) = note([event(recipient="joe@x.test\r\nBcc: all@example.com")], ops={"to": "ops@corp.test"})
    assert "Bcc" not in message_from_bytes(mail.raw)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"to": "ops"}, "notifications.ops: to: 'ops' is no target; write https://host/path, the ARN of a topic of SNS, or an address"),
        (
            {"to": "http://127.0.0.1/x"},
            "notifications.ops: to: 127.0.0.1 is the address 127.0.0.1, which is not public; name it in `allow` of [handlers.notify]",
        ),
        ({"to": "a@b.test", "secret": "env:X"}, "notifications.ops: secret: signs what is posted to a web address; leave it out"),
        ({"to": "a@b.test", "events": ["bounced"]}, "notifications.ops.events"),
        ({"to": "a@b.test", "events": []}, "notifications.ops.events"),
        ({"to": "https://x.test", "secret": "s3cr3t"}, "write env:NAME or file:PATH instead of the secret itself"),
    ],
    ids=str,
)
def test_what_cannot_be_told_is_found_at_the_start(tmp_path, store, asked, words):
    (tmp_path / "rules.yaml").write_text(RULES)
    with pytest.raises(ConfigError) as caught:
        open_inbox(validate({"rules": tmp_path / "rules.yaml", "notifications": {"ops": asked}}), store)
    assert words in str(caught.value)
