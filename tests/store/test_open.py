"""Opening: durable or not at all, never a new empty store in place of a lost one, one owner a role."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys

import pytest

from conftest import ROOT
from inbox.errors import StoreCorrupt, StoreError, StoreLocked
from inbox.store import DATABASE, open_store
from inbox.store.schema import MIGRATIONS


def test_a_new_store_is_durable_and_only_its_owner_can_read_it(folder):
    before = os.umask(0o022)
    try:
        store = open_store(folder)
        store.own("serve")
        assert store.durability() == "journal_mode wal, synchronous full"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    finally:
        os.umask(before)


def test_a_store_folder_that_is_open_to_others_is_closed(folder):
    open_store(folder).close()
    folder.chmod(0o755)
    open_store(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_with_files_of_others_keeps_its_mode(folder):
    folder.mkdir(mode=0o755)
    (folder / "other").touch()
    open_store(folder)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert (folder / DATABASE).stat().st_mode & 0o777 == 0o600


def test_opening_to_read_makes_no_store(folder):
    with pytest.raises(StoreError, match="there is no store"):
        open_store(folder, read_only=True)
    assert not folder.exists()


def test_a_read_only_store_reads_and_does_not_write(folder, store, new_mail):
    mail = new_mail()
    store.keep_all([(mail, None)])
    reader = open_store(folder, read_only=True)
    assert reader.mail(mail.id).raw == mail.raw
    with pytest.raises(StoreError):
        reader.keep_all([(new_mail(), None)])


def test_a_reader_sees_what_a_killed_daemon_left_in_the_log(folder, new_mail):
    code = """
import os, sys
from pathlib import Path
from inbox.model import Envelope, Mail
from inbox.store import open_store
store = open_store(Path(sys.argv[1]))
store.own("serve")
print(*store.keep_all([(Mail.of(b"x", Envelope()), None)]), flush=True)
os._exit(9)
"""
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=60, check=False)
    assert (folder / f"{DATABASE}-wal").stat().st_size
    assert list(open_store(folder, read_only=True).ids()) == done.stdout.split()


# one owner


def test_a_second_owner_is_refused_with_the_pid_of_the_first(folder, store):
    store.own("serve")
    other = open_store(folder)
    with pytest.raises(StoreLocked, match=rf"process {os.getpid()} has the role 'serve'"):
        other.own("serve")
    other.own("work")
    other.close()
    store.close()
    open_store(folder).own("serve")


def test_a_role_that_is_had_already_is_had(store):
    assert store.own("serve") == store.own("serve")


# damage


def damage(folder, offset_of_page, pages=3):
    path = folder / DATABASE
    data = bytearray(path.read_bytes())
    start = len(data) // 4096 // 2 * 4096 if offset_of_page is None else offset_of_page
    data[start : start + 4096 * pages] = os.urandom(4096 * pages)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def filled(folder, new_mail):
    store = open_store(folder)
    store.keep_all([(new_mail(size=9_000), None) for _ in range(50)])
    store.close()


def test_a_damaged_page_stops_the_owner_before_anything_is_written(folder, new_mail):
    filled(folder, new_mail)
    before = damage(folder, None)
    store = open_store(folder)
    with pytest.raises(StoreCorrupt, match=r"with sqlite3's \.dump, as docs/durability"):
        store.own("serve")
    store.close()
    assert hashlib.sha256((folder / DATABASE).read_bytes()).hexdigest() == before


def test_a_file_that_is_no_database_is_said_to_be_damaged(folder, new_mail):
    filled(folder, new_mail)
    before = damage(folder, 0)
    with pytest.raises(StoreCorrupt, match=r"docs/durability\.md"):
        open_store(folder)
    assert hashlib.sha256((folder / DATABASE).read_bytes()).hexdigest() == before


RECOVERY = re.compile(r"(?m)^ +\$ (sqlite3 .*)$")


@pytest.mark.skipif(not shutil.which("sqlite3"), reason="the sqlite3 program is not installed")
def test_the_recovery_of_the_docs_gives_a_store_with_all_that_can_be_read(folder, new_mail):
    filled(folder, new_mail)
    damage(folder, None)
    steps = RECOVERY.findall((ROOT / "docs" / "durability.md").read_text())
    assert len(steps) == 3
    printed = [subprocess.run(step, shell=True, cwd=folder, capture_output=True, text=True, check=False).stdout for step in steps]
    assert printed[1] == "ok\n"
    (folder / "new.db").rename(folder / DATABASE)
    for name in ("-wal", "-shm"):
        (folder / f"{DATABASE}{name}").unlink(missing_ok=True)
    store = open_store(folder)
    store.own("serve")
    assert store.keep_all([(new_mail(), None)])
    ids = list(store.ids())
    assert 20 < len(ids) <= 51
    assert store.count() == len(ids)


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_lost_database_is_not_replaced_by_a_new_one(folder, how, new_mail):
    store = open_store(folder)
    store.own("serve")
    store.keep_all([(new_mail(), None)])
    store.close()
    (folder / DATABASE).unlink()
    if how == "empty":
        (folder / DATABASE).touch()
    with pytest.raises(StoreCorrupt, match="was in use"):
        open_store(folder)
    assert (folder / DATABASE).exists() == (how == "empty")


def test_a_log_that_was_cut_keeps_what_is_whole(folder, new_mail):
    """A torn end of the log: its last commits are gone, as after a power cut without a sync; the rest is readable."""
    store = open_store(folder)
    ids = [store.keep_all([(new_mail(size=3000), None)])[0] for _ in range(20)]
    data, log = (folder / DATABASE).read_bytes(), (folder / f"{DATABASE}-wal").read_bytes()
    copy = folder.with_name("copy")
    copy.mkdir(mode=0o700)
    (copy / DATABASE).write_bytes(data)
    (copy / f"{DATABASE}-wal").write_bytes(log[: len(log) // 2 + 100])
    found = list(open_store(copy).ids())
    assert 0 < len(found) < 20
    assert found == ids[: len(found)]


# versions


def test_opening_twice_migrates_once(folder):
    open_store(folder).close()
    store = open_store(folder)
    with store._connections.read() as db:
        assert db.execute("select count(*) from _sqlite_migrations").fetchone()[0] == len(MIGRATIONS._migrations)


def test_a_store_of_a_newer_program_is_not_touched(folder):
    open_store(folder).close()
    with sqlite3.connect(folder / DATABASE) as db:
        db.execute("insert into _sqlite_migrations(migration_set, name, applied_at) values ('inbox', 'm999_later', 'x')")
    with pytest.raises(StoreError, match="newer inbox"):
        open_store(folder)


def test_a_program_that_dies_in_the_migration_leaves_none_of_it(folder):
    code = """
import os, sys
from pathlib import Path
from inbox.store import open_store, schema
schema._count_by_triggers = lambda db: os._exit(9)
open_store(Path(sys.argv[1]))
"""
    assert subprocess.run([sys.executable, "-c", code, str(folder)], timeout=60, check=False).returncode == 9
    with sqlite3.connect(folder / DATABASE) as db:
        assert db.execute("select count(*) from sqlite_master").fetchone()[0] == 0
    assert open_store(folder).count() == 0


def test_addresses_that_were_suppressed_before_stay_so(folder, monkeypatch):
    later = [migration for migration in MIGRATIONS._migrations if migration.name >= "m005"]
    with monkeypatch.context() as older:
        older.setattr(MIGRATIONS, "_migrations", [migration for migration in MIGRATIONS._migrations if migration not in later])
        open_store(folder).close()
    with sqlite3.connect(folder / DATABASE) as db:
        db.execute("insert into inbox_suppressions(address, reason, source, since) values ('joe@x.test', 'bounced', 'mail 1', 5)")
    found = open_store(folder).suppressed("joe@x.test", "example.com")
    assert (found.reason, found.source, found.identity, found.until) == ("bounced", "mail 1", None, None)
