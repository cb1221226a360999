"""`work_inline`: one call does all that is due to a mail, and what a crash, a deferred step or another holder left over is done by the next."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inbox import Deferred, Row, hookimpl
from inbox.errors import StoreError
from inbox.store.inline import work_due, work_inline
from inbox.testing import make_mail
from kept_rows import rows_of
from waiting import until

RULES = """
version: 1
domains: [example.com]
rules:
- {name: all, do: [tell, {note: {table: notes}}]}
default: [discard]
"""


class Effects:
    """A plugin whose handlers count what they did. `fail`: raised by `tell` before it does anything."""

    __name__ = "effects"

    def __init__(self):
        self.told = Counter()
        self.settled = []
        self.fail: BaseException | None = None

    @hookimpl
    def register_handlers(self, register):
        def tell(mail, step):
            """Have an effect outside."""
            if self.fail:
                raise self.fail
            self.told[mail.id, step.n] += 1

        def note(mail, *, table: str):
            """Ask for a row."""
            return Row(table, {"of": mail.id})

        register("tell", tell, acts=True)
        register("note", note)

    @hookimpl
    def mail_settled(self, mail, receipt):
        self.settled.append((mail.id, receipt.state))


@pytest.fixture
def store(inline):
    return inline


@pytest.fixture
def effects():
    return Effects()


@pytest.fixture
def box(inbox_for, effects, store):
    return inbox_for(RULES, modules=[effects], memory=store.memory())


def a_mail(key="ses:1", *to, **more):
    return replace(make_mail(recipients=to or ("a@example.com",), **more), source_key=key)


def soon(seconds: float = 60) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def work(box, store, mail, holder="h1", seconds: float = 60):
    return work_inline(box, store, mail, holder, soon(seconds))


def rows(store) -> list[str]:
    return [row["of"] for row in rows_of(store, "notes")]


def test_one_call_does_everything(box, store, effects):
    mail = a_mail()
    (receipt,) = work(box, store, mail)
    assert receipt.state == "settled"
    assert receipt.to_dict() == store.receipt(mail.id).to_dict()
    assert (dict(effects.told), rows(store), effects.settled) == ({(mail.id, 1): 1}, [mail.id], [(mail.id, "settled")])
    assert store.subject(mail.id) == "Hello"


def test_a_repeat_does_nothing_and_brings_the_receipt(box, store, effects):
    mail = a_mail()
    work(box, store, mail)
    (receipt,) = work(box, store, a_mail(), "h2")
    assert receipt.to_dict() == store.receipt(mail.id).to_dict()
    assert effects.told.total() == 1


def test_new_recipients_are_judged_alone(box, store, effects):
    work(box, store, a_mail("ses:1", "a@example.com"))
    (receipt,) = work(box, store, a_mail("ses:1", "a@example.com", "b@example.com"))
    assert receipt.mail.envelope.recipients == ("b@example.com",)
    assert [step.recipients for step in receipt.plan.steps] == [("b@example.com",)] * 2
    assert effects.told.total() == 2


def test_a_deferred_step_is_tried_again_each_time_and_the_others_are_done_once(box, store, effects):
    effects.fail = Deferred("not now")
    (receipt,) = work(box, store, a_mail())
    assert (receipt.state, [outcome.state for outcome in receipt.outcomes]) == ("waiting", ["deferred", "done"])
    effects.fail = None
    (receipt,) = work(box, store, a_mail())
    assert (receipt.state, [(o.n, o.state, o.attempt) for o in receipt.outcomes][2:]) == ("settled", [(1, "done", 2)])
    assert (effects.told.total(), len(rows(store))) == (1, 1)


def test_another_holders_mail_is_left_alone(box, store, effects):
    mail = a_mail()
    store.arrive(mail, "h2", soon())
    (receipt,) = work(box, store, a_mail())
    assert (receipt.mail.id, receipt.state, effects.told.total()) == (mail.id, "kept", 0)


def test_what_is_not_done_in_time_is_left_to_the_next(box, store, effects):
    (receipt,) = work(box, store, a_mail(), seconds=-1)
    assert (receipt.state, effects.told.total()) == ("waiting", 0)
    (receipt,) = work(box, store, a_mail())
    assert (receipt.state, effects.told.total()) == ("settled", 1)


class _Dies:
    """A store whose process ends after so many calls: the last one was carried out, its answer is not seen; no further one is made."""

    def __init__(self, store, calls):
        self._store, self._left = store, calls

    def __getattr__(self, name):
        def call(*given, **named):
            if not self._left:
                raise _Dead
            answer = getattr(self._store, name)(*given, **named)
            self._left -= 1
            if not self._left:
                raise _Dead
            return answer

        return call


class _Dead(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("calls", range(1, 7))
def test_whoever_comes_after_a_crash_does_what_was_not_done(box, store, effects, calls):
    mail = a_mail()
    try:
        work(box, _Dies(store, calls), mail)
        crashed = False
    except _Dead:
        crashed = True
    assert crashed == (calls <= 5), "arrive, planned, settled, settled, finish"
    (receipt,) = work(box, store, a_mail(), "h1")
    assert (receipt.state, rows(store)) == ("settled", [mail.id])
    assert effects.told.total() == 1, "no call was lost between the effect and its outcome here"


def test_an_error_of_the_store_gives_the_mail_back(box, store, monkeypatch):
    mail = a_mail()
    with monkeypatch.context() as patch:
        patch.setattr(type(store), "planned", lambda *_: (_ for _ in ()).throw(StoreError("full")))
        with pytest.raises(StoreError, match="full"):
            work(box, store, mail)
    (receipt,) = work(box, store, a_mail(), "h2")
    assert (receipt.mail.id, receipt.state) == (mail.id, "settled")


def test_a_mail_that_cannot_be_judged_is_quarantined_at_the_limit(box, store, monkeypatch):
    mail = a_mail()
    monkeypatch.setattr(type(box), "judge", lambda *_: 1 / 0)
    states = [work(box, store, a_mail() if n else mail)[0].state for n in range(3)]
    assert states == ["kept", "kept", "quarantined"]
    assert "division by zero" in store.receipt(mail.id).outcomes[0].detail


def test_a_row_that_the_store_refuses_is_a_step_that_gave_up(inbox_for, effects, store):
    box = inbox_for(RULES.replace("table: notes", "table: sqlite_x"), modules=[effects])
    (receipt,) = work(box, store, a_mail())
    assert (receipt.state, [outcome.state for outcome in receipt.outcomes]) == ("dead", ["done", "dead"])


def test_the_clock_brings_what_is_due_and_nothing_else(box, store, effects):
    effects.fail = Deferred("not now", retry_after=0)
    box.settings = box.settings.model_copy(update={"work": box.settings.work.model_copy(update={"retry": (0.001,)})})
    mail = a_mail()
    assert work(box, store, mail)[0].state == "waiting"
    effects.fail = None
    store.arrive(a_mail("ses:2"), "h2", soon())
    (receipt,) = until(lambda: work_due(box, store, "clock", soon()), "the step to be due")
    assert (receipt.mail.id, receipt.state, effects.told.total()) == (mail.id, "settled", 1)
    assert work_due(box, store, "clock", soon()) == []


LATER = """
version: 1
domains: [example.com]
rules:
- {name: all, when: {later: true}, do: [{note: {table: notes}}]}
default: [discard]
"""


class Later(Effects):
    """A plugin with a fact that cannot be had `times` times."""

    times = 2

    @hookimpl
    def register_facts(self, register):
        def later(mail) -> bool:
            """Says yes, later."""
            if self.times:
                self.times -= 1
                raise Deferred("ask again")
            return True

        register("later", later)


def test_a_mail_that_cannot_be_judged_now_is_judged_when_it_comes_again(inbox_for, store):
    box = inbox_for(LATER, modules=[Later()], memory=store.memory())
    mail = a_mail()
    for number in (1, 2):
        (receipt,) = work(box, store, mail, f"h{number}")
        assert (receipt.state, receipt.plan) == ("kept", None)
        assert [(outcome.n, outcome.state, outcome.attempt) for outcome in receipt.outcomes] == [
            (0, "deferred", n) for n in range(1, number + 1)
        ]
    assert store.claim_due("h3", soon(), 9) == [], "it is due in a minute"
    (receipt,) = work(box, store, mail, "h4")
    assert (receipt.state, rows(store)) == ("settled", [mail.id])


def test_a_mail_that_could_not_be_judged_in_time_is_held(inbox_for, store):
    box = inbox_for(LATER, modules=[Later()], memory=store.memory(), work={"retry_for": 0})
    (receipt,) = work(box, store, a_mail())
    assert (receipt.state, receipt.outcomes[0].state) == ("quarantined", "held")
    assert "ask again; `inbox quarantine release` tries it again" in receipt.outcomes[0].detail
