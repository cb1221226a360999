"""Mails that are settled in one go: what is in the store then, and which ones are left to the journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from inbox.findable import Findable
from inbox.model import Plan, Row
from inbox.perform import Ended
from inbox.store import Settlement, open_store

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
TABLES = ("mails", "plans", "steps", "outcomes", "tags", "states")

ENDS = [
    ("all done", {1: "done", 2: "done"}),
    ("one given up", {1: "failed", 2: "dead"}),
    ("one not tried", {2: "done"}),
    ("one later", {1: "deferred", 2: "done"}),
    ("one held", {1: "held", 2: "skipped"}),
    ("nothing to do", {}),
]


@pytest.fixture
def settle(new_plan, ended):
    """`settle(mail, states)`: a settlement of a plan whose steps ended so; each done one asks for a row."""

    def make(mail, states, plan: Plan | None = None) -> Settlement:
        plan = plan or (new_plan({}, {"rule": "s", "on_error": "stop"}, labels=("a", "b"), rules=("r", "s")) if states else new_plan())
        ends = [
            Ended(
                ended(n, state, attempt=state != "skipped", detail=f"step {n}"),
                Row("good", {"n": n, "word": state}) if state == "done" else None,
                NOW + timedelta(minutes=n) if state == "deferred" else None,
            )
            for n, state in states.items()
        ]
        return Settlement(mail, plan, ends, Findable("A subject", "a@x.test", "b@y.test", "the text", "a.pdf"))

    return make


def by_journal(store, settlement):
    """The same, one call after the other."""
    with store.transaction():
        store.planned(settlement.mail, settlement.plan)
        store.index(settlement.mail, settlement.words)
        for one in settlement.ended:
            store.settled(settlement.mail, one.outcome, one.row, one.due_at)
        return store.finish(settlement.mail, settlement.plan)


def content(store):
    """All that is in the tables that settling writes."""
    with store._connections.read() as db:
        found = {name: [tuple(row) for row in db.execute(f"select * from inbox_{name}")] for name in TABLES}
        found["search"] = [tuple(row) for row in db.execute("select rowid, * from inbox_search where inbox_search match 'subject'")]
        if db.execute("select 1 from sqlite_master where name = 'good'").fetchone():
            found["good"] = [tuple(row) for row in db.execute("select * from good order by mail_id, step")]
    found["states"] = sorted(row for row in found["states"] if row[1])
    return found


@pytest.mark.parametrize("states", [row[1] for row in ENDS], ids=[row[0] for row in ENDS])
def test_settling_in_one_go_writes_what_the_journal_writes(store, tmp_path, new_mail, settle, states):
    other = open_store(tmp_path / "other")
    mails = [new_mail("one"), new_mail("two")]
    for box in (store, other):
        box.keep_all([(mail, None) for mail in mails])
        box.claim("w", 9, NOW)
    settlements = [settle(mail, states) for mail in mails]
    assert store.settle_new(settlements) == [by_journal(other, one) for one in settlements]
    assert content(store) == content(other)
    assert [store.receipt(mail.id).to_dict() for mail in mails] == [other.receipt(mail.id).to_dict() for mail in mails]
    other.close()


def test_mail_that_is_not_new_any_more_is_left_as_it_is(store, new_mail, new_plan, settle):
    judged, held, new = (new_mail(word) for word in ("judged", "held", "new"))
    store.keep_all([(judged, new_plan({})), (held, None), (new, None)])
    store.strike(held.id, 0, "odd", 1)
    before = [store.receipt(mail.id) for mail in (judged, held)]
    assert store.settle_new([settle(mail, {1: "done", 2: "done"}) for mail in (judged, held, new)]) == [None, None, "settled"]
    assert [store.receipt(mail.id) for mail in (judged, held)] == before
    assert store.settle_new([settle(new, {1: "dead", 2: "dead"})]) == [None], "it is settled already"
    assert len(content(store)["good"]) == 2


def test_a_refused_row_leaves_all_of_them_to_the_journal(store, new_mail, settle):
    mails = [new_mail("one"), new_mail("two")]
    store.keep_all([(mail, None) for mail in mails])
    before = content(store)
    good, bad = settle(mails[0], {1: "done"}), settle(mails[1], {1: "done"})
    bad = Settlement(bad.mail, bad.plan, [Ended(bad.ended[0].outcome, Row("inbox_mails", {"id": 1}))], bad.words)
    assert store.settle_new([good, bad]) == [None, None]
    assert content(store) == before


def test_many_rows_go_into_tables_that_are_made_and_widened(store, new_mail, new_plan, ended):
    mails = [new_mail(str(n)) for n in range(4)]
    store.keep_all([(mail, None) for mail in mails])
    rows = [Row("a", {"x": 1}), Row("b", {"y": "z"}), Row("a", {"x": 2, "more": "m"}), Row("a", {"x": 3})]
    plan = new_plan({})
    found = store.settle_new(
        [Settlement(mail, plan, [Ended(ended(1), row)], Findable(None, "", "", None)) for mail, row in zip(mails, rows, strict=True)]
    )
    assert found == ["settled"] * 4
    with store._connections.read() as db:
        assert [tuple(row) for row in db.execute("select x, more from a order by x")] == [(1, None), (2, "m"), (3, None)]
        assert [tuple(row) for row in db.execute("select mail_id, y from b")] == [(mails[1].id, "z")]
