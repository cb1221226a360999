"""The targets of `make fuzz` on their seeds and on what hypothesis makes of their words; and that each of them finds a fault that is there."""

from __future__ import annotations

import importlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.__main__ import OCTETS
from fuzz.protocol import Sessions
from inbox.model import Reply
from inbox.sources.smtp import address, data, replies, session
from inbox.sources.smtp.replies import Refused


@pytest.fixture(params=OCTETS)
def target(request):
    return importlib.import_module(f"fuzz.targets.{request.param}")


def mixtures(target):
    """Two octets for the mode, then words of the target's language with some noise between them."""
    words = st.lists(st.sampled_from(target.TOKENS) | st.binary(max_size=4), max_size=12).map(b"".join)
    return st.builds(bytes.__add__, st.binary(min_size=2, max_size=2), words)


def test_what_the_project_has_of_its_language_is_no_finding(target):
    seeds = list(target.seeds())
    assert len(seeds) > 20
    for seed in seeds:
        target.check(seed)


def test_nothing_that_is_made_of_its_words_is_a_finding(target):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(mixtures(target))
    def played(octets):
        target.check(octets)

    played()


def test_a_reader_that_takes_lf_for_an_end_is_found(monkeypatch):
    target = importlib.import_module("fuzz.targets.data")
    monkeypatch.setattr(data, "_END", b"\n.\r\n\r\n")
    with pytest.raises(AssertionError):
        target.check(b"\0x\r\n.\r\nQUIT\r\n")


def test_a_reader_that_forgets_what_a_cut_has_parted_is_found(monkeypatch):
    target = importlib.import_module("fuzz.targets.data")
    monkeypatch.setattr(data, "_tail", lambda octets: 0)
    with pytest.raises(AssertionError):
        target.check(b"\0x\r\n.\r\n")


def test_an_address_that_may_be_relayed_is_found(monkeypatch):
    target = importlib.import_module("fuzz.targets.commands")
    monkeypatch.setattr(target, "read_recipient", lambda argument, **how: ("x%other.test@local.test", {}))
    with pytest.raises(AssertionError, match="relayed"):
        target.check(b"TO:<x%other.test@local.test>")


def test_an_exception_that_is_no_refusal_is_found(monkeypatch):
    target = importlib.import_module("fuzz.targets.commands")
    monkeypatch.setattr(address, "_mailbox", lambda *whatever: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        target.check(b'FROM:<"a"@s.test>')


async def fails(self, argument):
    raise ValueError("a fault of ours")


async def repeats(self, argument):
    raise Refused(Reply(500, "5.5.1", f"What is {argument}?"), "syntax")


@pytest.mark.parametrize(("command", "words"), [(fails, "a session failed|internal fault"), (repeats, "none of ours")])
def test_a_session_that_fails_or_says_what_it_should_not_is_found(monkeypatch, command, words):
    target = importlib.import_module("fuzz.targets.session")
    monkeypatch.setitem(session.Session.COMMANDS, b"NOOP", command)
    with pytest.raises(AssertionError, match=words):
        target.check(b"\0\0EHLO c\r\nNOOP x\r\n")


def test_a_door_that_answers_before_it_keeps_is_found(monkeypatch):
    target = importlib.import_module("fuzz.targets.session")

    async def take(self, mail):
        return [Reply(250, "2.0.0", "kept as 1")]

    monkeypatch.setattr(target.RememberingGate, "take", take)
    with pytest.raises(AssertionError, match="are kept"):
        target.check(b"\0\0EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<u@local.test>\r\nDATA\r\n.\r\n")


def test_a_door_that_forgets_rset_is_found(monkeypatch):
    async def forgetful(self, argument):
        self._say(replies.OK)

    monkeypatch.setitem(session.Session.COMMANDS, b"RSET", forgetful)
    machine = Sessions()
    machine.begin(lmtp=False, mend=False)
    machine.hello("EHLO", "c.test")
    machine.mail("FROM:<a@s.test>")
    machine.rset()
    machine.mail("FROM:<a@s.test>")
    with pytest.raises(AssertionError, match=r"heard 503 .*, not \('250 2\.1\.0',\)"):
        machine.teardown()
