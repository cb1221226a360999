"""What every store for inline work must do, whatever it is made of: keys, hands, strikes, the journal. The same cases for each store."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from inbox.model import Row


def soon(seconds: float = 60) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def arrive(store, mail, holder="h1", seconds: float = 60, **more):
    return store.arrive(mail, holder, soon(seconds), **more)


def recipients(arrived) -> list[tuple[str, ...]]:
    return [claim.mail.envelope.recipients for claim in arrived.claims]


# arrivals


def test_a_first_arrival_is_kept_and_in_hand(inline, new_mail):
    mail = new_mail(key="ses:1", to=("a@x.test", "b@x.test"))
    found = arrive(inline, mail)
    (claim,) = found.claims
    assert (found.id, found.busy, claim.plan, dict(claim.states), claim.strikes) == (mail.id, (), None, {}, 0)
    assert claim.mail.to_dict() == mail.to_dict()
    assert claim.mail.raw == mail.raw
    assert inline.receipt(mail.id).state == "kept"


def test_what_is_in_another_hand_is_busy(inline, new_mail):
    mail = new_mail(key="ses:1")
    arrive(inline, mail)
    again = arrive(inline, new_mail(key="ses:1"), "h2")
    assert (again.id, list(again.claims), list(again.busy)) == (mail.id, [], [mail.id])


def test_what_was_given_back_can_be_had_by_the_next(inline, new_mail):
    mail = new_mail(key="ses:1")
    arrive(inline, mail)
    inline.let_go("h1")
    again = arrive(inline, new_mail(key="ses:1"), "h2")
    assert [claim.mail.id for claim in again.claims] == [mail.id]
    assert again.claims[0].strikes == 0


def test_nobody_gives_back_what_another_has(inline, new_mail):
    arrive(inline, new_mail(key="ses:1"))
    for other in ("h2", "", "1", "-h1"):
        inline.let_go(other)
    assert arrive(inline, new_mail(key="ses:1"), "h2").busy


def test_a_holder_that_comes_back_has_its_mail_again_without_a_strike(inline, new_mail):
    mail = new_mail(key="ses:1")
    arrive(inline, mail)
    (claim,) = arrive(inline, new_mail(key="ses:1")).claims
    assert (claim.mail.id, claim.strikes) == (mail.id, 0)


def test_a_mail_that_is_done_is_a_duplicate_and_nothing_else(inline, new_mail, new_plan, ended):
    mail, plan = new_mail(key="ses:1"), new_plan({})
    arrive(inline, mail)
    inline.planned(mail, plan)
    inline.settled(mail, ended(1))
    assert inline.finish(mail, plan) == "settled"
    again = arrive(inline, new_mail(key="ses:1"), "h2")
    assert (again.id, list(again.claims), list(again.busy)) == (mail.id, [], [])


def test_a_repeat_for_more_recipients_is_a_mail_for_those_only(inline, new_mail):
    first = new_mail(key="ses:1", to=("a@x.test",))
    arrive(inline, first)
    second = new_mail(key="ses:1", to=("a@x.test", "b@x.test", "c@x.test"))
    found = arrive(inline, second)
    assert found.id == second.id
    assert recipients(found) == [("a@x.test",), ("b@x.test", "c@x.test")]
    assert found.claims[1].mail.raw == first.raw
    assert recipients(arrive(inline, new_mail(key="ses:1", to=("c@x.test",)))) == [("a@x.test",), ("b@x.test", "c@x.test")]


def test_a_repeat_for_fewer_recipients_brings_nothing_new(inline, new_mail):
    first = new_mail(key="ses:1", to=("a@x.test", "b@x.test"))
    arrive(inline, first)
    assert recipients(arrive(inline, new_mail(key="ses:1", to=("b@x.test",)))) == [("a@x.test", "b@x.test")]


def test_the_same_mail_twice_is_one_mail_with_and_without_a_key(inline, new_mail):
    for mail in (new_mail(), new_mail(key="ses:1")):
        assert arrive(inline, mail).id == mail.id
        again = arrive(inline, mail)
        assert (again.id, [claim.mail.id for claim in again.claims]) == (mail.id, [mail.id])


def test_mails_without_a_key_are_mails_of_their_own(inline, new_mail):
    first, second = new_mail(), new_mail()
    arrive(inline, first)
    found = arrive(inline, second)
    assert (found.id, [claim.mail.id for claim in found.claims]) == (second.id, [second.id])


@pytest.mark.parametrize(
    "key", ["ses:\N{SNOWMAN}", "s3:b/k " + "x" * 3000 + "@1", "a\x00b\nc", "\udcff", "#", "ses:'; drop table"], ids=range(6)
)
def test_odd_keys_are_keys(inline, new_mail, key):
    mail = new_mail(key=key)
    arrive(inline, mail)
    assert arrive(inline, new_mail(key=key), "h2").busy == (mail.id,) or list(arrive(inline, new_mail(key=key), "h2").busy) == [mail.id]
    assert arrive(inline, new_mail(key=key + "x"), "h2").claims


ODD = ["\N{GRINNING FACE}@ex\N{LATIN SMALL LETTER U WITH DIAERESIS}.test", '"a\x01b\x00"@x.test', "\udcff@x.test", "x" * 300 + "@x.test"]


def test_odd_addresses_and_the_null_sender_come_back_as_they_were(inline, new_mail):
    mail = new_mail(key="ses:1", to=tuple(ODD), sender=None)
    arrive(inline, mail)
    inline.let_go("h1")
    (claim,) = arrive(inline, new_mail(key="ses:1", to=tuple(reversed(ODD)))).claims
    assert claim.mail.envelope == mail.envelope
    assert claim.mail.envelope.sender is None


@pytest.mark.parametrize("size", [0, 64 << 10, (64 << 10) + 1, 6 << 20])
def test_octets_come_back_as_they_were(inline, new_mail, size):
    mail = new_mail("\x00\xff", key="ses:1", size=size)
    arrive(inline, mail)
    inline.let_go("h1")
    (claim,) = arrive(inline, new_mail("other", key="ses:1"), "h2").claims
    assert claim.mail.raw == mail.raw
    with claim.mail.content.open() as stream:
        assert stream.read() == mail.raw


# hands


def test_of_many_who_come_at_once_one_has_the_mail(inline, new_mail):
    found, gate = [], threading.Barrier(8)

    def come(name):
        gate.wait()
        found.append(arrive(inline, new_mail(key="ses:1"), name))

    threads = [threading.Thread(target=come, args=(f"h{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 8
    assert len({one.id for one in found}) == 1
    assert sorted(len(one.claims) for one in found) == [0] * 7 + [1]


def test_a_hold_that_ran_out_is_a_strike_and_at_the_limit_the_mail_is_quarantined(inline, new_mail):
    mail = new_mail(key="ses:1")
    arrive(inline, mail, seconds=-1)
    for strikes in (1, 2):
        (claim,) = arrive(inline, new_mail(key="ses:1"), f"h{strikes}", seconds=-1, limit=3).claims
        assert claim.strikes == strikes
    last = arrive(inline, new_mail(key="ses:1"), "h3", limit=3)
    assert (last.id, list(last.claims), list(last.busy)) == (mail.id, [], [])
    receipt = inline.receipt(mail.id)
    assert receipt.state == "quarantined"
    assert [(outcome.n, outcome.state, outcome.attempt) for outcome in receipt.outcomes] == [(0, "held", 3)]
    assert "hold ran out" in receipt.outcomes[0].detail


def test_strikes_of_a_host_count_too(inline, new_mail):
    mail = new_mail(key="ses:1")
    arrive(inline, mail)
    assert [inline.strike(mail.id, 0, "it broke", 2) for _ in range(2)] == [1, 2]
    assert inline.receipt(mail.id).state == "quarantined"
    assert list(arrive(inline, new_mail(key="ses:1"), "h2").claims) == []


# the journal


def test_the_next_holder_goes_on_where_the_last_one_died(inline, new_mail, new_plan, ended):
    mail, plan = new_mail(key="ses:1"), new_plan({}, {}, {})
    arrive(inline, mail, seconds=-1)
    inline.planned(mail, plan)
    inline.settled(mail, ended(1))
    inline.settled(mail, ended(2, "deferred", attempt=4), due_at=soon(3600))
    (claim,) = arrive(inline, new_mail(key="ses:1"), "h2").claims
    assert claim.plan == plan
    assert dict(claim.states) == {1: "done", 2: "deferred"}
    assert {n: claim.attempts.get(n, 0) for n in (1, 2, 3)} == {1: 1, 2: 4, 3: 0}
    assert claim.later == {2}
    assert inline.finish(mail, plan) == "waiting"


def test_the_first_plan_holds(inline, new_mail, new_plan):
    mail, plan = new_mail(key="ses:1"), new_plan({})
    arrive(inline, mail)
    assert inline.planned(mail, plan) == plan
    assert inline.planned(mail, new_plan({}, {})) == plan
    assert inline.receipt(mail.id).plan == plan


def test_a_step_that_has_ended_stays_as_it_is(inline, new_mail, new_plan, ended):
    mail, plan = new_mail(key="ses:1"), new_plan({})
    arrive(inline, mail)
    inline.planned(mail, plan)
    inline.settled(mail, ended(1, "done"), Row("orders", {"no": 1}))
    inline.settled(mail, ended(1, "dead", attempt=2), Row("orders", {"no": 2}))
    assert [(outcome.n, outcome.state) for outcome in inline.receipt(mail.id).outcomes] == [(1, "done")]


def test_a_mail_with_a_step_that_gave_up_is_dead_and_in_no_hand(inline, new_mail, new_plan, ended):
    mail, plan = new_mail(key="ses:1"), new_plan({})
    arrive(inline, mail)
    inline.planned(mail, plan)
    inline.settled(mail, ended(1, "dead"))
    assert inline.finish(mail, plan) == "dead"
    again = arrive(inline, new_mail(key="ses:1"), "h2")
    assert (list(again.claims), list(again.busy)) == ([], [])
