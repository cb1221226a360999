"""`inbox serve` in a process group of its own, and clients that remember what was acknowledged to them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

HERE = Path(__file__).parent
RULES = "version: 1\ndomains: [local.test]\nrules: []\ndefault: [{store: {table: notes}}]\n"
INBOX = (sys.executable, "-m", "inbox")
_FINAL = re.compile(rb"(?m)^\d{3}(?: [^\n]*)?\n")


class Broken(Exception):
    """A proof failed; the words say with which figures."""


class Skip(Exception):
    """A proof cannot be had on this machine; the words say what is missing."""


def need(condition: object, words: str) -> None:
    """Broken with these words unless the condition holds."""
    if not condition:
        raise Broken(words)


def program(name: str) -> str:
    """The path of a program; Skip when it is not installed."""
    found = shutil.which(name)
    if not found:
        raise Skip(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Client:
    """A plain SMTP client. Every failure of the connection is an OSError."""

    def __init__(self, port: int, seconds: float = 20) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.buffer, self.known = b"", False
        try:
            self.greeting = self.reply()
        except OSError:
            self.socket.close()
            raise

    def close(self) -> None:
        self.socket.close()

    def reply(self) -> tuple[int, str]:
        while not (end := _FINAL.search(self.buffer)):
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionResetError("closed by the server")
            self.buffer += data
        line, self.buffer = end[0].decode("latin-1").strip(), self.buffer[end.end() :]
        return int(line[:3]), line[4:]

    def ask(self, line: bytes) -> tuple[int, str]:
        self.socket.sendall(line)
        return self.reply()

    def envelope(self, sender: bytes = b"a@sender.test", recipient: bytes = b"u@local.test") -> tuple[int, str]:
        """EHLO (once), MAIL, RCPT, DATA: the first refusal, or 354."""
        hello = [] if self.known else [b"EHLO client.test"]
        self.known = True
        for line in (*hello, b"MAIL FROM:<%s>" % sender, b"RCPT TO:<%s>" % recipient, b"DATA"):
            code, text = self.ask(line + b"\r\n")
            if code >= 400:
                if not line.startswith((b"EHLO", b"MAIL")):
                    self.ask(b"RSET\r\n")
                return code, text
        return code, text

    def mail(self, data: bytes, recipient: bytes = b"u@local.test") -> tuple[int, str]:
        """One mail: the first refusal, or the answer to the final dot."""
        code, text = self.envelope(recipient=recipient)
        return self.ask(data + b".\r\n") if code == 354 else (code, text)


def message(number: int, size: int = 900) -> bytes:
    """About `size` octets, different for each number; no line begins with a dot."""
    line = b"%08d " % number + b"x" * 61 + b"\r\n"
    return b"Subject: %d\r\nMessage-ID: <%d@sender.test>\r\n\r\n" % (number, number) + line * max(1, size // len(line))


@dataclass
class Record:
    """What was answered, and the SHA-256 of all that was acknowledged, by id."""

    answers: Counter[str] = field(default_factory=Counter)
    acknowledged: dict[str, str] = field(default_factory=dict)

    def send(self, client: Client, data: bytes, recipient: bytes = b"u@local.test") -> int:
        code, text = client.mail(data, recipient)
        self.note(code, text, data)
        return code

    def note(self, code: int, text: str, data: bytes) -> None:
        self.answers[str(code)] += 1
        if code == 250:
            self.acknowledged[text.rsplit(maxsplit=1)[-1]] = hashlib.sha256(data).hexdigest()

    def send_all(self, port: int, mails: list[bytes], recipient: bytes = b"u@local.test") -> None:
        """One mail after the other on one connection; a new one when it was closed."""
        client = None
        for data in mails:
            try:
                client = client or Client(port)
                self.send(client, data, recipient)
            except OSError:
                self.answers["closed"] += 1
                client = None
        if client:
            client.close()

    @property
    def fives(self) -> int:
        return sum(count for code, count in self.answers.items() if code.startswith("5"))

    def lost(self, folder: Path) -> int:
        """Acknowledged mails that are not in the store with every octet, as another process reads them."""
        whole = stored(folder)
        return sum(whole.get(id_) != sha256 for id_, sha256 in self.acknowledged.items())

    def __str__(self) -> str:
        return " ".join(f"{count} x {code}" for code, count in sorted(self.answers.items()))


class Load:
    """Clients that send until they are told to stop, and connect anew by themselves."""

    def __init__(self, port: int, clients: int = 4, sizes: tuple[int, ...] = (900,)) -> None:
        self.port, self.sizes, self.record = port, sizes, Record()
        self.stop, self.lock, self.number = threading.Event(), threading.Lock(), 0
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _run(self) -> None:
        while not self.stop.is_set():
            try:
                client = Client(self.port, 30)
                with contextlib.closing(client):
                    while not self.stop.is_set():
                        self._one(client)
            except OSError:
                time.sleep(0.02)

    def _one(self, client: Client) -> None:
        with self.lock:
            self.number += 1
            data = message(self.number, self.sizes[self.number % len(self.sizes)])
        code, text = client.mail(data)
        with self.lock:
            self.record.note(code, text, data)
        if code == 421:
            raise ConnectionResetError("421")
        if code != 250:
            time.sleep(0.02)

    def finish(self) -> Record:
        self.stop.set()
        for thread in self.threads:
            thread.join(35)
        return self.record


class Server:
    """`inbox serve` on a free port with a folder of its own. `prefix`: a command that runs it (strace, sh -c 'ulimit ...')."""

    def __init__(
        self, work: Path, *arguments: str, prefix: tuple[str, ...] = (), command: tuple[str, ...] = INBOX, **environment: str
    ) -> None:
        self.work, self.folder, self.port = work, work / "data", free_port()
        rules = work / "rules.yaml"
        rules.exists() or rules.write_text(RULES)
        self.argv = [
            *prefix,
            *command,
            "serve",
            "--smtp",
            f"127.0.0.1:{self.port}",
            "--dir",
            str(self.folder),
            "--rules",
            str(rules),
            *arguments,
        ]
        self.environment = {"INBOX_LIMITS__MIN_FREE": "0", **environment}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 60) -> Server:
        need(self.starts(seconds), f"the server did not start: {self.words()}")
        return self

    def starts(self, seconds: float = 60) -> bool:
        """Start it and wait for the greeting; False when it ends before."""
        self.begin()
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            try:
                Client(self.port, 5).close()
            except OSError:
                time.sleep(0.05)
            else:
                return True
        return False

    def begin(self) -> None:
        with (self.work / "log.jsonl").open("ab") as log:
            self.process = subprocess.Popen(
                self.argv, cwd=self.work, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def words(self) -> str:
        return (self.work / "log.jsonl").read_text(errors="replace")[-600:].strip()

    @property
    def pids(self) -> list[int]:
        """The daemon and all that it started."""
        return [self.process.pid, *descendants(self.process.pid)]

    def ended(self, seconds: float) -> int | None:
        """Its exit status; None when it still runs after so many seconds."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def terminate(self, seconds: float = 40) -> int | None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        return self.ended(seconds)

    def kill(self) -> None:
        """SIGKILL to the daemon and all that it started."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def settles(self, seconds: float = 60) -> bool:
        """Whether nothing waits any more within so many seconds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not ask(self.folder, "select count(*) from inbox_mails where state in ('kept', 'waiting')"):
                return True
            time.sleep(0.2)
        return False


def descendants(pid: int) -> list[int]:
    """All processes that a process started, and theirs."""
    found, fresh = [], _children(pid)
    while fresh:
        found += fresh
        fresh = [child for one in fresh for child in _children(one)]
    return found


def _children(pid: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def ask(folder: Path, question: str) -> object:
    """One value from the database, read by another process beside the daemon."""
    with contextlib.closing(sqlite3.connect(f"file:{folder / 'inbox.db'}?mode=ro", uri=True, timeout=20)) as db:
        return db.execute(question).fetchone()[0]


def sound(folder: Path) -> bool:
    """Whether SQLite finds the database whole."""
    return ask(folder, "pragma integrity_check") == "ok"


def stored(folder: Path) -> dict[str, str]:
    """SHA-256 by id of the mails whose octets can be read and are what they were, as a process that opens the store anew sees them."""
    done = subprocess.run(
        [sys.executable, str(HERE / "ids.py"), "--sha256", str(folder)], capture_output=True, text=True, timeout=300, check=False
    )
    need(done.returncode == 0, f"the store cannot be read: {done.stderr[-300:]}")
    return dict(line.split() for line in done.stdout.splitlines())
