"""Hostile values cannot become a header field or a body of a reply: a few of those that `make injection` tries."""

from __future__ import annotations

import logging

import pytest

from handlers.injection import problems, run


@pytest.mark.parametrize("seed", [2, 3])
def test_hostile_values_become_nothing_but_values(seed, caplog):
    caplog.set_level(logging.CRITICAL)
    answered, _, found = run(300, seed)
    assert found == [] and answered > 200


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Subject: ", b"Bcc: x@y.test\r\nSubject: "),
        (b"\r\nMIME-Version", b"\r\n\r\nMIME-Version"),
        (b"Subject: ", b"Subject: a\nb"),
        (b"END", b""),
        (b"<p>BEGIN ", b"<p>BEGIN <b>"),
    ],
)
def test_the_check_sees_what_was_injected(before, after):
    raw = (
        b"Date: x\r\nFrom: bob@example.com\r\nTo: a@b.test\r\nSubject: x\r\nMessage-ID: <m@b>\r\nAuto-Submitted: auto-replied\r\n"
        b"X-Auto-Response-Suppress: All\r\nX-Inbox-Loop: bob@example.com\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/alternative; boundary="=_1"\r\n\r\n--=_1\r\nContent-Type: text/plain\r\n\r\nBEGIN x\r\nEND\r\n'
        b"--=_1\r\nContent-Type: text/html\r\n\r\n<p>BEGIN x</p>\r\n--=_1--\r\n"
    )
    assert list(problems(raw)) == []
    assert list(problems(raw.replace(before, after, 1))) != []
