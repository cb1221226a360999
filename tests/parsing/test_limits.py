"""Limits: each is a default, a setting and an argument; what lies beyond one is told by a defect and never raises."""

from __future__ import annotations

from dataclasses import asdict, fields, replace

import pytest

from inbox import Inbox
from inbox.config import load
from inbox.model import Envelope, Mail
from inbox.parsing import parse
from inbox.parsing.limits import DEFAULT, Limits
from inbox.tables import Parsing

NESTED = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(200))
PARTS = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 2000 + b"--b--\r\n"
BEYOND = [
    ("depth", "nesting", NESTED),
    ("parts", "parts-capped", PARTS),
    ("headers", "headers-capped", b"A: b\r\n" * 3000 + b"\r\n"),
    ("header_block", "header-block-cut", (b"A: " + b"b" * 9000 + b"\r\n") * 200 + b"\r\n"),
    ("header", "header-cut", b"A: " + b"b" * 70_000 + b"\r\n\r\n"),
    ("text", "text-cut", b"\r\n" + b"x" * 3_000_000),
    ("addresses", "addresses-capped", b"To: " + b", ".join(b"u%d@x.test" % n for n in range(1100)) + b"\r\n\r\n"),
]


@pytest.mark.parametrize(("limit", "code", "raw"), BEYOND, ids=[case[0] for case in BEYOND])
def test_what_lies_beyond_a_limit_is_told(limit, code, raw):
    assert code in {defect.code for defect in parse(raw).defects}
    wide = replace(DEFAULT, **{limit: getattr(DEFAULT, limit) * 4})
    assert code not in {defect.code for defect in parse(raw, wide).defects}


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_the_smallest_limits_raise_nothing(name):
    for _, _, raw in BEYOND:
        parse(raw[:20_000], replace(DEFAULT, **{name: 1})).to_dict()
        parse(raw[:20_000], replace(DEFAULT, **{name: 0})).to_dict()


def test_the_settings_have_the_same_limits_and_defaults():
    assert Parsing().limits() == DEFAULT
    assert list(Parsing.model_fields) == list(asdict(DEFAULT))


def test_limits_are_set_in_the_settings_and_hold_for_rules(tmp_path):
    file = tmp_path / "inbox.toml"
    file.write_text("[parsing]\ntext = 10\n")
    rules = tmp_path / "rules.yaml"
    rules.write_text("version: 1\ndomains: [e.f]\nrules: []\ndefault: [store]\n")
    settings = load(file, environment={"INBOX_PARSING__DEPTH": "3"})
    box = Inbox(rules, settings=settings)
    message = box.message(Mail.of(b"\r\n0123456789abc", Envelope("a@b.c", ("d@e.f",))))
    assert (settings.parsing.depth, message.text) == (3, "0123456789")
