"""kill -9 of the daemon or of a worker at any moment: what was acknowledged is there, and every step is settled as the contract says.

A short run; `make faults` does the long one.
"""

from __future__ import annotations

import os
import random
import signal
import smtplib
import sqlite3
import threading
import time
from pathlib import Path

from waiting import until

RULES = "version: 1\ndomains: [local.test, example.com]\nrules: []\ndefault: [{store: {table: notes}}]\n"


class Load:
    """Clients that send one mail after the other and remember what was acknowledged."""

    def __init__(self, port: int, clients: int = 3) -> None:
        self.port, self.ids, self.fives = port, [], []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(n,), daemon=True) for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, client: int) -> None:
        number = 0
        while not self.stop.is_set():
            number += 1
            try:
                with smtplib.SMTP("127.0.0.1", self.port, timeout=5) as smtp:
                    smtp.ehlo("x.example")
                    smtp.mail("a@example.org")
                    smtp.rcpt("u@example.com")
                    code, text = smtp.data(b"Subject: %d-%d\r\n\r\nx\r\n" % (client, number))
            except (OSError, smtplib.SMTPException):
                time.sleep(0.02)
                continue
            if code == 250:
                self.ids.append(text.decode().split()[-1])
            elif code >= 500:
                self.fives.append(code)

    def finish(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(10)


def workers_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children]


def test_kill_9_of_daemon_and_workers_loses_nothing_and_does_nothing_twice(daemon_of, program):
    daemon = daemon_of(RULES)
    load, chance = Load(daemon.port), random.Random(7)
    for turn in range(6):
        time.sleep(chance.uniform(0.2, 0.8))
        if turn % 2 and (workers := workers_of(daemon.process.pid)):
            os.kill(chance.choice(workers), signal.SIGKILL)
        else:
            daemon.kill()
            daemon.start()
    load.finish()
    assert load.ids
    assert load.fives == []
    until(lambda: program("list", "--count", "--state", "settled") == program("list", "--count"), "everything is settled", 60)
    assert set(load.ids) <= set(program("list", "--ids").split())
    with sqlite3.connect(program.folder / "inbox-data" / "inbox.db") as database:
        rows = database.execute("select mail_id, count(*) from notes group by mail_id").fetchall()
    assert {count for _, count in rows} == {1}
    assert set(load.ids) <= {id_ for id_, _ in rows}
