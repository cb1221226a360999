"""Keep: what was answered for is there, byte for byte; what could not be kept raises, and nothing of the group is there."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from inbox.errors import StoreError
from inbox.model import Envelope, Mail, Outcome, Raw, Reply
from inbox.store import DATABASE, open_store
from inbox.store.blobs import SMALL

SIZES = [0, 1, 5_000, SMALL, SMALL + 1, 300_000]


@pytest.mark.parametrize("size", SIZES)
def test_the_octets_come_back_as_they_were(store, size):
    data = os.urandom(size)
    mail = Mail.of(data, Envelope(None, ("u@local.test",), helo="h", ip="192.0.2.1", tls="TLSv1.3", auth="joe", source="lmtp"))
    assert store.keep_all([(mail, None)]) == [mail.id]
    back = store.mail(mail.id)
    assert back.raw == data
    assert (back.id, back.envelope, back.size, back.sha256) == (mail.id, mail.envelope, mail.size, mail.sha256)
    assert back.received_at == mail.received_at


def test_a_large_mail_is_a_file_named_after_its_octets_that_only_the_owner_reads(store, folder, new_mail):
    mail = new_mail(size=SMALL + 1)
    store.keep_all([(mail, None)])
    path = folder / "blobs" / mail.sha256[:2] / mail.sha256
    assert hashlib.sha256(path.read_bytes()).hexdigest() == mail.sha256
    assert path.stat().st_mode & 0o777 == 0o600
    assert list((folder / "blobs").glob("new-*")) == []


def test_a_spooled_mail_is_linked_and_its_spool_file_stays_with_the_door(store, folder, tmp_path, new_mail):
    whole = new_mail(size=200_000)
    spool = tmp_path / "spool"
    spool.write_bytes(whole.raw)
    mail = Mail(whole.id, whole.envelope, Raw(whole.size, whole.sha256, path=spool), whole.received_at)
    store.keep_all([(mail, None)])
    kept = store.mail(mail.id).content.path
    assert kept.stat().st_ino == spool.stat().st_ino
    spool.unlink()
    assert store.mail(mail.id).raw == whole.raw


def test_a_spool_file_that_is_a_symbolic_link_is_not_followed(store, tmp_path, new_mail):
    whole = new_mail(size=200_000)
    (tmp_path / "secret").write_bytes(whole.raw)
    (tmp_path / "spool").symlink_to(tmp_path / "secret")
    mail = Mail(whole.id, whole.envelope, Raw(whole.size, whole.sha256, path=tmp_path / "spool"), whole.received_at)
    with pytest.raises(StoreError):
        store.keep_all([(mail, None)])
    assert store.count() == 0


def test_a_spool_file_that_was_cut_short_is_refused(store, tmp_path, new_mail):
    whole = new_mail(size=200_000)
    (tmp_path / "spool").write_bytes(whole.raw[:-1])
    mail = Mail(whole.id, whole.envelope, Raw(whole.size, whole.sha256, path=tmp_path / "spool"), whole.received_at)
    with pytest.raises(StoreError, match="199999"):
        store.keep_all([(mail, None)])
    assert store.count() == 0


ODD_SENDERS = [None, "a\udcff@x.test", "a\x00b@x.test", "ä@x.test", "'; drop table inbox_mails--@x.test", "x" * 5000]


@pytest.mark.parametrize("sender", ODD_SENDERS)
def test_odd_senders_are_kept_as_they_are(store, new_mail, sender):
    mail = new_mail(sender=sender)
    store.keep_all([(mail, None)])
    assert store.mail(mail.id).envelope.sender == sender
    assert store.mails()[0].sender == sender


def test_a_group_is_kept_whole_or_not_at_all(store, new_mail):
    first, twin = new_mail(), new_mail()
    twin = Mail(first.id, twin.envelope, twin.content, twin.received_at)  # the same id twice: the second cannot be kept
    with pytest.raises(StoreError):
        store.keep_all([(first, None), (twin, None)])
    assert store.count() == 0
    store.keep_all([(first, None)])
    assert store.count() == 1


def test_a_mail_kept_with_its_plan_waits_and_its_refused_recipients_are_on_record(store, new_mail, new_plan):
    mail = new_mail(to=("u@local.test", "w@local.test"))
    plan = new_plan({}, refused={"w@local.test": Reply(550, "5.7.1", "no")})
    store.keep_all([(mail, plan)])
    receipt = store.receipt(mail.id)
    assert (receipt.plan, receipt.state, receipt.reply) == (plan, "waiting", plan.reply)
    assert [(outcome.n, outcome.state, outcome.detail) for outcome in receipt.outcomes] == [(0, "refused", "w@local.test: 550 5.7.1 no")]


# the same mail twice (source keys)


def test_the_same_mail_twice_is_kept_once(store, new_mail):
    first, again = new_mail(key="ses:1"), new_mail(key="ses:1")
    assert store.keep_all([(first, None)]) == [first.id]
    assert store.keep_all([(again, None)]) == [first.id]
    assert store.count() == 1
    assert [event.kind for event in store.history(first.id)] == ["arrived again"]


def test_the_same_mail_twice_in_one_group_is_kept_once(store, new_mail):
    first, again = new_mail(key="ses:1"), new_mail(key="ses:1")
    assert store.keep_all([(first, None), (again, None)]) == [first.id, first.id]
    assert store.count() == 1


def test_a_second_arrival_with_new_recipients_is_kept_for_those_only(store, new_mail, new_plan):
    first = new_mail(key="ses:1", to=("a@local.test", "b@local.test"))
    second = new_mail(key="ses:1", to=("b@local.test", "c@local.test"))
    third = new_mail(key="ses:1", to=("c@local.test", "a@local.test"))
    store.keep_all([(first, new_plan({}))])
    assert store.keep_all([(second, new_plan({}))]) == [second.id]
    assert store.keep_all([(third, None)]) == [first.id]
    assert store.mail(first.id).envelope.recipients == ("a@local.test", "b@local.test")
    assert store.mail(second.id).envelope.recipients == ("c@local.test",)
    assert store.mail(second.id).raw == second.raw
    assert store.receipt(second.id).plan is None  # its plan was made for all its recipients: it is judged for the new one
    assert store.mail(second.id).source_key == "ses:1"


@pytest.mark.parametrize("size", [100, 200_000])
def test_arrivals_of_the_same_octets_share_them(store, folder, new_mail, size):
    for to in ("a@local.test", "b@local.test", "c@local.test"):
        store.keep_all([(new_mail(key="s3:1", to=(to,), size=size), None)])
    with sqlite3.connect(folder / DATABASE) as db:
        assert db.execute("select count(*) from inbox_raw").fetchone()[0] + len(list(folder.glob("blobs/??/*"))) == 1
    assert {len(store.mail(id_).raw) for id_ in store.ids()} == {size}


# faults


def run_in_process(code: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    from inbox.errors import StoreError
    from inbox.model import Envelope, Mail
    from inbox.store import open_store

    def mail(size=20_000):
        return Mail.of(b"x" * size, Envelope("a@x.test", ("u@local.test",)))

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = open_store(Path(sys.argv[1]))
    answered, failed = [], 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))     # no file may grow beyond that: writes fail
    for n in range(60):
        try:
            answered += store.keep_all([(mail(), None)])
        except StoreError:
            failed += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    answered += store.keep_all([(mail(), None), (mail(200_000), None)])              # room again: without a restart
    store.close()
    print(failed, *answered)
"""


def test_when_writes_fail_nothing_is_acknowledged_and_it_recovers_without_a_restart(folder):
    failed, *answered = run_in_process(FULL_DISK, folder).split()
    assert int(failed) > 0
    assert len(answered) > 10
    store = open_store(folder)
    store.own("serve")
    assert set(answered) <= set(store.ids())
    assert all(store.mail(id_).raw for id_ in answered)


def test_when_the_folder_is_moved_away_nothing_is_acknowledged_until_it_is_back(store, folder, new_mail):
    store.keep_all([(new_mail(), None)])
    folder.rename(folder.with_name("elsewhere"))
    for _ in range(2):
        with pytest.raises(StoreError):
            store.keep_all([(new_mail(), None)])
    folder.with_name("elsewhere").rename(folder)
    store.keep_all([(new_mail(), None)])
    assert store.count() == 2


def test_while_another_program_holds_the_database_it_is_not_acknowledged(store, folder, new_mail, monkeypatch):
    monkeypatch.setattr("inbox.store.connections._PATIENCE", 0.2)
    holder = sqlite3.connect(folder / DATABASE, isolation_level=None)
    holder.execute("begin immediate")
    with pytest.raises(StoreError, match="locked"):
        store.keep_all([(new_mail(), None)])
    holder.execute("rollback")
    store.keep_all([(new_mail(), None)])
    assert store.count() == 1


def test_after_a_failure_the_connection_is_a_new_one(store, new_mail, monkeypatch):
    """A failed sync is never tried again on the connection that failed."""
    used = []
    original = store._connections._take

    def take(durable):
        connection = original(durable)
        used.append(connection)
        return connection

    monkeypatch.setattr(store._connections, "_take", take)
    mail = new_mail()
    store.keep_all([(mail, None)])
    store.keep_all([(new_mail(), None)])
    assert used[0] is used[1]
    with pytest.raises(StoreError):
        store.keep_all([(mail, None)])  # the same id again
    store.keep_all([(new_mail(), None)])
    assert used[3] is not used[2]
    with pytest.raises(sqlite3.ProgrammingError):
        used[2].execute("select 1")  # it was closed


def test_an_outcome_with_text_that_is_no_unicode_is_kept(store, new_mail, new_plan):
    mail = new_mail()
    store.keep_all([(mail, new_plan({}))])
    store.settled(mail, Outcome(1, "deferred", 1, "peer said \udcff", mail.received_at))
    assert store.receipt(mail.id).outcomes[0].detail == "peer said ?"
