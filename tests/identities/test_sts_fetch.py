"""A policy of MTA-STS is had by HTTPS alone: what a server may say, and what does not count."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from inbox.send.sts_fetch import fetch

POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.example.com\r\nmax_age: 604800\r\n"
ANSWERS = {
    "/good": (200, {"Content-Type": "text/plain; charset=utf-8"}, POLICY),
    "/page": (200, {"Content-Type": "text/html"}, POLICY),
    "/gone": (404, {"Content-Type": "text/plain"}, POLICY),
    "/away": (301, {"Location": "/good"}, b""),
    "/long": (200, {"Content-Type": "text/plain"}, b"x" * 70_000),
    "/odd": (200, {"Content-Type": "text/plain"}, b"\xff\xfe"),
    "/none": (204, {"Content-Type": "text/plain"}, b""),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status, fields, octets = ANSWERS[self.path]
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, *_):
        """Tests print nothing."""


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def server(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        serving.socket = context.wrap_socket(serving.socket, server_side=True)
        thread = threading.Thread(target=serving.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"https://localhost:{serving.server_address[1]}"
        serving.shutdown()
        thread.join(5)


@pytest.fixture
def trusting(authority, tmp_path, monkeypatch):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.mark.usefixtures("trusting")
def test_the_policy_of_a_server_is_had(server):
    assert fetch(f"{server}/good") == POLICY.decode()


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/page", "it is text/html"),
        ("/gone", "status 404"),
        ("/away", "a redirect is not followed"),
        ("/long", "longer than 65536"),
        ("/odd", "not UTF-8"),
        ("/none", "status 204"),
    ],
)
def test_what_does_not_count_is_told(server, path, words):
    with pytest.raises(ValueError, match=words):
        fetch(f"{server}{path}")


def test_a_certificate_of_a_stranger_is_not_believed(server):
    with pytest.raises(ValueError, match="certificate is not believed"):
        fetch(f"{server}/good")


@pytest.mark.usefixtures("trusting")
def test_no_server_is_no_answer():
    with pytest.raises(OSError, match="refused"):
        fetch("https://127.0.0.1:1/good")


def test_only_https_is_asked():
    with pytest.raises(ValueError, match="https only"):
        fetch("http://127.0.0.1:1/good")
