"""The only two addresses that are ever visited, with a real TLS server in the place of SNS."""

from __future__ import annotations

import http.server
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import trustme

from inbox.sources.ses.certificates import Certificates, confirm
from inbox.sources.ses.errors import Unfinished
from ses_signing import Signer

SIGNER = Signer.make()


@pytest.fixture
def sns(monkeypatch, tmp_path):
    """A server on localhost that answers from a table, and counts."""
    pages, asked = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, body, headers = pages[self.path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}", pages, asked
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_a_certificate_is_fetched_once(sns):
    base, pages, asked = sns
    pages["/x.pem"] = (200, SIGNER.pem, {})
    certificates = Certificates()
    assert [certificates(f"{base}/x.pem") for _ in range(3)] == [SIGNER.pem] * 3
    assert asked == ["/x.pem"]


def test_messages_that_come_together_ask_no_oftener_than_they_may(sns):
    base, pages, asked = sns
    pages["/x.pem"] = (200, SIGNER.pem, {})
    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(Certificates(), [f"{base}/x.pem"] * 10)) == [SIGNER.pem] * 10
    assert 1 <= len(asked) <= 2


def test_addresses_that_do_not_answer_keep_nobody_from_a_certificate_that_is_known(sns, monkeypatch):
    base, pages, _ = sns
    pages["/x.pem"] = (200, SIGNER.pem, {})
    certificates, hanging, go = Certificates(), threading.Semaphore(0), threading.Event()
    certificates(f"{base}/x.pem")
    monkeypatch.setattr("inbox.sources.ses.certificates._TURN", 0.05)
    monkeypatch.setattr(certificates, "_fetch", lambda url: (hanging.release(), go.wait(20)))
    with ThreadPoolExecutor(2) as pool:
        pool.map(certificates, ["one", "two"])
        assert hanging.acquire(timeout=10)
        assert hanging.acquire(timeout=10)
        assert certificates(f"{base}/x.pem") == SIGNER.pem
        with pytest.raises(Unfinished, match="too many"):
            certificates("three")
        go.set()


BAD = [
    ("a redirect", (302, b"", {"Location": "/good.pem"}), "answered 302"),
    ("an error", (500, b"", {}), "answered 500"),
    ("no certificate", (200, b"hello", {}), "no certificate"),
    ("a page without end", (200, b"x" * 100_000, {}), "octets instead of"),
    ("a certificate that has ended", (200, Signer.make(days=-1).pem, {}), "valid from"),
]


@pytest.mark.parametrize(("page", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_not_a_valid_certificate_is_tried_again_another_time(page, words, sns):
    base, pages, asked = sns
    pages["/x.pem"], pages["/good.pem"] = page, (200, SIGNER.pem, {})
    certificates = Certificates()
    for _ in range(2):
        with pytest.raises(Unfinished, match=words):
            certificates(f"{base}/x.pem")
    assert asked == ["/x.pem", "/x.pem"]


def test_a_subscription_is_confirmed_with_its_query(sns):
    base, pages, asked = sns
    pages["/?Action=ConfirmSubscription&Token=1"] = (200, b"<ok/>", {})
    confirm(f"{base}/?Action=ConfirmSubscription&Token=1")
    assert asked == ["/?Action=ConfirmSubscription&Token=1"]


def test_a_server_that_cannot_prove_its_name_is_not_believed(sns, monkeypatch):
    base, pages, _ = sns
    pages["/x.pem"] = (200, SIGNER.pem, {})
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Unfinished, match="does not answer"):
        Certificates()(f"{base}/x.pem")
