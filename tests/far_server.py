"""An SMTP or LMTP server on a thread for each connection that does at every stage what a test tells it, and remembers what it took."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

STAGES = ("greeting", "ehlo", "mail", "rcpt", "data", "body", "dot")
GOOD = {"greeting": "220 far.test", "mail": "250 OK", "rcpt": "250 OK", "data": "354 go on", "dot": "250 2.0.0 taken"}


class Gone(Exception):
    """The server has ended this connection."""


@dataclass
class FarServer:
    """`act(stage, argument)` names what is done: None (all is well), an answer, or a fault: drop, half-close, garbage, slow, silent, endless, drop-taken.

    `drop-taken` (at `dot`): the mail is taken, and the connection ends before that is said. `offers`: lines of EHLO. `lmtp`: an answer for each recipient.
    """

    act: object = lambda stage, argument: None
    offers: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SIZE 1000000")
    lmtp: bool = False
    context: object = None
    address: str = "127.0.0.1"
    port: int = 0
    taken: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    unanswered: Counter = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)
    connections: int = 0

    def __enter__(self):
        self.listening = socket.create_server((self.address, self.port))
        self.port = self.listening.getsockname()[1]
        self.lock, self.open, self.threads = threading.Lock(), set(), []
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.drop_all()
        for thread in (self.thread, *self.threads):
            thread.join(10)

    def drop_all(self):
        """End every connection, as a server that starts anew does."""
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def accept(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self.serve, args=(connection,), daemon=True)
            self.threads = [other for other in self.threads if other.is_alive()] + [thread]
            thread.start()

    def serve(self, connection):
        self.open.add(connection)
        conversation = Conversation(self, connection)
        try:
            conversation.run()
        except (OSError, Gone, ValueError):
            pass
        finally:
            conversation.connection.close()
            self.open.discard(conversation.connection)


class Conversation:
    def __init__(self, server, connection):
        self.server, self.connection, self.octets = server, connection, b""
        self.sender, self.recipients, self.begun = "", [], False

    def run(self):
        self.answer("greeting", "", GOOD["greeting"])
        while line := self.line():
            with self.server.lock:
                self.server.said.append(line)
            verb, _, argument = line.partition(" ")
            verb = verb.upper()
            if verb == "QUIT":
                self.put("221 bye")
                return
            if verb in ("EHLO", "LHLO", "HELO"):
                verb = "EHLO"
            getattr(self, f"do_{verb.lower()}", self.unknown)(argument)

    def unknown(self, argument):
        self.put("500 what?")

    def do_ehlo(self, argument):
        self.begun = False
        self.answer("ehlo", argument, "\r\n".join([f"250-{word}" for word in ("far.test", *self.server.offers)] + ["250 HELP"]))

    def do_mail(self, argument):
        if self.begun:
            self.put("503 5.5.1 nested MAIL: RSET first")
            return
        self.sender, self.recipients = argument[argument.index("<") + 1 : argument.index(">")], []
        self.begun = self.answer("mail", self.sender, GOOD["mail"]).startswith("250")

    def do_rcpt(self, argument):
        address = argument[argument.index("<") + 1 : argument.index(">")]
        if self.answer("rcpt", address, GOOD["rcpt"]).startswith("250"):
            self.recipients.append(address)

    def do_rset(self, argument):
        self.recipients, self.begun = [], False
        self.put("250 OK")

    def do_starttls(self, argument):
        self.put("220 go on")
        if self.server.context == "broken":
            self.connection.sendall(b"this is no TLS\r\n" * 3)
            raise Gone
        self.server.open.discard(self.connection)
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.server.open.add(self.connection)
        self.octets = b""

    def do_data(self, argument):
        if not self.answer("data", "", GOOD["data"]).startswith("354"):
            return
        self.fault(self.server.act("body", ""), before=True)
        while b"\r\n.\r\n" not in self.octets:
            self.more()
        body, _, self.octets = self.octets.partition(b"\r\n.\r\n")
        raw = (body + b"\r\n").replace(b"\r\n..", b"\r\n.")
        self.begun = False
        act = self.server.act("dot", raw)
        lost = act in ("drop-taken", "half-close")
        if act is None or lost or act == "slow" or act.startswith("250"):
            with self.server.lock:
                self.server.taken.append((self.sender, self.recipients, raw))
                if lost:
                    self.server.unanswered[raw] += 1
        if self.server.lmtp:
            for recipient in self.recipients:
                self.put(self.server.act("dot", recipient) or GOOD["dot"])
            return
        self.fault(act)
        self.put(act if act and act[:1].isdigit() else GOOD["dot"])

    def answer(self, stage, argument, good):
        act = self.server.act(stage, argument)
        self.fault(act)
        words = act if act and act[:1].isdigit() else good
        self.put(words)
        if words.startswith("421"):
            raise Gone
        return words

    def fault(self, act, *, before=False):
        if act == "slow":
            time.sleep(0.02)
        elif before and act and act[:1].isdigit():
            self.put(act)
            raise Gone
        elif act and not act[:1].isdigit():
            with contextlib.suppress(OSError):
                getattr(self, act.replace("-", "_"))()
            raise Gone

    def drop(self):
        """Nothing more is said."""

    drop_taken = drop

    def half_close(self):
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(2)
        self.silent()

    def silent(self):
        while self.connection.recv(65536):
            pass

    def garbage(self):
        self.connection.sendall(b"\x00\xff%&/ what is this\r\n")

    def endless(self):
        while True:
            self.connection.sendall(b"250-and more\r\n" * 100)

    def put(self, words):
        self.connection.sendall(words.encode() + b"\r\n")

    def line(self):
        while b"\r\n" not in self.octets:
            self.more()
        line, _, self.octets = self.octets.partition(b"\r\n")
        return line.decode("utf-8", "replace")

    def more(self):
        octets = self.connection.recv(65536)
        if not octets:
            raise Gone
        self.octets += octets
