"""XCLIENT: a listed proxy says for whom it speaks; nobody else may."""

from __future__ import annotations

import pytest

LISTED = {"xclient_from": ("127.0.0.1",)}


def envelope_of_a_mail(door, client, hello="EHLO c.test"):
    client.open_mail(hello=hello)
    assert client.ask("a\r\n.").startswith("250 ")
    return door.gate.mails[-1][0].envelope


def test_a_listed_proxy_is_offered_it_and_others_are_not(open_door, connect):
    assert "XCLIENT NAME ADDR PORT" in connect(open_door(**LISTED).port).ask("EHLO p.test")
    assert "XCLIENT" not in connect(open_door(xclient_from=("192.0.2.0/24",)).port).ask("EHLO p.test")


def test_what_it_says_stands_in_the_envelope(open_door, connect):
    door = open_door(**LISTED)
    client = connect(door.port)
    client.ask("EHLO p.test")
    assert client.ask("XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:DB8::1 PROTO=ESMTP HELO=client.test LOGIN=u+2Bv DESTPORT=25").startswith(
        "220 "
    )
    envelope = envelope_of_a_mail(door, client, hello="NOOP")
    assert (envelope.ip, envelope.helo, envelope.auth) == ("2001:db8::1", "client.test", "u+v")


def test_the_session_begins_anew_and_the_next_hello_counts(open_door, connect):
    door = open_door(**LISTED)
    client = connect(door.port)
    client.ask("EHLO p.test")
    client.ask("XCLIENT ADDR=192.0.2.7")
    assert client.ask("MAIL FROM:<a@s.test>").startswith("503 5.5.1 ")
    envelope = envelope_of_a_mail(door, client, hello="EHLO real.test")
    assert (envelope.ip, envelope.helo) == ("192.0.2.7", "real.test")


def test_a_proxy_speaks_for_one_client_after_the_other(open_door, connect):
    door = open_door(**LISTED)
    client = connect(door.port)
    for ip in ("192.0.2.7", "192.0.2.8"):
        assert client.ask(f"XCLIENT ADDR={ip} LOGIN=[UNAVAILABLE]").startswith("220 ")
        assert envelope_of_a_mail(door, client).ip == ip


def test_the_limit_of_one_address_is_that_of_the_client(open_door, connect):
    door = open_door(**LISTED, limits={"connections_per_address": 1})
    first, second = connect(door.port), connect(door.port)
    assert first.ask("XCLIENT ADDR=192.0.2.7").startswith("220 ")
    assert second.ask("XCLIENT ADDR=192.0.2.7").startswith("421 4.7.0 ")
    assert second.closed()
    assert first.ask("XCLIENT ADDR=192.0.2.8").startswith("220 ")
    third = connect(door.port)
    assert third.ask("XCLIENT ADDR=192.0.2.7").startswith("220 ")


@pytest.mark.parametrize(
    "argument",
    ["", "ADDR", "ADDR=", "ADDR=1.2.3", "ADDR=IPV6:x", "COLOUR=red", "PROTO=HTTP", "HELO=a+0D+0Ab", "HELO=a+zz", "HELO=a HELO=b", "NAME=ä"],
)
def test_what_cannot_be_read_is_refused_and_changes_nothing(open_door, connect, argument):
    door = open_door(**LISTED)
    client = connect(door.port)
    client.ask("EHLO p.test")
    answer = client.ask(f"XCLIENT {argument}".encode())
    assert answer.startswith("220 ") if argument == "ADDR=" else answer.startswith("501 5.5.4 ")
    assert envelope_of_a_mail(door, client).ip == "127.0.0.1"


def test_it_has_no_place_within_a_mail(open_door, connect):
    client = connect(open_door(**LISTED).port)
    client.ask("EHLO p.test")
    client.ask("MAIL FROM:<a@s.test>")
    assert client.ask("XCLIENT ADDR=192.0.2.7").startswith("503 5.5.1 ")


def test_an_ipv4_address_mapped_into_ipv6_is_that_ipv4_address(open_door, connect):
    door = open_door(**LISTED, filters=("block 192.0.2.0/24",))
    client = connect(door.port)
    assert client.ask("XCLIENT ADDR=IPV6:::ffff:192.0.2.7").startswith("554 5.7.1 ")


def test_what_was_said_of_one_client_does_not_hold_for_the_next(open_door, connect):
    door = open_door(**LISTED)
    client = connect(door.port)
    assert client.ask("XCLIENT ADDR=192.0.2.7 LOGIN=ann").startswith("220 ")
    assert client.ask("XCLIENT HELO=client.test").startswith("220 ")
    first = envelope_of_a_mail(door, client)
    assert client.ask("XCLIENT ADDR=[UNAVAILABLE]").startswith("220 ")
    second = envelope_of_a_mail(door, client)
    assert [(envelope.ip, envelope.auth) for envelope in (first, second)] == [("192.0.2.7", "ann"), ("127.0.0.1", None)]
