"""What is written into a header field stays one field, whatever it holds (cases E10 to E12, goal 10 of the security page)."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import getaddresses

import pytest

from inbox.send import headers as guard
from inbox.send.compose import Draft, compose

HOSTILE = [
    "a\r\nBcc: evil@x.test",
    "a\nBcc: evil@x.test",
    "a\rBcc: evil@x.test",
    "a\0b",
    "\r\n\r\nbody",
    "\r\n .\r\n",
    "a\u2028Bcc: x",
    "a\x0bBcc: x",
    "a\x85Bcc: x",
    "\udcff lone",
    "=?utf-8?q?a=0D=0ABcc:_evil@x.test?=",
    "x" * 5000,
    "ü" * 5000,
    " " * 5000,
    "a" + " " * 3000 + "b",
    "",
    "\t",
    "=?utf-8?b?",
    "Grüße, 你好 \U0001f600" * 30,
    "word " * 300,
    ",;:<>()[]@\\\"'",
]


def read_back(field: bytes) -> tuple[list[str], str]:
    """The names of all fields that a reader finds, and the decoded value of the first."""
    message = message_from_bytes(field + b"\r\nbody")
    names = list(message.keys())
    return names, str(make_header(decode_header(message[names[0]])))


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_value_never_becomes_a_second_field_and_reads_back_as_one_line(value):
    field = guard.field("Subject", value)
    names, read = read_back(field)
    assert names == ["Subject"]
    assert " ".join(read.split()) == " ".join(guard.clean(value).split())
    lines = field.split(b"\r\n")
    assert all(len(line) <= 998 for line in lines) and all(line.strip() for line in lines[1:-1])
    assert b"\r" not in field.replace(b"\r\n", b"") and b"\n" not in field.replace(b"\r\n", b"") and field.isascii()


@pytest.mark.parametrize("name", ["", "X-A: b\r\nBcc", "X A", "X:", "X\0", "Ü", "x" * 77, "X\n", " X"])
def test_what_is_no_name_of_a_field_is_refused(name):
    with pytest.raises(ValueError, match="cannot be the name"):
        guard.field(name, "x")


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_display_name_never_becomes_a_second_address_or_field(value):
    field = guard.addresses("To", [(value, "a@s.test"), ("Plain", "b@s.test")])
    message = message_from_bytes(field + b"\r\nbody")
    assert list(message.keys()) == ["To"]
    assert [address for _, address in getaddresses(message.get_all("To"))] == ["a@s.test", "b@s.test"]


@pytest.mark.parametrize(
    "address",
    [
        *(
            "a",
            "@b",
            "a@",
            "a b@c",
            "a@b\r\nBcc: x",
            "a@b>,<c@d",
            "<a@b>",
            "a@b,c@d",
            "a\0@b",
            "a@b c",
            '"a\r\n"@b',
            "a@b..",
            "",
            "a@-b",
            "(x)a@b",
        )
    ],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="is not an address"):
        guard.check_address(address)


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("a@b.test", "a@b.test"),
        ("a.b+c@b.test", "a.b+c@b.test"),
        ('"a b"@b.test', '"a b"@b.test'),
        ("a@bücher.test", "a@xn--bcher-kva.test"),
        ("ü@b.test", "ü@b.test"),
        ("a@[127.0.0.1]", "a@[127.0.0.1]"),
        ("a@[IPv6:::1]", "a@[IPv6:::1]"),
    ],
)
def test_domains_are_written_as_a_labels(address, written):
    assert guard.check_address(address) == written


def test_ids_that_would_break_a_line_are_left_out():
    assert (
        guard.tokens("References", ["<a@b>", "<c d>", "<e\r\nBcc: x>", "<ü>", "<" + "x" * 2000 + ">", "<f@g>"])
        == b"References: <a@b> <f@g>\r\n"
    )


def odd_text(chance: random.Random) -> str:
    pieces = [
        "\r\n",
        "\n",
        "\r",
        "\0",
        " ",
        "\t",
        ":",
        "Bcc: evil@x.test",
        "=?utf-8?q?=0A?=",
        "ü",
        "\u2028",
        "\udc80",
        "<",
        ">",
        ",",
        "a",
        "word",
        "\x0c",
        '"',
        "\\",
    ]
    return "".join(chance.choice(pieces) for _ in range(chance.randrange(12)))


def test_ten_thousand_odd_headers_inject_nothing():
    chance = random.Random(20261124)
    refused = 0
    for _ in range(10_000):
        name = chance.choice(["X-Note", "Subject-Of", odd_text(chance)])
        draft = Draft(
            from_=(odd_text(chance), "me@example.com"),
            to=((odd_text(chance), "you@example.org"),),
            subject=odd_text(chance),
            text="hello\n",
            message_id="<1@example.com>",
            date=datetime(2026, 11, 24, tzinfo=UTC),
            headers=((name, odd_text(chance)),),
            ids=(("References", (odd_text(chance), "<2@example.com>")),),
        )
        try:
            raw = compose(draft)
        except ValueError:
            refused += 1
            continue
        found = message_from_bytes(raw)
        usual = ["Date", "From", "To", "Subject", "Message-ID", "References"]
        assert list(found.keys()) == [*usual, name, "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]
        assert found.get_payload() == "hello\r\n"
        assert not found.defects
    assert 1000 < refused < 5000
