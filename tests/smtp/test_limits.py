"""Limits, time and the end of a session: nobody holds the door for long, and what is acknowledged is kept."""

from __future__ import annotations

import hashlib
import socket
import threading
import time

import pytest

from inbox.model import Reply
from inbox.sources.smtp.data import IN_MEMORY, Body

MAIL = b"Subject: x\r\n\r\nhello\r\n.\r\n"


def test_a_half_close_after_the_final_dot_is_still_answered(open_door, connect):
    door = open_door()
    door.gate.delay = 0.3
    client = connect(door.port)
    client.open_mail()
    client.send(MAIL)
    client.socket.shutdown(socket.SHUT_WR)
    assert client.reply().startswith("250 2.0.0 kept as ")
    assert client.closed()


def test_a_client_that_vanishes_while_its_mail_is_kept_does_not_undo_it(open_door, connect, wait_until):
    door = open_door()
    door.gate.delay = 0.2
    client = connect(door.port)
    client.open_mail()
    client.send(MAIL)
    time.sleep(0.05)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    wait_until(lambda: door.gate.mails)
    wait_until(lambda: door.doors.connections == 0)


@pytest.mark.parametrize("octets", [*range(0, len(MAIL), 4), len(MAIL) - 1])
def test_a_mail_that_is_cut_before_its_end_is_not_kept(open_door, connect, wait_until, octets):
    door = open_door()
    client = connect(door.port)
    client.open_mail()
    client.send(MAIL[:octets])
    client.close()
    wait_until(lambda: door.doors.connections == 0)
    assert door.gate.mails == []


def test_more_connections_of_one_address_than_allowed_are_refused(open_door, connect, wait_until):
    door = open_door(limits={"connections_per_address": 2, "exempt": ()})
    first, _second = connect(door.port), connect(door.port)
    third = connect(door.port, greeting=False)
    assert third.reply() == "421 4.7.0 Too many connections, try again later"
    assert third.closed()
    first.close()
    wait_until(lambda: door.doors.connections == 1)
    connect(door.port)


def test_more_connections_in_all_than_allowed_are_refused(open_door, connect):
    door = open_door(limits={"connections": 2})
    connect(door.port)
    connect(door.port)
    assert connect(door.port, greeting=False).reply().startswith("421 4.7.0 ")
    assert door.counter.refused("connections") == 1


def test_under_stress_one_error_is_enough(open_door, connect):
    door = open_door(limits={"connections": 2})
    connect(door.port)
    client = connect(door.port)
    assert client.ask("XYZZY").startswith("500 ")
    assert client.reply().startswith("421 4.7.0 ")
    assert client.closed()


def test_too_many_errors_end_the_session_and_a_mail_that_is_taken_forgives_them(open_door, connect):
    door = open_door(limits={"errors": 3})
    client = connect(door.port)
    for _ in range(2):
        client.ask("XYZZY")
    client.open_mail()
    client.send(MAIL)
    assert client.reply().startswith("250 ")
    for _ in range(3):
        assert client.ask("XYZZY").startswith("500 5.5.1 ")
    assert client.reply().startswith("421 4.7.0 Too many errors")
    assert client.closed()


def test_recipients_beyond_the_limit_are_for_another_mail(open_door, connect):
    client = connect(open_door(limits={"recipients": 2, "errors": 1}).port)
    client.ask("EHLO c.test")
    client.ask("MAIL FROM:<a@s.test>")
    codes = [client.ask(f"RCPT TO:<u{n}@local.test>")[:9] for n in range(4)]
    assert codes == ["250 2.1.5", "250 2.1.5", "452 4.5.3", "452 4.5.3"]


def test_endless_small_talk_is_ended(open_door, connect):
    client = connect(open_door().port)
    client.send(b"NOOP\r\n" * 200)
    assert client.closed()


def test_a_command_line_that_is_too_long_is_refused_and_the_next_one_is_read(open_door, connect):
    client = connect(open_door().port)
    for octets in (2049, 300_000):
        assert client.ask("NOOP " + "a" * octets).startswith("500 5.5.6 ")
    assert client.ask("NOOP").startswith("250 ")


@pytest.mark.parametrize("length", [3000, 100_000])
def test_a_line_that_is_too_long_and_ends_with_a_bare_lf_ends_the_session_too(open_door, connect, length):
    client = connect(open_door().port)
    client.send(b"x" * length + b"\nEHLO c.test\r\n")
    assert client.reply().startswith("500 5.5.2 ")
    assert client.closed()


@pytest.mark.parametrize("length", [3000, 100_000])
def test_a_browser_with_a_long_address_is_sent_away_too(open_door, connect, length):
    client = connect(open_door().port)
    client.send(b"POST /" + b"x" * length + b" HTTP/1.1\r\nHost: a\r\n\r\nEHLO c.test\r\n")
    assert client.reply().startswith("554 5.5.1 ")
    assert client.closed()


def test_a_line_that_ends_with_a_bare_lf_ends_the_session(open_door, connect):
    client = connect(open_door().port)
    client.send(b"EHLO c.test\nMAIL FROM:<a@s.test>\r\n")
    assert client.reply().startswith("500 5.5.2 ")
    assert client.closed()


def test_a_browser_is_sent_away(open_door, connect):
    client = connect(open_door().port)
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@s.test>\r\n")
    assert client.reply().startswith("554 5.5.1 ")
    assert client.closed()


def test_a_mail_declared_too_big_is_refused_at_once_and_one_that_is_too_big_after_it_is_read(open_door, connect):
    door = open_door(limits={"size": 1000})
    client = connect(door.port)
    client.ask("EHLO c.test")
    assert client.ask("MAIL FROM:<a@s.test> SIZE=1001").startswith("552 5.3.4 ")
    client.open_mail()
    client.send(b"x" * 5000 + b"\r\n.\r\nNOOP\r\n")
    assert client.reply().startswith("552 5.3.4 ")
    assert client.reply().startswith("250 ")
    assert door.gate.mails == []


def test_who_says_nothing_is_told_so_and_hung_up_on(open_door, connect):
    client = connect(open_door(limits={"idle": 0.3}).port)
    assert client.reply().startswith("421 4.4.2 ")
    assert client.closed()


def test_who_drips_into_a_command_is_stopped_by_the_length_of_the_session(open_door, connect):
    client = connect(open_door(limits={"idle": 1, "session": 0.6}).port)
    began = time.monotonic()
    with pytest.raises(OSError):
        while time.monotonic() < began + 5:
            client.send(b"N")
            time.sleep(0.05)
    assert time.monotonic() - began < 3


def test_who_drips_into_data_is_stopped_by_the_lowest_rate(open_door, connect):
    door = open_door(limits={"idle": 0.4, "data_rate": 500})
    client = connect(door.port)
    client.open_mail()
    began = time.monotonic()
    with pytest.raises(OSError):
        while time.monotonic() < began + 5:
            client.send(b"x")
            time.sleep(0.05)
    assert door.counter.refused("slow") == 1
    assert door.gate.mails == []


def test_a_mail_that_comes_slowly_but_steadily_is_taken_though_it_takes_longer_than_the_session_may(open_door, connect):
    door = open_door(limits={"idle": 0.5, "session": 0.8, "data_rate": 500})
    client = connect(door.port)
    client.open_mail()
    for _ in range(12):
        client.send(b"x" * 100 + b"\r\n")
        time.sleep(0.1)
    client.send(b".\r\n")
    assert client.reply().startswith("250 ")
    assert client.ask("NOOP").startswith("250 ")


def test_data_has_a_time_of_its_own(open_door, connect):
    door = open_door(limits={"idle": 5, "data": 0.5, "data_rate": 0})
    client = connect(door.port)
    client.open_mail()
    assert client.reply().startswith("421 4.4.2 ")


def test_who_talks_before_the_greeting_is_refused_where_that_is_asked_for(open_door, connect):
    door = open_door(limits={"greet_delay": 0.3})
    early = connect(door.port, greeting=False)
    early.send(b"EHLO c.test\r\n")
    assert early.reply().startswith("554 5.5.1 ")
    assert early.closed()
    assert connect(door.port).ask("EHLO c.test").startswith("250-")


def test_a_drain_says_421_to_who_waits_and_lets_a_mail_under_way_end(open_door, connect):
    door = open_door()
    idle, busy, keeping = connect(door.port), connect(door.port), connect(door.port)
    busy.open_mail()
    busy.send(b"Subject: half\r\n")
    door.gate.delay = 0.4
    keeping.open_mail()
    keeping.send(MAIL)
    time.sleep(0.1)
    draining = threading.Thread(target=door.drain)
    draining.start()
    assert idle.reply() == "421 4.3.2 Shutting down, try again later"
    assert idle.closed()
    with pytest.raises(OSError):
        connect(door.port)
    busy.send(b"\r\nhalf\r\n.\r\n")
    for client in (busy, keeping):
        assert client.reply().startswith("250 2.0.0 kept as ")
        assert client.reply().startswith("421 4.3.2 ")
        assert client.closed()
    draining.join(5)
    assert sorted(door.gate.raws) == sorted([b"Subject: half\r\n\r\nhalf\r\n", MAIL[:-3]])


def test_a_drain_does_not_wait_for_ever(open_door, connect):
    door = open_door()
    client = connect(door.port)
    client.open_mail()
    began = time.monotonic()
    door.drain(0.3)
    assert time.monotonic() - began < 2
    assert client.closed()
    assert door.gate.mails == []


def test_a_big_mail_is_spooled_handed_over_whole_and_its_file_is_gone_afterwards(open_door, connect, tmp_path):
    door = open_door()
    client = connect(door.port)
    body = b"".join(b"%09d\r\n" % n for n in range(400_000))
    client.open_mail()
    client.send(body + b".\r\nNOOP\r\n")
    assert client.reply().startswith("250 ")
    assert client.reply() == "250 2.0.0 Ok"
    mail, raw = door.gate.mails[0]
    assert raw == body
    assert mail.content.path is not None
    assert (mail.size, mail.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert list((tmp_path / "data" / "spool").iterdir()) == []


def test_the_end_of_a_mail_that_comes_while_its_file_is_written_is_seen(open_door, connect, monkeypatch):
    spill = Body.spill

    def slow(body):
        time.sleep(0.3)
        spill(body)

    monkeypatch.setattr(Body, "spill", slow)
    client = connect(open_door(limits={"idle": 1}).port)
    client.open_mail()
    client.send(b"x" * (IN_MEMORY - 10))
    time.sleep(0.15)
    client.send(b"x" * 20)
    time.sleep(0.15)
    client.send(b"\r\n.\r\n")
    assert client.reply().startswith("250 ")


def test_a_big_mail_that_is_cut_leaves_no_file(open_door, connect, tmp_path, wait_until):
    door = open_door()
    client = connect(door.port)
    client.open_mail()
    client.send(b"x" * (3 << 20))
    spool = tmp_path / "data" / "spool"
    wait_until(lambda: spool.is_dir() and list(spool.iterdir()))
    client.close()
    wait_until(lambda: not list(spool.iterdir()))


def test_a_client_that_never_reads_its_replies_is_hung_up_on(open_door, connect, wait_until):
    door = open_door(limits={"idle": 0.4})
    client = connect(door.port)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.socket.settimeout(0.5)
    with pytest.raises(OSError):
        for _ in range(10_000):
            client.send(b"MAIL FROM:<a@s.test>\r\n" * 500)
    wait_until(lambda: door.doors.connections == 0, 15)


def test_a_port_that_is_taken_is_an_error_that_says_so(open_door):
    from inbox.errors import ConfigError

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="choose another port"):
            open_door(smtp=(f"127.0.0.1:{taken.getsockname()[1]}",))


def test_all_listeners_of_the_settings_are_open(open_door):
    door = open_door(smtp=("127.0.0.1:0", "localhost:0"), lmtp=("127.0.0.1:0",))
    assert {address.kind for address in door.doors.addresses} == {"smtp", "lmtp"}
    assert len(door.doors.addresses) >= 3
    assert all(address.port for address in door.doors.addresses)
    assert str(door.doors.addresses[0]) == f"smtp 127.0.0.1:{door.port}"


def test_addresses_of_exempt_networks_may_have_more_connections(open_door, connect):
    door = open_door(limits={"connections_per_address": 2})
    assert [connect(door.port).ask("NOOP")[:3] for _ in range(5)] == ["250"] * 5


def test_a_client_that_is_put_off_again_and_again_is_not_sent_away(open_door, connect):
    door = open_door(hold=lambda: Reply(452, "4.3.1", "Not enough disk space, try again later"))
    client = connect(door.port)
    client.ask("EHLO x.test")
    answers = [(client.ask("MAIL FROM:<a@x.test>")[:3], client.ask("RSET")[:3]) for _ in range(150)]
    assert set(answers) == {("452", "250")}


def test_a_blocked_address_hears_554_instead_of_the_greeting_and_others_are_served(open_door, connect):
    door = open_door(filters=("block 127.0.0.0/8", "allow 127.0.0.1"))
    connect(door.port)
    door = open_door(filters=("allow 127.0.0.0/8", "block 127.0.0.1"))
    client = connect(door.port, greeting=False)
    assert client.reply() == "554 5.7.1 Your address is blocked here"
    assert client.closed()
    assert door.counter.refused("blocked") == 1


def test_filters_are_asked_for_the_client_that_a_proxy_header_names(open_door, connect):
    door = open_door(filters=("block 192.0.2.0/24", "block 127.0.0.1"), proxy_from=("127.0.0.0/8",))
    for ip, answer in (("192.0.2.1", "554 5.7.1 "), ("198.51.100.1", "220 ")):
        client = connect(door.port, greeting=False)
        client.send(f"PROXY TCP4 {ip} 127.0.0.1 1234 25\r\n".encode())
        assert client.reply().startswith(answer)


def test_filters_are_asked_for_the_client_that_xclient_names(open_door, connect):
    door = open_door(filters=("block 192.0.2.0/24",), xclient_from=("127.0.0.0/8",))
    for ip, answer in (("192.0.2.1", "554 5.7.1 "), ("198.51.100.1", "220 ")):
        client = connect(door.port)
        client.ask("EHLO proxy.test")
        assert client.ask(f"XCLIENT ADDR={ip}").startswith(answer)


def test_rates_count_the_client_that_a_proxy_names_ipv6_by_its_64(open_door, connect):
    door = open_door(limits={"rates": {"connections": "2/1h"}}, proxy_from=("127.0.0.0/8",))
    answers = []
    for ip in ("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"):
        client = connect(door.port, greeting=False)
        client.send(f"PROXY TCP6 {ip} ::1 1234 25\r\n".encode())
        answers.append(client.reply()[:9])
    assert answers == ["220 mx.lo", "220 mx.lo", "421 4.7.0", "220 mx.lo"]


def test_mails_of_one_address_are_refused_for_now_beyond_their_rate_and_taken_when_it_is_time(open_door, connect):
    client = connect(open_door(limits={"exempt": (), "rates": {"mails": "2/1s"}}).port)
    client.ask("EHLO c.test")
    answers = [(client.ask(f"MAIL FROM:<{n}@s.test>")[:9], client.ask("RSET")[:3]) for n in range(3)]
    assert answers == [("250 2.1.0", "250"), ("250 2.1.0", "250"), ("450 4.7.1", "250")]
    time.sleep(0.7)
    assert client.ask("MAIL FROM:<a@s.test>").startswith("250 ")


def test_mails_of_one_sender_and_of_one_domain_count_whoever_brings_them_and_the_null_sender_never(open_door, connect):
    door = open_door(limits={"exempt": (), "rates": {"sender": "1/1h", "sender_domain": "2/1h"}})
    answers = []
    for sender in ("a@s.test", "A@S.test", "b@s.test", "c@s.test", "a@t.test", "", ""):
        client = connect(door.port)
        client.ask("EHLO c.test")
        answers.append(client.ask(f"MAIL FROM:<{sender}>")[:3])
    assert answers == ["250", "450", "250", "450", "250", "250", "250"]


def test_exempt_networks_have_no_rates(open_door, connect):
    door = open_door(limits={"rates": dict.fromkeys(("connections", "mails", "recipients", "sender", "sender_domain"), "1/1h")})
    for _ in range(3):
        connect(door.port).open_mail("u@local.test", "v@local.test")


def test_a_session_that_is_put_off_for_ever_is_ended(open_door, connect):
    client = connect(open_door(limits={"exempt": (), "rates": {"mails": "1/1h"}}).port)
    client.ask("EHLO c.test")
    client.ask("MAIL FROM:<a@s.test>")
    client.ask("RSET")
    client.send(b"MAIL FROM:<a@s.test>\r\n" * 2100)
    answers = [client.reply()[:9] for _ in range(2002)]
    assert set(answers[:2001]) == {"450 4.7.1"}
    assert answers[2001] == "421 4.7.0"


def test_the_number_of_commands_without_a_mail_can_be_set(open_door, connect):
    client = connect(open_door(limits={"commands": 3}).port)
    assert [client.ask("NOOP")[:3] for _ in range(4)] == ["250", "250", "250", "421"]


def test_addresses_that_have_gone_are_forgotten(open_door, connect, wait_until):
    door = open_door(limits={"exempt": (), "connections_per_address": 1})
    for _ in range(3):
        client = connect(door.port)
        client.close()
        wait_until(lambda: door.doors.connections == 0)
    assert not door.doors._server.limiter._of_address


def test_a_mail_that_one_rate_refuses_uses_up_no_other(open_door, connect):
    client = connect(open_door(limits={"exempt": (), "rates": {"mails": "3/1h", "sender": "2/1h", "sender_domain": "1/1h"}}).port)
    client.ask("EHLO c.test")
    answers = [
        (client.ask(f"MAIL FROM:<{sender}>")[:9], client.ask("RSET")[:3])[0] for sender in ("a@s.test", *["b@s.test"] * 4, "b@t.test")
    ]
    assert answers == ["250 2.1.0", *["450 4.7.1"] * 4, "250 2.1.0"]
