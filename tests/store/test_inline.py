"""What every store for inline work must do, whatever it is made of: keys, hands, strikes, the journal. The same cases for each store."""

from __future__ import annotations

import json
import random
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inbox.errors import Failed, NotFound
from inbox.findable import Findable
from inbox.model import Envelope, Mail, Row
from kept_rows import rows_of
from waiting import until


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


def test_whoever_comes_back_too_late_takes_nothing_from_the_next_holder(inline, new_mail, new_plan, ended):
    mail, plan = new_mail(key="ses:1"), new_plan({}, {})
    arrive(inline, mail, "late", seconds=-1)
    arrive(inline, new_mail(key="ses:1"), "next")
    inline.planned(mail, plan)
    inline.settled(mail, ended(1))
    inline.let_go("late")
    assert arrive(inline, new_mail(key="ses:1"), "third").busy


def test_a_plan_of_a_thousand_steps_is_carried_out(inline, new_mail, new_plan, ended):
    mail, plan = new_mail(key="ses:1"), new_plan(*({"options": {"n": n}} for n in range(1000)))
    arrive(inline, mail)
    assert inline.planned(mail, plan) == plan
    for n in random.Random(1).sample(range(1, 1000), 30):
        inline.settled(mail, ended(n))
    inline.settled(mail, ended(1000, "deferred"), due_at=soon())
    assert inline.finish(mail, plan) == "waiting"
    (claim,) = arrive(inline, new_mail(key="ses:1")).claims
    assert (claim.plan, len(claim.states)) == (plan, 31)


def test_a_plan_that_compresses_badly_is_kept_too(inline, new_mail, new_plan):
    noise = random.Random(1).randbytes(500_000).hex()
    mail, plan = new_mail(key="ses:1"), new_plan({"options": {"noise": noise}})
    arrive(inline, mail)
    inline.planned(mail, plan)
    assert inline.receipt(mail.id).plan == plan


def test_a_step_may_be_tried_many_times(inline, new_mail, new_plan, ended):
    mail, plan = new_mail(key="ses:1"), new_plan({})
    arrive(inline, mail)
    inline.planned(mail, plan)
    for attempt in range(1, 56):
        inline.settled(mail, ended(1, "deferred", attempt=attempt, detail="\N{GRINNING FACE}" * 1000), due_at=soon())
    assert [outcome.attempt for outcome in inline.receipt(mail.id).outcomes] == [*range(1, 56)]


def test_outcomes_of_the_mail_itself_are_kept_in_order(inline, new_mail, new_plan, ended):
    mail, plan = new_mail(key="ses:1"), new_plan({})
    arrive(inline, mail)
    inline.planned(mail, plan)
    inline.settled(mail, ended(0, "refused", attempt=0, detail="a\x00\udcffb"))
    inline.settled(mail, ended(1, "done"))
    assert [(outcome.n, outcome.detail) for outcome in inline.receipt(mail.id).outcomes] == [(0, "a\x00?b"), (1, None)]


def test_a_receipt_is_the_same_in_every_store(store, new_table, new_mail, new_plan, ended):
    """The same calls, and then the same JSON, in both."""
    mail, plan = new_mail("\N{SNOWMAN}", key="ses:1", to=("a@x.test", "b@x.test"), sender=None), new_plan({}, {}, {}, labels=("x", "y"))
    mail = replace(mail, envelope=replace(mail.envelope, verdicts={"spam": "pass"}, source="ses"))
    said = []
    for one in (store, new_table()):
        arrive(one, mail)
        said.append([one.receipt(mail.id).to_dict()])
        one.planned(mail, plan)
        one.settled(mail, ended(0, "refused", attempt=0, detail="b@x.test: no"))
        one.settled(mail, ended(3, "skipped", attempt=0, detail="an earlier step ended it"))
        one.settled(mail, ended(1, "done", detail="row in t"), Row("t", {"a": 1}))
        one.settled(mail, ended(2, "deferred", attempt=1, detail="later \x1b"), due_at=soon())
        said[-1].append(one.receipt(mail.id).to_dict())
        one.finish(mail, plan, Findable("\N{SNOWMAN}", "a@x.test", "", None))
        said[-1] += [one.receipt(mail.id).to_dict(), one.subject(mail.id), one.mail(mail.id).to_dict()]
        said[-1] += [[summary.id, summary.subject, summary.state] for summary in one.mails()]
    assert json.dumps(said[0]) == json.dumps(said[1])


def test_a_mail_that_is_not_there_is_not_found(inline):
    for ask in (inline.receipt, inline.mail, inline.subject, lambda id_: inline.strike(id_, 0, "x", 3)):
        with pytest.raises(NotFound, match="no mail 0000"):
            ask("0000")


# what is due, and operators


def with_step(store, mail, plan, ended, state, due=None):
    arrive(store, mail)
    store.planned(mail, plan)
    store.settled(mail, ended(1, state), due_at=due)
    return store.finish(mail, plan)


def due(store, holder="clock", limit=10, **more) -> list[str]:
    return [claim.mail.id for claim in store.claim_due(holder, soon(), limit, **more)]


def test_what_is_due_can_be_had_without_an_arrival(inline, new_mail, new_plan, ended):
    plan = new_plan({})
    now, later, done = (new_mail(key=f"ses:{n}") for n in range(3))
    with_step(inline, now, plan, ended, "deferred", soon(-1))
    with_step(inline, later, plan, ended, "deferred", soon(600))
    with_step(inline, done, plan, ended, "done")
    arrive(inline, new_mail(key="ses:3"), "h2")
    assert due(inline) == [now.id]
    assert due(inline, "other") == []
    inline.let_go("clock")
    assert due(inline, "other") == [now.id]


def test_what_a_dead_holder_left_is_due_with_a_strike_until_the_limit(inline, new_mail):
    mail = new_mail(key="ses:1")
    arrive(inline, mail, seconds=-1)
    (claim,) = until(lambda: inline.claim_due("clock", soon(-1), 10, 2), "the mail to be due again")
    assert (claim.mail.id, claim.strikes) == (mail.id, 1)
    assert due(inline, strikes=2) == []
    assert inline.receipt(mail.id).state == "quarantined"


def test_no_more_are_taken_than_asked_for(inline, new_mail):
    for n in range(5):
        arrive(inline, new_mail(key=f"ses:{n}"))
    inline.let_go("h1")
    assert [len(due(inline, f"h{n}", 2)) for n in range(4)] == [2, 2, 1, 0]


def test_a_dead_mail_is_tried_again_when_an_operator_says_so(inline, new_mail, new_plan, ended):
    mail, plan = new_mail(key="ses:1"), new_plan({}, {})
    arrive(inline, mail)
    inline.planned(mail, plan)
    inline.settled(mail, ended(1))
    inline.settled(mail, ended(2, "dead", attempt=3))
    assert inline.finish(mail, plan) == "dead"
    inline.dead_retry(mail.id, who="me")
    (claim,) = inline.claim_due("clock", soon(), 10)
    assert (dict(claim.states), claim.attempts[2], claim.later) == ({1: "done", 2: "deferred"}, 3, frozenset())
    inline.settled(mail, ended(2, attempt=4))
    assert inline.finish(mail, plan) == "settled"
    with pytest.raises(NotFound, match="is settled, not dead"):
        inline.dead_retry(mail.id)


@pytest.mark.parametrize("state", ["dead", "held"])
def test_a_mail_is_dropped_for_good(inline, new_mail, new_plan, ended, state):
    mail, plan = new_mail(key="ses:1"), new_plan({}, {}, {})
    arrive(inline, mail)
    inline.planned(mail, plan)
    inline.settled(mail, ended(1))
    inline.settled(mail, ended(2, state))
    inline.settled(mail, ended(3, "deferred" if state == "held" else "dead"), due_at=soon(-1))
    assert inline.finish(mail, plan) == ("quarantined" if state == "held" else "dead")
    inline.dead_drop(mail.id, who="me")
    receipt = inline.receipt(mail.id)
    assert receipt.state == "settled"
    assert [(outcome.n, outcome.state) for outcome in receipt.outcomes[3:]] == [(2, "failed"), (3, "failed")]
    assert receipt.outcomes[-1].detail == "dropped by me"
    assert due(inline) == []


def test_a_held_mail_goes_on_when_it_is_released(inline, new_mail, new_plan, ended):
    mail, plan = new_mail(key="ses:1"), new_plan({}, {})
    assert with_step(inline, mail, plan, ended, "held") == "quarantined"
    inline.release_quarantine(mail.id, who="me")
    (claim,) = inline.claim_due("clock", soon(), 10)
    assert dict(claim.states) == {1: "done"}
    assert inline.receipt(mail.id).outcomes[-1].detail == "released by me"


def test_a_poison_mail_that_is_released_is_judged_again(inline, new_mail):
    mail = new_mail(key="ses:1")
    arrive(inline, mail)
    inline.strike(mail.id, 0, "it broke", 1)
    inline.release_quarantine(mail.id)
    (claim,) = arrive(inline, new_mail(key="ses:1"), "h2").claims
    assert (claim.plan, claim.strikes) == (None, 0)


# rows


def settled_with(store, mail, plan, ended, row):
    arrive(store, mail)
    store.planned(mail, plan)
    store.settled(mail, ended(1), row)


VALUES = {
    "text": "a\x00b \N{SNOWMAN}",
    "empty": "",
    "nothing": None,
    "whole": 7,
    "negative": -12345678901234567,
    "part": 2.5,
    "Mixed Case": "x",
}


def test_a_row_comes_back_with_its_values(inline, new_mail, new_plan, ended):
    mail = new_mail(key="ses:1")
    settled_with(inline, mail, new_plan({}), ended, Row("orders", VALUES))
    assert rows_of(inline, "orders") == [{"mail_id": mail.id, "step": 1, **VALUES}]


def test_odd_values_are_rows_as_well(inline, new_mail, new_plan, ended):
    odd = {"large": 10**40, "list": [1, [2, {"a": None}]], "map": {"b": 1.5}, "yes": True, "half": "\udcff"}
    mail = new_mail(key="ses:1")
    settled_with(inline, mail, new_plan({}), ended, Row("odd", odd))
    (row,) = rows_of(inline, "odd")
    assert (row["large"], row["half"], bool(row["yes"])) == (str(10**40), "?", True)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Row("inbox_mails", {"a": 1}), "belongs to inbox"),
        (Row("t", {"mail_id": 1}), "written by inbox itself"),
        (Row("t", {"a": 1, "A": 2}), "same name"),
        (Row("", {"a": 1}), "is no name"),
        (Row("t", {"a\n": 1}), "is no name"),
        (Row("t", {"a": [object()]}), "a column holds what"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_row_that_cannot_be_is_refused_and_nothing_of_the_call_is_kept(inline, new_mail, new_plan, ended, row, words):
    mail, plan = new_mail(key="ses:1"), new_plan({})
    with pytest.raises(Failed, match=words):
        settled_with(inline, mail, plan, ended, row)
    assert inline.receipt(mail.id).outcomes == ()
    inline.settled(mail, ended(1, "dead"))
    assert inline.finish(mail, plan) == "dead"


def test_of_many_who_settle_one_step_one_writes_its_row(inline, new_mail, new_plan, ended):
    mail = new_mail(key="ses:1")
    arrive(inline, mail)
    inline.planned(mail, new_plan({}))
    threads = [threading.Thread(target=inline.settled, args=(mail, ended(1), Row("orders", {"by": n}))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(rows_of(inline, "orders")) == 1
    assert len(inline.receipt(mail.id).outcomes) == 1


# memory


def kept(store, *mails):
    for mail in mails:
        arrive(store, mail)
    return mails


def test_earlier_mails_are_counted_in_the_order_in_which_they_were_noted(inline, new_mail):
    first, second, third = kept(inline, *(new_mail(key=f"ses:{n}") for n in range(3)))
    memory, hour = inline.memory(), timedelta(hours=1)
    assert [memory.earlier("seen", "k", mail, hour) for mail in (first, second, third, first, third)] == [0, 1, 2, 0, 2]
    assert [memory.earlier("seen", "other", second, hour), memory.earlier("rate", "k", second, hour)] == [0, 0]


def test_a_memory_reaches_back_as_far_as_its_window(inline, new_mail):
    now = datetime.now(UTC)
    ages = (90, 30, 0)
    old, young, last = kept(inline, *(replace(new_mail(key=f"ses:{age}"), received_at=now - timedelta(minutes=age)) for age in ages))
    memory = inline.memory()
    for mail in (old, young):
        memory.earlier("seen", "k", mail, timedelta(hours=1))
    assert memory.earlier("seen", "k", last, timedelta(hours=1)) == 1
    assert memory.earlier("seen", "k", last, timedelta(hours=2)) == 2


def test_a_memory_that_only_reads_notes_nothing(inline, new_mail):
    first, second = kept(inline, new_mail(key="ses:1"), new_mail(key="ses:2"))
    hour = timedelta(hours=1)
    assert inline.memory(read_only=True).earlier("seen", "k", first, hour) == 0
    assert inline.memory().earlier("seen", "k", second, hour) == 0
    assert inline.memory(read_only=True).earlier("seen", "k", first, hour) == 1


def test_of_many_that_ask_at_once_each_has_a_place_of_its_own(inline, new_mail):
    mails, memory, found = kept(inline, *(new_mail(key=f"ses:{n}") for n in range(6))), inline.memory(), []
    threads = [
        threading.Thread(target=lambda mail=mail: found.append(memory.earlier("seen", "k", mail, timedelta(hours=1)))) for mail in mails
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(found) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("data", [b"", b"\x00\xff", random.Random(1).randbytes(600_000)], ids=["empty", "small", "large"])
def test_a_model_comes_back_and_the_last_one_counts(inline, data):
    assert inline.memory().load("spam") is None
    inline.save_model("spam", b"before")
    inline.save_model("spam", data)
    assert inline.memory().load("spam") == data


def test_rules_are_remembered_by_their_version(inline):
    inline.remember_rules("v1", "rules: \N{SNOWMAN}")
    inline.remember_rules("v1", "other")
    assert inline.rules_text("v1") == "rules: \N{SNOWMAN}"
    with pytest.raises(NotFound, match="version v2"):
        inline.rules_text("v2")


def test_counts_add_up(inline):
    inline.add_counts([])
    inline.add_counts([("a", '{"x":"1"}', 1), ("a", '{"x":"1"}', 0.5), ("a", "{}", 2)])
    inline.add_counts([("a", "{}", 0.25)])
    assert inline.counts() == {("a", '{"x":"1"}'): 1.5, ("a", "{}"): 2.25}


# suppressed addresses


@pytest.mark.parametrize("asked", ["Jane.Doe@Example.test", " jane.doe@example.TEST ", "jane.doe@example.test"])
def test_a_suppressed_address_is_found_in_any_case(inline, asked):
    inline.suppress("Jane.Doe@example.test", "bounced for good", "mail 1")
    found = inline.suppressed(asked)
    assert (found.address, found.reason, found.source, found.until) == ("jane.doe@example.test", "bounced for good", "mail 1", None)
    assert inline.suppressed("jane@example.test") is None


def test_a_suppression_ends_with_its_time_or_when_it_is_taken_back(inline):
    inline.suppress("a@x.test", "full", "bounce", soon(-1))
    assert inline.suppressed("a@x.test") is None
    inline.suppress("a@x.test", "full", "bounce", soon(60))
    assert inline.suppressed("A@x.test").until is not None
    inline.suppress("a@x.test", "complained", "feedback")
    assert inline.suppressed("a@x.test").to_dict()["reason"] == "complained"
    assert inline.unsuppress("A@X.test")
    assert not inline.unsuppress("a@x.test")
    assert inline.suppressed("a@x.test") is None


@pytest.mark.parametrize(
    "address", ["j\N{LATIN SMALL LETTER U WITH DIAERESIS}@x.test", "a\x00@x.test", "\udcff@x.test", "x" * 2000 + "@x.test"], ids=range(4)
)
def test_odd_addresses_can_be_suppressed(inline, address):
    inline.suppress(address, "r", "s")
    assert inline.suppressed(address)


def test_a_memory_knows_who_sent_a_mail_that_is_kept(inline):
    mail, null = (Mail.of(b"x", Envelope(sender, ("b@y.test",))) for sender in ("jane@example.org", None))
    for one in (mail, null):
        inline.arrive(one, "h", datetime.now(UTC) + timedelta(minutes=1))
    memory = inline.memory()
    assert [memory.sender_of(id_) for id_ in (mail.id, null.id, "0" * 20, "no id#", "\udcff")] == [
        "jane@example.org",
        None,
        None,
        None,
        None,
    ]
