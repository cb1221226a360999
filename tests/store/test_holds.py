"""Hosts that work inline beside the workers of a daemon, on one folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inbox.findable import Findable
from inbox.queries import read_query


def soon(seconds: float = 60) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_workers_of_a_daemon_leave_holds_alone_until_they_run_out(store, new_mail):
    mail = new_mail(key="ses:1")
    store.arrive(mail, "h1", soon())
    other = new_mail(key="ses:2")
    store.arrive(other, "h1", soon(-1))
    store.void_leases()
    assert store.claim("w1", 10, soon(600)) == []
    store.void_hands()
    (claim,) = store.claim("w1", 10, soon(600))
    assert (claim.mail.id, claim.strikes) == (other.id, 1)
    assert list(store.arrive(new_mail(key="ses:2"), "h2", soon()).busy) == [other.id]


def test_a_mail_that_a_worker_has_is_busy(store, new_mail):
    mail = new_mail(key="ses:1")
    store.keep_all([(mail, None)])
    store.claim("w1", 1, soon(0))
    found = store.arrive(new_mail(key="ses:1"), "h1", soon())
    assert (found.id, list(found.claims), list(found.busy)) == (mail.id, [], [mail.id])


def test_what_a_command_that_is_gone_had_in_hand_is_free(store, new_mail):
    mail = new_mail(key="ses:1")
    store.keep_all([(mail, None)], lease="process-999999999")
    (claim,) = store.arrive(new_mail(key="ses:1"), "h1", soon()).claims
    assert (claim.mail.id, claim.strikes) == (mail.id, 0)


def test_a_poison_mail_is_quarantined_by_the_supervisor_too(store, new_mail):
    mail = new_mail(key="ses:1")
    for _ in range(2):
        store.arrive(mail, "h1", soon(-1))
        store.void_hands(2)
    assert store.receipt(mail.id).state == "quarantined"


def test_a_mail_that_was_done_inline_is_found_by_its_words(store, new_mail, new_plan, ended):
    mail, plan = new_mail("Invoice 7", key="ses:1"), new_plan({})
    store.arrive(mail, "h1", soon())
    store.planned(mail, plan)
    store.settled(mail, ended(1))
    store.finish(mail, plan, Findable("Invoice 7", "a@x.test", "b@y.test", "please pay"))
    assert [(found.id, found.subject) for found in store.find(read_query("pay invoice"))] == [(mail.id, "Invoice 7")]
