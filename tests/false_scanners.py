"""Servers that do what a scanner must not do: each way as a function that gets the connection."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from pathlib import Path


class FalseServer:
    """Listens on a local socket; `behave(connection)` for each connection, in a thread of its own. `asked`: how many there were."""

    def __init__(self, path: Path, behave) -> None:
        self.server, self.behave, self.asked = f"unix:{path}", behave, 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self.over = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.asked += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self.behave(self, connection)

    def close(self) -> None:
        self.over.set()
        self._listener.close()


def read_all(connection: socket.socket) -> bytes:
    """The whole question: up to the empty chunk of INSTREAM, or as many octets as the header says."""
    octets = b""
    while piece := connection.recv(1 << 16):
        octets += piece
        head, blank, body = octets.partition(b"\r\n\r\n")
        length = re.search(rb"(?mi)^content-length: (\d+)", head)
        if (octets.startswith(b"zINSTREAM") and octets.endswith(b"\0\0\0\0")) or (blank and length and len(body) >= int(length[1])):
            break
    return octets


def hangs(server, connection):
    server.over.wait(20)


def closes_at_once(server, connection):
    pass


def closes_after_the_mail(server, connection):
    read_all(connection)


def resets(server, connection):
    """An RST in place of a FIN: data that was not read."""
    connection.recv(1)


def says(answer: bytes):
    def behave(server, connection):
        read_all(connection)
        connection.sendall(answer)

    return behave


def says_early(answer: bytes):
    """The answer when the mail has only begun, and the end of the connection."""

    def behave(server, connection):
        connection.recv(100)
        connection.sendall(answer)

    return behave


def says_for_ever(server, connection):
    read_all(connection)
    while not server.over.is_set():
        connection.sendall(b"0123456789abcdef" * 4096)


def in_crumbs(answer: bytes, pause: float):
    """The answer, octet by octet."""

    def behave(server, connection):
        read_all(connection)
        for n in range(len(answer)):
            connection.sendall(answer[n : n + 1])
            if server.over.wait(pause):
                return

    return behave


def late(answer: bytes, seconds: float):
    def behave(server, connection):
        read_all(connection)
        if not server.over.wait(seconds):
            connection.sendall(answer)

    return behave
