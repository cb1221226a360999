"""Hands: what a host has is its own until it ends, whatever fails, and a mail that kills its host costs no other mail a strike."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inbox import Deferred, hookimpl
from inbox.errors import StoreError
from inbox.model import Raw
from inbox.store import open_store
from inbox.store.dynamodb import open_dynamodb
from inbox.store.inline import work_due, work_inline
from inbox.testing import make_mail

RULES = "version: 1\ndomains: [example.com]\nrules: [{name: all, do: [tell]}]\ndefault: [discard]\n"


class Tells:
    """A plugin whose handler reads the octets, and does what `then` says."""

    __name__ = "tells"

    def __init__(self):
        self.told: list[str] = []
        self.then = lambda mail: None

    @hookimpl
    def register_handlers(self, register):
        def tell(mail):
            """Read the octets of a mail."""
            assert mail.raw
            self.then(mail)
            self.told.append(mail.source_key)

        register("tell", tell, acts=True)


@pytest.fixture
def tells():
    return Tells()


@pytest.fixture
def box(inbox_for, tells, inline):
    return inbox_for(RULES, modules=[tells], memory=inline.memory())


@pytest.fixture
def again(inline, folder, aws):
    """Opens the same store once more, as the next process does."""
    opened = []

    def make():
        opened.append(open_store(folder) if folder.exists() else open_dynamodb("dynamodb://inbox?raw=s3://mails/large", aws.settings))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def a_mail(key="ses:1", **more):
    return replace(make_mail(recipients=("a@example.com",), **more), source_key=key)


def soon(seconds: float = 60) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def stay_due(store, number):
    """Mails that nobody has judged yet, due now."""
    keys = [f"ses:{n}" for n in range(number)]
    for key in keys:
        store.arrive(a_mail(key), "gone", soon())
    store.let_go("gone")
    return keys


def test_a_large_mail_whose_step_was_deferred_is_read_again_where_it_lies_now(box, inline, tells, tmp_path):
    """As in a function that stays warm: the file of the first event is removed when that ends."""
    octets = b"Subject: large\r\n\r\n" + b"x" * 100_000

    def brought(name):
        path = tmp_path / name
        path.write_bytes(octets)
        return replace(a_mail(), content=replace(Raw.of(octets), data=None, path=path))

    def busy(_mail):
        raise Deferred("later")

    tells.then, first = busy, brought("first")
    assert work_inline(box, inline, first, "h1", soon())[0].state == "waiting"
    first.content.path.unlink()
    tells.then = lambda mail: None
    (receipt,) = work_inline(box, inline, brought("second"), "h2", soon())
    assert (receipt.state, tells.told) == ("settled", ["ses:1"])


def test_whoever_finishes_too_late_leaves_the_mail_in_the_next_hand(inline, again, new_mail, new_plan, ended):
    mail, plan, other = new_mail(key="ses:1"), new_plan({}, {}), again()
    inline.arrive(mail, "late", soon(-1))
    inline.planned(mail, plan)
    assert other.arrive(new_mail(key="ses:1"), "next", soon()).claims
    inline.settled(mail, ended(1))
    assert inline.finish(mail, plan) == "waiting"
    assert list(again().arrive(new_mail(key="ses:1"), "third", soon()).busy) == [mail.id]


def test_a_hold_lasts_longer_than_the_work_so_nobody_takes_what_is_being_written_down(box, inline, again, tells):
    """Another function's clock may be some seconds ahead, too."""
    other, busy, mail = again(), [], a_mail()

    def slow(_mail):
        try:
            time.sleep(20)
        except BaseException:
            busy.extend(other.arrive(a_mail(), "next", soon()).busy)
            raise

    tells.then = slow
    assert work_inline(box, inline, mail, "h1", soon(0.3))[0].state == "waiting"
    assert busy == [mail.id]
    assert other.arrive(a_mail(), "next", soon()).claims[0].strikes == 0


def test_an_error_at_the_end_gives_the_mail_back(box, inline, again, tells, monkeypatch):
    mail = a_mail()
    name = "finish" if inline.__class__.__name__ == "SqliteStore" else "_end"
    with monkeypatch.context() as patch:
        patch.setattr(type(inline), name, lambda *_: _full())
        with pytest.raises(StoreError, match="full"):
            work_inline(box, inline, mail, "h1", soon())
    (claim,) = again().arrive(a_mail(), "h2", soon()).claims
    assert (claim.mail.id, claim.strikes) == (mail.id, 0)


def _full():
    raise StoreError("full")


def test_a_mail_that_kills_its_host_costs_the_others_that_are_due_nothing(box, inline, tells, again):
    keys = stay_due(inline, 6)

    def kills(mail):
        if len(tells.told) == 2:
            raise KeyboardInterrupt  # what no handler survives: the mail stays in the hand of the dead

    tells.then = kills
    with pytest.raises(KeyboardInterrupt):
        work_due(box, inline, "clock", soon())
    left = again().claim_due("next", soon(), 10)
    assert len(left) == 3
    assert {claim.mail.source_key for claim in left} < set(keys) - set(tells.told)
    assert [claim.strikes for claim in left] == [0, 0, 0]


def test_one_mail_that_cannot_be_read_does_not_keep_the_others_from_being_done(box, inline, tells, monkeypatch):
    keys = stay_due(inline, 6)
    whole = type(box).judge_after_reply

    def judge(self, mail):
        if mail.source_key in keys[:2]:
            raise StoreError("the octets have been changed")
        return whole(self, mail)

    monkeypatch.setattr(type(box), "judge_after_reply", judge)
    with pytest.raises(StoreError, match="octets"):
        work_due(box, inline, "clock", soon())
    assert sorted(tells.told) == keys[2:]
    assert inline.arrive(a_mail(keys[0]), "h2", soon()).claims[0].strikes == 0
