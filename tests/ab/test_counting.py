"""What the store counts for each variant: distinct recipients of each mail, once each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inbox.experiments import Counts

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


def test_each_recipient_of_a_mail_counts_once_however_often_it_was_heard_of(store, happened):
    happened("m1", "a", "send", "delivery", "bounce")
    happened("m1", "a", "bounce", "bounce", key=":again")
    happened("m2", "a", "send", "delivery", "reply", "open", "click", "complaint", to="ann@x.test")
    happened("m3", "b", "send", "delivery_delay", to="ann@x.test")
    assert store.variant_counts("welcome") == [
        Counts("a", 2, delivered=2, bounced=1, complained=1, replied=1, opened=1, clicked=1),
        Counts("b", 1),
    ]


def test_the_same_address_counts_again_in_another_mail(store, happened):
    for mail in ("m1", "m2", "m3"):
        happened(mail, "a", "send", "delivery")
    assert store.variant_counts("welcome") == [Counts("a", 3, delivered=3)]


def test_recipients_of_one_mail_are_told_apart_without_regard_to_case(store, happened):
    for to in ("joe@x.test", "ann@x.test"):
        happened("m1", "a", "send", "delivery", to=to)
    happened("m1", "a", "bounce", to="JOE@X.test")
    assert store.variant_counts("welcome") == [Counts("a", 2, delivered=2, bounced=1)]


def test_who_answers_from_another_address_counts_where_only_one_can_have_answered(store, happened):
    happened("m1", "a", "send")
    happened("m1", None, "reply", to="joe@home.test", template=None)
    happened("m2", "a", "send")
    happened("m2", "a", "send", to="ann@x.test")
    happened("m2", None, "reply", to="joe@home.test", template=None)
    assert store.variant_counts("welcome") == [Counts("a", 3, replied=1)]


def test_who_was_not_sent_to_is_not_counted(store, happened):
    happened("m1", "a", "suppressed")
    happened("m2", "a", "rendering_failure")
    happened("m3", None, "send", "delivery")
    assert store.variant_counts("welcome") == []
    assert store.experiments() == []


def test_templates_of_one_experiment_are_counted_together_and_others_apart(store, happened):
    happened("m1", "a", "send", template="welcome.en", experiment="welcome")
    happened("m2", "a", "send", template="welcome.de", experiment="welcome")
    happened("m3", "a", "send", template="goodbye")
    assert store.variant_counts("welcome") == [Counts("a", 2)]
    assert store.variant_counts("goodbye") == [Counts("a", 1)]
    assert store.variant_counts("welcome.de") == []


def test_what_was_heard_later_counts_for_mails_sent_since(store, happened):
    happened("old", "a", "send", "delivery", at=NOW - timedelta(days=40))
    happened("new", "a", "send", "delivery", at=NOW - timedelta(days=2))
    happened("old", "a", "reply")
    happened("new", "a", "reply")
    assert store.variant_counts("welcome", NOW - timedelta(days=30)) == [Counts("a", 1, delivered=1, replied=1)]
    assert store.variant_counts("welcome") == [Counts("a", 2, delivered=2, replied=2)]


def test_experiments_are_listed_with_the_last_first(store, happened):
    happened("m1", "a", "send")
    happened("m2", "b", "send", at=NOW + timedelta(days=1))
    happened("m3", "x", "send", template="goodbye", at=NOW + timedelta(hours=1))
    assert [(one.name, one.variants, one.sent) for one in store.experiments()] == [("welcome", ("a", "b"), 2), ("goodbye", ("x",), 1)]
    assert [one.name for one in store.experiments(NOW + timedelta(hours=2))] == ["welcome"]
