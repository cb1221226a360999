"""Events and what follows from them, in a store: suppression with the event, identities that are stopped and resumed, figures by the hour."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from inbox.store import open_store

HARD, SOFT = "permanent/no_email", "transient/general"
DAY = timedelta(days=1)


def test_a_hard_bounce_suppresses_in_the_same_transaction(books, store, event):
    bounce = event("bounce", subtype=HARD)
    with pytest.raises(RuntimeError), store.transaction():
        books.note([bounce])
        assert store.suppressed("joe@x.test")
        raise RuntimeError
    assert not store.suppressed("joe@x.test")
    assert not store.events(mail="m1")
    books.note([bounce])
    assert books.why_suppressed("JOE@x.test", "any.test").endswith("bounced for good (bounce m1)")


def test_an_event_that_comes_again_does_not_suppress_again(books, store, event):
    bounce = event("bounce", subtype=HARD)
    books.note([bounce])
    store.unsuppress("joe@x.test")
    assert list(books.note([bounce])) == []
    assert not store.suppressed("joe@x.test")


def test_a_complaint_keeps_one_identity_away(books, event):
    books.note([event("complaint", subtype="abuse")])
    assert books.why_suppressed("joe@x.test", "example.com")
    assert books.why_suppressed("joe@x.test", "other.test") is None


def test_five_soft_bounces_suppress_for_a_while_and_four_do_not(books, store, event):
    for number in range(4):
        books.note([event("send", mail=f"m{number}", ago=1), event("bounce", mail=f"m{number}", subtype=SOFT, detail="451 4.3.0 later")])
    assert not store.suppressed("joe@x.test")
    books.note([event("bounce", mail="m4", subtype=SOFT, detail="451 4.3.0 later")])
    assert store.suppressed("joe@x.test").until


def test_what_is_suppressed_for_good_stays_so_when_a_soft_bounce_comes(books, store, event):
    store.suppress("joe@x.test", "by hand", "me")
    books.note([event("bounce", mail=f"m{number}", subtype=SOFT, detail="451 4.3.0 later") for number in range(5)])
    books.note([event("bounce", mail="m7", subtype=SOFT, detail="451 4.3.0 later")])
    assert (store.suppressed("joe@x.test").reason, store.suppressed("joe@x.test").until) == ("by hand", None)


# identities


def sends(event, number: int, **more):
    return [event("send", to=f"u{n}@x.test", **more) for n in range(number)]


def bounces(event, number: int, **more):
    return [event("bounce", to=f"u{n}@x.test", subtype=HARD, **more) for n in range(number)]


def test_an_identity_that_bounces_too_much_is_stopped_and_said_so_once(books, event, caplog, metrics):
    books.note(sends(event, 100))
    books.note(bounces(event, 4))
    assert books.may_send("example.com") is None
    with caplog.at_level(logging.ERROR, "inbox.sending"):
        books.note(bounces(event, 6))
        books.note(bounces(event, 7))
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == ["identity stopped"]
    assert "6 of 100 recipients (6 %) bounced for good" in books.may_send("Example.com")
    assert books.may_send("other.test") is None
    counted = {labels: value for name, labels, value in metrics.drain() if name == "inbox_sending_events_total"}
    assert counted['{"identity":"example.com","type":"bounce"}'] == 7


def test_an_identity_has_rates_of_its_own(books, event):
    books.note(sends(event, 100, identity="strict.test"))
    books.note(bounces(event, 1, identity="strict.test"))
    assert books.may_send("strict.test")


def test_bounces_of_yesterday_and_soft_ones_stop_nobody(books, event):
    books.note(sends(event, 100, ago=1.1))
    books.note(bounces(event, 50, ago=1.1))
    books.note(sends(event, 100, mail="m2"))
    books.note([event("bounce", to=f"u{n}@x.test", mail="m2", subtype=SOFT, detail="451 4.3.0 later") for n in range(50)])
    assert books.may_send("example.com") is None


def test_after_it_was_resumed_only_what_is_new_counts(books, store, event, now):
    books.note(sends(event, 100))
    books.note(bounces(event, 50))
    assert store.stopped() == ["example.com"]
    assert store.resume("example.com", who="joe")
    assert not store.resume("example.com")
    assert books.may_send("example.com") is None
    books.note(sends(event, 100, mail="m2"))
    books.note(bounces(event, 4, mail="m2"))
    assert books.may_send("example.com") is None
    books.note(bounces(event, 5, mail="m2"))
    standing = store.standing("example.com", DAY, now)
    assert (standing.sends, standing.bounces) == (100, 5)
    assert standing.stopped == books.may_send("example.com").partition(": ")[2].partition(";")[0]


def test_standings_name_who_sent_and_who_is_stopped(books, store, event, now):
    books.note([event(), event(mail="m2", identity="b.test"), event("complaint")])
    store.stop("c.test", "by hand")
    found = {one.identity: (one.sends, one.complaints, one.stopped) for one in store.standings(DAY, now)}
    assert found == {"b.test": (1, 0, None), "c.test": (0, 0, "by hand"), "example.com": (1, 1, None)}


# figures


def test_figures_are_what_the_events_say(books, store, event, now):
    books.note(
        [
            event(template="t", variant="a"),
            event("delivery", template="t", variant="a"),
            event(to="Ann@Y.test", mail="m2", template="t", variant="b", ago=1),
            event("bounce", to="ann@y.test", mail="m2", template="t", variant="b", subtype=SOFT, detail="451 4.3.0 later"),
            event("bounce", to="ann@y.test", mail="m3", subtype=HARD),
        ]
    )
    assert [(t.type, t.subtype, t.number) for t in store.series()] == [
        ("bounce", "permanent", 1), ("bounce", "transient", 1), ("delivery", None, 1), ("send", None, 2),
    ]  # fmt: skip
    assert [(t.domain, t.type, t.number) for t in store.series(("domain",), since=now - DAY / 2)] == [
        ("x.test", "delivery", 1), ("x.test", "send", 1), ("y.test", "bounce", 1), ("y.test", "bounce", 1),
    ]  # fmt: skip
    assert {(t.template, t.variant, t.type) for t in store.series(("template", "variant"), identity="example.com") if t.variant} == {
        ("t", "a", "send"), ("t", "a", "delivery"), ("t", "b", "send"), ("t", "b", "bounce"),
    }  # fmt: skip
    (hour, *_) = {t.hour for t in store.series(("hour",), since=now - DAY / 2)}
    assert (hour.minute, hour.second, hour <= now < hour + timedelta(hours=1)) == (0, 0, True)


def test_what_comes_twice_is_counted_once(books, store, event):
    for _ in range(3):
        books.note([event()])
    assert [tally.number for tally in store.series()] == [1]


def test_domains_are_not_counted_by_variant(store):
    with pytest.raises(ValueError, match="one or the other"):
        store.series(("domain", "variant"))


def test_events_of_several_processes_add_up(books, store, event, tmp_path):
    other = open_store(tmp_path / "data")
    for number in range(20):
        (store, other)[number % 2].note([event(mail=f"m{number}")])
    other.close()
    assert [tally.number for tally in store.series(("identity",))] == [20]
