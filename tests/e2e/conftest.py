"""A real daemon in a process of its own, a real mail server as its next hop, and the commands as a user types them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import smtplib
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from conftest import ROOT
from inbox.store import open_store
from waiting import free_port, until


@dataclass
class Program:
    """`inbox` as a user types it, in one folder."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str | Path, data: bytes | None = None, status: int | None = 0) -> str:
        """Run a command; its standard output. `status` None: any."""
        done = self.run(*arguments, data=data)
        assert status is None or done.returncode == status, f"exit {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        return done.stdout.decode()

    def run(self, *arguments: str | Path, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(self.command(*arguments), cwd=self.folder, env=self.env(), input=data, capture_output=True, timeout=120)

    def json(self, *arguments: str | Path, data: bytes | None = None, status: int | None = 0) -> Any:
        return json.loads(self(*arguments, "--json", data=data, status=status))

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "inbox", *map(str, arguments)]

    def env(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


@dataclass
class Daemon:
    """`inbox serve` on a free port, with a folder of its own."""

    program: Program
    rules: Path
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    flag: str = "--rules"

    def start(self) -> Daemon:
        arguments = ["serve", "--smtp", f"127.0.0.1:{self.port}", self.flag, str(self.rules), *self.arguments]
        log = (self.program.folder / "log.jsonl").open("ab")
        self.process = subprocess.Popen(
            self.program.command(*arguments), cwd=self.program.folder, env=self.program.env(), stderr=log, start_new_session=True
        )
        until(self._greets, f"the daemon greets ({self.log()[-2000:]})")
        return self

    def _greets(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the daemon ended with {self.process.returncode}: {self.log()[-3000:]}"
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=5):
                return True
        except (OSError, smtplib.SMTPException):
            return False

    def log(self) -> str:
        return (self.program.folder / "log.jsonl").read_text(errors="replace")

    def send(self, raw: bytes, sender: str | None = "alice@example.org", recipients=("support@example.com",)) -> str:
        """Send one mail; its id, or the refusal as an SMTPException."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            client.ehlo("sender.example")
            for code, text in (client.mail(sender or ""), *(client.rcpt(recipient) for recipient in recipients)):
                if code >= 400:
                    raise smtplib.SMTPResponseException(code, text)
            code, text = client.data(raw)
        if code != 250:
            raise smtplib.SMTPResponseException(code, text)
        return text.decode().split()[-1]

    def show(self, id_: str) -> dict[str, Any]:
        """The receipt of a mail, as another process reads it beside the daemon."""
        store = open_store(self.program.folder / "inbox-data", read_only=True)
        try:
            return store.receipt(id_).to_dict()
        finally:
            store.close()

    def settled(self, id_: str, *states: str) -> dict[str, Any]:
        """The receipt of a mail once it has left the states kept and waiting (or reached one of `states`)."""

        def condition():
            receipt = self.show(id_)
            wanted = receipt["state"] in states if states else receipt["state"] not in ("kept", "waiting")
            return receipt if wanted else None

        return until(condition, f"mail {id_} is settled")

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, seconds: float = 35) -> int:
        """SIGTERM; the exit status."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the daemon and its workers."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


class Collector:
    """Keeps what a mail server was handed; answers as told."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], bytes]] = []
        self.answers: list[str] = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  aiosmtpd's name
        if self.answers:
            return self.answers.pop(0)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return "250 2.0.0 taken"


@pytest.fixture
def next_hop():
    """A mail server of the others: (collector, port)."""
    collector = Collector()
    controller = Controller(collector, hostname="127.0.0.1", port=free_port(), ready_timeout=20)
    controller.start()
    collector.port = controller.port
    yield collector
    controller.stop()


@pytest.fixture
def program(tmp_path, next_hop) -> Program:
    return Program(
        tmp_path, {"INBOX_RELAY__HOST": "127.0.0.1", "INBOX_RELAY__PORT": str(next_hop.port), "INBOX_HOSTNAME": "mx.example.com"}
    )


@pytest.fixture
def daemon_of(program):
    """`daemon_of(rules text or path, *arguments)`: a daemon that is started, and stopped at the end."""
    started: list[Daemon] = []

    def start(rules: str | Path, *arguments: str) -> Daemon:
        path = rules if isinstance(rules, Path) else program.folder / "rules.yaml"
        if isinstance(rules, str):
            path.write_text(rules, encoding="utf-8")
        started.append(Daemon(program, path, arguments).start())
        return started[-1]

    yield start
    for daemon in started:
        daemon.kill()


@pytest.fixture
def shipped() -> Path:
    """The rules that `make run` starts with."""
    return ROOT / "rules.yaml"
