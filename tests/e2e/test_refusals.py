"""Every refusal of the door, on a real socket against the real program: it is counted, logged, and shown by `inbox stats`, under its reason."""

from __future__ import annotations

import json
import re
import resource
import smtplib
import socket
import ssl
import sys
import time
import urllib.request
from itertools import count
from pathlib import Path

import pytest

from inbox.refusals import REASONS
from waiting import free_port, until

RULES = """version: 1
domains: [example.com]
rules:
- {name: no offers, when: {subject: offer}, refuse: No offers please}
- {name: deadly, when: {last: true}, refuse: Never}
default: [store]
"""
PLUGIN = '''"""A fact that ends the process that asks for it."""

import os

from inbox import hookimpl


@hookimpl
def register_facts(register):
    register("last", last)


def last(message) -> bool:
    """Ends the process for a mail with the subject `die`."""
    if message.subject == "die":
        os._exit(3)
    return False
'''
SETTINGS = """
filters = ["block 127.0.0.9", "allow 127.0.0.0/8"]
proxy_from = ["127.0.0.8"]
plugins_dir = "own"
[tls]
certificate = "cert.pem"
key = "key.pem"
[limits]
exempt = []
size = 1000
recipients = 2
errors = 6
commands = 8
connections = 24
connections_per_address = 3
greet_delay = 0.05
[limits.rates]
connections = "6/1h"
mails = "4/1h"
sender = "2/1h"
recipients = "5/1h"
"""
QUICK = "[limits]\nidle = 0.8\nsession = 1.6\n"
HELLO = b"EHLO c.test\r\n"
OPEN = HELLO + b"MAIL FROM:<%d@s.test>\r\nRCPT TO:<u@example.com>\r\n"

_fresh = (f"127.0.{third}.{fourth}" for third in count(1) for fourth in range(1, 250))


class Client:
    """One connection from an address of its own."""

    def __init__(self, port, ip=None, *, greeting=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(ip or next(_fresh), 0))
        if greeting:
            self.hear(rb"220 ")

    def hear(self, pattern):
        """Read until this pattern comes; what was read."""
        heard = b""
        while not re.search(pattern, heard):
            octets = self.socket.recv(65536)
            assert octets, f"closed after {heard!r}, without {pattern!r}"
            heard += octets
        return heard

    def say(self, octets, pattern):
        self.socket.sendall(octets)
        return self.hear(pattern)


# one function for each reason: what a client does to be refused once


def blocked(port):
    Client(port, "127.0.0.9", greeting=False).hear(rb"554 5\.7\.1 ")


def connections_of_one_address(port):
    ip = next(_fresh)
    held = [Client(port, ip) for _ in range(3)]
    Client(port, ip, greeting=False).hear(rb"421 4\.7\.0 ")
    del held


def rate_of_connections(port):
    ip = next(_fresh)
    for _ in range(6):
        Client(port, ip).say(b"QUIT\r\n", rb"221 ")
    Client(port, ip, greeting=False).hear(rb"421 4\.7\.0 Too many connections in this time")


def rate_of_mails(port):
    client = Client(port)
    client.say(HELLO, rb"250 ")
    for number in range(4):
        client.say(b"MAIL FROM:<rate%d@s.test>\r\nRSET\r\n" % number, rb"250 2\.1\.0 .*\r\n250 ")
    client.say(b"MAIL FROM:<rate5@s.test>\r\n", rb"450 4\.7\.1 ")


def rate_of_sender(port):
    for _ in range(2):
        Client(port).say(HELLO + b"MAIL FROM:<often@s.test>\r\nQUIT\r\n", rb"221 ")
    Client(port).say(HELLO + b"MAIL FROM:<OFTEN@s.test>\r\n", rb"450 4\.7\.1 Too many mails of this sender")


def proxy(port):
    Client(port, "127.0.0.8", greeting=False).say(b"HELLO world, this is no header\r\n", rb"\Z")


def early_talker(port):
    Client(port, greeting=False).say(HELLO, rb"554 5\.5\.1 ")


def http(port):
    Client(port).say(b"GET / HTTP/1.1\r\n", rb"554 5\.5\.1 ")


def xclient(port):
    Client(port).say(HELLO + b"XCLIENT ADDR=192.0.2.1\r\n", rb"5\d\d 5\.\d+\.\d+ ")


def syntax(port):
    Client(port).say(b"XYZZY\r\n", rb"500 5\.5\.1 ")


def order(port):
    Client(port).say(b"DATA\r\n", rb"503 5\.5\.1 ")


def tls(port):
    client = Client(port)
    client.say(HELLO, rb"250 ")
    client.say(b"STARTTLS\r\n", rb"220 ")
    context = ssl._create_unverified_context()
    with context.wrap_socket(client.socket) as secured:
        secured.sendall(b"EHLO c.test\r\n")
        secured.recv(65536)
        secured.sendall(b"STARTTLS\r\n")
        assert secured.recv(65536).startswith(b"503 5.5.1 ")


def handshake(port):
    client = Client(port)
    client.say(HELLO, rb"250 ")
    client.say(b"STARTTLS\r\n", rb"220 ")
    client.socket.sendall(b"this is no handshake\r\n" * 10)


def auth(port):
    Client(port).say(HELLO + b"AUTH PLAIN AGEAYg==\r\n", rb"538 5\.7\.11 ")


def size(port):
    Client(port).say(HELLO + b"MAIL FROM:<a@s.test> SIZE=2000\r\n", rb"552 5\.3\.4 ")


def recipients(port):
    Client(port).say(OPEN % 20 + b"RCPT TO:<v@example.com>\r\nRCPT TO:<w@example.com>\r\n", rb"452 4\.5\.3 ")


def recipient(port):
    Client(port).say(HELLO + b"MAIL FROM:<21@s.test>\r\nRCPT TO:<u@elsewhere.test>\r\n", rb"55\d 5\.\d\.\d ")


def relay(port):
    Client(port).say(HELLO + b"MAIL FROM:<22@s.test>\r\nRCPT TO:<u%elsewhere.test@example.com>\r\n", rb"554 5\.7\.1 ")


def line_endings(port):
    deliver(port, b"Subject: x\n\r\n.\r\n", rb"550 5\.5\.2 ")


def rule(port):
    deliver(port, b"Subject: offer\r\n\r\n.\r\n", rb"550 5\.7\.1 No offers please")


def internal(port):
    deliver(port, b"Subject: die\r\n\r\n.\r\n", rb"451 4\.3\.0 ")


_number = count(100)


def deliver(port, octets, pattern):
    client = Client(port)
    client.socket.settimeout(30)
    client.say(OPEN % next(_number) + b"DATA\r\n", rb"354 ")
    client.say(octets, pattern)


def errors(port):
    Client(port).say(b"XYZZY\r\n" * 6, rb"421 4\.7\.0 Too many errors")


def commands(port):
    Client(port).say(b"NOOP\r\n" * 9, rb"421 4\.7\.0 ")


def connections(port):
    held = [Client(port, greeting=False) for _ in range(24)]
    Client(port, greeting=False).hear(rb"421 4\.7\.0 Too many connections")
    del held


def idle(port):
    Client(port).hear(rb"421 4\.4\.2 ")


def session(port):
    client = Client(port)
    for _ in range(20):
        try:
            client.socket.sendall(b"NOOP\r\n")
        except OSError:
            return
        time.sleep(0.2)


def slow(port):
    client = Client(port)
    client.say(OPEN % 1 + b"DATA\r\n", rb"354 ")
    for _ in range(20):
        try:
            client.socket.sendall(b"x")
        except OSError:
            return
        time.sleep(0.2)


ONE_DAEMON = (
    *(blocked, connections_of_one_address, rate_of_connections, rate_of_mails, rate_of_sender, proxy, early_talker, http),
    *(
        xclient,
        syntax,
        order,
        tls,
        handshake,
        auth,
        size,
        recipients,
        recipient,
        relay,
        line_endings,
        rule,
        internal,
        errors,
        commands,
        connections,
    ),
)
ANOTHER_DAEMON = (idle, session, slow)


def word(case):
    return case.__name__.replace("_", " ")


@pytest.fixture
def refusals(program, daemon_of):
    """A daemon with settings, and ways to see what it refused."""
    return Refusals(program, daemon_of)


class Refusals:
    def __init__(self, program, daemon_of):
        self.program, self.daemon_of, self.http = program, daemon_of, free_port()

    def start(self, settings, rules="version: 1\ndomains: [example.com]\nrules: []\ndefault: [store]\n"):
        (self.program.folder / "inbox.toml").write_text(settings)
        self.daemon = self.daemon_of(rules, "--workers", "0", "--http", f"127.0.0.1:{self.http}")
        return self.daemon.port

    def counted(self, reason):
        """What /metrics says now."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=10) as answer:
            found = re.search(rf'inbox_refused_total\{{reason="{reason}"\}} (\d+)', answer.read().decode())
        return int(found[1]) if found else 0

    def logged(self, reason):
        lines = (json.loads(line) for line in self.daemon.log().splitlines() if line.startswith("{"))
        return sum(line.get("reason") == reason for line in lines)

    def shown(self):
        """Reason to count, as `inbox stats` prints them for a person; each with what it means."""
        text = self.program("stats")
        found = re.findall(r"(?m)^  reason (.+?) +([\d,]+)   (.+)$", text)
        assert all(REASONS[reason] == meaning for reason, _, meaning in found), text
        return {reason: int(number.replace(",", "")) for reason, number, _ in found}

    def play(self, case, port):
        """Refused once: counted once and logged once, under the reason that the case is named for."""
        reason, before = word(case), (self.counted(word(case)), self.logged(word(case)))
        case(port)
        after = (before[0] + 1, before[1] + 1)
        until(lambda: (self.counted(reason), self.logged(reason)) == after, f"{reason!r} is counted and logged once more than {before}")


def test_each_refusal_of_a_session_is_counted_logged_and_shown_while_the_daemon_runs(refusals, tmp_path):
    import trustme

    issued = trustme.CA().issue_cert("mx.example.com")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "last.py").write_text(PLUGIN)
    port = refusals.start(SETTINGS, RULES)
    for case in ONE_DAEMON:
        refusals.play(case, port)
    shown = refusals.shown()
    assert {word(case) for case in ONE_DAEMON} <= set(shown)
    refusals.play(syntax, port)
    until(lambda: refusals.shown()["syntax"] == shown["syntax"] + 1, "the next `inbox stats` shows the next refusal")


def test_each_refusal_for_the_time_that_it_takes_is_counted_logged_and_shown(refusals):
    port = refusals.start(QUICK)
    for case in ANOTHER_DAEMON:
        refusals.play(case, port)
    waiting = Client(port)
    refusals.daemon.signal(15)
    waiting.hear(rb"421 4\.3\.2 ")
    refusals.daemon.process.wait(30)
    assert refusals.logged("closing") == 1
    assert {"idle", "session", "slow", "closing"} <= set(refusals.shown())


@pytest.mark.parametrize(
    ("reason", "limit", "answer"), [("disk", "min_free = 1000000000000000", rb"452 4\.3\.1 "), ("backlog", "backlog = 1", rb"451 4\.3\.2 ")]
)
def test_mail_that_cannot_be_taken_now_is_counted_logged_and_shown(refusals, reason, limit, answer):
    port = refusals.start(f"[limits]\n{limit}\n")
    if reason == "backlog":
        for _ in range(2):
            refusals.daemon.send(b"Subject: x\r\n\r\nx\r\n")
        time.sleep(1.5)  # it is looked at once a second
    Client(port).say(HELLO + b"MAIL FROM:<a@s.test>\r\n", answer)
    until(lambda: (refusals.counted(reason), refusals.logged(reason)) == (1, 1), f"{reason} is counted and logged")
    assert refusals.shown() == {reason: 1}


def test_recipients_beyond_their_rate_are_refused_for_now(refusals):
    port = refusals.start('[limits]\nexempt = []\n[limits.rates]\nrecipients = "2/1h"\n')
    client = Client(port)
    client.say(OPEN % 1 + b"RCPT TO:<v@example.com>\r\nRCPT TO:<w@example.com>\r\n", rb"250 2\.1\.5 .*\r\n250 2\.1\.5 .*\r\n450 4\.7\.1 ")
    client.say(b"DATA\r\n", rb"354 ")
    client.say(b".\r\n", rb"250 2\.0\.0 ")
    until(lambda: (refusals.counted("rate of recipients"), refusals.logged("rate of recipients")) == (1, 1), "it is counted and logged")
    assert refusals.shown() == {"rate of recipients": 1}


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_accepting_survives_the_end_of_descriptors_and_tells_it_once(refusals, monkeypatch, loop):
    if loop == "asyncio":
        without = "import sys; sys.modules['uvloop'] = None; from inbox.cli import main; main()"
        plain = refusals.program.command
        monkeypatch.setattr(type(refusals.program), "command", lambda self, *args: [sys.executable, "-c", without, *plain(*args)[3:]])
    else:
        pytest.importorskip("uvloop")
    port = refusals.start("[limits]\nconnections = 100\n")
    pid = refusals.daemon.process.pid
    in_use = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (in_use + 5, before[1]))
    crowd = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(40)]
    time.sleep(1.5)
    for client in crowd:
        client.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    until(lambda: greets(port), "the door greets again")
    assert refusals.daemon.process.poll() is None
    assert refusals.daemon.log().count("Traceback") == 0
    assert refusals.daemon.log().count("housekeeping failed") <= 1
    if loop == "asyncio":
        until(lambda: refusals.counted("descriptors") == 1, "it is counted once")
        assert refusals.logged("descriptors") == 1
        assert refusals.shown()["descriptors"] == 1


def greets(port):
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            return client.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


def test_no_reason_is_left_out():
    played = {word(case) for case in (*ONE_DAEMON, *ANOTHER_DAEMON)} | {"closing", "disk", "backlog", "rate of recipients", "descriptors"}
    assert set(REASONS) - played == set()
