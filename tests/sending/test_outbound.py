"""The way out: suppression, identity, rates, signature, transport, and an event for what became of each recipient."""

from __future__ import annotations

import re

import dkim
import pytest

from inbox.auth.keys import load_private_key
from inbox.errors import Deferred, Failed, Suppressed
from inbox.send.key_files import KeyFolder
from inbox.send.outbound import Outbound, bounce_subtype
from inbox.sending import About
from published_keys import public_record

MAIL = b"From: shop@example.com\r\nTo: alice@far.test\r\nSubject: x\r\nMessage-ID: <1@example.com>\r\n\r\nhello\r\n"
ABOUT = About("a" * 20, 3)
BOTH = ["alice@far.test", "bob@far.test"]


def test_who_got_it_is_not_sent_to_again_when_another_one_is_tried_again(office, far_end):
    far_end.answers = {"bob@far.test": "451 4.2.1 busy"}
    with pytest.raises(Deferred, match=r"^bob@far\.test: 451 4\.2\.1 busy"):
        office.outbox().send("shop@example.com", BOTH, MAIL, about=ABOUT)
    far_end.answers = {}
    assert "250" in office.outbox().send("shop@example.com", BOTH, MAIL, about=ABOUT)
    assert far_end.recipients == BOTH


def test_who_is_refused_for_good_is_named_and_the_others_got_it(office, far_end):
    far_end.answers = {"bob@far.test": "550 5.1.1 no such user"}
    with pytest.raises(Failed, match=r"^bob@far\.test: 550 5\.1\.1 no such user.*; the other recipients got it: 250"):
        office.outbox().send("shop@example.com", BOTH, MAIL, about=ABOUT)
    assert far_end.recipients == ["alice@far.test"]


def test_without_a_mail_to_tell_of_nobody_gets_it_while_somebody_is_refused_for_now(office, far_end):
    far_end.answers = {"bob@far.test": "451 4.2.1 busy"}
    with pytest.raises(Deferred):
        office.outbox().send("shop@example.com", BOTH, MAIL)
    assert far_end.taken == []
    assert office.store.events() == []


def test_each_recipient_has_events_and_a_retry_notes_nothing_twice(office, far_end):
    far_end.answers = {"bob@far.test": "451 4.2.1 busy"}
    for _ in range(2):
        with pytest.raises(Deferred):
            office.outbox().send("shop@example.com", BOTH, MAIL, about=ABOUT)
    found = {event.key: event for event in office.store.events(mail=ABOUT.mail)}
    stem = f"{ABOUT.mail}.3"
    assert set(found) == {
        f"{stem}:alice@far.test:send",
        f"{stem}:alice@far.test:delivery",
        f"{stem}:bob@far.test:send",
        f"{stem}:bob@far.test:delivery_delay",
    }
    assert {event.message_id for event in found.values()} == {"<1@example.com>"}


def test_suppressed_recipients_are_left_out_and_it_is_said_so(office, far_end):
    office.store.suppress("alice@far.test", "bounce", "test")
    assert "alice@far.test left out: " in office.outbox().send("shop@example.com", BOTH, MAIL, about=ABOUT)
    assert far_end.recipients == ["bob@far.test"]


def test_when_all_are_suppressed_nothing_is_sent(office, far_end):
    office.store.suppress("alice@far.test", "complaint", "test")
    with pytest.raises(Suppressed, match=r"alice@far\.test: "):
        office.outbox().send("shop@example.com", ["alice@far.test"], MAIL, about=ABOUT)
    assert far_end.taken == []


def test_an_address_suppressed_for_one_identity_gets_mail_of_another(office, far_end):
    office.change(identities={"example.com": {}, "example.net": {}})
    office.store.suppress("alice@far.test", "unsubscribed", "test", identity="example.net")
    office.outbox().send("shop@example.com", ["alice@far.test"], MAIL, about=ABOUT)
    assert far_end.recipients == ["alice@far.test"]


def test_a_stopped_identity_keeps_its_mail_in_the_queue(office, far_end):
    office.change(identities={"example.com": {}})
    office.store.stop("example.com", "12 % of its mail bounces")
    with pytest.raises(Deferred, match="12 % of its mail bounces"):
        office.outbox().send("shop@example.com", ["alice@far.test"], MAIL, about=ABOUT)
    assert far_end.taken == []


# signatures


@pytest.fixture
def keyed(office):
    """Identities example.com and example.net with keys, and the records that go with them."""
    office.change(identities={"example.com": {}, "example.net": {}})
    records = {}
    for domain in ("example.com", "example.net"):
        (path,) = KeyFolder(office.settings.dir / "identities" / domain, domain).make("s1", bits=1024)
        records[f"s1._domainkey.{domain}.".encode()] = public_record(load_private_key(path.read_bytes())).encode()
    return records


def verified(raw: bytes, records) -> bool:
    return dkim.verify(raw, dnsfunc=lambda name, timeout=5: records.get(name))


def signers(raw: bytes) -> list[bytes]:
    return re.findall(rb"(?m)^DKIM-Signature:(?:[^\r\n]|\r\n[ \t])*?\bd=([^;\s]+)", raw)


def test_mail_is_signed_as_the_identity_of_its_author(office, far_end, keyed):
    office.outbox().send(None, ["alice@far.test"], MAIL, about=ABOUT)
    ((_, _, raw),) = far_end.taken
    assert signers(raw) == [b"example.com"]
    assert verified(raw, keyed)


def test_an_identity_that_is_named_signs_in_place_of_the_authors(office, far_end, keyed):
    office.outbox().send(None, ["alice@far.test"], MAIL, about=About("b" * 20, 1, "example.net"))
    assert signers(far_end.taken[0][2]) == [b"example.net"]


def test_mail_that_bears_the_signature_already_is_not_signed_again(office, far_end, keyed):
    office.outbox().send(None, ["alice@far.test"], MAIL, about=ABOUT)
    signed = far_end.taken[0][2]
    office.outbox().send(None, ["bob@far.test"], signed, about=About("c" * 20, 1))
    assert far_end.taken[1][2] == signed


def test_a_strangers_mail_that_claims_to_be_ours_is_not_vouched_for(office, far_end, keyed):
    """It came from elsewhere (Received): a signature would make a forgery pass DMARC at the next hop."""
    passed_on = b"Received: from stranger by mx.example.com; Tue, 24 Nov 2026 06:09:38 +0000\r\n" + MAIL
    office.outbox().send("support@example.com", ["alice@far.test"], passed_on, about=ABOUT)
    assert signers(far_end.taken[0][2]) == []


# rates


def test_two_processes_share_a_rate(office, far_end):
    """40 mails, two workers, ten an hour: ten leave, whoever is quicker; the others wait in the queue."""
    office.change(identities={"example.com": {"rate": "10/1h"}})
    ids = [office.send(to=[f"r{number}@far.test"]) for number in range(40)]
    office.work_until(lambda: office.tried(*ids), workers=2)
    assert len(far_end.taken) == 10
    states = [state for id_ in ids for state in office.states(id_).values()]
    assert (states.count("done"), states.count("deferred")) == (10, 30)


def test_a_short_wait_for_a_rate_is_waited_for(office, far_end):
    slept = []
    office.change(sending={"rate": "1/1s"})
    outbox = office.outbox()
    outbox = Outbound(office.settings, outbox._identities, outbox._open, SlowBucket(office.store, [0.0, 0.4, 0.0]), slept.append)
    outbox.send(None, ["alice@far.test"], MAIL, about=ABOUT)
    outbox.send(None, ["bob@far.test"], MAIL, about=About("d" * 20, 1))
    assert slept == [0.4]
    assert far_end.recipients == BOTH


class SlowBucket:
    """The ledger of the store with a bucket that says what the test wants."""

    def __init__(self, store, waits) -> None:
        self._store, self._waits = store, waits

    def __getattr__(self, name):
        return getattr(self._store, name)

    def wait_for(self, name, rate, amount=1):
        return self._waits.pop(0)


def test_a_letter_for_more_than_a_rate_allows_goes_out_in_parts(office, far_end):
    office.change(sending={"rate": "3/1h"})
    recipients = [f"r{number}@far.test" for number in range(5)]
    with pytest.raises(Deferred, match=r"r3@far\.test: its turn comes later"):
        office.outbox().send(None, recipients, MAIL, about=ABOUT)
    assert far_end.recipients == recipients[:3]


@pytest.mark.parametrize(
    ("answer", "subtype"),
    [
        ("550 5.1.1 no such user", "permanent/no_email"),
        ("552 5.2.2 mailbox full", "transient/mailbox_full"),
        ("552 5.3.4 too big", "transient/message_too_large"),
        ("554 5.7.1 spam message rejected", "transient/content_rejected"),
        ("550 go away", "permanent/general"),
    ],
)
def test_a_refusal_has_the_type_that_ses_gives_such_a_bounce(answer, subtype):
    assert bounce_subtype(answer) == subtype
