"""BDAT (RFC 3030): octets by number, whole or in chunks, interleaved with errors; what they hold is never taken for a command."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

EVIL = b"Subject: a\r\n\r\n.\r\nMAIL FROM:<x@evil.test>\r\n..\r\n"


def begin(client, *recipients):
    client.ask("EHLO c.test")
    client.ask("MAIL FROM:<a@s.test>")
    for recipient in recipients or ("u@local.test",):
        client.ask(f"RCPT TO:<{recipient}>")


def chunk(octets, last=False):
    return b"BDAT %d%s\r\n" % (len(octets), b" LAST" if last else b"") + octets


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_mail_in_chunks_of_any_size_is_stored_as_it_was_sent(open_door, connect, size):
    door = open_door()
    client = connect(door.port)
    begin(client)
    parts = [EVIL[start : start + size] for start in range(0, len(EVIL), size)]
    client.send(b"".join(chunk(part) for part in parts[:-1]) + chunk(parts[-1], last=True))
    answers = [client.reply() for _ in parts]
    assert {answer[:9] for answer in answers} == {"250 2.0.0"}
    assert "kept as" in answers[-1]
    assert door.gate.raws == [EVIL]


def test_an_empty_last_chunk_ends_the_mail(open_door, connect):
    door = open_door()
    client = connect(door.port)
    begin(client)
    client.send(chunk(EVIL) + b"BDAT 0 last\r\nQUIT\r\n")
    assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "221"]
    assert door.gate.raws == [EVIL]


def test_chunks_out_of_order_are_read_and_refused(open_door, connect):
    door = open_door()
    client = connect(door.port)
    client.send(
        chunk(EVIL, last=True) + b"EHLO c.test\r\n" + chunk(EVIL) + b"MAIL FROM:<a@s.test>\r\n" + chunk(EVIL, last=True) + b"NOOP\r\n"
    )
    assert [client.reply()[:3] for _ in range(6)] == ["503", "250", "503", "250", "503", "250"]
    assert door.gate.mails == []


def test_a_pipelined_mail_whose_recipients_are_refused_leaves_nothing_behind(open_door, connect):
    door = open_door()
    client = connect(door.port)
    client.ask("EHLO c.test")
    client.send(b"MAIL FROM:<a@s.test>\r\nRCPT TO:<u@other.test>\r\n" + chunk(EVIL, last=True) + b"RSET\r\n")
    assert [client.reply()[:3] for _ in range(4)] == ["250", "554", "503", "250"]
    assert door.gate.mails == []


def test_commands_between_chunks_keep_or_end_the_mail(open_door, connect):
    door = open_door()
    client = connect(door.port)
    begin(client)
    client.send(chunk(b"a\r\n") + b"NOOP\r\nDATA\r\nRCPT TO:<v@local.test>\r\nMAIL FROM:<b@s.test>\r\n" + chunk(b"b\r\n", last=True))
    assert [client.reply()[:3] for _ in range(6)] == ["250", "250", "503", "503", "503", "250"]
    begin(client)
    client.send(chunk(b"lost\r\n") + b"RSET\r\n" + chunk(b"lost\r\n", last=True))
    assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "503"]
    assert door.gate.raws == [b"a\r\nb\r\n"]


@pytest.mark.parametrize("parts", [[b"a\nb\r\n"], [b"a\rb\r\n"], [b"a\r", b"b\r\n"], [b"a", b"\nb\r\n"], [b"a\0\r\n"], [b"a\r"]])
def test_bare_line_endings_are_refused_across_chunks(open_door, connect, parts):
    door = open_door()
    client = connect(door.port)
    begin(client)
    client.send(b"".join(chunk(part) for part in parts) + b"BDAT 0 LAST\r\nNOOP\r\n")
    answers = [client.reply() for _ in range(len(parts) + 2)]
    assert answers[-2].startswith("550 5.5.2 ")
    assert answers[-1].startswith("250 ")
    assert door.gate.mails == []


@pytest.mark.parametrize("parts", [[b"a\r", b"\nb\r\n"], [b"a\nb\n"], [b"a\r", b"b\r"]])
def test_normalize_mends_line_endings_across_chunks(open_door, connect, parts):
    door = open_door(limits={"line_endings": "normalize"})
    client = connect(door.port)
    begin(client)
    client.send(b"".join(chunk(part) for part in parts) + b"BDAT 0 LAST\r\n")
    assert [client.reply()[:3] for _ in range(len(parts) + 1)] == ["250"] * (len(parts) + 1)
    assert door.gate.raws == [b"a\r\nb\r\n"]


def test_chunks_that_grow_too_big_are_refused_and_the_next_mail_is_taken(open_door, connect, tmp_path):
    door = open_door(limits={"size": 3 << 20})
    client = connect(door.port)
    begin(client)
    block = b"x" * 1022 + b"\r\n"
    client.send(chunk(block * 2048) + chunk(block * 2048) + chunk(block, last=True))
    assert [client.reply()[:9] for _ in range(3)] == ["250 2.0.0", "552 5.3.4", "552 5.3.4"]
    begin(client)
    client.send(b"".join(chunk(block * 512) for _ in range(5)) + chunk(b"", last=True))
    assert {client.reply()[:3] for _ in range(6)} == {"250"}
    assert door.gate.raws == [block * 2560]
    assert not list((tmp_path / "data" / "spool").iterdir())


def test_a_client_that_goes_between_chunks_leaves_nothing(open_door, connect, tmp_path, wait_until):
    door = open_door()
    client = connect(door.port)
    begin(client)
    assert client.ask(chunk(b"x" * (2 << 20)) + b"NOOP").startswith("250 ")
    spool = tmp_path / "data" / "spool"
    assert list(spool.iterdir())
    client.close()
    wait_until(lambda: not list(spool.iterdir()))
    assert door.gate.mails == []


@pytest.mark.parametrize("argument", ["", "LAST", "-1", "5 FIRST", "5 LAST x", "0x5", "1" * 19])
def test_a_chunk_without_a_number_ends_the_session_as_what_follows_may_be_a_mail(open_door, connect, argument):
    client = connect(open_door().port)
    begin(client)
    assert client.ask(f"BDAT {argument}").startswith("501 5.5.4 ")
    assert client.closed()


def test_lmtp_answers_each_recipient_of_a_mail_in_chunks(open_door, connect):
    door = open_door(lmtp=("127.0.0.1:0",))
    client = connect(door.port)
    client.ask("LHLO c.test")
    client.ask("MAIL FROM:<a@s.test>")
    client.ask("RCPT TO:<u@local.test>")
    client.ask("RCPT TO:<v@local.test>")
    client.send(chunk(b"a\r\n") + chunk(b"b\r\n", last=True))
    assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "250"]
    assert door.gate.raws == [b"a\r\nb\r\n"]


def test_draining_lets_a_mail_in_chunks_end(open_door, connect, wait_until):
    door = open_door()
    client = connect(door.port)
    begin(client)
    assert client.ask(chunk(b"a") + b"NOOP").startswith("250 ")
    client.reply()
    drain = threading.Thread(target=door.drain)
    drain.start()
    wait_until(lambda: door.doors._server.draining)
    client.send(chunk(b"b\r\n", last=True))
    assert "kept as" in client.reply()
    assert client.reply().startswith("421 4.3.2 ")
    drain.join()
    assert door.gate.raws == [b"ab\r\n"]


@pytest.mark.parametrize("in_order", [True, False])
def test_a_chunk_that_comes_too_slowly_ends_the_session(open_door, connect, in_order):
    client = connect(open_door(limits={"idle": 0.3, "data_rate": 100_000}).port)
    if in_order:
        begin(client)
    client.send(b"BDAT 1000000 LAST\r\n")
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        for _ in range(200):
            client.send(b"x" * 100)
            threading.Event().wait(0.05)
    assert client.reply().startswith("421 4.4.2 ")


@pytest.mark.parametrize("command", [b"BDAT\t%d LAST", b"BDAT %d LAST\x00", b"BDAT %d \xff", b"BDAT %d" + b" " * 3000 + b"LAST"])
def test_a_chunk_whose_command_cannot_be_read_ends_the_session_too(open_door, connect, command):
    client = connect(open_door().port)
    begin(client)
    client.send(command % len(EVIL) + b"\r\n" + EVIL)
    assert client.reply().startswith("501 5.5.4 ")
    assert client.closed()


def test_chunks_before_tls_are_read_and_refused_where_tls_is_required(open_door, connect, certificate):
    _, cert, key = certificate
    door = open_door(tls={"certificate": cert, "key": key, "required": True})
    client = connect(door.port)
    client.send(b"EHLO c.test\r\nMAIL FROM:<a@s.test>\r\n" + chunk(b"EHLO evil.test\r\nNOOP\r\nQUIT\r\n", last=True) + b"NOOP\r\n")
    assert [client.reply()[:3] for _ in range(4)] == ["250", "530", "503", "250"]


@pytest.mark.parametrize("limits", [{"data": 0.6, "data_rate": 0}, {"data_rate": 1000}])
def test_a_mail_that_drips_in_chunks_has_the_time_of_one_mail(open_door, connect, limits):
    client = connect(open_door(limits={"idle": 0.4, **limits}).port)
    begin(client)
    last = ""
    with suppress(ConnectionResetError, BrokenPipeError):
        for _ in range(100):
            client.send(b"BDAT 1\r\n")
            threading.Event().wait(0.1)
            client.send(b"x")
            last = client.reply()
            if last.startswith("421"):
                break
    assert last.startswith("421 4.4.2 ") or client.closed()


def test_chunks_of_nothing_are_small_talk(open_door, connect):
    client = connect(open_door().port)
    begin(client)
    client.send(b"BDAT 0\r\n" * 120)
    answers = [client.reply()[:3] for _ in range(100)]
    assert "421" in answers
