"""The relay against a real SMTP server: what is sent is what arrives, and every answer means done, later, or never."""

from __future__ import annotations

import socket
import threading

import pytest

from inbox.assemble import open_outbox
from inbox.config import validate
from inbox.errors import Deferred, Failed

MAIL = b"Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n"


def relay_to(port, **more):
    relay = {"host": "localhost", "port": port, "timeout": 5, **more}
    return open_outbox(validate({"relay": relay, "hostname": "mail.example.com"}))


def test_a_mail_arrives_octet_for_octet(far_end, serve):
    answer = relay_to(serve(far_end)).send("me@example.com", ["a@s.test", "b@s.test"], MAIL)
    assert "queued as 4711" in answer
    assert far_end.taken == [("me@example.com", ["a@s.test", "b@s.test"], MAIL)]
    assert far_end.helo == ["mail.example.com"]


def test_the_null_sender_stays_the_null_sender(far_end, serve):
    relay_to(serve(far_end)).send(None, ["a@s.test"], MAIL)
    assert far_end.taken[0][0] in ("", "<>")


@pytest.mark.parametrize("hidden", [b"\n.\n", b"\r.\r", b"\r\n.\n", b"\n.\r\n", b"\r\n.\r", b"\r.\r\n", b"\n.\r"])
def test_bare_line_ends_never_smuggle_a_second_mail(far_end, serve, hidden):
    raw = b"Subject: x\r\n\r\nfirst" + hidden + b"MAIL FROM:<evil@x.test>\r\nRCPT TO:<b@s.test>\r\nDATA\r\nsecond\r\n"
    relay_to(serve(far_end)).send("me@example.com", ["a@s.test"], raw)
    assert len(far_end.taken) == 1
    taken = far_end.taken[0][2]
    assert b"second" in taken
    assert b"\r" not in taken.replace(b"\r\n", b"") and b"\n" not in taken.replace(b"\r\n", b"")


@pytest.mark.parametrize("answer", ["421 4.3.2 going down", "450 4.2.1 busy", "451 4.3.0 try later", "452 4.2.2 full"])
def test_4xx_is_tried_again(far_end, serve, answer):
    far_end.data = answer
    with pytest.raises(Deferred, match=answer):
        relay_to(serve(far_end)).send("me@example.com", ["a@s.test"], MAIL)


@pytest.mark.parametrize("answer", ["550 5.7.1 no", "552 5.3.4 too big", "554 5.6.0 odd"])
def test_5xx_is_given_up(far_end, serve, answer):
    far_end.data = answer
    with pytest.raises(Failed, match=answer):
        relay_to(serve(far_end)).send("me@example.com", ["a@s.test"], MAIL)


def test_a_sender_that_is_refused_is_given_up(far_end, serve):
    far_end.mail_from = "550 5.1.8 who are you"
    with pytest.raises(Failed, match="who are you"):
        relay_to(serve(far_end)).send("me@example.com", ["a@s.test"], MAIL)


def test_one_recipient_refused_for_now_holds_all_so_that_a_retry_sends_nothing_twice(far_end, serve):
    far_end.answers = {"b@s.test": "451 4.2.0 greylisted"}
    relay = relay_to(serve(far_end))
    with pytest.raises(Deferred, match=r"b@s\.test: 451 4\.2\.0 greylisted"):
        relay.send("me@example.com", ["a@s.test", "b@s.test"], MAIL)
    assert far_end.taken == []
    far_end.answers = {}
    relay.send("me@example.com", ["a@s.test", "b@s.test"], MAIL)
    assert [recipients for _, recipients, _ in far_end.taken] == [["a@s.test", "b@s.test"]]


def test_one_recipient_refused_for_good_does_not_keep_the_mail_from_the_others(far_end, serve):
    far_end.answers = {"b@s.test": "550 5.1.1 unknown"}
    with pytest.raises(Failed, match=r"b@s\.test: 550 5\.1\.1 unknown \(.*\); the other recipients got it"):
        relay_to(serve(far_end)).send("me@example.com", ["a@s.test", "b@s.test"], MAIL)
    assert [recipients for _, recipients, _ in far_end.taken] == [["a@s.test"]]


def test_all_recipients_refused_for_good_sends_nothing(far_end, serve):
    far_end.answers = dict.fromkeys(("a@s.test", "b@s.test"), "550 5.1.1 unknown")
    with pytest.raises(Failed, match=r"a@s\.test: 550.*b@s\.test: 550"):
        relay_to(serve(far_end)).send("me@example.com", ["a@s.test", "b@s.test"], MAIL)
    assert far_end.taken == []


@pytest.mark.parametrize("address", ["a@s.test>\r\nRCPT TO:<evil@x.test", "a b@s.test", "nobody", ""])
def test_an_address_that_is_none_never_reaches_the_wire(far_end, serve, address):
    port = serve(far_end)
    with pytest.raises(Failed, match="not an address"):
        relay_to(port).send("me@example.com", [address], MAIL)
    assert far_end.helo == []


def test_8_bit_mail_says_so_or_is_given_up(far_end, serve):
    relay_to(serve(far_end)).send("me@example.com", ["a@s.test"], "Subject: x\r\n\r\nü\r\n".encode())
    assert "BODY=8BITMIME" in far_end.options[0]


def test_an_address_that_is_not_ascii_needs_smtputf8(far_end, serve):
    with pytest.raises(Failed, match="SMTPUTF8"):
        relay_to(serve(far_end)).send("me@example.com", ["ü@s.test"], MAIL)
    relay_to(serve(far_end, enable_SMTPUTF8=True)).send("me@example.com", ["ü@s.test", "a@bücher.test"], MAIL)
    assert far_end.taken[0][1] == ["ü@s.test", "a@xn--bcher-kva.test"]


def test_starttls_and_login(far_end, serve, tls, authenticator, monkeypatch):
    monkeypatch.setenv("RELAY_PASSWORD", "s3cret")
    port = serve(far_end, tls_context=tls, require_starttls=True, authenticator=authenticator, auth_required=True)
    relay_to(port, tls="starttls", user="me", password="env:RELAY_PASSWORD").send("me@example.com", ["a@s.test"], MAIL)
    assert far_end.secured and far_end.login == b"me"


def test_implicit_tls(far_end, serve, tls):
    relay_to(serve(far_end, ssl_context=tls), tls="implicit").send("me@example.com", ["a@s.test"], MAIL)
    assert len(far_end.taken) == 1


def test_a_wrong_password_is_our_fault_so_the_mail_waits(far_end, serve, tls, authenticator, monkeypatch):
    monkeypatch.setenv("RELAY_PASSWORD", "wrong")
    port = serve(far_end, tls_context=tls, authenticator=authenticator)
    with pytest.raises(Deferred, match="535"):
        relay_to(port, tls="starttls", user="me", password="env:RELAY_PASSWORD").send("me@example.com", ["a@s.test"], MAIL)


def test_a_password_that_is_not_set_makes_the_mail_wait():
    with pytest.raises(Deferred, match="env:NO_SUCH_PASSWORD is not set"):
        relay_to(9, user="me", password="env:NO_SUCH_PASSWORD").send("me@example.com", ["a@s.test"], MAIL)


def test_a_certificate_of_an_unknown_authority_makes_the_mail_wait(far_end, serve, tls, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Deferred, match="certificate"):
        relay_to(serve(far_end, tls_context=tls), tls="starttls").send("me@example.com", ["a@s.test"], MAIL)
    assert far_end.taken == []


def test_starttls_that_is_not_offered_sends_nothing(far_end, serve):
    with pytest.raises(Deferred):
        relay_to(serve(far_end), tls="starttls").send("me@example.com", ["a@s.test"], MAIL)
    assert far_end.taken == []


def test_nobody_listening_is_tried_again():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(Deferred):
        relay_to(port).send("me@example.com", ["a@s.test"], MAIL)


@pytest.mark.parametrize("lines", [b"", b"220 hello\r\n", b"554 5.7.1 go away\r\n", b"nonsense\r\n"])
def test_a_server_that_says_something_odd_and_hangs_up_is_tried_again(lines):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            connection.sendall(lines)
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(Deferred):
            relay_to(server.getsockname()[1]).send("me@example.com", ["a@s.test"], MAIL)


def test_a_server_that_never_answers_is_tried_again():
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(Deferred):
        relay_to(server.getsockname()[1], timeout=0.3).send("me@example.com", ["a@s.test"], MAIL)
