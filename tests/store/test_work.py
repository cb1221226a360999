"""The working side: who may have which mail when, what becomes of its steps, and that a row is written once."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from inbox.errors import Failed, NotFound, StoreError
from inbox.model import Row
from inbox.store import open_store


def now(**later) -> datetime:
    return datetime.now(UTC) + timedelta(**later)


def keep(store, *mails):
    store.keep_all([(mail, None) for mail in mails])
    return mails


def claimed(store, worker="w1", limit=50, at=None) -> list[str]:
    return [claim.mail.id for claim in store.claim(worker, limit, at or now())]


# claims


def test_the_oldest_mail_comes_first_and_nobody_gets_what_another_has(store, new_mail):
    mails = keep(store, *(new_mail(str(n)) for n in range(5)))
    ids = [mail.id for mail in mails]
    assert claimed(store, "w1", 2) == ids[:2]
    assert claimed(store, "w2", 50) == ids[2:]
    assert claimed(store, "w3") == []


def test_a_claim_brings_mail_plan_states_and_attempts(store, new_mail, new_plan, ended):
    (mail,) = keep(store, new_mail(size=200_000))
    plan = new_plan({}, {}, {})
    store.planned(mail, plan)
    store.settled(mail, ended(1, "done"))
    store.settled(mail, ended(2, "deferred", attempt=4), due_at=now(hours=1))
    store.finish(mail, plan)
    (claim,) = store.claim("w1", 1, now())
    assert (claim.mail.raw, claim.plan) == (mail.raw, plan)
    assert (claim.states, claim.attempts) == ({1: "done", 2: "deferred"}, {1: 1, 2: 4, 3: 0})
    assert claim.later == {2}


def test_a_deferred_mail_comes_when_it_is_due_and_between_newer_ones_by_age(store, new_mail, new_plan, ended):
    (old,) = keep(store, new_mail("old"))
    plan = new_plan({})
    store.planned(old, plan)
    store.settled(old, ended(1, "deferred"), due_at=now(minutes=5))
    assert store.finish(old, plan) == "waiting"
    assert claimed(store) == []
    (fresh,) = keep(store, new_mail("fresh"))
    assert claimed(store, "w1", 50, now(minutes=6)) == [fresh.id, old.id]


def test_new_mail_is_worked_on_whatever_the_clock_says(store, new_mail, new_plan):
    mail = new_mail()
    planned = new_mail("planned")
    store.keep_all([(mail, None), (planned, new_plan({}))])
    assert claimed(store, at=now(days=-4000)) == [mail.id, planned.id]


def test_steps_that_a_wrong_clock_put_off_for_years_are_brought_near(store, new_mail, new_plan, ended):
    far, near = keep(store, new_mail(), new_mail())
    for mail, days in ((far, 4000), (near, 0.5)):
        store.planned(mail, new_plan({}))
        store.settled(mail, ended(1, "deferred"), due_at=now(days=days))
        store.finish(mail, new_plan({}))
    assert claimed(store) == []
    assert store.bring_near(now()) == 1
    (claim,) = store.claim("w1", 2, now())
    assert (claim.mail.id, claim.later) == (far.id, frozenset())
    assert store.bring_near(now()) == 0


def test_what_a_worker_gives_back_others_may_have(store, new_mail):
    first, second, third = keep(store, new_mail(), new_mail(), new_mail())
    claimed(store, "w1")
    store.release("w1", [second.id])
    assert claimed(store, "w2") == [second.id]
    store.release("w1")
    assert claimed(store, "w2") == [first.id, third.id]


def test_at_start_no_lease_of_a_worker_holds_but_that_of_a_running_command_does(store, new_mail):
    worked, by_hand, left = keep(store, new_mail(), new_mail(), new_mail())
    store.claim("w1", 1, now())
    store.claim(f"process-{os.getpid()}", 1, now())
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    store.claim(f"process-{gone.pid}", 1, now())
    store.void_leases()
    assert claimed(store) == [worked.id, left.id]
    assert by_hand.id in list(store.ids())


def test_the_next_due_time_and_the_version_tell_an_idle_worker_when_to_look(store, folder, new_mail, new_plan, ended):
    assert store.next_due() is None
    before = store.version()
    assert store.version() == before
    other = open_store(folder)
    (mail,) = keep(other, new_mail())
    assert store.version() != before
    assert store.next_due() < now()
    plan, later = new_plan({}), now(minutes=7)
    store.planned(mail, plan)
    store.settled(mail, ended(1, "deferred"), due_at=later)
    store.finish(mail, plan)
    assert store.next_due() == later


# plans and outcomes


def test_the_first_plan_holds(store, new_mail, new_plan):
    (mail,) = keep(store, new_mail())
    first, second = new_plan({}, labels=("a",)), new_plan({}, {}, labels=("b",))
    assert store.planned(mail, first) == first
    assert store.planned(mail, second) == first
    assert store.receipt(mail.id).plan == first
    assert store.count(label="b") == 0


STATES = [
    ("nothing to do", [], {}, "settled"),
    ("not tried yet", [{}], {}, "waiting"),
    ("all done", [{}, {}], {1: "done", 2: "done"}, "settled"),
    ("one deferred", [{}, {}], {1: "done", 2: "deferred"}, "waiting"),
    ("one dead", [{}, {}], {1: "done", 2: "dead"}, "dead"),
    ("one held", [{}, {}], {1: "held", 2: "done"}, "quarantined"),
    ("given up with on_error continue", [{}, {}], {1: "failed", 2: "skipped"}, "settled"),
]


@pytest.mark.parametrize(("steps", "outcomes", "state"), [row[1:] for row in STATES], ids=[row[0] for row in STATES])
def test_the_state_of_a_mail_follows_from_its_steps(store, new_mail, new_plan, ended, steps, outcomes, state):
    (mail,) = keep(store, new_mail())
    plan = new_plan(*steps)
    store.planned(mail, plan)
    for n, outcome in outcomes.items():
        store.settled(mail, ended(n, outcome), due_at=now(hours=1) if outcome == "deferred" else None)
    assert store.finish(mail, plan) == state
    assert store.receipt(mail.id).state == state
    assert store.count(state=state) == 1


def test_every_attempt_is_on_record_and_a_step_that_ended_stays_so(store, new_mail, new_plan, ended):
    (mail,) = keep(store, new_mail())
    store.planned(mail, new_plan({}))
    for outcome in (ended(1, "deferred", 1), ended(1, "deferred", 2), ended(1, "done", 3), ended(1, "dead", 4)):
        store.settled(mail, outcome)
    assert [(o.state, o.attempt) for o in store.receipt(mail.id).outcomes] == [("deferred", 1), ("deferred", 2), ("done", 3)]


def test_a_transaction_is_kept_whole_or_not_at_all(store, new_mail, new_plan, ended):
    one, two = keep(store, new_mail(), new_mail())
    with pytest.raises(NotFound), store.transaction():
        store.planned(one, new_plan({}))
        store.settled(one, ended(1), Row("things", {"a": 1}))
        store.planned(new_mail("never kept"), new_plan({}))
    assert store.receipt(one.id).plan is None
    with store.transaction():
        for mail in (one, two):
            store.planned(mail, new_plan({}))
            store.settled(mail, ended(1))
            store.finish(mail, new_plan({}))
    assert store.count(state="settled") == 2


# rows


def rows(store, table):
    with store._connections.read() as db:
        return [dict(row) for row in db.execute(f'select * from "{table}" order by mail_id, step')]


@pytest.fixture
def planned(store, new_mail, new_plan):
    (mail,) = keep(store, new_mail())
    store.planned(mail, new_plan({}, {}, {}))
    return mail


def test_a_row_is_written_once_however_often_its_step_is_done(store, planned, ended):
    for attempt in (1, 2):
        store.settled(planned, ended(1, attempt=attempt), Row("refunds", {"order": "12", "total": 9.5}))
    assert rows(store, "refunds") == [{"mail_id": planned.id, "step": 1, "order": "12", "total": 9.5}]


def test_a_table_grows_with_the_columns_that_come(store, planned, ended):
    store.settled(planned, ended(1), Row("refunds", {"order": "12"}))
    store.settled(planned, ended(2), Row("Refunds", {"ORDER": "13", "tags": ["a", "b"], "big": 1 << 80, "none": None, "yes": True}))
    assert rows(store, "refunds")[1] == {
        "mail_id": planned.id, "step": 2, "order": "13", "tags": '["a","b"]', "big": str(1 << 80), "none": None, "yes": 1,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["mails", "rules", "events", "a b", 'q"uote', "drop table", "select", "ä"])
def test_most_names_are_good_for_tables_and_columns(store, planned, ended, name):
    store.settled(planned, ended(1), Row(name, {name: "x"}))
    with store._connections.read() as db:
        quoted = name.replace('"', '""')
        assert db.execute(f'select "{quoted}" from "{quoted}"').fetchone()[0] == "x"


REFUSED = [
    ("our own table", Row("inbox_mails", {"a": 1}), "choose a name"),
    ("our own table in capitals", Row("INBOX_RAW", {"a": 1}), "choose a name"),
    ("SQLite's table", Row("sqlite_master", {"a": 1}), "choose a name"),
    ("our own column", Row("t", {"mail_id": "x"}), "choose another name"),
    ("our own column in capitals", Row("t", {"Step": 2}), "choose another name"),
    ("no name", Row("", {"a": 1}), "no name"),
    ("a name with a NUL", Row("a\0b", {"a": 1}), "no name"),
    ("a column without a name", Row("t", {" ": 1}), "no name"),
    ("the same column twice", Row("t", {"a": 1, "A": 2}), "case"),
    ("too many columns", Row("t", {f"c{n}": n for n in range(3000)}), "fewer columns"),
]


@pytest.mark.parametrize(("row", "remedy"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_row_that_cannot_be_written_fails_with_the_remedy_and_spoils_nothing(store, planned, ended, row, remedy):
    with store.transaction():
        store.settled(planned, ended(2))
        with pytest.raises(Failed, match=remedy):
            store.settled(planned, ended(1), row)
    assert [outcome.n for outcome in store.receipt(planned.id).outcomes] == [2]


def test_a_table_that_the_user_made_with_rules_of_its_own_is_obeyed(store, planned, ended):
    with store._connections.write() as db:
        db.execute("create table orders (number integer unique not null)")
    store.settled(planned, ended(1), Row("orders", {"number": 7}))
    with pytest.raises(Failed, match="orders"):
        store.settled(planned, ended(2), Row("orders", {"number": 7}))
    assert [row["number"] for row in rows(store, "orders")] == [7]


# strikes


def test_a_mail_that_kills_its_worker_three_times_is_quarantined_and_can_be_released(store, new_mail):
    poison, other = keep(store, new_mail(), new_mail())
    for strike in (1, 2, 3):
        assert poison.id in claimed(store, at=now(seconds=10))
        assert store.strike(poison.id, 0, "killed by SIGKILL", 3) == strike
        store.release("w1")
    assert store.receipt(poison.id).state == "quarantined"
    assert [(o.n, o.state) for o in store.receipt(poison.id).outcomes] == [(0, "held")]
    assert claimed(store, at=now(days=1)) == [other.id]
    store.release("w1")
    store.release_quarantine(poison.id, who="joe")
    (claim, _) = store.claim("w1", 5, now())
    assert (claim.mail.id, claim.strikes, claim.plan) == (poison.id, 0, None)


def test_a_step_that_kills_its_worker_is_deferred_and_the_other_steps_go_on_at_once(store, new_mail, new_plan):
    (mail,) = keep(store, new_mail())
    store.planned(mail, new_plan({}, {}))
    claimed(store)
    assert store.strike(mail.id, 1, "exit status 3", 3, now(minutes=1)) == 1
    (claim,) = store.claim("w2", 1, now())
    assert (claim.states, claim.later, claim.attempts[1], claim.strikes) == ({1: "deferred"}, {1}, 1, 1)
    assert store.receipt(mail.id).outcomes[0].detail == "exit status 3"


def test_a_strike_for_a_mail_that_is_settled_changes_nothing(store, new_mail, new_plan, ended):
    (mail,) = keep(store, new_mail())
    plan = new_plan({})
    store.planned(mail, plan)
    store.settled(mail, ended(1))
    store.finish(mail, plan)
    for _ in range(4):
        store.strike(mail.id, 0, "an observer ended the process", 3)
    assert store.receipt(mail.id).state == "settled"
    assert len(store.receipt(mail.id).outcomes) == 1


# operators


def dead(store, mail, new_plan, ended):
    plan = new_plan({}, {})
    store.planned(mail, plan)
    store.settled(mail, ended(1, "done"))
    store.settled(mail, ended(2, "dead", 9, "no such host"))
    store.finish(mail, plan)
    return plan


def test_a_dead_mail_is_listed_and_tried_again_without_what_was_done(store, new_mail, new_plan, ended):
    (mail,) = keep(store, new_mail())
    plan = dead(store, mail, new_plan, ended)
    (step,) = store.dead_list()
    assert (step.mail, step.n, step.attempts, step.detail) == (mail.id, 2, 9, "no such host")
    store.dead_retry(mail.id, who="joe")
    (claim,) = store.claim("w1", 1, now())
    assert (claim.states, claim.later) == ({1: "done", 2: "deferred"}, frozenset())
    store.settled(mail, ended(2, "done", 10))
    assert store.finish(mail, plan) == "settled"
    assert store.dead_list() == []


def test_a_dropped_mail_keeps_its_receipt_and_who_dropped_it(store, new_mail, new_plan, ended):
    (mail,) = keep(store, new_mail())
    plan = dead(store, mail, new_plan, ended)
    store.dead_drop(mail.id, who="joe")
    receipt = store.receipt(mail.id)
    assert (receipt.state, receipt.mail.raw, receipt.plan) == ("settled", mail.raw, plan)
    assert (receipt.outcomes[-1].state, receipt.outcomes[-1].detail) == ("failed", "dropped by joe")
    assert [(event.kind, event.who) for event in store.history(mail.id)] == [("dropped", "joe")]
    with pytest.raises(NotFound, match="is settled, not dead"):
        store.dead_retry(mail.id)


def test_a_held_mail_that_is_released_counts_its_held_steps_as_done(store, new_mail, new_plan, ended):
    (mail,) = keep(store, new_mail())
    plan = new_plan({}, {})
    store.planned(mail, plan)
    store.settled(mail, ended(1, "held"))
    store.settled(mail, ended(2, "deferred"), due_at=now(hours=5))
    assert store.finish(mail, plan) == "quarantined"
    assert claimed(store, at=now(days=2)) == []
    store.release_quarantine(mail.id)
    (claim,) = store.claim("w1", 1, now())
    assert (claim.states, claim.later) == ({1: "done", 2: "deferred"}, frozenset())


@pytest.mark.parametrize("action", ["dead_retry", "dead_drop", "release_quarantine", "receipt", "mail", "subject"])
def test_a_mail_that_is_not_there_is_said_not_to_be_there(store, action):
    with pytest.raises(NotFound, match="there is no mail nothing"):
        getattr(store, action)("nothing")


# a command that works itself


def test_a_mail_in_the_hands_of_a_command_is_taken_by_no_worker(store, new_mail, new_plan, ended):
    mail = new_mail()
    with store.working_on(mail) as journal:
        assert claimed(store) == []
        journal.planned(mail, new_plan({}, {}))
        journal.settled(mail, ended(1))
        journal.settled(mail, ended(2, "deferred"), due_at=now(minutes=1))
    assert store.receipt(mail.id).state == "waiting"
    assert claimed(store) == []
    assert claimed(store, at=now(minutes=2)) == [mail.id]


def test_a_command_that_fails_leaves_its_mail_to_the_workers(store, new_mail):
    mail = new_mail()
    with pytest.raises(StoreError), store.working_on(mail):
        raise StoreError("no")
    assert claimed(store) == [mail.id]
