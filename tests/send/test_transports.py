"""Transports against real servers: an answer for each recipient, and what a server cannot take."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time

import pytest

from conftest import ROOT
from far_server import FarServer
from inbox import auth
from inbox.assemble import open_outbox
from inbox.config import Settings, validate
from inbox.errors import Deferred
from inbox.next_hops import Server
from inbox.send.identities import Identities
from inbox.send.key_files import KeyFolder
from inbox.send.transports import open_transport
from inbox.send.transports.pool import Pool
from inbox.send.transports.smtp import SmtpTransport, named_by
from inbox.sending import Answer, Letter
from published_keys import published, resolver

MAIL = b"Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n"
EIGHT = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n".encode()
SIGNED = b"DKIM-Signature: v=1; a=rsa-sha256; d=x.test; s=s; h=from; bh=; b=\r\n" + EIGHT
UTF8_HEADER = "From: Jürgen <a@x.test>\r\nSubject: Grüße\r\n\r\nplain\r\n".encode()
LATIN_HEADER = "Subject: Grüße\r\n\r\nplain\r\n".encode("latin-1")


def letter(*recipients, raw=MAIL, sender="me@example.com", **more):
    return Letter(sender, recipients or ("a@s.test",), raw, **more)


def deliver(far, what, **more):
    transport = SmtpTransport(Server("127.0.0.1", far.port, timeout=5, **more), "mail.example.com")
    try:
        return transport.deliver(what)
    finally:
        transport.close()


def states(answers):
    return {name: answer.state for name, answer in answers.items()}


def answering(table):
    return lambda stage, argument: table.get((stage, argument)) or table.get(stage)


def test_each_recipient_has_an_answer_of_its_own():
    act = answering({("rcpt", "b@s.test"): "450 4.2.1 busy", ("rcpt", "c@s.test"): "550 5.1.1 unknown"})
    with FarServer(act=act) as far:
        answers = deliver(far, letter("a@s.test", "b@s.test", "c@s.test"))
    assert states(answers) == {"a@s.test": "delivered", "b@s.test": "deferred", "c@s.test": "refused"}
    assert answers["c@s.test"].text.startswith("550 5.1.1 unknown (127.0.0.1:")
    assert far.taken == [("me@example.com", ["a@s.test"], MAIL)]


def test_a_whole_letter_waits_until_nobody_is_refused_for_now():
    act = answering({("rcpt", "b@s.test"): "450 4.2.1 busy"})
    with FarServer(act=act) as far:
        answers = deliver(far, letter("a@s.test", "b@s.test", whole=True))
        assert set(states(answers).values()) == {"deferred"} and far.taken == []
        assert "held back until b@s.test" in answers["a@s.test"].text


def test_what_is_no_address_is_refused_alone_and_never_reaches_the_wire():
    with FarServer() as far:
        answers = deliver(far, letter("a@s.test", "evil@x.test>\r\nRCPT TO:<b@s.test"))
        assert list(states(answers).values()) == ["delivered", "refused"]
        assert [line for line in far.said if "evil" in line or "b@s.test" in line] == []


def test_an_address_that_is_named_twice_gets_the_mail_once():
    with FarServer() as far:
        answers = deliver(far, letter("a@bücher.test", "a@xn--bcher-kva.test"))
    assert set(states(answers)) == {"a@bücher.test", "a@xn--bcher-kva.test"}
    assert far.taken[0][1] == ["a@xn--bcher-kva.test"]


def test_too_many_recipients_for_one_mail_are_taken_with_the_next():
    seen = []

    def two_at_a_time(stage, argument):
        if stage == "rcpt":
            seen.append(argument)
            return "552 5.5.3 too many" if len(seen) > 2 else None
        return None

    with FarServer(act=two_at_a_time) as far:
        answers = deliver(far, letter("a@s.test", "b@s.test", "c@s.test"))
    assert list(states(answers).values()) == ["delivered", "delivered", "deferred"]


def test_lmtp_says_what_became_of_the_mail_for_each_recipient():
    act = answering({("dot", "b@s.test"): "452 4.2.2 full", ("dot", "c@s.test"): "552 5.2.2 full for good", ("rcpt", "d@s.test"): "550 no"})
    with FarServer(act=act, lmtp=True) as far:
        answers = deliver(far, letter("a@s.test", "b@s.test", "c@s.test", "d@s.test"), protocol="lmtp")
        assert far.said[0].upper() == "LHLO MAIL.EXAMPLE.COM"
    assert list(states(answers).values()) == ["delivered", "deferred", "refused", "refused"]


@pytest.mark.parametrize("answer", ["530 5.7.0 authenticate first", "535 5.7.8 who are you", "451 4.7.1 later", "299 odd", "garbage"])
def test_what_says_nothing_about_the_mail_makes_it_wait(answer):
    with FarServer(act=answering({"data": answer})) as far:
        assert states(deliver(far, letter())) == {"a@s.test": "deferred"}
        assert far.taken == []


def test_commands_go_out_together_where_that_is_offered():
    with FarServer() as far:
        deliver(far, letter(*(f"r{n}@s.test" for n in range(3000))))
    assert len(far.taken[0][1]) == 3000


def test_a_mail_over_the_limit_of_the_server_is_refused_before_it_is_sent():
    with FarServer(offers=("SIZE 1000",)) as far:
        answers = deliver(far, letter(raw=b"Subject: x\r\n\r\n" + b"x\r\n" * 1000))
        assert re.match(r"552 5\.3\.4 the mail has 3014 octets, the server takes 1000", answers["a@s.test"].text)
        assert not any(line.startswith("MAIL") for line in far.said)


def test_8_bit_text_goes_as_it_is_where_that_is_offered():
    with FarServer(offers=("8BITMIME",)) as far:
        deliver(far, letter(raw=SIGNED))
    assert far.taken[0][2] == SIGNED and any("BODY=8BITMIME" in line for line in far.said)


def test_8_bit_text_is_converted_where_that_is_not_offered():
    with FarServer(offers=()) as far:
        deliver(far, letter(raw=EIGHT))
    taken = far.taken[0][2]
    assert taken.isascii() and b"Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n" in taken


def test_a_signed_mail_is_refused_rather_than_broken_unless_the_letter_allows_it():
    with FarServer(offers=()) as far:
        answers = deliver(far, letter(raw=SIGNED))
        assert re.match(r"554 5\.6\.3 .*8BITMIME.*it is signed, so it is not converted", answers["a@s.test"].text)
        assert far.taken == []
        assert states(deliver(far, letter(raw=SIGNED, convert=True))) == {"a@s.test": "delivered"}
        assert far.taken[0][2].isascii()


def test_what_we_sign_is_brought_into_seven_bits_first_so_that_no_server_has_to(tmp_path):
    KeyFolder(tmp_path / "identities" / "example.com", "example.com").make("inbox", "ed25519")
    mail = b"From: me@example.com\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n" + EIGHT
    with FarServer(offers=()) as far:
        settings = validate({"dir": tmp_path, "relay": {"host": "127.0.0.1", "port": far.port}})
        open_outbox(settings).send("me@example.com", ["a@s.test"], mail)
    ((_, _, taken),) = far.taken
    keys = Identities(settings).of("example.com").signing_keys
    assert taken.isascii() and b"Gr=C3=BC=C3=9Fe" in taken
    assert [result.result for result in auth.dkim(taken, resolver(published(*keys)), time.time())] == ["pass"]


def test_utf_8_in_the_header_is_told_where_smtputf8_is_offered():
    with FarServer(offers=("8BITMIME", "SMTPUTF8")) as far:
        deliver(far, letter(raw=UTF8_HEADER))
    assert far.taken[0][2] == UTF8_HEADER and any(line.startswith("MAIL") and "SMTPUTF8" in line for line in far.said)


def test_utf_8_in_the_header_becomes_encoded_words_where_it_is_not():
    with FarServer(offers=("8BITMIME",)) as far:
        deliver(far, letter(raw=UTF8_HEADER))
    assert far.taken[0][2].isascii() and b"From: =?utf-8?b?" in far.taken[0][2]
    assert not any("SMTPUTF8" in line for line in far.said)


def test_utf_8_in_the_header_of_a_signed_mail_is_refused_where_it_is_not():
    with FarServer(offers=("8BITMIME",)) as far:
        answers = deliver(far, letter(raw=SIGNED.replace(b"Subject: x", "Subject: ü".encode())))
        assert re.match(r"553 5\.6\.7 the header has UTF-8", answers["a@s.test"].text) and far.taken == []


def test_an_address_that_is_not_ascii_cannot_be_converted():
    with FarServer(offers=("8BITMIME",)) as far:
        assert deliver(far, letter("ü@s.test"))["ü@s.test"].text.startswith("553 5.6.7")
        assert deliver(far, letter(raw="From: ü@x.test\r\n\r\nx\r\n".encode()))["a@s.test"].text.startswith("553 5.6.7")
        assert far.taken == []


def test_octets_of_no_known_charset_in_the_header_go_as_8_bit_text():
    with FarServer(offers=("8BITMIME", "SMTPUTF8")) as far:
        deliver(far, letter(raw=LATIN_HEADER))
    assert far.taken[0][2] == LATIN_HEADER and not any("SMTPUTF8" in line for line in far.said)


def test_long_lines_are_mended_where_nothing_breaks_and_go_as_they_are_where_it_would():
    long = b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>" + b"x" * 3000 + b"</p>\r\n"
    with FarServer() as far:
        deliver(far, letter(raw=long))
        deliver(far, letter(raw=b"DKIM-Signature: v=1\r\n" + long))
    assert max(map(len, far.taken[0][2].split(b"\r\n"))) <= 998
    assert far.taken[1][2] == b"DKIM-Signature: v=1\r\n" + long


def test_starttls_is_checked_and_said(tls):
    with FarServer(offers=("STARTTLS",), context=tls) as far:
        server = Server("localhost", far.port, tls="starttls", timeout=5)
        transport = SmtpTransport(server)
        assert "TLS, certificate checked" in transport.deliver(letter())["a@s.test"].text
        transport.close()


def test_words_in_clear_text_behind_starttls_end_the_connection():
    injected = "220 go on\r\n250 OK injected"
    with FarServer(offers=("STARTTLS",)) as far:

        def serve(connection):
            connection.sendall(b"220 far.test\r\n")
            connection.recv(1000)
            connection.sendall(b"250-far.test\r\n250 STARTTLS\r\n")
            connection.recv(1000)
            connection.sendall(injected.encode() + b"\r\n")
            connection.recv(1000)
            connection.close()

        far.serve = serve
        with pytest.raises(Deferred, match="in clear text behind STARTTLS"):
            deliver(far, letter(), tls="starttls")


def test_the_id_that_ses_gives_at_its_smtp_endpoint_is_kept():
    said = Answer("delivered", "250 Ok 0102018c1d2e3f40-1a2b3c4d-0000-000000 (email-smtp.eu-west-1.amazonaws.com:587, TLS)")
    assert named_by("email-smtp.eu-west-1.amazonaws.com", said).message_id == "0102018c1d2e3f40-1a2b3c4d-0000-000000"
    assert named_by("relay.example.com", said).message_id is None


def test_a_folder_holds_what_left_with_its_envelope(tmp_path):
    transport = open_transport(f"file://{tmp_path}/out", Settings())
    answers = transport.deliver(letter("a@s.test", "b@s.test", "nobody", sender=None))
    assert list(states(answers).values()) == ["delivered", "delivered", "refused"]
    (mail,) = (tmp_path / "out").glob("*.eml")
    assert mail.read_bytes() == MAIL and str(mail) in answers["a@s.test"].text
    envelope = json.loads(mail.with_suffix(".json").read_text(encoding="utf-8"))
    assert envelope["sender"] is None and envelope["recipients"] == ["a@s.test", "b@s.test"]
    transport.deliver(letter("a@s.test", "b@s.test", sender=None))
    assert len(list((tmp_path / "out").iterdir())) == 4, "each letter has files of its own"


def test_a_folder_that_cannot_be_written_makes_the_mail_wait(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(Deferred, match="make the folder, or let this program write there"):
        open_transport(f"file://{tmp_path}/out", Settings()).deliver(letter())


def test_a_fork_does_not_use_the_connections_of_its_parent():
    with FarServer() as far:
        transport = SmtpTransport(Server("127.0.0.1", far.port, timeout=5))
        transport.deliver(letter())
        child = os.fork()
        if not child:
            os._exit(0 if transport._pool.take((transport.server, None)) is None else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert transport.deliver(letter())["a@s.test"].state == "delivered" and far.connections == 1
        transport.close()


def test_what_was_idle_for_too_long_is_closed():
    with FarServer() as far:
        transport = SmtpTransport(Server("127.0.0.1", far.port, timeout=5))
        transport._pool = Pool(idle=0)
        transport.deliver(letter())
        transport.deliver(letter())
        assert far.connections == 2
        transport.close()


def test_a_probe_says_how_a_server_answers_and_sends_nothing(tls):
    with FarServer(offers=("STARTTLS",), context=tls) as far:
        server = Server("localhost", far.port, tls="starttls", timeout=5)
        assert SmtpTransport(server).probe() == f"localhost:{far.port}, TLS, certificate checked answers"
        assert [line for line in far.said if line.startswith(("MAIL", "RCPT", "DATA"))] == []
    with pytest.raises(Deferred, match=r"localhost:\d+: Connection refused"):
        SmtpTransport(server).probe()


def test_a_probe_of_a_folder_writes_nothing(tmp_path):
    assert "mail is written to" in open_transport(f"file://{tmp_path}/deep/out", Settings()).probe()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(Deferred, match="cannot be written"):
        open_transport(f"file://{tmp_path}/file/out", Settings()).probe()


def test_doctor_asks_each_way_out(tmp_path):
    with FarServer() as far:
        (tmp_path / "inbox.toml").write_text(
            f'dir = "{tmp_path}/data"\n[sending]\ntransport = "smtp://127.0.0.1:{far.port}"\n'
            f'[identities."example.com"]\ntransport = "file://{tmp_path}/out"\n'
        )
        command = [sys.executable, "-m", "inbox", "doctor", "--config", f"{tmp_path}/inbox.toml", "--rules", f"{ROOT}/rules.yaml"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    assert f"ok       transport: 127.0.0.1:{far.port} answers" in said
    assert f"ok       transport of example.com: mail is written to {tmp_path}/out" in said and "relay:" not in said


@pytest.mark.parametrize("more", ["550 5.7.1 for somebody else", "250 2.0.0 once more", "421 4.4.2 idle for too long"])
def test_what_is_said_out_of_turn_on_a_kept_connection_is_no_answer_to_the_next_mail(more):
    with FarServer(act=answering({"dot": f"250 2.0.0 taken\r\n{more}"})) as far:
        transport = SmtpTransport(Server("127.0.0.1", far.port, timeout=5))
        found = [states(transport.deliver(letter())) for _ in range(3) if waited(transport)]
        transport.close()
    assert found == [{"a@s.test": "delivered"}] * 3


def waited(transport):
    """Until what the server said out of turn is here, where a connection is kept."""
    for _, session in transport._pool._kept.sessions:
        if not session.received:
            select.select([session.sock], [], [], 5)
    return True
