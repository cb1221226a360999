"""Logs: one JSON line an event, no control octets, no addresses unless they are wanted."""

from __future__ import annotations

import json
import logging
import re

import pytest

from inbox.logs import JsonLines, setup


@pytest.fixture
def line():
    def format_(message="event", *, addresses=False, exc_info=None, **extra):
        record = logging.makeLogRecord(
            {"name": "inbox.t", "levelno": 20, "levelname": "INFO", "msg": message, "exc_info": exc_info, **extra}
        )
        return JsonLines(addresses=addresses).format(record)

    return format_


def test_an_event_is_one_json_object_with_its_fields(line):
    entry = json.loads(line("refused", reason="size", size=5, listen=["a", 1], absent=None))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("at"))
    assert entry == {"level": "info", "logger": "inbox.t", "event": "refused", "reason": "size", "size": 5, "listen": ["a", 1]}


def test_nothing_in_a_mail_can_end_a_line_or_move_a_cursor(line):
    text = line("Subject: a\r\nlevel=error \x1b[2J\x07\x7f\x85\u2028\u202e", other="x\0y")
    assert text.isascii()
    assert text.isprintable()


ADDRESSES = [
    "ann@corp.test",
    "<ann@corp.test>",
    "from ann@corp.test to bob",
    "ann+tag.x@sub.corp.test: 550",
    "é@corp.test",
    '"ann smith"@corp.test'.replace(" ", "_"),
    "ann@[192.0.2.1]",
    "ANN@CORP.TEST",
]


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_is_hidden_wherever_it_stands(line, text):
    for shown in (line(text), line(sender=text), line(sender=[{text: text}])):
        assert "corp" not in shown.lower()
        assert "192.0.2.1" not in shown
        assert re.search(r"addr:[0-9a-f]{6}", shown)


def test_one_address_has_one_hash_and_another_has_another(line):
    found = re.findall(r"addr:\w+", line("a@x.test A@X.TEST b@x.test"))
    assert found[0] == found[1] != found[2]


def test_addresses_are_shown_where_the_operator_wants_them(line):
    assert "ann@corp.test" in line("from ann@corp.test", addresses=True)


def test_an_exception_is_one_field(line):
    try:
        raise ValueError("bad\r\nann@corp.test")
    except ValueError as error:
        text = line("failed", exc_info=(type(error), error, error.__traceback__))
    assert "\n" not in text
    assert "Traceback" in json.loads(text)["exception"]
    assert "ann@" not in text


def test_a_field_has_an_end(line):
    assert len(line("x" * 1_000_000)) < 20_000


def test_set_up_logging_goes_to_standard_error_as_json(capfd):
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        setup("info", addresses=False)
        logging.getLogger("inbox.somewhere").info("mail of %s", "ann@corp.test", extra={"mail": "0abc"})
        logging.getLogger("inbox.somewhere").debug("not shown")
        logging.getLogger("mail.log").info("not shown either")
    finally:
        for handler in root.handlers[:]:
            root.removeHandler(handler)
        for handler in before:
            root.addHandler(handler)
        root.setLevel(level)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["mail"] == "0abc"
