"""Any order of keep, claim, settle, crash, restart: no mail is lost, none is had by two, no row is written twice."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from inbox.model import Envelope, Mail, Outcome, Plan, Row, Step
from inbox.store import open_store

PLAN = Plan("v1", steps=(Step(1, "r", "store"), Step(2, "r", "forward")))
WORKERS = st.sampled_from(["w1", "w2", "w3"])
STATES = st.sampled_from(["done", "deferred", "dead", "failed", "held"])


def now() -> datetime:
    return datetime.now(UTC)


class StoreUnderCrashes(RuleBasedStateMachine):
    """A model that knows what was acknowledged and which rows were committed, beside a real store that is killed at will."""

    claims = Bundle("claims")

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp(prefix="inbox-test-"))
        self.store = open_store(self.folder / "data")
        self.acknowledged: dict[str, Mail] = {}
        self.held: dict[str, str] = {}
        self.done: set[tuple[str, int]] = set()
        self.settled: set[str] = set()

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(number=st.integers(1, 4))
    def keep(self, number):
        mails = [Mail.of(b"x", Envelope("a@x.test", ("u@local.test",))) for _ in range(number)]
        for id_, mail in zip(self.store.keep_all([(mail, None) for mail in mails]), mails, strict=True):
            self.acknowledged[id_] = mail

    @rule(target=claims, worker=WORKERS, limit=st.integers(1, 3), hours=st.integers(0, 48))
    def claim(self, worker, limit, hours):
        found = self.store.claim(worker, limit, now() + timedelta(hours=hours))
        for claim in found:
            assert claim.mail.id not in self.held
            assert claim.mail.id not in self.settled
            self.held[claim.mail.id] = worker
        return multiple(*((worker, claim) for claim in found))

    @rule(claimed=consumes(claims), states=st.tuples(STATES, STATES), crash=st.sampled_from([None, "before", "between", "after"]))
    def work(self, claimed, states, crash):
        """One worker's round over one mail, which may die at any point; what it wrote in an open transaction is gone then."""
        worker, claim = claimed
        mail = claim.mail
        if self.held.get(mail.id) != worker:
            return  # it was given back meanwhile
        if crash == "before":
            self.die(worker, mail)
            return
        plan = claim.plan or self.store.planned(mail, PLAN)
        for n, state in zip((1, 2), states, strict=True):
            if claim.states.get(n, "deferred") == "deferred":
                due = now() + timedelta(hours=1) if state == "deferred" else None
                self.store.settled(mail, Outcome(n, state, 1, None, now()), Row("effects", {"x": n}) if state == "done" else None, due)
                if state == "done":
                    self.done.add((mail.id, n))
            if crash == "between" and n == 1:
                self.die(worker, mail)
                return
        if crash == "after":
            self.die(worker, mail)
            return
        del self.held[mail.id]
        if self.store.finish(mail, plan) == "settled":
            self.settled.add(mail.id)

    @rule(claimed=consumes(claims))
    def a_transaction_that_is_not_finished_leaves_nothing(self, claimed):
        worker, claim = claimed
        if self.held.get(claim.mail.id) != worker:
            return
        try:
            with self.store.transaction():
                self.store.planned(claim.mail, PLAN)
                self.store.settled(claim.mail, Outcome(1, "done", 1, None, now()), Row("effects", {"x": 1}))
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            self.die(worker, claim.mail)

    def die(self, worker, mail):
        self.store.strike(mail.id, 0, "died", 1000)
        self.store.release(worker)
        self.held = {id_: other for id_, other in self.held.items() if other != worker}

    @rule()
    def restart(self):
        """The daemon is killed: open connections are dropped, nothing is tidied up."""
        self.store._connections.forget()
        self.store = open_store(self.folder / "data")
        self.store.void_leases()
        self.held.clear()

    @invariant()
    def nothing_is_lost_and_no_row_is_there_twice(self):
        assert set(self.store.ids()) == set(self.acknowledged)
        with self.store._connections.read() as db:
            if db.execute("select 1 from sqlite_master where name = 'effects'").fetchone():
                rows = [(row[0], row[1]) for row in db.execute("select mail_id, step from effects")]
                assert sorted(rows) == sorted(self.done)
            else:
                assert not self.done
        assert sum(self.store.stats(now()).states.values()) == len(self.acknowledged)

    @invariant()
    def whatever_is_not_settled_can_still_be_had(self):
        open_ = {id_ for state in ("kept", "waiting") for id_ in self.store.ids(state=state)}
        with self.store._connections.read() as db:
            free = {row[0] for row in db.execute("select id from inbox_mails where state in ('kept', 'waiting') and lease is null")}
        assert open_ - free == set(self.held) & open_


TestStoreUnderCrashes = StoreUnderCrashes.TestCase
TestStoreUnderCrashes.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
