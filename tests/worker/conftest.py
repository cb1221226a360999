"""A worker room: rules, a plugin that misbehaves on demand, a store, and real workers over it."""

from __future__ import annotations

import asyncio
import contextlib
import textwrap
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from inbox.config import Settings
from inbox.model import Envelope, Mail, Receipt
from inbox.store import SqliteStore, open_store
from inbox.supervise import Supervisor

PLUGIN = '''
import os, signal, sys, time
from pathlib import Path
from inbox import Deferred, Done, Failed, Row, hookimpl

HERE = Path(__file__).parent

@hookimpl
def register_handlers(register):
    register("misbehave", misbehave, acts=True)
    register("note", note)
    register("row", row)
    register("ends", ends)

@hookimpl
def register_facts(register):
    register("odd_fact", odd_fact)

@hookimpl
def mail_settled(mail, receipt):
    with (HERE / "settled.txt").open("a") as file:
        file.write(f"{mail.id} {receipt.state} {len(receipt.outcomes)}\\n")
    if b"observer" in mail.raw:
        raise RuntimeError("an observer that fails")

def misbehave(mail, *, how: str):
    """Do what a handler must not do."""
    if how == "raise":
        raise ValueError("secret")
    if how == "sleep":
        time.sleep(60)
    if how == "deaf":       # the alarm does not get through: only the watchdog is left
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGTERM})
        time.sleep(60)
    if how == "swallow":
        for _ in range(600):
            try:
                time.sleep(0.1)
            except BaseException:
                pass
    if how == "exit":
        os._exit(3)
    if how == "clean exit":
        os._exit(0)
    if how == "leave":
        sys.exit(4)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "crash":
        import ctypes
        ctypes.string_at(0)
    if how == "eat":
        hoard = []
        while True:
            hoard.append(bytearray(64 << 20))
    if how == "fork" and os.fork() == 0:
        return "the child comes back"
    if how == "defer":
        raise Deferred("later")
    if how == "fail":
        raise Failed("never")
    return "behaved"

def note(mail, step, *, seconds: float = 0.0):
    """Write down that it was called, before and after a while."""
    with (HERE / "calls.txt").open("a") as file:
        file.write(f"begin {mail.id} {step.n}\\n")
    time.sleep(seconds)
    with (HERE / "calls.txt").open("a") as file:
        file.write(f"end {mail.id} {step.n}\\n")

def ends(mail):
    """End all rules."""
    return Done("the end", stop="all")

def row(mail, *, table: str):
    """A row in any table."""
    return Row(table, {"mail": mail.id})

def odd_fact(message):
    """Ends the process for some mails."""
    if message.subject == "poison":
        os._exit(9)
    if message.subject.startswith("later") and not (HERE / "now").exists():
        raise Deferred("ask again")
    return message.subject == "odd"
'''

RULES = """
version: 1
domains: [example.com]
rules:
- name: first
  do: FIRST
- name: second
  do: [{store: {table: good, values: {subject: "{subject}"}}}]
default: [store]
"""


@dataclass
class Room:
    """Settings, store and files of one test."""

    folder: Path
    settings: Settings
    store: SqliteStore
    sent: list[str] = field(default_factory=list)

    def rules(self, first: str = "[discard]", text: str = RULES) -> None:
        """What the first rule does; the second one stores a row."""
        self.settings.rules.write_text(text.replace("FIRST", first), encoding="utf-8")

    def send(self, subject: str = "x", plan: Any = None) -> str:
        mail = Mail.of(f"Subject: {subject}\r\n\r\nhello\r\n".encode(), Envelope("a@example.org", ("u@example.com",), source="smtp"))
        self.store.keep_all([(mail, plan)])
        self.sent.append(mail.id)
        return mail.id

    def receipt(self, id_: str) -> Receipt:
        return self.store.receipt(id_)

    def states(self, id_: str) -> dict[int, str]:
        """The last outcome of each step."""
        return {outcome.n: outcome.state for outcome in self.receipt(id_).outcomes}

    def settled(self) -> bool:
        return all(self.receipt(id_).state not in ("kept", "waiting") for id_ in self.sent)

    def lines(self, name: str) -> list[str]:
        path = self.folder / "plugins" / name
        return path.read_text().splitlines() if path.exists() else []

    def rows(self, table: str = "good") -> list[str]:
        with self.store._connections.read() as db:
            if not db.execute("select 1 from sqlite_master where name = ?", (table,)).fetchone():
                return []
            return [row[0] for row in db.execute(f'select mail_id from "{table}" order by rowid')]

    def supervised(self, script, workers: int = 1, grace: float = 1.0) -> Any:
        """Run real workers while `script(supervisor)`, an async function, runs; then stop them."""

        async def main() -> Any:
            supervisor = Supervisor(self.settings, self.store, workers, grace=grace)
            running = asyncio.ensure_future(supervisor.run())
            try:
                return await script(supervisor)
            finally:
                await supervisor.stop(10)
                with contextlib.suppress(asyncio.CancelledError):
                    await running

        return asyncio.run(main())

    async def until(self, condition, seconds: float = 30.0) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := condition():
                return found
            await asyncio.sleep(0.02)
        raise AssertionError(
            f"not within {seconds} s: " + "; ".join(f"{id_} {self.receipt(id_).state} {self.states(id_)}" for id_ in self.sent[:5])
        )

    def work_until(self, condition, workers: int = 1, grace: float = 1.0) -> Any:
        return self.supervised(lambda _: self.until(condition), workers, grace)


@pytest.fixture
def room(tmp_path):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "misbehaving.py").write_text(textwrap.dedent(PLUGIN), encoding="utf-8")
    settings = Settings.model_validate(
        {
            "dir": tmp_path / "data",
            "rules": tmp_path / "rules.yaml",
            "plugins_dir": plugins,
            "work": {"step_timeout": 1, "judge_timeout": 5, "memory": 256 << 20},
        }
    )
    made = Room(tmp_path, settings, open_store(settings.dir))
    made.rules()
    yield made
    made.store.close()
