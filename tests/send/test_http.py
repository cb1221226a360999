"""Calling web addresses: where we do not go, and what a server may do to us (cases H08, H09)."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from inbox.errors import Deferred, Failed
from inbox.send import http

PRIVATE = [
    *("10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "127.8.8.8", "0.0.0.0", "169.254.169.254", "100.64.0.1", "192.0.0.1"),
    *("198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
    *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1", "2002:a00:1::"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2001:4860:4860::8888", "64:ff9b::808:808"]


def answers_with(*addresses):
    """A name service that knows these addresses, and counts how often it is asked."""
    asked = []

    def resolve(host, port, **_):
        asked.append(host)
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses
        ]

    resolve.asked = asked
    return resolve


@contextlib.contextmanager
def server(talk, *, context=None):
    """A real server on loopback: `talk(connection, request)` gets the socket once the header of the request is read."""
    listening = socket.create_server(("127.0.0.1", 0))
    served = []

    def run():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) if context else connection as secured:
                    request = b""
                    while b"\r\n\r\n" not in request:
                        request += secured.recv(65536) or b"\r\n\r\n"
                    while not whole(request):
                        request += secured.recv(65536) or b"\0" * 9_000_000
                    served.append(request)
                    talk(secured, request)

    threading.Thread(target=run, daemon=True).start()
    try:
        yield listening.getsockname()[1], served
    finally:
        listening.close()


def whole(request):
    header, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: (\d+)", header)
    return len(body) >= (int(length[1]) if length else 0)


def say(text):
    return lambda connection, _: connection.sendall(text if isinstance(text, bytes) else text.encode())


def call(port, *, scheme="http", host="localhost", path="/", body=b"{}", timeout=5.0, resolve=None):
    place = http.target(f"{scheme}://{host}:{port}{path}")
    return http.post(place, body, {"X-A": "b"}, timeout=timeout, allow=[host], resolve=resolve or answers_with("127.0.0.1"))


def test_every_hostile_target_is_refused_before_a_connection(shared, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("a connection was made"))
    targets = json.loads((shared / "cases/json/webhook_targets.json").read_text())
    refused = 0
    for url in targets:
        with pytest.raises((ValueError, Failed)):
            http.post(http.target(url), b"", {}, timeout=5, resolve=answers_with("10.0.0.7"))
        refused += 1
    assert refused == 17


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_to_a_private_address_is_refused(address):
    with pytest.raises(Failed, match="not public"):
        http.post(http.target("http://rebind.test/"), b"", {}, timeout=5, resolve=answers_with(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address):
    assert http.is_public(http.literal(address))


def test_one_private_address_among_public_ones_is_refused():
    with pytest.raises(Failed, match=r"10\.0\.0\.1"):
        http.post(http.target("http://mixed.test/"), b"", {}, timeout=5, resolve=answers_with("8.8.8.8", "10.0.0.1"))


def test_a_name_is_resolved_once_and_the_connection_goes_to_that_address(monkeypatch):
    went = []

    def connect(address, timeout):
        went.append(address)
        raise ConnectionRefusedError("closed")

    monkeypatch.setattr(socket, "create_connection", connect)
    resolve = answers_with("93.184.216.34")
    with pytest.raises(Deferred):
        http.post(http.target("http://rebind.test/"), b"", {}, timeout=5, resolve=resolve)
    assert resolve.asked == ["rebind.test"]
    assert went == [("93.184.216.34", 80)]


@pytest.mark.parametrize(
    ("allow", "goes"),
    [
        (["rebind.test"], True),
        (["rebind.test:80"], True),
        (["REBIND.test"], True),
        (["rebind.test:81"], False),
        (["test"], False),
        ([], False),
    ],
)
def test_private_hosts_are_allowed_by_name_or_by_name_and_port(allow, goes):
    assert http.is_allowed(http.target("http://rebind.test/"), allow) is goes


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "x",
            "//host/",
            "http:/host",
            "http:///x",
            "ftp://h/",
            "https://",
            "http://a b/",
            "http://h\\@evil.test/",
            "http://h:99999/",
            "http://h:x/",
        ),
        *(
            "http://user@h/",
            "http://h\r\nX: y/",
            "http://[::1/",
            "http://-h/",
            "http://h..x/",
            "javascript://h/",
            "http://" + "a" * 300 + "/",
        ),
    ],
)
def test_what_is_no_web_address_is_refused(url):
    with pytest.raises(ValueError):
        http.target(url)


def test_path_and_query_are_escaped_and_the_host_header_is_the_name():
    with server(say("HTTP/1.1 204 No Content\r\n\r\n")) as (port, served):
        answer = call(port, path="/a b/ü?x={y}&z=%20#frag")
    assert answer.status == 204
    assert served[0].startswith(b"POST /a%20b/%C3%BC?x=%7By%7D&z=%20 HTTP/1.1\r\n")
    assert b"\r\nHost: localhost:%d\r\n" % port in served[0]
    assert served[0].count(b"\r\nHost:") == 1


def test_tls_checks_the_name_that_the_rules_have(tls):
    with server(say("HTTP/1.1 200 OK\r\n\r\n"), context=tls) as (port, served):
        assert call(port, scheme="https").status == 200
        with pytest.raises(Deferred, match="certificate"):
            call(port, scheme="https", host="other.test")
        assert len(served) == 1


def test_an_unknown_authority_is_not_trusted(tls, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with server(say("HTTP/1.1 200 OK\r\n\r\n"), context=tls) as (port, _), pytest.raises(Deferred, match="certificate"):
        call(port, scheme="https")


def drip(connection, _):
    connection.sendall(b"HTTP/1.1 500 Oh\r\nX: ")
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.05)


def hang(connection, _):
    time.sleep(3)


def flood(connection, _):
    connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 10000000000\r\n\r\n")
    for _ in range(100_000):
        connection.sendall(b"x" * 65536)


def endless_header(connection, _):
    connection.sendall(b"HTTP/1.1 503 Busy\r\n")
    for number in range(1_000_000):
        connection.sendall(b"X-%d: %s\r\n" % (number, b"y" * 1000))


def continues(connection, _):
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize("talk", [drip, hang, flood, endless_header, continues, say(b""), say("nonsense\r\n\r\n"), say(b"\0" * 100)])
def test_a_server_that_drips_hangs_floods_or_talks_nonsense_costs_little_time_and_is_tried_again(talk):
    with server(talk) as (port, _):
        began = time.monotonic()
        with pytest.raises(Deferred):
            http.judge(call(port, timeout=0.5))
        assert time.monotonic() - began < 1.5


def test_ten_gigabytes_of_answer_are_not_read():
    with server(flood) as (port, _):
        answer = call(port)
    assert answer.status == 503 and len(answer.text) <= 200


def test_a_compressed_answer_is_not_inflated():
    with server(say(b"HTTP/1.1 500 Oh\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n\x1f\x8b" + b"\0" * 100)) as (port, served):
        assert call(port).status == 500
    assert b"Accept-Encoding: identity" in served[0]


def test_redirects_are_not_followed():
    with (
        server(say("HTTP/1.1 200 OK\r\n\r\n")) as (elsewhere, reached),
        server(say(f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{elsewhere}/\r\n\r\n")) as (port, _),
        pytest.raises(Failed, match=r"302.*redirects are not followed"),
    ):
        http.judge(call(port))
    assert reached == []


@pytest.mark.parametrize(
    ("status", "end"),
    [
        *((s, None) for s in (200, 201, 202, 204, 299)),
        *((s, Deferred) for s in (408, 425, 429, 500, 502, 503, 599)),
        *((s, Failed) for s in (300, 301, 307, 400, 401, 403, 404, 410, 413, 422)),
    ],
)
def test_what_an_answer_means(status, end):
    with server(say(f"HTTP/1.1 {status} Reason\r\nConnection: close\r\n\r\nbecause of this\nand that")) as (port, _):
        answer = call(port)
    if end is None:
        assert http.judge(answer).startswith(str(status))
    else:
        with pytest.raises(end, match=f"{status} because of this"):
            http.judge(answer)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("9" * 40, None),
        ("1.5", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, seconds):
    with server(say(f"HTTP/1.1 503 Busy\r\nRetry-After: {value}\r\nConnection: close\r\n\r\n")) as (port, _):
        answer = call(port)
    assert answer.retry_after == seconds
    with pytest.raises(Deferred) as caught:
        http.judge(answer)
    assert caught.value.retry_after == seconds


def test_retry_after_a_date_in_the_future_counts_from_now():
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    with server(say(f"HTTP/1.1 429 Slow\r\nRetry-After: {at}\r\nConnection: close\r\n\r\n")) as (port, _):
        assert 85 < call(port).retry_after <= 90


def test_a_name_service_that_hangs_is_given_the_whole_time_and_no_more():
    began = time.monotonic()
    with pytest.raises(Deferred, match="name service"):
        call(1, timeout=0.2, resolve=lambda *_, **__: time.sleep(2))
    assert time.monotonic() - began < 1


def test_a_name_that_does_not_exist_is_tried_again():
    def nobody(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(Deferred, match="cannot be resolved"):
        call(1, resolve=nobody)


def test_the_next_address_is_tried_when_the_first_does_not_answer():
    with server(say("HTTP/1.1 200 OK\r\n\r\n")) as (port, _):
        assert call(port, resolve=answers_with("127.0.0.9", "127.0.0.1")).status == 200


def test_a_body_of_megabytes_arrives():
    with server(say("HTTP/1.1 200 OK\r\n\r\n")) as (port, served):
        assert call(port, body=b"x" * 4_000_000).status == 200
    assert served[0].endswith(b"\r\n\r\n" + b"x" * 4_000_000)
