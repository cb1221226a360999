"""A store, settings, a mail server at the far end, and what takes mail that is made here."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from inbox.app import Inbox
from inbox.assemble import open_inbox, open_outbox, open_sender
from inbox.config import Settings
from inbox.model import Receipt
from inbox.send.sender import Sender
from inbox.send.submission import submission
from inbox.store import SqliteStore, open_store
from inbox.supervise import Supervisor
from inbox.worker.rounds import run
from inbox.worker.slot import Slot

RULES = """
version: 1
domains: [example.com]
rules:
- name: everything
  when: {size: {over: 0}}
  do: [{store: {table: judged, values: {subject: "{subject}"}}}]
default: [store]
"""


@dataclass
class FarEnd:
    """What the next hop took, and what it answers to whom at RCPT, and to a mail with a word in it at DATA."""

    port: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    data: dict[bytes, str] = field(default_factory=dict)
    taken: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    connections: int = 0

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802
        session.host_name = hostname
        self.connections += 1
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        for word, answer in self.data.items():
            if word in envelope.original_content:
                return answer
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return f"250 2.0.0 queued as {len(self.taken)}"

    @property
    def recipients(self) -> list[str]:
        return [recipient for _, recipients, _ in self.taken for recipient in recipients]


@pytest.fixture
def far_end():
    """A mail server of the others."""
    found, loop = FarEnd(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = loop.create_server(lambda: SMTP(found, hostname="far.test", enable_SMTPUTF8=True), "127.0.0.1", 0)
    found.port = asyncio.run_coroutine_threadsafe(server, loop).result(5).sockets[0].getsockname()[1]

    async def stop():
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    yield found
    asyncio.run_coroutine_threadsafe(stop(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@dataclass
class Office:
    """Settings and store of one test, and ways to send with them."""

    folder: Path
    settings: Settings
    store: SqliteStore

    @property
    def box(self) -> Inbox:
        return open_inbox(self.settings, self.store)

    @property
    def sender(self) -> Sender:
        return open_sender(self.settings, self.store)

    def change(self, **more: Any) -> None:
        """Other settings from now on."""
        self.settings = Settings.model_validate({**self.settings.model_dump(), **more})

    def send(self, **words: Any) -> str:
        """Keep a mail for sending; its id."""
        usual = {"from_": "shop@example.com", "to": ["alice@far.test"], "subject": "Hello", "text": "Hello\n"}
        return self.sender.send(submission({**usual, **words})).id

    def outbox(self):
        return open_outbox(self.settings, self.store)

    def receipt(self, id_: str) -> Receipt:
        return self.store.receipt(id_)

    def states(self, id_: str) -> dict[str, str]:
        """How it stands for each recipient: the last outcome of its step."""
        receipt = self.receipt(id_)
        last = {outcome.n: outcome.state for outcome in receipt.outcomes}
        return {step.recipients[0]: last.get(step.n, "none") for step in receipt.plan.steps}

    def events(self, id_: str) -> list[tuple[str, str | None]]:
        return [(event.type, event.recipient) for event in self.store.events(mail=id_)]

    def work_until(self, condition, workers: int = 1, seconds: float = 60.0) -> Any:
        """Let real workers work until a condition holds; its value."""

        async def main() -> Any:
            supervisor = Supervisor(self.settings, self.store, workers, grace=1.0)
            running = asyncio.ensure_future(supervisor.run())
            try:
                return await self._until(condition, seconds)
            finally:
                await supervisor.stop(10)
                with contextlib.suppress(asyncio.CancelledError):
                    await running

        return asyncio.run(main())

    async def _until(self, condition, seconds: float) -> Any:
        async with asyncio.timeout(seconds):
            while not (found := condition()):  # noqa: ASYNC110  it looks into the store
                await asyncio.sleep(0.02)
            return found

    def work(self, condition) -> None:
        """Let a worker in this process work until a condition holds."""
        end = time.monotonic() + 30
        run(self.box, self.store, "worker-1", Slot(self.folder / "slot-shm"), lambda: condition() or time.monotonic() > end)
        assert condition()

    def tried(self, *ids: str) -> bool:
        """Whether each step of these mails has an outcome."""
        return all("none" not in self.states(id_).values() for id_ in ids)


@pytest.fixture
def office(tmp_path, far_end):
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    settings = Settings.model_validate(
        {
            "dir": tmp_path / "data",
            "rules": tmp_path / "rules.yaml",
            "hostname": "mx.example.com",
            "relay": {"host": "127.0.0.1", "port": far_end.port, "timeout": 5},
        }
    )
    found = Office(tmp_path, settings, open_store(settings.dir))
    yield found
    found.store.close()
