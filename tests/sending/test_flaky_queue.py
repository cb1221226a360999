"""1,000 mails from the queue, by real workers, through a server that fails at every stage: nothing lost, nothing doubled that could be helped."""

from __future__ import annotations

import re
from collections import Counter

from far_server import STAGES, FarServer
from flaky import Whims
from inbox.send.submission import submission

MAILS = 1000


def test_each_mail_arrives_and_arrives_once_unless_the_server_never_said_that_it_took_it(office):
    whims = Whims(seed=7)
    with FarServer(act=whims) as far:
        office.change(
            relay={"host": "127.0.0.1", "port": far.port, "timeout": 5},
            work={"retry": [0.5], "batch": 50},
        )
        wanted = {"from_": "shop@example.com", "text": "Hello\n" * 20}
        ready = [
            office.sender.prepare(submission({**wanted, "to": [f"r{n % 9}@far.test"], "subject": f"Number {n}"})) for n in range(MAILS)
        ]
        ids = [sent.id for sent in office.sender.send_all(ready)]
        office.work_until(lambda: office.store.count(state="waiting") == 0, workers=2)
        ends = {(receipt.state, receipt.outcomes[-1].state) for receipt in map(office.receipt, ids)}
    assert ends == {("settled", "done")}
    arrived = Counter(raw for _, _, raw in far.taken)
    named = {re.search(rb"(?m)^Message-ID: <(\w+)\.0@", raw)[1].decode(): raw for raw in arrived}
    assert set(named) == set(ids) and len(arrived) == MAILS, "lost, or another mail on the way"
    assert [id_ for id_, raw in named.items() if arrived[raw] > 1 + far.unanswered[raw]] == []
    assert {stage for stage, _ in whims.done} == set(STAGES)
    assert sum(far.unanswered.values()) > 0
