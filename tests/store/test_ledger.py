"""What every store knows of mail that left: events once each, who had it, whose Message-ID it is, suppressions per identity, shared rates."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from inbox.books import Books
from inbox.config import validate
from inbox.rates import Rate
from inbox.sending import SendingEvent
from inbox.store import open_store
from inbox.suppression import Suppression

NOW = (datetime.now(UTC) - timedelta(days=1)).replace(hour=6, minute=0, second=0, microsecond=0)


@pytest.fixture
def ledger(inline):
    return inline


@pytest.fixture
def event():
    def make(kind: str = "send", to: str = "joe@x.test", mail: str = "m1", n: int = 1, minutes: float = 0, **more) -> SendingEvent:
        about = {"mail": mail, "recipient": to, "identity": "example.com", "message_id": f"<{mail}.{n}@example.com>", **more}
        return SendingEvent(f"{mail}.{n}:{to}:{kind}", kind, NOW + timedelta(minutes=minutes), **about)

    return make


def test_an_event_is_found_as_it_was_noted(ledger, event):
    whole = event("bounce", template="t.md", variant="b", experiment="t", subtype="permanent/no_email", detail="550 5.1.1 no such user")
    assert list(ledger.note([whole])) == [whole]
    assert list(ledger.events(mail="m1")) == [whole]


def test_the_same_key_again_changes_nothing(ledger, event):
    first = event("delivery", detail="250 ok")
    ledger.note([first])
    assert list(ledger.note([event("delivery", detail="250 again"), event("bounce")])) == [event("bounce")]
    assert [found.detail for found in ledger.events(type="delivery")] == ["250 ok"]


def test_nothing_to_note_is_nothing(ledger):
    assert list(ledger.note([])) == []


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        ({"mail": "m2"}, ["m2.1:ann@x.test:send"]),
        ({"recipient": "JOE@x.test"}, ["m1.1:joe@x.test:send", "m1.1:joe@x.test:delivery"]),
        ({"recipient": "joe@x.test", "type": "delivery"}, ["m1.1:joe@x.test:delivery"]),
        ({"message_id": "m1.1@example.com"}, ["m1.1:joe@x.test:send", "m1.1:joe@x.test:delivery"]),
        ({"identity": "example.com", "limit": 1}, ["m1.1:joe@x.test:send"]),
        ({"limit": 1, "newest": True}, ["m2.1:ann@x.test:send"]),
        ({"since": NOW + timedelta(minutes=1), "until": NOW + timedelta(minutes=2)}, ["m1.1:joe@x.test:delivery"]),
        ({"identity": "example.org"}, []),
    ],
    ids=str,
)
def test_events_are_found_by_what_is_asked(ledger, event, asked, keys):
    ledger.note([event(), event("delivery", minutes=1), event(to="ann@x.test", mail="m2", minutes=2)])
    assert [found.key for found in ledger.events(**asked)] == keys


@pytest.mark.parametrize("spelling", ["<m1.1@example.com>", "m1.1@example.com", " <m1.1@example.com> "])
def test_a_message_id_of_ours_leads_to_whom_it_was_sent(ledger, event, spelling):
    ledger.note([event(), event(to="ann@x.test"), event("delivery"), event(mail="m2")])
    assert {found.recipient for found in ledger.sent(spelling)} == {"joe@x.test", "ann@x.test"}


def test_of_several_message_ids_the_first_that_is_ours_counts(ledger, event):
    ledger.note([event(mail="m1"), event(mail="m2")])
    assert [found.mail for found in ledger.sent("<x@x.test>", "<m2.1@example.com>", "<m1.1@example.com>")] == ["m2"]
    assert list(ledger.sent("<x@x.test>", "<y@x.test>")) == []
    assert list(ledger.sent()) == []


def test_a_message_id_of_nobody_leads_to_nothing(ledger, event):
    ledger.note([event()])
    assert list(ledger.sent("<m1.2@example.com>")) == []


@pytest.mark.parametrize("spelling", ["0102-ab-000000", "<0102-ab-000000@eu-west-1.amazonses.com>"])
def test_what_ses_calls_a_mail_leads_to_it_too(ledger, event, spelling):
    ledger.note([event(), event(n=2), event("delivery", message_id="0102-ab-000000")])
    assert [found.key for found in ledger.sent(spelling)] == ["m1.1:joe@x.test:send"]


def test_who_had_a_step_is_known_by_step(ledger, event):
    ledger.note([event("delivery", to="Joe@x.test"), event("bounce", to="ann@x.test"), event("delivery", to="bob@x.test", n=11)])
    assert set(ledger.delivered("m1", 1)) == {"Joe@x.test"}
    assert set(ledger.delivered("m1", 2)) == set()


# suppressions


def test_one_identity_can_be_kept_from_an_address_alone(inline):
    inline.suppress("joe@x.test", "complained", "feedback", identity="News.example.com")
    assert inline.suppressed("joe@x.test") is None
    assert inline.suppressed("joe@x.test", "example.com") is None
    assert inline.suppressed("JOE@x.test", "news.example.com").identity == "news.example.com"
    assert "for news.example.com" in inline.why_suppressed("joe@x.test", "news.example.com")
    assert not inline.unsuppress("joe@x.test")
    assert inline.unsuppress("joe@x.test", "news.example.com")
    assert inline.why_suppressed("joe@x.test", "news.example.com") is None


def test_what_is_kept_from_all_is_kept_from_each(inline):
    inline.suppress("joe@x.test", "no such mailbox", "m1")
    inline.suppress("joe@x.test", "complained", "feedback", identity="example.com")
    assert inline.suppressed("joe@x.test", "example.com").reason == "no such mailbox"
    assert inline.unsuppress("joe@x.test")
    assert inline.suppressed("joe@x.test", "example.com").reason == "complained"


# identities


def test_a_stopped_identity_may_not_send_and_says_why(ledger):
    assert ledger.may_send("example.com") is None
    assert ledger.stop("Example.com", "6 of 100 mails bounced")
    assert not ledger.stop("example.com", "again")
    assert "6 of 100 mails bounced" in ledger.may_send("example.com")
    assert ledger.may_send("example.org") is None
    assert ledger.may_send(None) is None


# rates


def test_a_bucket_gives_what_it_holds_and_then_says_how_long_to_wait(ledger):
    assert [ledger.wait_for("relay", "3/1h") for _ in range(3)] == [0, 0, 0]
    assert 1190 < ledger.wait_for("relay", "3/1h") <= 1200
    assert ledger.wait_for("another", "3/1h", 3) == 0
    assert 2390 < ledger.wait_for("another", "3/1h", 2) <= 2400
    assert ledger.wait_for("relay", "off", 1000) == 0


def test_what_is_asked_in_vain_takes_nothing(ledger):
    ledger.wait_for("relay", "2/1h")
    assert ledger.wait_for("relay", "2/1h", 2) > 0
    assert ledger.wait_for("relay", "2/1h", 1) == 0


def test_threads_and_processes_share_a_bucket(store, folder):
    other = open_store(folder)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda number: (store, other)[number % 2].wait_for("relay", "20/1h"), range(60)))
    other.close()
    assert waits.count(0.0) == 20


@pytest.mark.parametrize(
    ("rate", "spent", "amount", "wait", "then"),
    [
        (Rate(14, 1), 0, 1, 0, 100 + 1 / 14),
        (Rate(14, 1), 0, 14, 0, 101),
        (Rate(14, 1), 101, 1, 1 / 14, 101),
        (Rate(14, 1), 0, 28, 0, 102),  # more than the bucket holds: once it is full, and the next wait for longer
        (Rate(14, 1), 102, 28, 2, 102),
    ],
)
def test_a_rate_takes_at_once_what_it_has(rate, spent, amount, wait, then):
    assert rate.take(spent, 100, amount) == pytest.approx((wait, then))


# what follows from events, and figures


@pytest.fixture
def books(ledger):
    return Books(ledger, validate({"sending": {"least": 20}}))


def of_today(event, kind: str, number: int, **more) -> list[SendingEvent]:
    """An event for each of so many recipients, an hour ago."""
    minutes = (datetime.now(UTC) - NOW) / timedelta(minutes=1) - 60
    return [event(kind, to=f"u{n}@x.test", minutes=minutes, **more) for n in range(number)]


def test_a_suppression_comes_with_its_event_and_once(books, ledger, event):
    bounce = event("bounce", subtype="permanent/no_email")
    books.note([bounce])
    assert ledger.suppressed("joe@x.test", "any.test").source == "bounce m1"
    ledger.unsuppress("joe@x.test")
    assert list(books.note([bounce])) == []
    assert ledger.suppressed("joe@x.test") is None


def test_soft_bounces_in_a_row_suppress_for_a_while_and_shorten_nothing(books, ledger, event):
    ledger.suppress("ann@x.test", "by hand", "me")
    for number in range(5):
        minutes = (datetime.now(UTC) - NOW) / timedelta(minutes=1) - 60 + number
        soft = {"mail": f"m{number}", "minutes": minutes, "subtype": "transient/mailbox_full"}
        books.note([event("bounce", **soft), event("bounce", to="ann@x.test", **soft)])
    assert ledger.suppressed("joe@x.test").until is not None
    assert (ledger.suppressed("ann@x.test").reason, ledger.suppressed("ann@x.test").until) == ("by hand", None)


def test_an_identity_is_stopped_by_its_rates_and_resumed_with_a_clean_slate(books, ledger, event):
    now, day = datetime.now(UTC), timedelta(days=1)
    books.note(of_today(event, "send", 20))
    books.note(of_today(event, "bounce", 2, subtype="permanent/no_email"))
    standing = ledger.standing("example.com", day, now)
    assert (standing.sends, standing.bounces, standing.complaints) == (20, 2, 0)
    assert "2 of 20 recipients" in books.may_send("Example.com")
    assert [one.identity for one in ledger.standings(day, now) if one.stopped] == ledger.stopped() == ["example.com"]
    assert ledger.resume("example.com")
    assert not ledger.resume("example.com")
    assert books.may_send("example.com") is None
    books.note(of_today(event, "bounce", 3, subtype="permanent/no_email"))
    assert books.may_send("example.com") is None
    assert ledger.standing("example.com", day, datetime.now(UTC)).bounces <= 1


def test_figures_add_up_by_what_is_asked(ledger, event):
    ledger.note([event(template="t", variant="a"), event("delivery", template="t", variant="a"), event(to="Ann@Y.test", mail="m2")])
    ledger.note([event("bounce", to="ann@y.test", mail="m2", subtype="permanent/no_email", minutes=61), event(template="t", variant="a")])
    since, until = NOW - timedelta(hours=1), NOW + timedelta(hours=2)
    asked = {by: ledger.series(by, since=since, until=until) for by in [(), ("domain",), ("template", "variant"), ("hour",)]}
    assert [(t.type, t.subtype, t.number) for t in asked[()]] == [("bounce", "permanent", 1), ("delivery", None, 1), ("send", None, 2)]
    assert {(t.domain, t.type, t.number) for t in asked["domain",]} == {
        ("x.test", "send", 1), ("x.test", "delivery", 1), ("y.test", "send", 1), ("y.test", "bounce", 1),
    }  # fmt: skip
    assert {(t.template, t.variant, t.type) for t in asked["template", "variant"]} == {
        ("t", "a", "send"), ("t", "a", "delivery"), ("", "", "send"), ("", "", "bounce"),
    }  # fmt: skip
    assert [(t.hour, t.type) for t in asked["hour",]][-1] == (NOW + timedelta(hours=1), "bounce")
    assert ledger.series(since=NOW + timedelta(hours=1), until=until, identity="Example.com")[0].number == 1
    assert list(ledger.series(since=since, until=until, identity="example.org")) == []


def test_a_list_of_suppressions_comes_in_and_goes_out(inline):
    entries = [Suppression(f"u{n}@x.test", "r", "s", NOW, None, "example.com" if n else None) for n in range(3)]
    assert inline.suppress_all([*entries, Suppression("old@x.test", "r", "s", NOW, NOW)]) == 4
    assert sorted(inline.suppressions(), key=lambda one: one.address) == entries
    assert len(list(inline.suppressions("example.com"))) == 2
