"""`inbox serve` with a real clamd: refused before the 250, judged later when clamd is away, and nothing lost meanwhile."""

from __future__ import annotations

import contextlib
import smtplib
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from inbox.store import open_store
from waiting import free_port, until

VIRUS = "INBOX-TEST-VIRUS-4711"
REFUSING = """version: 1
domains: [example.com]
rules:
- {name: viruses, when: {virus: {exists: true}}, refuse: Your mail has a virus}
default: [store]
"""
LABELLING = """version: 1
domains: [example.com]
rules:
- {name: viruses, when: {virus: {exists: true}}, do: [{store: {table: viruses, values: {name: "{virus}"}}}], stop: true}
default: [store]
"""


class Daemon:
    """`inbox serve` in a folder of its own; `clamd` is where it looks for clamd: nothing is there at first."""

    def __init__(self, folder: Path, sockets: Path, rules: str, work: str, settings: str) -> None:
        self.folder, self.port, self.clamd = folder, free_port(), sockets / f"clamd-{folder.name[-20:]}"
        (folder / "rules.yaml").write_text(rules)
        (folder / "inbox.toml").write_text(
            f'smtp = ["127.0.0.1:{self.port}"]\n[scanners.clamav]\nserver = "unix:{self.clamd}"\ntimeout = 5\n{settings}\n[work]\n{work}\n'
        )
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "inbox", "serve"], cwd=folder, stderr=log, stdout=log)
        until(self._greets, "the daemon greets")

    def _greets(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        with contextlib.suppress(OSError, smtplib.SMTPException), smtplib.SMTP("127.0.0.1", self.port, timeout=5):
            return True
        return False

    def bring_clamd(self, server: str) -> None:
        self.clamd.symlink_to(server.removeprefix("unix:"))

    def send(self, text: str) -> tuple[int, str]:
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as client:
            client.ehlo()
            client.mail("a@example.org")
            client.rcpt("b@example.com")
            code, words = client.data(f"Subject: x\r\n\r\n{text}\r\n".encode())
            return code, words.decode()

    def receipt(self, id_: str) -> dict:
        with closing(open_store(self.folder / "inbox-data", read_only=True)) as store:
            return store.receipt(id_).to_dict()

    def end(self) -> None:
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def serve(tmp_path, folder):
    running = []

    def started(rules, work="", settings=""):
        running.append(Daemon(tmp_path, folder, rules, work, settings))
        return running[-1]

    yield started
    for daemon in running:
        daemon.end()


def test_a_rule_refuses_a_virus_before_the_250_and_what_nobody_could_look_at_is_told_to_come_again(serve, clamd):
    daemon = serve(REFUSING)
    for text in ("hello", VIRUS):
        code, words = daemon.send(text)
        assert code == 451, words
    daemon.bring_clamd(clamd)
    code, words = daemon.send(VIRUS)
    assert (code, "Your mail has a virus" in words) == (550, True), words
    assert daemon.send("hello")[0] == 250


def test_a_fault_refuses_nobody_for_good_though_it_counts_as_a_virus(serve, clamd):
    daemon = serve(REFUSING, settings='on_error = "closed"')
    assert daemon.send("hello")[0] == 451
    daemon.bring_clamd(clamd)
    assert daemon.send("hello")[0] == 250


def test_a_mail_that_was_acknowledged_waits_until_clamd_is_back(serve, clamd):
    daemon = serve(LABELLING, "retry = [0.5]")
    ids = [words.rpartition(" ")[2] for code, words in map(daemon.send, ("hello", VIRUS)) if code == 250]
    assert len(ids) == 2
    until(lambda: all(len(daemon.receipt(id_)["outcomes"]) > 1 for id_ in ids), "both mails were put off twice")
    for id_ in ids:
        receipt = daemon.receipt(id_)
        assert (receipt["state"], {outcome["state"] for outcome in receipt["outcomes"]}) == ("kept", {"deferred"})
        assert "not judged yet: fact virus: ClamAV at unix:" in receipt["outcomes"][0]["detail"]
    daemon.bring_clamd(clamd)
    until(lambda: all(daemon.receipt(id_)["state"] == "settled" for id_ in ids), "both mails are settled")
    assert [daemon.receipt(id_)["outcomes"][-1]["detail"] for id_ in ids] == ["row in mails", "row in viruses"]


def test_a_mail_that_nobody_could_look_at_for_too_long_is_held(serve):
    daemon = serve(LABELLING, "retry = [0.3]\nretry_for = 3")
    code, words = daemon.send("hello")
    assert code == 250
    id_ = words.rpartition(" ")[2]
    until(lambda: daemon.receipt(id_)["state"] == "quarantined", "the mail is held")
    outcomes = daemon.receipt(id_)["outcomes"]
    assert [outcome["state"] for outcome in outcomes] == ["deferred"] * (len(outcomes) - 1) + ["held"]
    assert "could not be judged: fact virus" in outcomes[-1]["detail"]
