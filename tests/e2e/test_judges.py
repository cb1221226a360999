"""Mail that is judged before its 250: one that waits for somebody else does not keep the others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

PLUGIN = """
import pathlib, time
from inbox import hookimpl

@hookimpl
def register_facts(register):
    register("company", company)

def company(mail):
    \"\"\"Whether three mails were judged at the same time: waits for the others, 20 seconds at most.\"\"\"
    folder = pathlib.Path("judged")
    folder.mkdir(exist_ok=True)
    (folder / mail.id).touch()
    until = time.monotonic() + 20
    while time.monotonic() < until and len(list(folder.iterdir())) < 3:
        time.sleep(0.01)
    return len(list(folder.iterdir())) >= 3
"""
RULES = """
version: 1
domains: [example.com]
rules:
- name: alone
  unless: {company: true}
  refuse: nobody came
default: [discard]
"""


def test_three_mails_are_judged_at_once(daemon_of, program):
    (program.folder / "plugins").mkdir()
    (program.folder / "plugins" / "company.py").write_text(PLUGIN)
    (program.folder / "inbox.toml").write_text("[work]\nfact_timeout = 25\njudges = 3\n")
    daemon = daemon_of(RULES)
    with ThreadPoolExecutor(3) as clients:
        ids = list(clients.map(lambda n: daemon.send(f"Subject: {n}\r\n\r\nx\r\n".encode()), range(3)))
    assert len(set(ids)) == 3
