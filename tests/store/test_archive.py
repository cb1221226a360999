"""The reading side: lists, counts, search, figures, memory; and no question that walks over all mails."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from inbox.errors import NotFound
from inbox.findable import Findable
from inbox.store import open_store


@pytest.fixture
def five(store, new_mail, new_plan, ended):
    """Five mails: 0 settled (label a, rule r), 1 dead (labels a b), 2 waiting (rule s), 3 and 4 kept."""
    mails = [new_mail(str(n), to=(f"u{n}@local.test",)) for n in range(5)]
    store.keep_all([(mail, None) for mail in mails])
    for mail, plan, state in (
        (mails[0], new_plan({}, labels=("a",)), "done"),
        (mails[1], new_plan({}, labels=("a", "b")), "dead"),
        (mails[2], new_plan({}, rules=("s",)), "deferred"),
    ):
        store.planned(mail, plan)
        store.settled(mail, ended(1, state), due_at=datetime.now(UTC) + timedelta(hours=1) if state == "deferred" else None)
        store.finish(mail, plan)
    return mails


FILTERS = [
    ({}, [4, 3, 2, 1, 0]),
    ({"state": "kept"}, [4, 3]),
    ({"state": "waiting"}, [2]),
    ({"state": "dead"}, [1]),
    ({"state": "quarantined"}, []),
    ({"rule": "r"}, [1, 0]),
    ({"rule": "nobody"}, []),
    ({"label": "a"}, [1, 0]),
    ({"label": "b"}, [1]),
    ({"rule": "r", "label": "b"}, [1]),
    ({"rule": "s", "label": "b"}, []),
    ({"label": "a", "state": "settled"}, [0]),
]


@pytest.mark.parametrize(("which", "expected"), FILTERS, ids=[str(row[0]) for row in FILTERS])
def test_lists_counts_and_ids_agree(store, five, which, expected):
    ids = [five[n].id for n in expected]
    assert [row.id for row in store.mails(**which)] == ids
    assert list(store.ids(**which)) == ids[::-1]
    assert store.count(**which) == len(ids)


def test_pages_follow_each_other_by_the_id_of_the_last_mail(store, five):
    ids = [mail.id for mail in five]
    assert [row.id for row in store.mails(limit=2)] == [ids[4], ids[3]]
    assert [row.id for row in store.mails(limit=2, before=ids[3])] == [ids[2], ids[1]]
    assert [row.id for row in store.mails(after=ids[2])] == [ids[4], ids[3]]
    assert [row.id for row in store.mails(label="a", before=ids[1])] == [ids[0]]
    with pytest.raises(NotFound):
        store.mails(before="nothing")


def test_ids_come_in_pages_without_loss(store, new_mail, monkeypatch):
    monkeypatch.setattr("inbox.store.archive._PAGE", 3)
    kept = store.keep_all([(new_mail(str(n)), None) for n in range(10)])
    assert list(store.ids()) == kept


def test_a_row_of_a_list_says_what_a_person_wants_to_see(store, five):
    store.index(five[2], Findable("Refund", "bob", "", "text"))
    row = store.mails(state="waiting")[0].to_dict()
    assert (row["id"], row["subject"], row["sender"], row["recipients"], row["state"]) == (
        five[2].id, "Refund", "a@x.test", ["u2@local.test"], "waiting",
    )  # fmt: skip
    assert row["due_at"] is not None
    json.dumps(row)


# figures


def test_figures_by_state_are_those_of_a_count(store, folder, five):
    stats = store.stats(datetime.now(UTC) + timedelta(seconds=100))
    with store._connections.read() as db:
        counted = {row[0]: row[1] for row in db.execute("select state, count(*) from inbox_mails group by state")}
        octets = db.execute("select sum(size) from inbox_mails").fetchone()[0]
    assert {state: number for state, number in stats.states.items() if number} == counted
    assert stats.octets == octets
    assert 100 <= stats.oldest["kept"] < 110
    assert ("inbox_mails", {"state": "kept"}, 2.0) in stats.gauges()


def test_counters_of_all_processes_add_up(store, folder):
    other = open_store(folder)
    for which in (store, other, store):
        which.add_counts([("a_total", '{"x":"1"}', 2), ("b_total", "", 0.5)])
    store.add_counts([])
    assert other.counts() == {("a_total", '{"x":"1"}'): 6, ("b_total", ""): 1.5}


def test_rules_and_models_are_remembered(store):
    store.remember_rules("v1", "text one")
    store.remember_rules("v1", "text one")
    assert store.rules_text("v1") == "text one"
    with pytest.raises(NotFound):
        store.rules_text("v2")
    assert store.memory().load("bayes:default") is None
    store.save_model("bayes:default", b"\x00\xff")
    store.save_model("bayes:default", b"\x01")
    assert store.memory(read_only=True).load("bayes:default") == b"\x01"


# memory


def at(mail, **shift):
    object.__setattr__(mail, "received_at", mail.received_at + timedelta(**shift))
    return mail


@pytest.fixture
def kept(store, new_mail):
    """A mail that is in the store; `hours` shifts its arrival."""

    def keep(subject="x", **shift):
        mail = at(new_mail(subject), **shift)
        store.keep_all([(mail, None)])
        return mail

    return keep


def test_a_mail_counts_those_that_came_before_it_and_keeps_its_place(store, kept):
    memory, window = store.memory(), timedelta(days=1)
    mails = [kept(str(n)) for n in range(3)]
    assert [memory.earlier("seen", "key", mail, window) for mail in mails] == [0, 1, 2]
    assert [memory.earlier("seen", "key", mail, window) for mail in mails] == [0, 1, 2]
    assert memory.earlier("seen", "other", mails[2], window) == 0
    assert memory.earlier("rate", "key", mails[2], window) == 0


def test_mails_outside_the_window_do_not_count(store, kept):
    memory = store.memory()
    memory.earlier("rate", "a@x.test", kept(hours=-3), timedelta(hours=1))
    memory.earlier("rate", "a@x.test", kept(minutes=-30), timedelta(hours=1))
    assert memory.earlier("rate", "a@x.test", kept(), timedelta(hours=1)) == 1
    assert memory.earlier("rate", "a@x.test", kept(), timedelta(hours=4)) == 3


def test_a_mail_that_was_judged_but_never_kept_does_not_count(store, new_mail, kept):
    memory, window = store.memory(), timedelta(days=1)
    refused_for_now = new_mail()
    assert memory.earlier("seen", "key", refused_for_now, window) == 0
    sent_again = kept()
    assert memory.earlier("seen", "key", sent_again, window) == 0
    assert memory.earlier("seen", "key", kept(), window) == 1


def test_to_explain_notes_nothing(store, kept):
    memory, peek, window = store.memory(), store.memory(read_only=True), timedelta(days=1)
    first, second = kept(), kept()
    assert peek.earlier("seen", "key", first, window) == 0
    assert memory.earlier("seen", "key", first, window) == 0
    assert peek.earlier("seen", "key", second, window) == 1
    assert peek.earlier("seen", "key", first, window) == 0
    assert memory.earlier("seen", "key", second, window) == 1


def test_memory_outlives_the_process(store, folder, kept, new_mail):
    store.memory().earlier("seen", "key\udcff", kept(), timedelta(days=1))
    store.close()
    assert open_store(folder).memory().earlier("seen", "key\udcff", new_mail(), timedelta(days=1)) == 1


# a million rows

HOT = [
    lambda store, mail: store.claim("w", 50, datetime.now(UTC)),
    lambda store, mail: store.next_due(),
    lambda store, mail: store.void_leases(),
    lambda store, mail: store.mails(limit=5),
    lambda store, mail: store.mails(state="settled", before=mail.id),
    lambda store, mail: store.mails(rule="r", state="settled"),
    lambda store, mail: store.mails(rule="r", label="a"),
    lambda store, mail: store.count(),
    lambda store, mail: store.count(state="kept"),
    lambda store, mail: store.count(rule="r"),
    lambda store, mail: store.stats(datetime.now(UTC)),
    lambda store, mail: store.receipt(mail.id),
    lambda store, mail: store.dead_list(),
    lambda store, mail: store.memory().earlier("k", "k", mail, timedelta(1)),
    lambda store, mail: list(zip(range(5), store.ids(label="a"), strict=False)),
]


def plan_of(store, statement: str) -> list[str]:
    with store._connections.read() as db:
        db.set_trace_callback(None)
        return [row[3] for row in db.execute(f"explain query plan {statement}")]


def scans(statement: str, step: str) -> bool:
    """Whether a step of a query plan walks over a table that grows with the mail, or sorts it."""
    few = step == "SCAN m" or step.startswith("SCAN json_each")  # the dead mails of one page; the mails of one call
    small = "inbox_states" in step or "USING INDEX inbox_mails_due" in step  # five states; the mails that wait
    limited = " limit " in statement and step.startswith("SCAN")  # in the order of the key, up to the limit
    return (step.startswith("SCAN") and not (few or small or limited)) or ("ORDER BY" in step and "(select seq, id from" not in statement)


@pytest.mark.parametrize("number", range(len(HOT)))
def test_no_question_scans_all_mails(store, five, number):
    statements = []
    with store._connections.read() as db:
        db.set_trace_callback(statements.append)
    HOT[number](store, five[3])
    asked = [statement for statement in statements if re.match(r"(?i)select|update|insert|delete", statement)]
    assert [(statement, step) for statement in asked for step in plan_of(store, statement) if scans(statement, step)] == []


def test_a_scan_would_be_found(store):
    statement = "select id from inbox_mails where sender = 'x'"
    assert any(scans(statement, step) for step in plan_of(store, statement))


def test_the_sqlite_here_has_what_is_needed():
    with sqlite3.connect(":memory:") as db:
        db.execute("create virtual table t using fts5(x)")
        db.execute("select json_each.value from json_each('[1]')")
