"""A name server on 127.0.0.1 over UDP, for tests that ask DNS. What it answers is for those who derive from it."""

from __future__ import annotations

import socket
import threading

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer:
    """`answer(query)` gives a dns.message, or None for silence; `address` is where it listens."""

    def __init__(self):
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                octets, client = self.socket.recvfrom(4096)
            except OSError:
                return
            if not octets:
                return
            answer = self.answer(dns.message.from_wire(octets))
            if answer is not None:
                self.socket.sendto(answer.to_wire(), client)

    def answer(self, query):
        raise AssertionError("a test says what is answered")

    def close(self):
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join(5)
        self.socket.close()


class ZoneServer(NameServer):
    """Answers from {(name, type): [text]}; None instead of a list is silence. What is not there does not exist."""

    def __init__(self, table):
        self.table = table
        super().__init__()

    def answer(self, query):
        (question,) = query.question
        name, kind = question.name.to_text().rstrip(".").lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        found, answer = self.table.get((name, kind), []), dns.message.make_response(query, recursion_available=True)
        if found:
            answer.answer.append(dns.rrset.from_text(question.name, 300, "IN", kind, *found))
        elif not any(known == name for known, _ in self.table):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return None if found is None else answer
