"""A mail that we write is read by others as it was meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest

from inbox.send.compose import Draft, compose, crlf, on_top

DRAFT = Draft(
    from_=("Support Bücher", "support@example.com"),
    to=(("", "alice@example.org"),),
    subject="Re: Grüße",
    text="Hello\n",
    message_id="<m.1@example.com>",
    date=datetime(2026, 11, 24, 6, 9, tzinfo=UTC),
)


def test_the_same_draft_gives_the_same_octets():
    assert compose(DRAFT) == compose(replace(DRAFT))


@pytest.mark.parametrize(
    "text",
    [
        "Hello\n",
        "Grüße\n",
        "x" * 5000 + "\n",
        ".\n..\n",
        "a\r\nb\rc\nd",
        "",
        "From me\n",
        "nul\0\n",
        "tab\t \n",
        "= equals =3D\n",
        "ü" * 3000 + " end \n",
    ],
)
def test_any_text_arrives_as_it_was_meant(text):
    raw = compose(replace(DRAFT, text=text))
    lines = raw.split(b"\r\n")
    assert all(len(line) <= 998 for line in lines) and b"\n" not in raw.replace(b"\r\n", b"")
    read = message_from_bytes(raw, policy=default).get_content()
    assert read.splitlines() == (text.replace("\r\n", "\n").replace("\r", "\n") or "\n").splitlines()


def test_html_stands_beside_the_text():
    message = message_from_bytes(compose(replace(DRAFT, html="<p>Grüße</p>\n")), policy=default)
    assert message.get_content_type() == "multipart/alternative"
    assert message.get_body(("plain",)).get_content().splitlines() == ["Hello"]
    assert message.get_body(("html",)).get_content().splitlines() == ["<p>Grüße</p>"]
    assert message["From"] == "Support Bücher <support@example.com>"


@pytest.mark.parametrize(
    ("raw", "mended"),
    [
        (b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\rb\r", b"a\r\nb\r\n"),
        (b"a\n.\nb", b"a\r\n.\r\nb"),
        (b"a\r\r\nb", b"a\r\n\r\nb"),
        (b"a\r\n\rb\n", b"a\r\n\r\nb\r\n"),
        (b"\0\xff", b"\0\xff"),
    ],
)
def test_only_crlf_leaves(raw, mended):
    assert crlf(raw) == mended


def test_fields_on_top_leave_the_rest_octet_for_octet():
    raw = b"Subject:  x \r\n\ty\r\n\r\nbody  \r\n"
    assert on_top(raw, [b"X-A: 1\r\n"]) == b"X-A: 1\r\n" + raw
