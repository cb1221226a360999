"""winmail.dat: files, names, texts, messages within; and files that lie."""

from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import parsing.winmail as tnef
from inbox.parsing import parse
from inbox.parsing.message import Message
from inbox.parsing.tnef import read_tnef

WORDS = b"Our offer is attached."


def mail(octets: bytes, text: bytes = b"", kind: bytes = b"application/ms-tnef; name=winmail.dat") -> Message:
    body = b"--b\r\n\r\n" + text + b"\r\n" if text else b""
    part = (
        b"--b\r\nContent-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(octets) + b"\r\n--b--\r\n"
    )
    return parse(b"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + body + part)


def files(message: Message) -> list[tuple[str, bytes]]:
    return [(item.filename, item.content()) for item in message.attachments[1:]]


@pytest.mark.parametrize("kind", [b"application/ms-tnef", b"application/vnd.ms-tnef", b"application/octet-stream; name=WINMAIL.DAT"])
def test_the_files_in_a_winmail_dat_follow_it(kind):
    message = mail(tnef.winmail(tnef.file(b"a.txt", b"first"), tnef.file(b"b.bin", bytes(range(256)))), WORDS, kind)
    assert files(message) == [("a.txt", b"first"), ("b.bin", bytes(range(256)))]
    assert (message.text, message.defects) == (WORDS.decode(), ())


def test_names_types_and_identifiers_come_from_the_properties():
    more = [
        (0x3707, tnef.UNICODE, "Angebot für 三.pdf\0".encode("utf-16le")),
        (0x370E, tnef.STRING, b"application/pdf\0"),
        (0x3712, tnef.STRING, b"logo@example.org\0"),
    ]
    item = mail(tnef.winmail(tnef.file(b"ANGEBO~1.PDF", b"%PDF-1.7", *more)), WORDS).attachments[1]
    assert (item.filename, item.type, item.content_id) == ("Angebot für 三.pdf", "application/pdf", "logo@example.org")


def test_names_are_in_the_code_page_of_the_file_and_made_safe():
    names = [tnef.codepage(1251), tnef.file("../Счёт.txt".encode("cp1251"), b"x")]
    assert files(mail(tnef.winmail(*names), WORDS)) == [("Счёт.txt", b"x")]


def test_the_text_counts_where_the_mail_has_no_other():
    both = tnef.bodies(
        (0x1000, tnef.UNICODE, "Grüße\0".encode("utf-16le")),
        (0x1013, tnef.BINARY, "<p>Grüße</p>".encode()),
        (0x3FDE, tnef.INTEGER, struct.pack("<I", 65001)),
    )
    alone = mail(tnef.winmail(both))
    assert (alone.text, alone.html) == ("Grüße", "<p>Grüße</p>")
    beside = mail(tnef.winmail(both), WORDS)
    assert (beside.text, beside.html) == (WORDS.decode(), None)


def test_a_message_within_is_opened_too():
    inner = tnef.winmail(tnef.file(b"deep.txt", b"deep"))
    outer = tnef.file(b"", b"", (0x3001, tnef.STRING, b"A message\0"), (0x3701, tnef.OBJECT, b"\7" * 16 + inner))
    assert files(mail(tnef.winmail(outer), WORDS)) == [("A message", inner), ("deep.txt", b"deep")]


def test_rich_text_alone_becomes_a_file():
    rtf = pytest.importorskip("compressed_rtf").compress(b"{\\rtf1 Our offer}")
    assert files(mail(tnef.winmail(tnef.bodies((0x1009, tnef.BINARY, rtf))))) == [("message.rtf", b"{\\rtf1 Our offer}")]
    assert files(mail(tnef.winmail(tnef.bodies((0x1009, tnef.BINARY, b"LZFu" * 9))))) == []


def test_another_reader_finds_the_same_files():
    other = pytest.importorskip("tnefparse").TNEF
    octets = tnef.winmail(tnef.codepage(1252), *(tnef.file(b"%d.bin" % n, bytes([n]) * n) for n in range(1, 20)))
    assert files(mail(octets)) == [(item.name, item.data) for item in other(octets).attachments]


def test_what_is_no_winmail_dat_is_an_attachment_with_a_defect():
    message = mail(b"PK\3\4 no such thing", WORDS)
    assert ("tnef-invalid", "part 2") in [(defect.code, defect.where) for defect in message.defects]
    assert len(message.attachments) == 1


LIES = {
    "four billion properties": tnef.attribute(1, 0x9003, 6, b"\xff\xff\xff\xff"),
    "four billion values": tnef.attribute(1, 0x9003, 6, struct.pack("<IHHI", 1, 0x1002, 0x1000, 0xFFFFFFFF)),
    "four billion texts": tnef.attribute(1, 0x9003, 6, struct.pack("<IHHI", 1, 0x1E, 0x1000, 0xFFFFFFFF)),
    "an attribute of four billion octets": struct.pack("<BHHI", 2, 0x800F, 6, 0xFFFFFFFF),
    "a million attributes": tnef.attribute(2, 0x9002, 6, b"") * 1_000_000,
    "an unknown type": tnef.attribute(1, 0x9003, 6, struct.pack("<IHH", 9, 0x77, 0x1000)),
}


@pytest.mark.parametrize("name", LIES)
def test_a_winmail_dat_that_lies_about_its_size_is_read_as_far_as_it_goes(name):
    message = mail(tnef.winmail(tnef.file(b"a.txt", b"true"), LIES[name]), WORDS)
    assert files(message)[0] == ("a.txt", b"true") or name == "an attribute of four billion octets"
    assert len(message.attachments) <= 600


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.binary(max_size=30) | st.sampled_from([tnef.file(b"n", b"c"), tnef.bodies((0x1000, 0x1E, b"x")), b"\xff\xff\xff\xff"]),
        max_size=12,
    )
)
def test_no_octets_make_the_reader_raise(pieces):
    assert read_tnef(tnef.winmail(*pieces)) is not None
    mail(tnef.winmail(*pieces)).to_dict()
