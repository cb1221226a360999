"""ARC: the public suite of 171 chains, and chains that dkimpy seals."""

from __future__ import annotations

import base64
import json
import re

import pytest

from conftest import SHARED
from inbox.auth import arc

SUITE = SHARED / "suites" / "arc.validate.jsonl"


def cases():
    if not SUITE.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="no arc.validate.jsonl here (INBOX_SHARED)"))]
    return [pytest.param(case, id=case["id"]) for case in map(json.loads, SUITE.read_text().splitlines())]


@pytest.mark.parametrize("case", cases())
def test_the_public_suite(case, zone):
    raw = re.sub(rb"\r\n|\r|\n", b"\r\n", base64.b64decode(case["input_b64"]))
    dns = zone(*((name, "TXT", text.replace("\n", "")) for name, text in case["txt"].items()))
    found = arc(raw, dns)
    assert found.result == (case["expected"] or "none"), found.reason
    if found.result == "pass":
        assert found.sealers
        assert found.authentication


def test_no_answer_of_dns_is_temperror(zone):
    if not SUITE.exists():
        pytest.skip("no arc.validate.jsonl here (INBOX_SHARED)")
    case = next(case for case in map(json.loads, SUITE.read_text().splitlines()) if case["expected"] == "pass")
    raw = re.sub(rb"\r\n|\r|\n", b"\r\n", base64.b64decode(case["input_b64"]))
    assert arc(raw, zone(*((name, "*", "TIMEOUT") for name in case["txt"]))).result == "temperror"
