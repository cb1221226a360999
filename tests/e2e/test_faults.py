"""Handlers and facts that misbehave: their step is deferred or dead, all other mails and steps go on, the daemon lives."""

from __future__ import annotations

import textwrap

import pytest

PLUGIN = '''
import os, sys, time
from inbox import Deferred, Failed, hookimpl

@hookimpl
def register_handlers(register):
    register("misbehave", misbehave, acts=True)

@hookimpl
def register_facts(register):
    register("odd_fact", odd_fact)

def misbehave(mail, *, how: str):
    """Do what a handler must not do. how: raise, sleep, exit, leave, eat, defer, fail."""
    if how == "raise":
        raise ValueError("a secret path /etc/inbox")
    if how == "sleep":
        time.sleep(60)
    if how == "exit":
        os._exit(3)
    if how == "leave":
        sys.exit(4)
    if how == "eat":
        hoard = []
        while True:
            hoard.append(bytearray(64 << 20))
    if how == "defer":
        raise Deferred("later")
    if how == "fail":
        raise Failed("never")
    return "behaved"

def odd_fact(message):
    """Raises for some mails, and ends the process for others."""
    if message.subject == "poison":
        os._exit(9)
    raise RuntimeError("odd")
'''

RULES = """
version: 1
domains: [example.com]
rules:
- name: bad
  do: [{misbehave: {how: HOW, timeout: 1}}]
- name: good
  do: [{store: {table: good}}]
default: [store]
"""


@pytest.fixture
def plugin(program):
    folder = program.folder / "plugins"
    folder.mkdir()
    (folder / "misbehaving.py").write_text(textwrap.dedent(PLUGIN))
    program.environment["INBOX_WORK__MEMORY"] = str(256 << 20)
    return folder


def by_step(receipt) -> dict[int, str]:
    return {outcome["n"]: outcome["state"] for outcome in receipt["outcomes"]}


HOW = [
    ("raise", "deferred"),
    ("sleep", "deferred"),
    ("exit", "deferred"),
    ("leave", "deferred"),
    ("eat", "deferred"),
    ("defer", "deferred"),
    ("fail", "dead"),
]


@pytest.mark.parametrize(("how", "state"), HOW)
def test_a_step_that_misbehaves_costs_itself_only(how, state, plugin, daemon_of):
    from waiting import until

    daemon = daemon_of(RULES.replace("HOW", how))
    id_ = daemon.send(b"Subject: x\r\n\r\nx\r\n")
    receipt = until(lambda: (r := daemon.show(id_)) and len(by_step(r)) == 2 and r, "both steps were tried")
    assert by_step(receipt) == {1: state, 2: "done"}
    assert receipt["state"] == ("dead" if state == "dead" else "waiting")
    other = daemon.send(b"Subject: another\r\n\r\nx\r\n")
    until(lambda: by_step(daemon.show(other)).get(2) == "done", "other mails go on")
    assert daemon.process.poll() is None


def test_a_mail_that_kills_its_worker_three_times_is_quarantined_and_the_others_go_on(plugin, daemon_of, program):
    rules = RULES.replace("{misbehave: {how: HOW, timeout: 1}}", "discard").replace(
        "- name: bad\n", "- name: bad\n  when: {odd_fact: {exists: true}}\n"
    )
    daemon = daemon_of(rules)
    poison = daemon.send(b"Subject: poison\r\n\r\nx\r\n")
    others = [daemon.send(b"Subject: fine\r\n\r\nx\r\n") for _ in range(5)]
    assert daemon.settled(poison)["state"] == "quarantined"
    for id_ in others:
        receipt = daemon.settled(id_)
        assert receipt["state"] == "settled"
        verdict = receipt["plan"]["decisions"][0]["conditions"][0]
        assert "fact failed: RuntimeError: odd" in verdict["note"]
    assert [row["id"] for row in program.json("quarantine", "list")] == [poison]
    assert program("raw", poison, status=0)


def test_dead_mail_is_listed_and_tried_again_without_doing_again_what_was_done(plugin, daemon_of, program):
    from waiting import until

    daemon = daemon_of(RULES.replace("HOW", "fail"))
    id_ = daemon.send(b"Subject: x\r\n\r\nx\r\n")
    assert daemon.settled(id_)["state"] == "dead"
    assert [row["id"] for row in program.json("dead", "list")] == [id_]
    program("dead", "retry", id_)
    until(lambda: sum(o["n"] == 1 for o in daemon.show(id_)["outcomes"]) == 2, "the dead step was tried again")
    assert sum(outcome["n"] == 2 for outcome in daemon.show(id_)["outcomes"]) == 1
    program("dead", "drop", id_)
    assert program.json("dead", "list") == []
