"""Mail that leaves, and kill -9 in the middle of it: nothing is lost, and nothing is sent twice but what was under way at that moment."""

from __future__ import annotations

import re
from collections import Counter

from inbox.store import open_store
from waiting import until

RULES = "version: 1\ndomains: [example.com]\nrules: []\ndefault: [{store: {table: notes}}]\n"
MAILS, KILLS = 200, (60, 130)


def recipients_of(next_hop) -> list[str]:
    return [recipient for _, recipients, _ in list(next_hop.mails) for recipient in recipients]


def open_mails(program) -> int:
    store = open_store(program.folder / "inbox-data", read_only=True)
    try:
        return store.count(state="waiting") + store.count(state="kept")
    finally:
        store.close()


def test_kill_9_while_200_mails_are_sent(daemon_of, program, next_hop):
    (program.folder / "people.csv").write_text("to,name\n" + "".join(f"r{n}@far.test,Name {n}\n" for n in range(MAILS)), encoding="utf-8")
    (program.folder / "hello.md").write_text(
        "---\nsubject: Hello {{ name }}\nfrom: shop@example.com\n---\nHello {{ name }}\n", encoding="utf-8"
    )
    daemon = daemon_of(RULES, "--workers", "2")
    assert program("send", "--template", "hello.md", "--each", "people.csv").strip() == "200 mails"
    for taken in KILLS:
        until(lambda taken=taken: len(next_hop.mails) >= taken, f"{taken} mails have left", 60)
        daemon.kill()
        daemon.start()
    until(lambda: not open_mails(program), "nothing waits any more", 90)
    sent = Counter(recipients_of(next_hop))
    assert set(sent) == {f"r{n}@far.test" for n in range(MAILS)}
    assert sent.total() - MAILS <= 2 * len(KILLS)  # one for each worker and kill: taken by the next hop, not yet written down here
    ids = Counter(re.search(rb"(?m)^Message-ID: (\S+)", raw)[1] for _, _, raw in next_hop.mails)
    assert len(ids) == MAILS  # who gets it twice can tell
