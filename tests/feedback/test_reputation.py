"""What bounces and complaints have for consequences: the rules alone, as tables."""

from __future__ import annotations

from datetime import timedelta

import pytest

from inbox.reputation import bounce_class, soft_in_a_row, suppression_of, why_stop
from inbox.sending import Standing
from inbox.tables import Identity, Sending

SOFT, FULL, CONTENT, HARD = "transient/general", "transient/mailbox_full", "transient/content_rejected", "permanent/no_email"


def row(event, letters: str, first: float = 6.0):
    """Mails, one a tenth of a day, by a letter each: s f soft, c content, h hard, d delivered, b taken and bounced a day later, w nothing heard."""
    found = []
    for number, letter in enumerate(letters):
        mail, ago = f"m{number}", first - number / 10
        found.append(event("send", mail=mail, ago=ago))
        if letter in "db":
            found.append(event("delivery", mail=mail, ago=ago))
        if letter in "sfchb":
            subtype = {"s": SOFT, "f": FULL, "c": CONTENT, "h": HARD, "b": SOFT}[letter]
            found.append(event("bounce", mail=mail, ago=ago - (letter == "b"), subtype=subtype, detail="451"))
    return found


@pytest.mark.parametrize(
    ("letters", "number"),
    [
        ("s", 1),
        ("sfsfs", 5),
        ("ssdss", 2),
        ("sswss", 4),  # who heard nothing knows nothing
        ("sscss", 4),  # what was in that mail says nothing of the address
        ("bbbbb", 5),  # a smart host takes everything first
        ("sbdb", 1),
        ("shs", 2),
    ],
)
def test_soft_bounces_in_a_row_are_counted_by_mail(event, letters, number):
    events = row(event, letters)
    assert soft_in_a_row(events[:-1], events[-1], Sending()) == number


def test_a_mail_that_was_taken_later_does_not_end_the_row_of_those_that_bounce_late(event):
    events = row(event, "bbbbbd")
    assert soft_in_a_row(events, events[-4], Sending()) == 5


def test_what_is_long_ago_does_not_count(event):
    events = row(event, "ssss", first=8.0) + row(event, "s", first=0.5)
    old = [one for one in events if one.mail != "m0"]
    last = event("bounce", mail="m9", subtype=SOFT, detail="451 4.3.0 later")
    assert soft_in_a_row(old, last, Sending()) == 1
    assert soft_in_a_row(old, last, Sending(soft_within=30 * 86_400)) == 4


@pytest.mark.parametrize(
    ("subtype", "known"),
    [
        (HARD, "permanent"),
        (SOFT, "transient"),
        ("undetermined/undetermined", "undetermined"),
        (None, "undetermined"),
        ("odd", "undetermined"),
    ],
)
def test_a_bounce_has_a_class(event, subtype, known):
    assert bounce_class(event("bounce", subtype=subtype)) == known


@pytest.mark.parametrize(
    ("kind", "subtype", "identity", "reason"),
    [
        ("suppressed", "permanent/on_account_suppression_list", None, "on the suppression list of the account at Amazon SES"),
        ("bounce", HARD, None, "bounced for good: 550 no"),
        ("bounce", "permanent/suppressed", None, "bounced for good: 550 no"),
        ("complaint", "abuse", "example.com", "complained: 550 no"),
        ("subscription", "unsubscribed", "example.com", "unsubscribed"),
    ],
)
def test_one_event_suppresses_at_once(event, kind, subtype, identity, reason):
    found = suppression_of(event(kind, to="Joe@X.test", subtype=subtype, detail="550 no"), Sending())
    assert (found.address, found.reason, found.identity, found.until) == ("joe@x.test", reason, identity, None)
    assert found.source == f"{kind} m1"


@pytest.mark.parametrize(
    "kind", ["send", "delivery", "delivery_delay", "reject", "rendering_failure", "suppressed", "reply", "open", "click"]
)
def test_other_events_suppress_nobody(event, kind):
    assert suppression_of(event(kind), Sending()) is None


def test_a_complaint_can_be_meant_for_all_identities(event):
    assert suppression_of(event("complaint"), Sending(complaint="all")).identity is None


def test_soft_bounces_suppress_for_a_while_when_they_are_many(event):
    events = row(event, "sssss")
    assert suppression_of(events[-1], Sending(soft_bounces=6), events[:-1]) is None
    found = suppression_of(events[-1], Sending(), events[:-1])
    assert found.reason == "bounced 5 times in a row: 451"
    assert found.until - found.since == timedelta(days=14)


@pytest.mark.parametrize(
    ("sends", "bounces", "complaints", "why"),
    [
        (99, 99, 99, None),
        (100, 4, 1, None),
        (100, 5, 0, "5 of 100 recipients (5 %) bounced for good, 5 % are too many"),
        (1000, 49, 1, None),
        (1000, 0, 2, "2 of 1000 recipients (0.2 %) complained, 0.1 % are too many"),
        (10_000, 499, 9, None),
        (10_000, 499, 10, "10 of 10000 recipients (0.1 %) complained, 0.1 % are too many"),
    ],
)
def test_an_identity_is_stopped_by_its_rates(now, sends, bounces, complaints, why):
    assert why_stop(Standing("example.com", now, sends, bounces, complaints), Identity(), Sending()) == why


def test_rates_and_least_numbers_can_be_set(now):
    standing = Standing("example.com", now, 50, 4, 1)
    assert why_stop(standing, Identity(), Sending(least=50)).startswith("4 of 50")
    assert why_stop(standing, Identity(bounces=0.1), Sending(least=50)) is None
    assert why_stop(standing, Identity(bounces=0.1), Sending(least=50, least_complaints=1)).startswith("1 of 50")
