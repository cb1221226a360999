"""Supervision: workers stop in time, read new rules, die with their supervisor; kill -9 of any of them does nothing twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inbox.errors import StoreLocked
from inbox.store import open_store
from inbox.supervise import Supervisor


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]
    except OSError:
        return False


def test_mail_that_comes_while_workers_idle_is_settled_within_a_moment(room):
    async def script(supervisor):
        room.send("warm up")
        await room.until(room.settled)
        took = []
        for _ in range(10):
            await asyncio.sleep(0.1)
            began = time.monotonic()
            room.send()
            await room.until(room.settled)
            took.append(time.monotonic() - began)
        return sorted(took)[5]

    assert room.supervised(script) < 0.4, "without a look at the store it would be the next full second"


def test_a_worker_that_is_told_to_stop_finishes_the_step_in_hand_and_no_other(room):
    room.rules("[{note: {seconds: 0.8, timeout: 5}}, {note: {seconds: 0.8, timeout: 5}}]")
    first, second = room.send("a"), room.send("b")

    async def script(supervisor):
        await room.until(lambda: room.lines("calls.txt"))
        began = time.monotonic()
        await supervisor.stop(10)
        return time.monotonic() - began

    assert room.supervised(script) < 5
    assert room.lines("calls.txt") == [f"begin {first} 1", f"end {first} 1"]
    assert room.states(first) == {1: "done"}
    assert room.receipt(first).state == "waiting"
    assert room.receipt(second).plan is not None
    room.work_until(room.settled)
    assert room.states(first) == {1: "done", 2: "done", 3: "done"}
    assert room.lines("calls.txt").count(f"begin {first} 1") == 1


def test_a_worker_that_does_not_stop_in_time_is_killed_and_its_mail_is_tried_later(room):
    room.rules("[{misbehave: {how: deaf, timeout: 30}}]")
    id_ = room.send()

    async def script(supervisor):
        await room.until(lambda: room.receipt(id_).plan)
        await asyncio.sleep(0.2)
        (pid,) = supervisor.pids()
        began = time.monotonic()
        await supervisor.stop(0.5)
        assert not alive(pid)
        return time.monotonic() - began

    assert room.supervised(script) < 3
    assert room.states(id_) == {}  # to be stopped is no fault of the mail
    room.rules("[discard]")
    assert [claim.mail.id for claim in room.store.claim("w", 5, room.receipt(id_).mail.received_at)] == [id_]


def test_rules_are_read_anew_when_told_and_broken_ones_leave_the_old_in_force(room):
    async def script(supervisor):
        room.send("old")
        await room.until(room.settled)
        (pid,) = supervisor.pids()
        room.rules(text="version: 1\ndomains: [example.com]\nrules: []\ndefault: [{store: {table: newer}}]\n")
        supervisor.reload()
        await asyncio.sleep(0.3)
        newer = room.send("new")
        await room.until(room.settled)
        assert room.rows("newer") == [newer]
        room.rules(text="version: 1\nrules: [{do: [nothing]}]\n")
        supervisor.reload()
        await asyncio.sleep(0.3)
        still = room.send("still")
        await room.until(room.settled)
        assert room.rows("newer") == [newer, still]
        assert supervisor.pids() == [pid]

    room.supervised(script)
    assert room.store.rules_text(room.receipt(room.sent[0]).plan.rules_version)
    assert room.store.rules_text(room.receipt(room.sent[1]).plan.rules_version)


def test_a_worker_that_loses_its_store_goes_on_when_it_is_back(room):
    async def script(supervisor):
        room.send("before")
        await room.until(room.settled)
        (pid,) = supervisor.pids()
        data = room.settings.dir
        data.rename(data.with_name("elsewhere"))
        await asyncio.sleep(1.5)
        data.with_name("elsewhere").rename(data)
        room.send("after")
        await room.until(room.settled)
        assert supervisor.pids() == [pid]

    room.supervised(script)


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_9_of_workers_under_load_does_nothing_twice_and_loses_nothing(room, workers):
    chance = random.Random(7)

    async def script(supervisor):
        for _ in range(5):
            for _ in range(30):
                room.send()
            await asyncio.sleep(chance.uniform(0.1, 0.5))
            for pid in supervisor.pids():
                os.kill(pid, signal.SIGKILL)
            for child in supervisor._children:
                child.wait = 0.05  # no need to be patient here
        await room.until(lambda: room.store.count(state="settled") + room.store.count(state="quarantined") == len(room.sent), 60)

    room.supervised(script, workers)
    assert sorted(room.rows()) == sorted(set(room.sent) - set(room.store.ids(state="quarantined")))
    for id_ in room.sent:
        assert sum(outcome.n == 1 and outcome.state == "done" for outcome in room.receipt(id_).outcomes) <= 1


def test_a_second_supervisor_is_refused(room):
    async def script(supervisor):
        await room.until(supervisor.pids)
        other = open_store(room.settings.dir)
        with pytest.raises(StoreLocked, match="'work'"):
            await Supervisor(room.settings, other, 1).run()
        other.close()

    room.supervised(script)


def test_no_workers_need_no_role(room):
    async def script(supervisor):
        await asyncio.sleep(0.1)
        open_store(room.settings.dir).own("work")

    room.supervised(script, workers=0)


WORK = """
import sys
from inbox import supervise
from inbox.config import Settings
supervise.main(Settings.model_validate_json(sys.argv[1]))
"""


def start_work(room):
    return subprocess.Popen([sys.executable, "-c", WORK, room.settings.model_dump_json()])


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="prctl and /proc are Linux's")
def test_workers_die_with_their_supervisor_and_the_next_one_goes_on_at_once(room):
    room.rules("[{misbehave: {how: deaf, timeout: 60}}]")
    stuck = room.send()
    first = start_work(room)
    asyncio.run(room.until(lambda: room.receipt(stuck).plan))
    workers = children(first.pid)
    assert len(workers) == 1
    first.kill()
    first.wait()
    asyncio.run(room.until(lambda: not any(alive(pid) for pid in workers), 5))
    room.store.strike(stuck, 0, "enough of it", 1)
    room.rules("[discard]")
    second = start_work(room)
    other = room.send("other")
    asyncio.run(room.until(lambda: room.receipt(other).state == "settled"))
    second.send_signal(signal.SIGTERM)
    assert second.wait(30) == 0
    assert not any(alive(pid) for pid in workers)


def visible(pid: int) -> bytes:
    """What other users, and children, may see of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()


def test_settings_stand_neither_among_arguments_nor_in_the_environment(room):
    async def script(supervisor):
        (pid,) = await room.until(supervisor.pids)
        await room.until(lambda: supervisor._children[0].slot.pid() == pid)
        assert b"judge_timeout" not in visible(pid)

    room.supervised(script)


def test_a_store_that_cannot_be_written_when_workers_are_to_start_is_tried_again(room, caplog):
    database = room.settings.dir / "inbox.db"
    away = database.with_name("away.db")
    room.send()

    async def script(supervisor):
        await room.until(lambda: "workers cannot be started yet" in caplog.text)
        assert supervisor.pids() == []
        away.rename(database)
        await room.until(room.settled)
        return "settled"

    database.rename(away)
    assert room.supervised(script) == "settled"
