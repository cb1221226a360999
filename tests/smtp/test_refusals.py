"""Reasons: what the code says, what the table explains and what the page lists are the same."""

from __future__ import annotations

import ast
import re

from conftest import ROOT
from inbox.refusals import REASONS

NOT_REFUSED = {"gone"}  # the client went


def reasons_in_the_code():
    """Every word under which something is refused: the last argument of Refused, HangUp, refuse and the like."""
    found = set()
    for path in [*(ROOT / "src/inbox/sources/smtp").glob("*.py"), ROOT / "src/inbox/reception.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("Refused", "HangUp", "refuse", "interrupt", "_note_refusal", "_refuse") and len(node.args) > 1:
                found |= {part.value for part in ast.walk(node.args[1]) if isinstance(part, ast.Constant) and isinstance(part.value, str)}
            found |= {word.value.value for word in node.keywords if word.arg == "reason" and isinstance(word.value, ast.Constant)}
    return found - NOT_REFUSED


def test_every_reason_in_the_code_is_explained():
    assert reasons_in_the_code() - set(REASONS) == set()


def test_every_reason_that_is_explained_is_in_the_code():
    assert set(REASONS) - reasons_in_the_code() - {"session"} == set()


def test_the_page_lists_every_reason_with_its_meaning():
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = re.search(r"(?s)<!-- reasons -->\n(.*?)<!-- end -->", page)[1].splitlines()[2:]
    assert rows == [f"| `{reason}` | {meaning} |" for reason, meaning in REASONS.items()]
