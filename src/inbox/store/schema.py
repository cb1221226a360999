"""The tables of `inbox.db`, made and changed by migrations (sqlite-utils); each runs in one transaction with the record of it.

Times are integers: microseconds since 1970 in UTC. A mail is known inside by `seq`, outside by `id`.

    mails     one row an arrival; `first` is the arrival with the same source key that came before it, `raw_seq` the row that holds its octets
    raw       octets of mails up to 64 KiB; larger ones are files, blobs/<2 hex>/<sha256>
    plans steps outcomes    what is to be done, how each step stands, every attempt
    tags      rules that matched and labels, for listing
    events    what operators did, and arrivals that were there already
    marks models            what facts and handlers remember of other mails
    rules     every version of the rules that made a plan
    counts    counters of all processes
    states    number and octets of mails by state, kept by triggers
    search    full text: subject, addresses, text
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlite_utils import Database, Migrations

from inbox.errors import StoreError

MIGRATIONS = Migrations("inbox")

OWN_TABLES = frozenset(
    ("mails", "raw", "plans", "steps", "outcomes", "tags", "events", "marks", "models", "rules", "counts", "states", "search")
)
"""Names that handlers cannot use for tables of theirs."""

_WORKABLE = "state in ('kept', 'waiting')"


@MIGRATIONS()
def m001_arrivals(db: Any) -> None:
    db["mails"].create(
        {
            "seq": int,
            "id": str,
            "source_key": str,
            "first": int,
            "raw_seq": int,
            "envelope": str,
            "sender": str,
            "subject": str,
            "received_at": int,
            "size": int,
            "sha256": str,
            "state": str,
            "due_at": int,
            "lease": str,
            "strikes": int,
        },
        pk="seq",
        not_null=("id", "envelope", "received_at", "size", "sha256", "state", "due_at", "strikes"),
        defaults={"state": "kept", "due_at": 0, "strikes": 0},
    )
    db["raw"].create({"seq": int, "data": bytes}, pk="seq", not_null=("data",))
    for sql in (
        "create unique index mails_id on mails(id)",
        "create index mails_state on mails(state)",
        f"create index mails_due on mails(due_at) where {_WORKABLE}",
        "create unique index mails_source on mails(source_key) where source_key is not null and first is null",
        "create index mails_follow on mails(first) where first is not null",
    ):
        db.execute(sql)


@MIGRATIONS()
def m002_work(db: Any) -> None:
    db["plans"].create({"seq": int, "rules_version": str, "plan": str}, pk="seq", not_null=("rules_version", "plan"))
    for sql in (
        """create table steps (seq integer, n integer, rule text, handler text, state text, attempts integer not null default 0,
                               due_at integer, primary key (seq, n)) without rowid""",
        """create table outcomes (seq integer, k integer, n integer, state text, attempt integer, detail text, at integer,
                                  primary key (seq, k)) without rowid""",
        "create table tags (kind text, name text, seq integer, primary key (kind, name, seq)) without rowid",
    ):
        db.execute(sql)


@MIGRATIONS()
def m003_around(db: Any) -> None:
    db["events"].create({"n": int, "at": int, "kind": str, "mail": str, "who": str, "detail": str}, pk="n")
    db["marks"].create({"n": int, "kind": str, "key": str, "mail": str, "received_at": int}, pk="n")
    db["marks"].create_index(["kind", "key", "mail"], unique=True)
    db["models"].create({"name": str, "data": bytes, "at": int}, pk="name")
    db["rules"].create({"version": str, "text": str, "at": int}, pk="version")
    db["counts"].create({"name": str, "labels": str, "value": float}, pk=("name", "labels"))
    db["states"].create({"state": str, "mails": int, "octets": int}, pk="state")
    _count_by_triggers(db)
    db.execute("create virtual table search using fts5(subject, addresses, text, tokenize='unicode61 remove_diacritics 2')")


def _count_by_triggers(db: Any) -> None:
    add = (
        "insert into states(state, mails, octets) values (new.state, 1, new.size)"
        " on conflict(state) do update set mails = mails + 1, octets = octets + excluded.octets;"
    )
    remove = "update states set mails = mails - 1, octets = octets - old.size where state = old.state;"
    db.execute(f"create trigger mails_added after insert on mails begin {add} end")
    db.execute(f"create trigger mails_moved after update of state on mails when old.state <> new.state begin {remove} {add} end")


def bring_up_to_date(connection: sqlite3.Connection, *, read_only: bool) -> None:
    """Apply the migrations that are missing, in one transaction. StoreError when the database is newer than this program."""
    db = Database(connection, execute_plugins=False, recursive_triggers=False)
    known = {migration.name for migration in MIGRATIONS._migrations}  # noqa: SLF001  the library lists pending ones only
    if strange := {migration.name for migration in MIGRATIONS.applied(db)} - known:
        raise StoreError(f"the store was written by a newer inbox (it knows {', '.join(sorted(strange))}); upgrade this one")
    if not MIGRATIONS.pending(db):
        return
    if read_only:
        raise StoreError("the store was made by an older inbox; start `inbox serve` or `inbox doctor` once to bring it up to date")
    connection.execute("begin immediate")
    try:
        MIGRATIONS.apply(db)
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
