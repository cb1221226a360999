"""Two processes on one store, one that keeps and one that works, as fast as they can: nothing is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from inbox.store import Keeper, open_store

WORKER = """
import signal, sys, time
from datetime import UTC, datetime
from pathlib import Path
from inbox.model import Outcome, Plan, Row, Step
from inbox.store import open_store

store, name, stop = open_store(Path(sys.argv[1])), sys.argv[2], []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
plan = Plan("v1", steps=(Step(1, "r", "store"),))
while not stop:
    claims = store.claim(name, 20, datetime.now(UTC))
    with store.transaction():
        for claim in claims:
            store.planned(claim.mail, plan)
            store.settled(claim.mail, Outcome(1, "done", 1, None, datetime.now(UTC)), Row("effects", {"size": claim.mail.size}))
            store.finish(claim.mail, plan)
    if not claims:
        time.sleep(0.002)
"""


def start_worker(folder, name):
    return subprocess.Popen([sys.executable, "-c", WORKER, str(folder), name])


@pytest.mark.parametrize("kill", [False, True], ids=["they stop", "a worker is killed again and again"])
def test_a_door_and_workers_on_one_store_lose_nothing_and_do_nothing_twice(folder, store, new_mail, kill):
    workers = [start_worker(folder, "w1"), start_worker(folder, "w2")]
    ids, slowest = [], 0.0

    async def client(keeper, until):
        nonlocal slowest
        while time.monotonic() < until:
            began = time.monotonic()
            ids.append(await keeper.keep(new_mail(size=2000)))
            slowest = max(slowest, time.monotonic() - began)

    async def main():
        keeper, until = Keeper(store), time.monotonic() + 2.0
        clients = [asyncio.ensure_future(client(keeper, until)) for _ in range(10)]
        while kill and time.monotonic() < until:
            await asyncio.sleep(0.4)
            workers[0].kill()
            workers[0].wait()
            store.release("w1")
            workers[0] = start_worker(folder, "w1")
        await asyncio.gather(*clients)
        await asyncio.to_thread(keeper.close)

    asyncio.run(main())
    end = time.monotonic() + 30
    while store.count(state="settled") < len(ids) and time.monotonic() < end:
        time.sleep(0.05)
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
        worker.wait(10)
    assert len(ids) > 20
    assert set(store.ids(state="settled")) == set(ids)
    with store._connections.read() as db:
        rows = db.execute("select mail_id, count(*) from effects group by mail_id").fetchall()
    assert {row[0] for row in rows} == set(ids)
    assert {row[1] for row in rows} == {1}
    assert slowest < 3.0  # the writer is never starved
    assert store.stats(datetime.now(UTC)).states["settled"] == len(ids)
    assert open_store(folder).own("serve")
