"""Suppression lists as files: ours, those of providers, and bad ones, each mistake with its line."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from inbox.errors import Problem
from inbox.suppression import Suppression
from inbox.suppression_files import read, read_ses, write

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
THEN = datetime(2018, 5, 15, 18, 53, 1, tzinfo=UTC)


def lines(text: str):
    return list(read(text.splitlines(keepends=True), "list.csv", NOW))


@pytest.mark.parametrize(
    ("text", "reason", "source", "since"),
    [
        ("address,identity,reason,source,since,until\nJoe@x.test,,bounced,m1,2018-05-15T18:53:01Z,\n", "bounced", "m1", THEN),
        ("address\njoe@x.test\n", "imported", "import", NOW),
        ("\ufeffEmail address;\njoe@x.test\n".replace(";", ""), "imported", "import", NOW),
        ("status,reason,email,created\n5.1.1,550 gone,joe@x.test,1526410381\n", "550 gone", "import", THEN),  # SendGrid
        (
            'address,code,error,created_at\njoe@x.test,550,"no, gone","Tue, 15 May 2018 18:53:01 GMT"\n',
            "no, gone",
            "import",
            THEN,
        ),  # Mailgun
        ('"Email address",Reason,"Last update time"\njoe@x.test,BOUNCE,2018-05-15T18:53:01+00:00\n', "BOUNCE", "import", THEN),  # SES
        ("joe@x.test,COMPLAINT\n", "COMPLAINT", "import", NOW),  # what SES imports
        ("email,reason\n\n\njoe@x.test,\n", "imported", "import", NOW),
    ],
)
def test_lists_of_many_makes_are_read(text, reason, source, since):
    assert lines(text) == [Suppression("joe@x.test", reason, source, since)]


def test_identity_and_end_are_read():
    (found,) = lines("address,identity,until\njoe@x.test,News.Example.com,2027-01-01T00:00:00Z\n")
    assert (found.identity, found.until) == ("news.example.com", datetime(2027, 1, 1, tzinfo=UTC))


def test_what_the_api_of_ses_answers_is_read():
    listed = {
        "SuppressedDestinationSummaries": [
            {"EmailAddress": "joe@x.test", "Reason": "BOUNCE", "LastUpdateTime": "2018-05-15T18:53:01+00:00"}
        ]
    }
    assert list(read_ses(listed, "list.json", NOW)) == [Suppression("joe@x.test", "BOUNCE", "Amazon SES", THEN)]


def test_bad_lines_are_named_and_the_others_read():
    found = lines("email,created\njoe@x.test,2026-01-01\nnobody\n@x.test,\nann@y.test,tomorrow\nbob@z.test,\n")
    assert [str(one) for one in found if isinstance(one, Problem)] == [
        "list.csv:3:1: 'nobody' is no address",
        "list.csv:4:1: '@x.test' is no address",
        "list.csv:5:1: 'tomorrow' is no time; write 2026-01-31T12:00:00.000Z",
    ]
    assert [one.address for one in found if isinstance(one, Suppression)] == ["joe@x.test", "bob@z.test"]


@pytest.mark.parametrize("text", ["name,phone\nJoe,1\n", 'email\n"joe@x.test\x00', "a" * 200_000])
def test_what_is_no_list_is_said_to_be_none(text):
    assert all(isinstance(one, Problem) for one in lines(text))
    assert lines(text)


@pytest.mark.parametrize(
    "listed", [{}, [], {"SuppressedDestinationSummaries": {}}, {"SuppressedDestinationSummaries": [1, {"EmailAddress": "x"}]}]
)
def test_json_that_is_no_list_is_said_to_be_none(listed):
    assert all(isinstance(one, Problem) for one in read_ses(listed, "list.json", NOW))


def test_what_is_written_is_read_back():
    entries = [
        Suppression("a@x.test", 'bounced, for "good"\nreally', "bounce m1", THEN),
        Suppression("b@x.test", "full", "bounce m2", THEN, NOW, "example.com"),
    ]
    text = io.StringIO()
    assert write(entries, text) == 2
    assert list(read(io.StringIO(text.getvalue()), "x", NOW)) == entries


def test_no_spreadsheet_takes_words_of_a_stranger_for_a_formula():
    text = io.StringIO()
    write([Suppression("a@x.test", "=cmd|' /C calc'!A0", "s", THEN)], text)
    assert ",'=cmd" in text.getvalue()
