"""HTML that may be shown: what goes, what stays, and that no depth makes it hang."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.parsing import parse
from inbox.parsing.sanitise import clean_html

PARTS = st.sampled_from(
    ["<script>", "</script>", "<img src=", "https://t.example/x", "onerror=a()", ">", "<svg/onload=a()>", "<style>", "<a href=javascript:a()>", "<!--", "-->",
     "<p style='background:url(https://t.example)'>", '"', "'", "<math><mtext>", "<b>", "</b>", "x", "\0", "<iframe src=x>", "<form action=x>", "<input>"]
)  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("<p>Hello <b>you</b></p>", "<p>Hello <b>you</b></p>"),
        ("<script>x()</script>Hi", "Hi"),
        ("<style>p{}</style>Hi", "Hi"),
        ("<p onclick='x()'>Hi</p>", "<p>Hi</p>"),
        ("<a href='javascript:x()'>Hi</a>", '<a rel="noopener noreferrer nofollow">Hi</a>'),
        ("<a href='data:text/html,x'>Hi</a>", '<a rel="noopener noreferrer nofollow">Hi</a>'),
        ("<a href='/orders/17/cancel'>Hi</a>", '<a rel="noopener noreferrer nofollow">Hi</a>'),
        ("<a href='https:orders'>Hi</a>", '<a rel="noopener noreferrer nofollow">Hi</a>'),
        ("<a href='https://t.example/'>Hi</a>", '<a href="https://t.example/" rel="noopener noreferrer nofollow">Hi</a>'),
        ("<img src='https://t.example/1.gif'>", "<img>"),
        ("<img src='//t.example/1.gif'>", "<img>"),
        ("<img src='cid:logo@x'>", '<img src="cid:logo@x">'),
        ("<img src='data:image/png;base64,AA=='>", '<img src="data:image/png;base64,AA==">'),
        ("<img src='data:image/svg+xml;base64,AA=='>", "<img>"),
        ("<td background='https://t.example/1.gif'>x</td>", "x"),
        ("<p style='color:red;background:url(https://t.example)'>x</p>", '<p style="color:red">x</p>'),
        ("<p style='background-color:u\\72l(https://t.example)'>x</p>", "<p>x</p>"),
        ("<form action=x><input name=y>Hi</form>", "Hi"),
        ("<iframe src=x></iframe><object data=x></object><meta http-equiv=refresh content=0>Hi", "Hi"),
    ],
)
def test_what_may_be_shown(sent, shown):
    assert clean_html(sent) == shown


def test_pictures_of_the_web_come_when_they_are_asked_for():
    assert clean_html("<img src='https://t.example/1.gif'>", images=True) == '<img src="https://t.example/1.gif">'


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(PARTS, max_size=20).map("".join))
def test_nothing_is_run_and_nothing_is_fetched(html):
    shown = clean_html(html)
    assert not re.search(
        r"<[^>]*(?:\son\w+\s*=|javascript:|url\(|src=\"(?!cid:|data:image/))|<(?:script|style|svg|iframe|form|input|math)\b",
        shown,
        re.IGNORECASE,
    )


@pytest.mark.parametrize(
    "piece", ["<div>", "<b>", "<font color=red>", "<a href=x>", "<table><tr><td>", "<ul><li>", "<p>", "<", "<!--", "<span style='x:y'>"]
)
def test_no_depth_takes_long(piece):
    assert isinstance(clean_html(piece * 20_000), str)


def test_what_lies_too_deep_is_shown_as_text():
    assert clean_html("<div>" * 5000 + "Hello & <b>you</b>") == "<pre>Hello &amp; you</pre>"


def test_a_mail_without_html_has_none_to_show():
    assert parse(b"\r\nHello").clean_html() is None


def test_the_html_of_a_mail_is_shown_clean():
    assert parse(b"Content-Type: text/html\r\n\r\n<p onload=x>Hello</p>").clean_html() == "<p>Hello</p>"
