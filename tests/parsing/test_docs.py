"""docs/message.md says what is true: its examples are those of the goldens, its tables name every key, code and limit."""

from __future__ import annotations

import json
import re

import pytest

from conftest import FIXTURES, ROOT
from inbox.parsing import parse
from inbox.parsing.defects import CODES
from inbox.parsing.limits import DEFAULT

PAGE = (ROOT / "docs" / "message.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"<!-- ([\w-]+): (\w+) -->\n```json\n(.*?)\n```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("name", "key", "written"), EXAMPLES, ids=[f"{name}: {key}" for name, key, _ in EXAMPLES])
def test_an_example_is_what_the_parser_says(name, key, written):
    assert json.loads(written) == parse((FIXTURES / "mail" / f"{name}.eml").read_bytes()).to_dict()[key]


def test_every_field_has_an_example():
    assert {key for _, key, _ in EXAMPLES} == set(parse(b"").to_dict())


def test_every_code_and_every_limit_is_explained():
    rows = dict(re.findall(r"^\| `([\w-]+)` \| ([^|]+?) \|", PAGE, re.MULTILINE))
    assert {code: rows.get(code) for code in CODES} == CODES
    assert {name: rows.get(name) for name in DEFAULT.__slots__} == {name: str(getattr(DEFAULT, name)) for name in DEFAULT.__slots__}
