"""Health over HTTP, with a real socket."""

from __future__ import annotations

import asyncio
import json
import socket
import threading

import pytest

from inbox.errors import ConfigError
from inbox.sources import health, http


class Health:
    def __init__(self):
        self.well, self.text, self.threads = (True, "ready"), "inbox_mails 1\n", []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        opening = health.open_health("127.0.0.1:0", self.metrics, lambda: self.well)
        self.server = asyncio.run_coroutine_threadsafe(opening, self.loop).result(5)
        self.port = self.server.sockets[0].getsockname()[1]

    def metrics(self):
        self.threads.append(threading.current_thread())
        if self.text is None:
            raise OSError("/secret/store.db")
        return self.text

    def send(self, octets, wait=True):
        """(status, headers, body)"""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
            client.sendall(octets)
            answer = b""
            while data := client.recv(65536):
                answer += data
        head, _, body = answer.decode().partition("\r\n\r\n")
        return int((head.split() or [0, 0])[1]), head, body

    def get(self, path, method="GET"):
        return self.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def close(self):
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


@pytest.fixture
def server():
    found = Health()
    yield found
    found.close()


def test_metrics_are_text_of_the_exposition_format(server):
    status, head, body = server.get("/metrics?x=1")
    assert (status, body) == (200, "inbox_mails 1\n")
    assert "Content-Type: text/plain; version=0.0.4" in head
    assert server.threads[0] is not server.thread


def test_a_process_that_lives_says_so(server):
    assert server.get("/healthz")[0] == 200


def test_readiness_comes_with_its_reason(server):
    assert server.get("/readyz")[0] == 200
    server.well = (False, "452 4.3.1 no space")
    status, _, body = server.get("/readyz")
    assert status == 503
    assert json.loads(body)["reason"] == "452 4.3.1 no space"


OTHERS = [
    ("/", "GET", 404),
    ("/../etc/passwd", "GET", 404),
    ("/metrics", "POST", 405),
    ("/healthz", "DELETE", 405),
    ("/metrics", "HEAD", 200),
]


@pytest.mark.parametrize(("path", "method", "wanted"), OTHERS)
def test_other_paths_and_methods(server, path, method, wanted):
    status, _, body = server.get(path, method)
    assert status == wanted
    assert method != "HEAD" or body == ""


def test_metrics_that_cannot_be_read_are_500_without_the_reason(server):
    server.text = None
    status, _, body = server.get("/metrics")
    assert status == 500
    assert "secret" not in body


@pytest.mark.parametrize("octets", [b"hello\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n", b"GET /metrics\r\n\r\n", b"\0\r\n\r\n"])
def test_what_is_no_request_is_400(server, octets):
    assert server.send(octets)[0] == 400


def test_a_request_without_end_is_cut(server, monkeypatch):
    assert server.send(b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 5000)[0] in (0, 400)
    monkeypatch.setattr(http, "PATIENCE", 0.2)
    assert server.send(b"GET /metrics HTTP/1.1\r\n")[0] == 0
    assert server.get("/healthz")[0] == 200


def test_a_port_that_is_taken_is_an_error_that_says_so(server):
    with pytest.raises(ConfigError, match="choose another port"):
        asyncio.run(health.open_health(f"127.0.0.1:{server.port}", str, lambda: (True, "")))
