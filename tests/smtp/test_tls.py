"""TLS, AUTH and the PROXY header: what is believed, and from when on."""

from __future__ import annotations

import base64
import smtplib
import socket
import ssl
import struct
import time

import pytest

from inbox.errors import ConfigError

MAIL = "Subject: x\r\n\r\nhello\r\n"
SECRET = "correct horse"


@pytest.fixture
def tls_door(open_door, certificate, monkeypatch):
    monkeypatch.setenv("DOOR_PASSWORD", SECRET)
    _, cert, key = certificate

    def opened(**settings):
        listeners = {"smtp": ("127.0.0.1:0",), "smtps": ("127.0.0.1:0",)}
        tls = {"certificate": cert, "key": key, **settings.pop("tls", {})}
        return open_door(tls=tls, auth={"ann": "env:DOOR_PASSWORD", "bob": "env:DOOR_ABSENT"}, **listeners, **settings)

    return opened


@pytest.fixture
def trusting(certificate):
    context = ssl.create_default_context()
    certificate[0].configure_trust(context)
    context.check_hostname = False
    return context


def test_starttls_secures_a_session_and_the_envelope_says_so(tls_door, trusting):
    door = tls_door()
    with smtplib.SMTP("127.0.0.1", door.port) as client:
        client.ehlo()
        assert client.has_extn("starttls")
        assert not client.has_extn("auth")
        client.starttls(context=trusting)
        client.ehlo()
        assert not client.has_extn("starttls")
        assert client.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
        client.sendmail("a@s.test", ["u@local.test"], MAIL)
    assert door.gate.mails[0][0].envelope.tls == "TLSv1.3"


def test_implicit_tls_takes_a_mail_of_any_size(tls_door, trusting):
    door = tls_door()
    body = MAIL + "x" * 70 + "\r\n" + ("y" * 60 + "\r\n") * 40_000
    with smtplib.SMTP_SSL("127.0.0.1", door.port_of("smtps"), context=trusting) as client:
        client.sendmail("a@s.test", ["u@local.test"], body)
    assert door.gate.raws == [body.encode()]


@pytest.mark.parametrize("way", ["FIN", "close_notify"])
def test_an_end_of_tls_after_the_final_dot_is_still_answered(tls_door, trusting, way):
    door = tls_door()
    door.gate.delay = 0.3
    with socket.create_connection(("127.0.0.1", door.port_of("smtps")), timeout=5) as plain, trusting.wrap_socket(plain) as client:
        file = client.makefile("rwb", buffering=0)
        file.readline()
        for line in (b"EHLO c.test", b"MAIL FROM:<a@s.test>", b"RCPT TO:<u@local.test>", b"DATA"):
            file.write(line + b"\r\n")
            while file.readline()[3:4] == b"-":
                pass
        file.write(MAIL.encode() + b".\r\n")
        time.sleep(0.1)
        if way == "close_notify":
            client.settimeout(0)
            with pytest.raises(ssl.SSLWantReadError):
                client.unwrap()
            client.settimeout(5)
        else:
            socket.socket.shutdown(client, socket.SHUT_WR)
        assert file.readline().startswith(b"250 2.0.0 kept as ")


def test_starttls_is_for_once_and_with_an_empty_argument(tls_door, trusting, connect):
    door = tls_door()
    assert connect(door.port).ask("STARTTLS now").startswith("501 5.5.4 ")
    with smtplib.SMTP("127.0.0.1", door.port) as client:
        client.starttls(context=trusting)
        assert client.docmd("MAIL FROM:<a@s.test>")[0] == 503
        assert client.docmd("STARTTLS") == (503, b"5.5.1 TLS is on already")


def test_where_tls_is_required_nothing_goes_on_without(tls_door, trusting):
    door = tls_door(tls={"required": True})
    with smtplib.SMTP("127.0.0.1", door.port) as client:
        client.ehlo()
        assert client.docmd("MAIL FROM:<a@s.test>") == (530, b"5.7.0 Say STARTTLS first")
        client.starttls(context=trusting)
        client.sendmail("a@s.test", ["u@local.test"], MAIL)


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_a_user_with_the_right_password_is_named_in_the_envelope(tls_door, trusting, mechanism):
    door = tls_door()
    with smtplib.SMTP_SSL("127.0.0.1", door.port_of("smtps"), context=trusting) as client:
        client.ehlo()
        client.user, client.password = "ann", SECRET
        client.auth(mechanism.removeprefix("auth_").upper(), getattr(client, mechanism))
        client.sendmail("a@s.test", ["u@local.test"], MAIL)
        assert client.docmd("AUTH PLAIN x")[0] == 503
    assert door.gate.mails[0][0].envelope.auth == "ann"


WRONG = [
    ("PLAIN " + base64.b64encode(b"\0ann\0wrong").decode(), 535),
    ("PLAIN " + base64.b64encode(b"\0nobody\0").decode(), 535),
    ("PLAIN " + base64.b64encode(b"\0ann\0\xff").decode(), 535),
    ("PLAIN " + base64.b64encode(b"no parts").decode(), 501),
    ("PLAIN !!!", 501),
    ("CRAM-MD5", 504),
    ("PLAIN a b", 501),
    ("", 501),
    ("PLAIN " + base64.b64encode(b"\0bob\0x").decode(), 454),
]


@pytest.mark.parametrize(("argument", "code"), WRONG)
def test_what_is_no_right_password_is_refused(tls_door, trusting, argument, code):
    with smtplib.SMTP_SSL("127.0.0.1", tls_door().port_of("smtps"), context=trusting) as client:
        client.ehlo()
        answer, text = client.docmd(f"AUTH {argument}".strip())
        assert answer == code
        assert text[1:2] == b"."  # an enhanced code


def test_guessing_passwords_ends_the_session(tls_door, trusting):
    with smtplib.SMTP_SSL("127.0.0.1", tls_door().port_of("smtps"), context=trusting) as client:
        client.ehlo()
        with pytest.raises(smtplib.SMTPServerDisconnected):
            for _ in range(6):
                client.docmd("AUTH PLAIN " + base64.b64encode(b"\0ann\0guess").decode())


def test_a_login_that_the_client_gives_up_is_no_login(tls_door, trusting):
    with smtplib.SMTP_SSL("127.0.0.1", tls_door().port_of("smtps"), context=trusting) as client:
        client.ehlo()
        assert client.docmd("AUTH LOGIN")[0] == 334
        assert client.docmd("*")[0] == 501
        assert client.docmd("NOOP")[0] == 250


def test_a_handshake_that_stalls_is_ended_and_holds_up_nobody(tls_door, connect, trusting):
    door = tls_door(limits={"handshake": 0.4})
    stalled = connect(door.port_of("smtps"), greeting=False)
    with smtplib.SMTP_SSL("127.0.0.1", door.port_of("smtps"), context=trusting) as client:
        assert client.noop()[0] == 250
    assert stalled.closed()


def test_a_handshake_that_is_cut_by_the_end_of_the_server_is_no_fault(tls_door, connect, caplog, wait_until):
    door = tls_door()
    connect(door.port_of("smtps"), greeting=False)
    wait_until(lambda: door.doors.connections)
    door.drain(0.1)
    wait_until(lambda: door.counter.refused("handshake") == 1)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_new_certificate_is_used_from_the_next_handshake_on(tls_door, certificate, trusting):
    authority, cert, _ = certificate
    door = tls_door()

    def serial():
        with socket.create_connection(("127.0.0.1", door.port_of("smtps"))) as plain, trusting.wrap_socket(plain) as client:
            return client.getpeercert()["serialNumber"]

    before = serial()
    issued = authority.issue_cert("mx.local.test")
    issued.private_key_pem.write_to_path(cert.with_name("key.pem"))
    cert.write_bytes(issued.cert_chain_pems[0].bytes())
    door.doors.reload_tls()
    assert serial() != before
    cert.write_text("broken")
    with pytest.raises(ConfigError, match=r"cert\.pem"):
        door.doors.reload_tls()
    assert serial() != before


@pytest.mark.parametrize("tls", [{}, {"certificate": "absent.pem"}, {"key": "k.pem"}])
def test_implicit_tls_without_a_certificate_is_an_error_at_start(open_door, tls):
    with pytest.raises(ConfigError, match=r"tls\.certificate"):
        open_door(smtps=("127.0.0.1:0",), tls=tls)


V2 = b"\r\n\r\n\x00\r\nQUIT\n"
HEADERS = [
    (b"PROXY TCP4 192.0.2.7 127.0.0.1 4000 25\r\n", "192.0.2.7"),
    (b"PROXY TCP6 2001:db8::7 ::1 4000 25\r\n", "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (V2 + b"\x21\x11" + struct.pack("!H4s4sHH", 12, b"\xc0\0\2\x07", b"\x7f\0\0\1", 4000, 25), "192.0.2.7"),
    (V2 + b"\x20\x00\x00\x00", "127.0.0.1"),
]


@pytest.mark.parametrize(("header", "ip"), HEADERS)
def test_a_balancer_that_is_believed_says_whose_session_it_is(open_door, connect, header, ip):
    door = open_door(proxy_from=("127.0.0.0/8",))
    client = connect(door.port, greeting=False)
    client.send(header + b"EHLO c.test\r\n")
    assert client.reply().startswith("220 ")
    client.reply()
    client.open_mail()
    client.ask("x\r\n.")
    assert door.gate.mails[0][0].envelope.ip == ip


@pytest.mark.parametrize(
    "junk", [b"EHLO c.test\r\n", b"PROXY TCP4 evil\r\n", b"PROXY " + b"x" * 300, V2 + b"\x21\x11\x00\x02ab", b"\x16\x03\x01aaaaaaaaaaa"]
)
def test_a_balancer_without_a_proper_header_is_hung_up_on(open_door, connect, junk):
    client = connect(open_door(proxy_from=("127.0.0.1",), limits={"idle": 1}).port, greeting=False)
    client.send(junk)
    assert client.closed()


def test_a_proxy_header_of_anybody_else_is_an_unknown_command(open_door, connect):
    client = connect(open_door(proxy_from=("10.0.0.0/8",)).port)
    assert client.ask("PROXY TCP4 192.0.2.7 127.0.0.1 4000 25").startswith("500 ")


def test_connections_count_for_the_client_behind_the_balancer(open_door, connect):
    door = open_door(proxy_from=("127.0.0.1",), limits={"connections_per_address": 1, "exempt": ()})
    answers = []
    for client in ("192.0.2.7", "192.0.2.8", "192.0.2.7"):
        answers.append(connect(door.port, greeting=False))
        answers[-1].send(f"PROXY TCP4 {client} 127.0.0.1 4000 25\r\n".encode())
    assert [answer.reply()[:3] for answer in answers] == ["220", "220", "421"]


def test_a_proxy_header_and_a_handshake_may_come_in_one_packet(tls_door, trusting):
    door = tls_door(proxy_from=("127.0.0.1",))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting.wrap_bio(incoming, outgoing, server_hostname="mx.local.test")
    with socket.create_connection(("127.0.0.1", door.port_of("smtps")), timeout=5) as sock:
        first = b"PROXY TCP4 192.0.2.7 127.0.0.1 4000 25\r\n"
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(first + outgoing.read())
                first = b""
                incoming.write(sock.recv(65536))
        sock.sendall(outgoing.read())
        while True:
            try:
                assert tls.read().startswith(b"220 ")
                break
            except ssl.SSLWantReadError:
                incoming.write(sock.recv(65536))
