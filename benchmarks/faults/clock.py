"""The clock of the machine jumps under a running `inbox serve` (libfaketime; the monotonic clock goes on, as it does then)."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections import Counter
from pathlib import Path

from server import Record, Server, Skip, message, need, sound, stored

LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/local/lib/faketime/libfaketimeMT.so.1")
DAY = 86_400
YEAR = 365 * DAY
RULES = """
version: 1
domains: [local.test]
rules:
- name: unreachable
  recipients: [later@local.test]
  do: [{forward: {to: nobody@example.org}}]
default: [{store: {table: notes}}]
"""
JUMPS = (
    ("forward a year", YEAR),
    ("back to now", 0),
    ("back a year", -YEAR),
    ("to 1970", -int(time.time()) + DAY),
    ("to 2038", 0x7FFFFFFF),
    ("to now", 0),
)


# libfaketime 0.9.10 (Debian 12) makes nonsense of the moment until which Python's sleep asks to sleep: EINVAL. A span it leaves alone.
_SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds) and None\n"


class _Clock:
    """The file that libfaketime reads at each look at the clock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(0)

    def set(self, offset: int) -> None:
        """So many seconds from the real time; beyond 2^30 it is a moment of its own: five seconds before it."""
        seconds = offset if abs(offset) < 2**30 or offset < 0 else offset - int(time.time()) - 5
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self.path)

    def environment(self) -> dict[str, str]:
        found = [path for pattern in LIBRARIES for path in Path("/").glob(pattern[1:])]
        if not found:
            raise Skip("libfaketime is not installed (Debian: faketime)")
        wishes = {"FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
        return {"LD_PRELOAD": str(found[0]), "FAKETIME_TIMESTAMP_FILE": str(self.path), "FAKETIME_DONT_RESET": "1", **wishes}


def clock(work: Path, size: int) -> str:
    """A year forward, a year back, to 1970, to 2038: mail is taken and settled at once, no burst of attempts, no stall. `size`: jumps."""
    (work / "rules.yaml").write_text(RULES)
    (work / "sitecustomize.py").write_text(_SLEEP)
    path = os.pathsep.join(filter(None, (str(work), os.environ.get("PYTHONPATH"))))
    moves, record, worst = _Clock(work / "clock"), Record(), 0.0
    with Server(work, "--workers", "1", INBOX_RELAY__PORT="9", PYTHONPATH=path, **moves.environment()) as server:
        server.start()
        _settled(server, record, 0)
        _send_later(server, record, 3)
        for number, (name, offset) in enumerate(JUMPS[:size], 1):
            before = _attempts(server.folder)
            moves.set(offset)
            worst = max(worst, _settled(server, record, number * 100))
            _send_later(server, record, 1)
            time.sleep(3)
            more = _attempts(server.folder) - before
            need(not more or max(more.values()) <= 2, f"{name}: a burst of attempts: {max(more.values())} at one step")
        if size == len(JUMPS):
            _not_stalled(server)
        need(list(stored(server.folder)) == list(record.acknowledged), "the list is not in the order of arrival, or mails are missing")
        need(not record.lost(server.folder) and sound(server.folder), "lost or damaged")
        need(server.terminate() == 0, server.words())
    states = ", ".join(f"{count} {state}" for state, count in sorted(_states(server.folder).items()))
    return f"{', '.join(name for name, _ in JUMPS[:size])}: {record}, new mail settled within {worst:.1f} s each time, 0 lost ({states})"


def _settled(server: Server, record: Record, number: int) -> float:
    """Ten mails for the store: the seconds until they are settled. Broken when that takes a minute."""
    one, started = Record(), time.monotonic()
    one.send_all(server.port, [message(number + n) for n in range(10)])
    need(len(one.acknowledged) == 10, f"with this clock: {one}")
    record.answers.update(one.answers)
    record.acknowledged |= one.acknowledged
    marks = ",".join("?" * len(one.acknowledged))
    question = f"select count(*) from inbox_mails where state = 'settled' and id in ({marks})"
    while _rows(server.folder, question, tuple(one.acknowledged))[0][0] < 10:
        need(time.monotonic() - started < 60, "new mail waits: a stall")
        time.sleep(0.1)
    return time.monotonic() - started


def _send_later(server: Server, record: Record, mails: int) -> None:
    """Mails whose step is deferred, and tried once."""
    before, one = sum(_attempts(server.folder).values()), Record()
    one.send_all(server.port, [message(n) for n in range(mails)], recipient=b"later@local.test")
    record.answers.update(one.answers)
    record.acknowledged |= one.acknowledged
    until = time.monotonic() + 60
    while sum(_attempts(server.folder).values()) < before + mails:
        need(time.monotonic() < until, "a step is not tried: a stall")
        time.sleep(0.1)


def _not_stalled(server: Server) -> None:
    """With the clock right again, nothing that is deferred is due later than in a day, within a minute or two."""
    until = time.monotonic() + 150
    question = "select count(*) from inbox_mails where state = 'waiting' and due_at > ?"
    while _rows(server.folder, question, ((time.time() + DAY) * 1e6,))[0][0]:
        need(time.monotonic() < until, "steps that the wrong clock put off stay put off")
        time.sleep(1)


def _rows(folder: Path, question: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{folder / 'inbox.db'}?mode=ro", uri=True, timeout=20)) as db:
        return db.execute(question, values).fetchall()


def _attempts(folder: Path) -> Counter[str]:
    """Attempts of the steps that cannot succeed, by mail."""
    found = _rows(
        folder, "select m.id, count(*) from inbox_outcomes o join inbox_mails m using (seq) where o.n > 0 and o.state != 'done' group by 1"
    )
    return Counter(dict(found))


def _states(folder: Path) -> dict[str, int]:
    return dict(_rows(folder, "select state, count(*) from inbox_mails group by 1"))
