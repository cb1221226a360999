"""Scanners that are away, hang, close, talk nonsense, or take their time: for each of them, and for each `on_error`."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from false_scanners import (
    FalseServer,
    closes_after_the_mail,
    closes_at_once,
    hangs,
    in_crumbs,
    late,
    resets,
    says,
    says_early,
    says_for_ever,
)
from inbox.config import validate
from inbox.errors import ConfigError, Deferred
from inbox.plugins import Plugins
from inbox.rules.loading import check
from inbox.testing import make_mail

REPORT = json.dumps({"is_skipped": False, "score": 7.25, "action": "add header", "symbols": {"A": {}, "B": {}}}).encode()
ANSWERS = {
    "clamav": b"stream: Test.Virus FOUND\0",
    "spamassassin": b"SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\nSpam: True ; 7.2 / 5.0\r\n\r\nA,B",
    "rspamd": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n%s" % (len(REPORT), REPORT),
}
FACTS = {
    "clamav": ("virus",),
    "spamassassin": ("spamassassin", "spamassassin.score", "spamassassin.tests", "spam"),
    "rspamd": ("rspamd", "rspamd.score", "rspamd.symbols", "spam"),
}
FOUND = {
    "clamav": ["Test.Virus"],
    "spamassassin": [True, 7.2, ("A", "B"), True],
    "rspamd": ["add header", 7.25, ("A", "B"), True],
}
CLOSED = {"clamav": ["error"], "spamassassin": [True, 1000.0, ("error",), True], "rspamd": ["error", 1000.0, ("error",), True]}
SCANNERS = tuple(ANSWERS)
ON_ERROR = ("open", "closed", "defer")

GARBAGE = {
    "clamav": [
        b"UNKNOWN COMMAND\0",
        b"stream: FOUND\0",
        b"stream: Can't allocate memory ERROR\0",
        b"stream: OK",
        b"\0",
        b"\xff\xfe\0",
        b"stream: OK\r\nstream: x FOUND\0",
    ],
    "spamassassin": [
        b"SPAMD/1.0 76 Bad header line: x\r\n",
        b"SPAMD/1.1 0 EX_OK\r\n\r\n",
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: 30\r\nSpam: True ; 7.2 / 5.0\r\n\r\nA,B",
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\nSpam: Perhaps ; 7.2 / 5.0\r\n\r\nA,B",
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\nSpam: True",
        b"\0\xff" * 300,
    ],
    "rspamd": [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + REPORT,
        b"HTTP/1.1 403 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        b'HTTP/1.1 500 Internal\r\nContent-Length: 18\r\n\r\n{"error": "sorry"}\n',
        b"HTTP/1.1 200 OK\r\nContent-Length: 49\r\n\r\n" + b'{"score": 1, "action": "explode", "symbols": {}}\n',
        b'HTTP/1.1 200 OK\r\n\r\n{"score": NaN, "action": "no action", "symbols": {}}\n',
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000,
        b'HTTP/1.1 200 OK\r\n\r\n{"action": "no action", "symbols": {}, "score": 1' + b"0" * 400 + b"}",
        b"220 mail.example.org ESMTP\r\n",
    ],
}
GARBLED = [(scanner, answer) for scanner, answers in GARBAGE.items() for answer in answers]


@pytest.fixture
def serve(folder, tmp_path_factory, request):
    """`serve(behave)`: a false server on a local socket."""
    running = []

    def started(behave):
        running.append(FalseServer(folder / f"false-{time.monotonic_ns()}", behave))
        return running[-1]

    yield started
    for server in running:
        server.close()


def outcome(scan, scanner, server, on_error, mail=None, **more):
    """Values, whether all notes say something, and whether judging is deferred."""
    settings = {scanner: {"server": server, "on_error": on_error, "timeout": 5, **more}}
    found = scan(settings, *FACTS[scanner], "sender", mail=mail)[:-1]
    return [value for value, _, _ in found], [note for _, note, _ in found], [later for _, _, later in found]


def expect_fault(found, scanner, on_error, words=""):
    values, notes, later = found
    assert values == (CLOSED[scanner] if on_error == "closed" else [None] * len(values))
    assert all(notes[:-1]) or notes[0]
    assert words in notes[0]
    assert isinstance(later[0], Deferred) == (on_error == "defer")


@pytest.mark.parametrize("scanner", SCANNERS)
def test_what_the_false_servers_say_is_right_when_nothing_is_wrong(scan, serve, scanner):
    server = serve(says(ANSWERS[scanner]))
    values, notes, later = outcome(scan, scanner, server.server, "defer")
    assert (values, set(notes), set(later)) == (FOUND[scanner], {None}, {None})
    assert server.asked == 1, "all facts of a mail are one question"


@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize("scanner", SCANNERS)
@pytest.mark.parametrize("server", ["unix:/nowhere/at/all", "127.0.0.1:9"])
def test_a_scanner_that_is_away(scan, scanner, on_error, server):
    expect_fault(outcome(scan, scanner, server, on_error), scanner, on_error, server)


@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize("scanner", SCANNERS)
@pytest.mark.parametrize(
    "behave", [hangs, closes_at_once, closes_after_the_mail, resets, says_for_ever], ids=lambda behave: behave.__name__
)
def test_a_scanner_that_gives_no_answer(scan, serve, scanner, on_error, behave):
    server = serve(behave)
    expect_fault(outcome(scan, scanner, server.server, on_error, timeout=0.3 if behave is hangs else 5), scanner, on_error)
    assert server.asked == 1, "a fault is remembered while the mail is judged"


@pytest.mark.parametrize(("scanner", "answer"), GARBLED)
def test_an_answer_that_means_nothing(scan, serve, scanner, answer):
    for on_error in ON_ERROR:
        expect_fault(outcome(scan, scanner, serve(says(answer)).server, on_error), scanner, on_error)


@pytest.mark.parametrize("scanner", SCANNERS)
def test_every_answer_that_is_cut_off_is_a_fault_and_never_a_clean_mail(scan, serve, scanner):
    whole = ANSWERS[scanner]
    for length in range(0, len(whole), 7):
        expect_fault(outcome(scan, scanner, serve(says(whole[:length])).server, "closed"), scanner, "closed")


@pytest.mark.parametrize("on_error", ON_ERROR)
def test_a_mail_of_which_clamd_has_not_read_all_is_not_clean(scan, serve, on_error):
    text = "words\n" * 2_000_000
    found = outcome(scan, "clamav", serve(says_early(b"stream: OK\0")).server, on_error, mail=make_mail(text=text))
    expect_fault(found, "clamav", on_error, "of which it has not read all")
    assert outcome(scan, "clamav", serve(says_early(ANSWERS["clamav"])).server, on_error, mail=make_mail(text=text))[0] == FOUND["clamav"]


@pytest.mark.parametrize("scanner", SCANNERS)
def test_an_answer_in_crumbs_is_an_answer(scan, serve, scanner):
    assert outcome(scan, scanner, serve(in_crumbs(ANSWERS[scanner], 0)).server, "defer", timeout=5)[0] == FOUND[scanner]


@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize("scanner", SCANNERS)
@pytest.mark.parametrize("behave", [lambda answer: late(answer, 5), lambda answer: in_crumbs(answer, 0.2)], ids=["late", "slow crumbs"])
def test_the_time_is_that_of_the_whole_scan(scan, serve, scanner, on_error, behave):
    began = time.monotonic()
    expect_fault(
        outcome(scan, scanner, serve(behave(ANSWERS[scanner])).server, on_error, timeout=0.4), scanner, on_error, "no answer within 0.4 s"
    )
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize("scanner", SCANNERS)
def test_a_mail_that_is_too_large_is_not_shown_and_not_deferred(scan, serve, scanner, on_error):
    server = serve(says(ANSWERS[scanner]))
    values, notes, later = outcome(scan, scanner, server.server, on_error, mail=make_mail(text="x" * 3000), size=2000)
    assert values == (CLOSED[scanner] if on_error == "closed" else [None] * len(values))
    assert "octets are more than its `size` of 2000" in notes[0]
    assert (later[0], server.asked) == (None, 0)


@pytest.mark.parametrize("scanner", SCANNERS)
def test_a_scanner_that_is_not_set_is_absent_with_a_note(scan, scanner):
    (value, note, later), _ = scan({}, FACTS[scanner][0], "sender")
    assert (value, later) == (None, None)
    assert f"write its `server` in [scanners.{scanner}]" in note


def test_a_password_that_is_not_set_is_a_fault_like_another(scan, serve, monkeypatch):
    monkeypatch.delenv("NO_SUCH_PASSWORD", raising=False)
    found = outcome(scan, "rspamd", serve(says(ANSWERS["rspamd"])).server, "closed", password="env:NO_SUCH_PASSWORD")
    expect_fault(found, "rspamd", "closed", "env:NO_SUCH_PASSWORD is not set")


def test_a_scan_that_facts_have_no_time_for_is_judged_later_and_never_passed_over(scan, serve):
    """However the time of a fact ends, a scanner that must be heard is heard."""
    for on_error in ("defer", "closed"):
        settings = {
            "rspamd": {"server": serve(hangs).server, "on_error": on_error},
            "spamassassin": {"server": serve(hangs).server, "on_error": on_error},
        }
        value, note, later = scan(settings, "spam", work={"fact_timeout": 0.4})
        assert value is True if on_error == "closed" else isinstance(later, Deferred), note


def test_what_clamd_said_of_the_same_octets_holds_for_a_while(serve, folder):
    from dataclasses import replace

    from inbox.facts.clamav import ClamAV
    from inbox.model import new_id

    now = [0.0]
    server = serve(says(ANSWERS["clamav"]))
    clamav = ClamAV(clock=lambda: now[0])
    settings = {"server": server.server, "timeout": 5, "size": 10_000, "on_error": "defer"}
    mail = make_mail()
    for _ in range(3):
        assert clamav.virus(replace(mail, id=new_id()), settings) == "Test.Virus"
    assert server.asked == 1
    now[0] = 601.0
    assert clamav.virus(replace(mail, id=new_id()), settings) == "Test.Virus"
    assert clamav.virus(make_mail(text="another"), settings) == "Test.Virus"
    assert server.asked == 3


def test_a_socket_is_closed_in_every_case(scan, serve):
    descriptors = Path("/proc/self/fd")
    server = serve(says(b"nonsense"))
    outcome(scan, "rspamd", server.server, "closed")
    before = len(list(descriptors.iterdir()))
    for scanner in SCANNERS:
        for _ in range(5):
            outcome(scan, scanner, server.server, "closed")
    server.close()
    assert len(list(descriptors.iterdir())) <= before + 2


@pytest.mark.parametrize("fact", ["virus", "rspamd.score", "spamassassin"])
def test_rules_cannot_ask_a_scanner_that_is_not_set(fact, tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        f"version: 1\ndomains: [example.com]\nrules: [{{name: a, when: {{{fact}: {{exists: true}}}}, label: x}}]\ndefault: [store]\n"
    )
    plugins = Plugins(entry_points=False)
    (problem,) = check(rules, plugins, validate({}))[1]
    assert "write its `server` in [scanners." in str(problem)
    assert (problem.line, problem.column) == (3, 26)
    whole = {name: {"server": "unix:/run/x"} for name in SCANNERS}
    assert check(rules, plugins, validate({"scanners": whole}))[1] == ()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"server": "/run/clamd.sock"}, "unix:/PATH/OF/SOCKET"),
        ({"server": "http://127.0.0.1:11333"}, "HOST:PORT"),
        ({"server": "127.0.0.1:0"}, "HOST:PORT"),
        ({"server": "127.0.0.1:11333", "on_error": "explode"}, "'open', 'closed' or 'defer'"),
        ({"server": "127.0.0.1:11333", "timeout": 0}, "a number above 0"),
        ({"server": "127.0.0.1:11333", "size": 0}, "a number above 0"),
        ({"server": "127.0.0.1:11333", "password": "open sesame"}, "env:NAME or file:PATH"),
    ],
)
def test_settings_that_are_wrong_are_told_with_what_would_be_right(settings, words):
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        validate({"scanners": {"rspamd": settings}})
    assert "open sesame" not in str(caught.value)
