"""The language of searches: what each way of writing asks for, and what is a mistake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.queries import All, Any, Is, Not, QueryError, Since, Size, Text, read_query

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

ASKED = [
    ("", ()),
    ("   ", ()),
    ("order 4711", (Text("order"), Text("4711"))),
    ('"order 4711"', (Text("order 4711"),)),
    (r'"say \"hi\""', (Text('say "hi"'),)),
    ("from:jane@example.com", (Text("jane@example.com", "from"),)),
    ('FROM:"Jane Doe" to:support', (Text("Jane Doe", "from"), Text("support", "to"))),
    ("subject:refund file:invoice.pdf", (Text("refund", "subject"), Text("invoice.pdf", "file"))),
    ("has:attachment is:dead state:Settled", (Is("has", "attachment"), Is("state", "dead"), Is("state", "settled"))),
    ('rule:"no programs" label:done source:SMTP', (Is("rule", "no programs"), Is("label", "done"), Is("source", "smtp"))),
    ("-label:done -refund", (Not(Is("label", "done")), Not(Text("refund")))),
    ("a OR b", (Any((Text("a"), Text("b"))),)),
    ("a OR b OR c d", (Any((Text("a"), Text("b"), Text("c"))), Text("d"))),
    ("(a b) OR -c", (Any((All((Text("a"), Text("b"))), Not(Text("c")))),)),
    ('"OR" or', (Text("OR"), Text("or"))),
    ("larger:10M smaller:1.5k larger:2GB larger:7", (Size(10 << 20, True), Size(1536, False), Size(2 << 30, True), Size(7, True))),
    ("before:2026-11-24", (Since(datetime(2026, 11, 24, tzinfo=UTC), False),)),
    ("after:2026/1/2T15:30", (Since(datetime(2026, 1, 2, 15, 30, tzinfo=UTC), True),)),
    ("newer:7d older:12h", (Since(NOW - timedelta(days=7), True), Since(NOW - timedelta(hours=12), False))),
    ("Re: hello", (Text("Re:"), Text("hello"))),
    ("http://example.com/a?b", (Text("http://example.com/a?b"),)),
    ("12:30 a:b", (Text("12:30"), Text("a:b"))),
    ("f(x) call(1)", (Text("f"), All((Text("x"),)), Text("call"), All((Text("1"),)))),
    ("a - b", (Text("a"), Text("-"), Text("b"))),
    ("-(a OR b)", (Not(All((Any((Text("a"), Text("b"))),))),)),
]


@pytest.mark.parametrize(("text", "terms"), ASKED, ids=[row[0] for row in ASKED])
def test_what_is_asked(text, terms):
    assert read_query(text, NOW).terms == terms


WRONG = [
    ("form:jane", "perhaps from: is meant"),
    ("lable:x", "perhaps label: is meant"),
    ("from:", "from: needs a value"),
    ('from:"  "', "from: needs a value"),
    ("state:lost", "kept, waiting, settled"),
    ("has:legs", "write one of attachment"),
    ("larger:huge", "is no size; write octets"),
    ("before:yesterday", "is no time; write 2026-11-24"),
    ("before:2026-13-40", "is no time"),
    ('"open', "quotation mark is not closed"),
    ("(a", "bracket is not closed"),
    ("a)", "closed that was not opened"),
    ("OR a", "OR stands between two terms"),
    ("a OR", "OR stands between two terms"),
    ("a OR OR b", "OR stands between two terms"),
    ("(" * 12 + "a" + ")" * 12, "nest 10 deep"),
    ("a " * 65, "64 terms at most"),
]


@pytest.mark.parametrize(("text", "remedy"), WRONG, ids=[row[0][:20] for row in WRONG])
def test_what_is_a_mistake_and_how_to_mend_it(text, remedy):
    with pytest.raises(QueryError, match=remedy):
        read_query(text, NOW)


@given(st.text(max_size=120))
def test_whatever_is_typed_is_a_search_or_a_mistake(text):
    try:
        read_query(text, NOW)
    except QueryError as error:
        assert str(error)
