"""Every mail of fixtures/mail against its golden JSON. `python -m pytest tests/parsing --renew` writes them anew."""

from __future__ import annotations

import json

import pytest

from conftest import FIXTURES
from inbox.parsing import parse

MAILS = sorted((FIXTURES / "mail").glob("*.eml"))
KEYS = [
    "size",
    "sha256",
    "headers",
    "from",
    "sender",
    "reply_to",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "message_id",
    "in_reply_to",
    "references",
    "thread",
    "text",
    "html",
    "reply",
    "attachments",
    "calendar",
    "amp",
    "security",
    "list",
    "automatic",
    "may_reply",
    "bounce",
    "complaint",
    "defects",
]


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_a_mail_reads_as_its_golden_says(path, renew):
    found = parse(path.read_bytes()).to_dict()
    golden = path.with_suffix(".json")
    if renew:
        golden.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    assert found == json.loads(golden.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_every_key_of_the_contract_is_there_in_its_order(path):
    assert list(parse(path.read_bytes()).to_dict()) == KEYS


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_every_line_of_a_fixture_ends_with_crlf(path):
    raw = path.read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")


def test_every_golden_has_its_mail_and_every_mail_its_golden():
    assert {path.stem for path in MAILS} == {path.stem for path in (FIXTURES / "mail").glob("*.json")}
    assert len(MAILS) >= 25
