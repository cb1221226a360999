"""The tables of `inbox.db`, made and changed by migrations (sqlite-utils); each runs in one transaction with the record of it.

Times are integers: microseconds since 1970 in UTC. A mail is known inside by `seq`, outside by `id`.

    inbox_mails      one row an arrival; `first`: the earlier arrival with the same source key; `raw_seq`: the row that holds the octets
    inbox_raw        octets of mails up to 64 KiB; larger ones are files, blobs/<2 hex>/<sha256>
    inbox_plans inbox_steps inbox_outcomes     what is to be done, how each step stands, every attempt
    inbox_tags       rules that matched and labels, for lists
    inbox_events     what operators did, and arrivals that were there already
    inbox_marks inbox_models                   what facts and handlers remember
    inbox_budgets                              when handlers took of what they may do so often
    inbox_suppressions                         addresses that no mail is to be sent to, by one identity or ('') by all
    inbox_sending_events                       what became of mail that left; `address`: the recipient as it is compared
    inbox_sending_hours inbox_sending_domains  how many of them by hour (since 1970), by identity, template, variant, or domain of the recipient
    inbox_stops inbox_buckets                  identities that were stopped; what of a rate is spent, up to when
    inbox_rules      every version of the rules that made a plan
    inbox_counts     counters of all processes
    inbox_states     number and octets of mails by state, kept by triggers
    inbox_search     full text: subject, senders, recipients, text, names of files
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlite_utils import Database, Migrations

from inbox.errors import StoreError

MIGRATIONS = Migrations("inbox")

_WORKABLE = "state in ('kept', 'waiting')"


@MIGRATIONS()
def m001_arrivals(db: Any) -> None:
    db["inbox_mails"].create(
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
    db["inbox_raw"].create({"seq": int, "data": bytes}, pk="seq", not_null=("data",))
    for sql in (
        "create unique index inbox_mails_id on inbox_mails(id)",
        "create index inbox_mails_state on inbox_mails(state)",
        f"create index inbox_mails_due on inbox_mails(due_at) where {_WORKABLE}",
        "create unique index inbox_mails_source on inbox_mails(source_key) where source_key is not null and first is null",
        "create index inbox_mails_follow on inbox_mails(first) where first is not null",
    ):
        db.execute(sql)


@MIGRATIONS()
def m002_work(db: Any) -> None:
    db["inbox_plans"].create({"seq": int, "rules_version": str, "plan": str}, pk="seq", not_null=("rules_version", "plan"))
    for sql in (
        """create table inbox_steps (seq integer, n integer, rule text, handler text, state text, attempts integer not null default 0,
                               due_at integer, primary key (seq, n)) without rowid""",
        """create table inbox_outcomes (seq integer, k integer, n integer, state text, attempt integer, detail text, at integer,
                                  primary key (seq, k)) without rowid""",
        "create table inbox_tags (kind text, name text, seq integer, primary key (kind, name, seq)) without rowid",
    ):
        db.execute(sql)


@MIGRATIONS()
def m003_around(db: Any) -> None:
    db["inbox_events"].create({"n": int, "at": int, "kind": str, "mail": str, "who": str, "detail": str}, pk="n")
    db["inbox_marks"].create({"n": int, "kind": str, "key": str, "mail": str, "received_at": int}, pk="n")
    db["inbox_marks"].create_index(["kind", "key", "mail"], unique=True)
    db["inbox_models"].create({"name": str, "data": bytes, "at": int}, pk="name")
    db["inbox_rules"].create({"version": str, "text": str, "at": int}, pk="version")
    db["inbox_counts"].create({"name": str, "labels": str, "value": float}, pk=("name", "labels"))
    db["inbox_states"].create({"state": str, "mails": int, "octets": int}, pk="state")
    _count_by_triggers(db)
    db.execute("create virtual table inbox_search using fts5(subject, addresses, text, tokenize='unicode61 remove_diacritics 2')")


@MIGRATIONS()
def m004_suppressions(db: Any) -> None:
    db["inbox_suppressions"].create(
        {"address": str, "reason": str, "source": str, "since": int, "until": int}, pk="address", not_null=("reason", "source", "since")
    )


@MIGRATIONS()
def m005_sending(db: Any) -> None:
    for sql in (
        """create table inbox_sending_events (n integer primary key, key text not null, type text not null, at integer not null, mail text,
               recipient text, address text, identity text, message_id text, template text, variant text, subtype text, detail text,
               experiment text)""",
        "create unique index inbox_sending_events_key on inbox_sending_events(key)",
        "create index inbox_sending_events_mail on inbox_sending_events(mail) where mail is not null",
        "create index inbox_sending_events_message_id on inbox_sending_events(message_id) where message_id is not null",
        "create index inbox_sending_events_address on inbox_sending_events(address, at) where address is not null",
        "create index inbox_sending_events_type on inbox_sending_events(type, at)",
        "create index inbox_sending_events_at on inbox_sending_events(at)",
        """create index inbox_sending_events_experiment on inbox_sending_events(coalesce(experiment, template), type, at)
               where variant is not null""",
        """create table inbox_listed (identity text not null, address text not null, reason text not null, source text not null,
               since integer not null, until integer, primary key (address, identity)) without rowid""",
        "insert into inbox_listed select '', address, reason, source, since, until from inbox_suppressions",
        "drop table inbox_suppressions",
        "alter table inbox_listed rename to inbox_suppressions",
        "create table inbox_stops (identity text primary key, since integer not null, why text, resumed_at integer, before text) without rowid",
        "create table inbox_buckets (name text primary key, spent real not null) without rowid",
    ):
        db.execute(sql)


@MIGRATIONS()
def m006_budgets(db: Any) -> None:
    db["inbox_budgets"].create({"name": str, "times": bytes, "expires": int}, pk="name", not_null=("times", "expires"))
    db["inbox_budgets"].create_index(["expires"])


@MIGRATIONS()
def m007_tallies(db: Any) -> None:
    for table, columns in (("hours", ("identity", "template", "variant")), ("domains", ("domain", "identity"))):
        names = ("hour", *columns, "type", "class")
        db.execute(
            f"create table inbox_sending_{table} ({', '.join(f'{name} not null' for name in names)}, number integer not null,"
            f" primary key ({', '.join(names)})) without rowid"
        )


@MIGRATIONS()
def m008_search(db: Any) -> None:
    """Senders and recipients apart, names of files; what was indexed before is found by both."""
    for sql in (
        "create virtual table inbox_found using fts5(subject, senders, recipients, text, files, tokenize='unicode61 remove_diacritics 2')",
        "insert into inbox_found(rowid, subject, senders, recipients, text) select rowid, subject, addresses, addresses, text from inbox_search",
        "drop table inbox_search",
        "alter table inbox_found rename to inbox_search",
    ):
        db.execute(sql)


def _count_by_triggers(db: Any) -> None:
    add = (
        "insert into inbox_states(state, mails, octets) values (new.state, 1, new.size)"
        " on conflict(state) do update set mails = mails + 1, octets = octets + excluded.octets;"
    )
    remove = "update inbox_states set mails = mails - 1, octets = octets - old.size where state = old.state;"
    db.execute(f"create trigger inbox_mails_added after insert on inbox_mails begin {add} end")
    db.execute(
        f"create trigger inbox_mails_moved after update of state on inbox_mails when old.state <> new.state begin {remove} {add} end"
    )


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
