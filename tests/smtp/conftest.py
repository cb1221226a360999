"""A real door on a free port, in a loop of its own thread; a gate that remembers; a client that sees the wire."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from inbox.config import Settings
from inbox.model import Reply
from inbox.sources.smtp import open_doors

LINE_END = b"\r\n"


class Gate:
    """Takes mail for local.test. `answers`: recipient to reply; `delay`: how long keeping takes; `fault`: what is raised instead."""

    def __init__(self):
        self.mails, self.answers, self.delay, self.fault, self.admitted = [], {}, 0.0, None, []

    def admit(self, envelope, recipient):
        self.admitted.append((envelope, recipient))
        if isinstance(self.fault, str) and self.fault == "admit":
            raise ValueError("secret /etc/path\r\n250 OK injected")
        if recipient.rpartition("@")[2].lower() != "local.test":
            return Reply(554, "5.7.1", "We do not take mail for this domain")
        return None

    async def take(self, mail):
        await asyncio.sleep(self.delay)
        if self.fault is not None:
            raise self.fault
        self.mails.append((mail, mail.raw))
        kept = Reply(250, "2.0.0", f"kept as {mail.id}")
        return [self.answers.get(recipient, kept) for recipient in mail.envelope.recipients]

    @property
    def raws(self):
        return [raw for _, raw in self.mails]


class Counted:
    """Counts by (name, reason or source)."""

    def __init__(self):
        self.counts, self.observed = {}, []

    def count(self, name, by=1, **labels):
        key = (name, *labels.values())
        self.counts[key] = self.counts.get(key, 0) + by

    def observe(self, name, value, **labels):
        self.observed.append((name, value))

    def refused(self, reason):
        return self.counts.get(("inbox_refused_total", reason), 0)


class Door:
    """Doors that are open, and the thread they live in."""

    def __init__(self, settings, **more):
        self.gate, self.counter = Gate(), Counted()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.doors = self.call(open_doors(settings, self.gate, self.counter, **more))
        self.drained = False

    def call(self, coroutine, seconds=20):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)

    @property
    def port(self):
        return self.doors.addresses[0].port

    def port_of(self, kind):
        return next(address.port for address in self.doors.addresses if address.kind == kind)

    def drain(self, seconds=5.0):
        self.drained = True
        self.call(self.doors.drain(seconds))

    def close(self):
        if not self.drained:
            self.drain(0.2)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


class Wire:
    """A client that sends octets and reads whole replies."""

    def __init__(self, port, *, greeting=True, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=10)
        self.buffer = b""
        if greeting:
            assert self.reply().startswith("220 ")

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        while b"\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionResetError("closed by the server")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode("latin-1").rstrip("\r")

    def reply(self):
        """All lines of the next reply, joined by line feeds."""
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return "\n".join(lines)

    def ask(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + LINE_END)
        return self.reply()

    def open_mail(self, *recipients, sender="a@s.test", hello="EHLO c.test"):
        self.ask(hello)
        self.ask(f"MAIL FROM:<{sender}>")
        for recipient in recipients or ("u@local.test",):
            assert self.ask(f"RCPT TO:<{recipient}>").startswith("250 2.1.5 ")
        assert self.ask("DATA").startswith("354 ")

    def closed(self):
        """Whether the server hangs up; what it says before is thrown away."""
        self.socket.settimeout(5)
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True

    def close(self):
        self.socket.close()


@pytest.fixture
def open_door(tmp_path):
    """A function that opens a door; keywords are settings, `limits` a table, `hold` and `clock` as open_doors has them."""
    doors = []

    def opened(*, hold=None, **settings):
        listeners = {"smtp": ("127.0.0.1:0",)} if not {"smtp", "lmtp", "smtps"} & set(settings) else {}
        more = {"hold": hold} if hold else {}
        doors.append(Door(Settings(dir=tmp_path / "data", hostname="mx.local.test", **listeners, **settings), **more))
        return doors[-1]

    yield opened
    for door in doors:
        door.close()


@pytest.fixture
def connect():
    """A function that opens a client on a port."""
    clients = []

    def connected(port, **how):
        clients.append(Wire(port, **how))
        return clients[-1]

    yield connected
    for client in clients:
        client.close()


@pytest.fixture
def certificate(tmp_path):
    """(authority, certificate file, key file) for mx.local.test."""
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("mx.local.test", "127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.private_key_pem.write_to_path(key)
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return authority, cert, key


@pytest.fixture
def door_program():
    """Command line of the door as a program of its own."""
    return [sys.executable, str(Path(__file__).with_name("door_server.py"))]


@pytest.fixture
def wait_until():
    """A function that waits until a condition holds."""

    def wait(condition, seconds=5.0):
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, "it did not happen"
            time.sleep(0.01)

    return wait
