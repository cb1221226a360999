"""Searches of the store: what each asks for is found, newest first, and nothing else; no query raises."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.errors import NotFound
from inbox.findable import Findable
from inbox.model import Envelope, Mail, Raw
from inbox.queries import QueryError, read_query

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MAILS = [
    # source, size in octets, days ago, rule, label, what it is found by
    ("smtp", 10, 9, "refunds", "urgent", Findable("Refund please", "jane@example.com Jane Doe", "support@shop.test", "order 12, café")),
    (
        "smtp",
        500,
        7,
        "refunds",
        None,
        Findable("Re: refund", "bob@example.com", "support@shop.test jane@example.com", "no words", "bill.pdf"),
    ),
    (
        "ses",
        2000,
        5,
        "rest",
        "urgent",
        Findable("Hello", "jane@other.test", "sales@shop.test", "hello world", "photo one.jpg\nattachment.txt"),
    ),
    ("smtp", 9000, 3, "rest", None, Findable("a AND b", "x@x.test", "y@y.test", "col:x raw:x -x ^a attachment")),
    ("file", 90000, 1, "no such", "done", Findable(None, "", "", None, "")),
]


@pytest.fixture
def found(store, new_plan):
    """`found(query)`: the numbers of the mails above that it finds, in the order in which they are found."""
    ids = []
    for source, size, days, rule, label, words in MAILS:
        mail = Mail.of(bytes([32 + size % 90]) * size, Envelope("a@x.test", ("b@y.test",), source=source))
        mail = replace(mail, content=Raw.of(mail.raw), received_at=NOW - timedelta(days=days))
        plan = new_plan(rules=(rule,), labels=(label,) if label else ())
        store.keep_all([(mail, plan)])
        store.index(mail, words)
        ids.append(mail.id)
    return lambda query, **more: [ids.index(row.id) for row in store.find(read_query(query, NOW), **more)]


SEARCHES = [
    ("", [4, 3, 2, 1, 0]),
    ("refund", [1, 0]),
    ("REFUND please", [0]),
    ("cafe", [0]),
    ("from:jane", [2, 0]),
    ("to:jane@example.com", [1]),
    ("from:jane@example.com", [0]),
    ('from:"jane doe"', [0]),
    ("from:example.com", [1, 0]),
    ("subject:hello", [2]),
    ("subject:world", []),
    ('"hello world"', [2]),
    ('"world hello"', []),
    ("hello wor", []),
    ("a AND b", [3]),
    ("refund OR hello", [2, 1, 0]),
    ("(refund OR hello) -from:bob", [2, 0]),
    ('"col:x"', [3]),
    ('"raw:x" ^a', [3]),
    ("*", [4, 3, 2, 1, 0]),
    ("has:attachment", [4, 2, 1]),
    ("-has:attachment", [3, 0]),
    ("file:photo", [2]),
    ("file:bill.pdf", [1]),
    ("rule:refunds", [1, 0]),
    ("rule:refunds label:urgent", [0]),
    ("label:urgent", [2, 0]),
    ("label:urgent OR label:done", [4, 2, 0]),
    ("-label:urgent", [4, 3, 1]),
    ("source:ses", [2]),
    ("larger:1k", [4, 3, 2]),
    ("smaller:1k refund", [1, 0]),
    ("before:2026-11-18", [1, 0]),
    ("after:2026-11-18", [4, 3, 2]),
    ("newer:4d", [4, 3]),
    ("older:4d larger:100 from:bob", [1]),
    ("state:waiting", [4, 3, 2, 1, 0]),
    ("state:dead", []),
    ("-refund -hello", [4, 3]),
    ("-(refund OR hello) has:attachment", [4]),
]


@pytest.mark.parametrize(("query", "expected"), SEARCHES, ids=[row[0] for row in SEARCHES])
def test_what_is_asked_for_is_found_newest_first(found, query, expected):
    assert found(query) == expected


def test_one_mail_is_found_by_its_id(store, found):
    (newest,) = store.find(read_query(""), limit=1)
    assert [row.id for row in store.find(read_query(f"id:{newest.id}"))] == [newest.id]


@pytest.mark.parametrize("query", ["", "label:urgent OR refund", "-state:dead", "has:attachment", "rule:refunds"])
def test_pages_hold_together_what_one_page_holds(store, found, query):
    asked, pages, before = read_query(query), [], None
    while rows := store.find(asked, limit=2, before=before):
        pages += rows
        before = rows[-1].id
    assert [row.id for row in pages] == [row.id for row in store.find(asked)]
    with pytest.raises(NotFound):
        store.find(asked, before="nothing")


def test_words_are_shown_where_they_stand(store, found):
    (row,) = store.find(read_query("world"))
    assert "hello world" in row.snippet


def test_no_query_of_the_public_cases_raises(store, found, shared):
    for query in json.loads((shared / "cases" / "json" / "fts_queries.json").read_text()):
        try:
            assert isinstance(found(query), list)
        except QueryError as error:
            assert str(error)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.one_of(st.sampled_from('":()-*^ORANDNEAR fromhas'), st.characters()), max_size=40))
def test_no_odd_query_raises(found, query):
    try:
        found(query)
    except QueryError as error:
        assert str(error)


@pytest.mark.parametrize("query", ["\udcff", "a\0b", "x" * 100_000, "a " * 60, "ﬁ", "日本", "'", "\\"])
def test_queries_of_odd_letters_are_answered(found, query):
    assert isinstance(found(query), list)


def test_a_mail_that_is_indexed_again_is_found_by_its_new_words_only(store, found):
    oldest = store.find(read_query("please"))[0]
    store.index(store.mail(oldest.id), Findable("Other", "", "", "words"))
    assert found("refund") == [1]
    assert found("other words") == [0]
    assert store.subject(oldest.id) == "Other"


def test_what_was_indexed_before_senders_and_recipients_were_apart_is_found_by_both(tmp_path):
    import sqlite3

    from inbox.store import open_store
    from inbox.store.schema import MIGRATIONS

    folder = tmp_path / "kept"
    store = open_store(folder)
    mail = Mail.of(b"x", Envelope("a@x.test", ("b@y.test",)))
    store.keep_all([(mail, None)])
    store.close()
    with sqlite3.connect(folder / "inbox.db") as db:
        db.execute("drop table inbox_search")
        db.execute("create virtual table inbox_search using fts5(subject, addresses, text, tokenize='unicode61 remove_diacritics 2')")
        db.execute("insert into inbox_search(rowid, subject, addresses, text) values (1, 'old', 'jane@example.com', 'words')")
        db.execute("delete from _sqlite_migrations where name like '%_search'")
    db.close()
    assert any(name.endswith("_search") for name in (migration.name for migration in MIGRATIONS._migrations))
    store = open_store(folder)
    assert [row.id for row in store.find(read_query("from:jane to:jane old words -has:attachment"))] == [mail.id]
    store.close()
