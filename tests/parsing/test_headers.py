"""Header fields: limits, folding, encoded words, charsets, parameters, dates."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from inbox.parsing import parse
from inbox.parsing.charsets import codec_of, decode
from inbox.parsing.dates import read_date
from inbox.parsing.limits import Limits
from inbox.parsing.media import read_disposition, read_type
from inbox.parsing.words import decode_value

WORDS = [
    (b"=?utf-8?q?a_b=21?=", "a b!"),
    (b"=?UTF-8?B?w6k=?= =?utf-8?b?w6k=?=", "éé"),
    (b"=?utf-8?b?w6k?=", "é"),
    (b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
    (b"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
    (b"=?utf-8?q?Really??=", "Really?"),
    (b"=?utf-8*en?q?a?=", "a"),
    (b"=?iso-8859-1?q?a?= =?utf-8?q?b?=", "ab"),
    (b"=?utf-8?b?5LiJ5?= =?utf-8?b?YiG?=", "\u4e09\u5206"),
    (b"=?utf-8?b?5Li?=\r\n =?UTF-8?B?J5YiG?=", "\u4e09\u5206"),
    (b"=?utf-8?b?w6k?= =?utf-8?b?w6k?=", "\xe9\xe9"),
    (b"=?utf-8?b?w6k=w6k=?=", "\xe9\xe9"),
    (b"=?utf-8?b?w6k=?= =?utf-8?b?!!!?= x", "\xe9=?utf-8?b?!!!?= x"),
    (b"=?utf-8?b?w6 k=?=tail", "\xe9tail"),
    (b'"=?utf-8?q?a=22b?=" x', '"a"b" x'),
    (b"=??q?a?=", "a"),
    (b"=?klingon?q?a=E9?=", "a\ufffd"),
    (b"=?gb2312?B?" + base64.b64encode("镕".encode("gb18030")) + b"?=", "镕"),
    (b"=?nonsense", "=?nonsense"),
    (b"=?utf-8?q?a\r\n\t b", "=?utf-8?q?a b"),
    (b"one\r\n\ttwo", "one two"),
    (b"a\rb\x0bc", "a b c"),
    (b"=?utf-8?q?a=E2=80=A8b?=", "a b"),
    ("grün".encode(), "grün"),
]
TYPES = [
    (b"text/plain", "text/plain", "charset", None),
    (b'TEXT/Plain; Charset="UTF-8"', "text/plain", "charset", "UTF-8"),
    (b"text/plain charset=utf-8", "text/plain", "charset", "utf-8"),
    (b"multipart/mixed; charset=utf-8 boundary=xyz", "multipart/mixed", "boundary", "xyz"),
    (b"multipart/mixed; boundary=a b", "multipart/mixed", "boundary", "a b"),
    (b'multipart/mixed; boundary="a\\"b"', "multipart/mixed", "boundary", 'a"b'),
    (b"text/plain; charset=us-ascii (plain)", "text/plain", "charset", "us-ascii"),
    (b"text/plain;;;; x=y", "text/plain", "x", "y"),
    (b"nonsense", "", "x", None),
]
FILENAMES = [
    (b"filename*=utf-8''%e2%82%ac.txt", "\u20ac.txt"),
    (b"filename*2=.txt; filename*1*=%ac; filename*0*=utf-8''%e2%82", "\u20ac.txt"),
    (b'filename*0="a b"; filename*1="c.txt"', "a bc.txt"),
    (b"filename*0=a; filename*2=c", "a"),
    (b"filename*0*=utf-8''a%20; filename*0=b; filename*1=c", "a c"),
    (b"filename=x.txt; filename*=utf-8''y.txt", "y.txt"),
    (b"filename*=iso-8859-1'de'gr%FCn.txt", "gr\xfcn.txt"),
    (b"filename*=''gr%C3%BCn.txt", "gr\xfcn.txt"),
    (b"filename*=UTF-8'%e2%82%ac.txt", "\u20ac.txt"),
    (b"filename*=it's.txt", "it's.txt"),
    (b"filename*=klingon''a%ff.txt", "a\ufffd.txt"),
    (b"filename*=utf-8''a%zz%2.txt", "a%zz%2.txt"),
    (b'filename="=?utf-8?q?=E2=82=AC?=.txt"', "\u20ac.txt"),
    (b"filename==?utf-8?q?=E2=82=AC.txt?=", "\u20ac.txt"),
    (b'filename*0="=?utf-8?q?=E2=82=AC"; filename*1=".txt?="', "\u20ac.txt"),
    (b'filename="=?utf-8?b?4oK?=\r\n =?utf-8?b?sLnR4dA==?="', "\u20ac.txt"),
    (b"filename=gr\xfcn.txt", "gr\xfcn.txt"),
    (b'filename="gr\xc3\xbcn.txt"', "gr\xfcn.txt"),
    (b'filename="a\\"b.txt"', 'a"b.txt'),
    (b'filename="C:\\temp\\a.txt"', "C:\\temp\\a.txt"),
    (b'filename="unclosed.txt', "unclosed.txt"),
    (b"filename=a b (1).txt", "a b (1).txt"),
    (b"filename*1=a; filename*2=.txt", "a.txt"),
]
DATES = [
    ("Tue, 24 Nov 2026 10:15:00 +0100", datetime(2026, 11, 24, 9, 15, tzinfo=UTC)),
    ("24 Nov 2026 10:15 +0000 (UTC)", datetime(2026, 11, 24, 10, 15, tzinfo=UTC)),
    ("Tue, 24 Nov 26 10:15:00 GMT", datetime(2026, 11, 24, 10, 15, tzinfo=UTC)),
    ("Tue, 24 Nov 2026 10:15:00 GMT+0100", datetime(2026, 11, 24, 9, 15, tzinfo=UTC)),
    ("Tue, 24 Nov 2026 10:15:00 +01:00", datetime(2026, 11, 24, 9, 15, tzinfo=UTC)),
    ("Tue, 24 Nov 2026 10:15:00 +0100;", datetime(2026, 11, 24, 9, 15, tzinfo=UTC)),
    ("Tue, 24 Nov 126 10:15:00 +0100", datetime(2026, 11, 24, 9, 15, tzinfo=UTC)),
    ("Tue Nov 24 10:15:00 2026", datetime(2026, 11, 24, 10, 15, tzinfo=UTC)),
    ("Tue, 24-Nov-2026 10:15:00 EST", datetime(2026, 11, 24, 15, 15, tzinfo=UTC)),
    ("2026-11-24T10:15:00Z", datetime(2026, 11, 24, 10, 15, tzinfo=UTC)),
    ("2026-11-24 10:15:00 +0100", datetime(2026, 11, 24, 9, 15, tzinfo=UTC)),
    ("2026-11-24 10:15:00 nonsense", None),
    ("yesterday", None),
    ("Tue, 31 Feb 2026 10:15:00 +0000", None),
    ("Tue, 24 Nov 2026 10:15:00 +9999", None),
    ("1 Jan 0001 00:00:00 +2300", None),
    ("9" * 1000, None),
]


@pytest.mark.parametrize(("raw", "text"), WORDS)
def test_a_value_is_decoded(raw, text):
    assert decode_value(raw).text == text


@pytest.mark.parametrize(("raw", "value", "name", "parameter"), TYPES)
def test_a_content_type_is_read(raw, value, name, parameter):
    found = read_type(raw.decode("latin-1"))
    assert (found.value, found.get(name)) == (value, parameter)


@pytest.mark.parametrize(("parameters", "name"), FILENAMES)
def test_a_file_name_is_read(parameters, name):
    raw = b"Content-Type: x/y\r\nContent-Disposition: attachment; " + parameters + b"\r\n\r\n"
    assert parse(raw).attachments[0].filename_raw == name


def test_a_comment_hides_nothing():
    assert read_disposition("attachment (or; filename=a.txt); filename=b.exe").text("filename") == "b.exe"
    for field in ("(text/plain) multipart/mixed; boundary=b", "multipart/mixed (; boundary=c); boundary=b"):
        assert (read_type(field).value, read_type(field).get("boundary")) == ("multipart/mixed", "b")
    assert parse(b"Content-Transfer-Encoding: (7bit) base64\r\n\r\nSGVsbG8=").text == "Hello"


@pytest.mark.parametrize(
    "field",
    ["Subject: =?utf-8?q?a=0D=0ABcc:_x?=", "From: =?utf-8?b?YQpCY2M6IHg=?= <b@c.d>", "Subject: =?utf-16le?b?YQAKAEIAYwBjADoAIAB4AA==?="],
)
def test_a_line_break_in_an_encoded_word_is_undone_and_said(field):
    message = parse(f"{field}\r\n\r\nx".encode())
    assert "a Bcc: x" in message.headers[0].value
    assert [defect.code for defect in message.defects] == ["encoded-word-invalid"]


@pytest.mark.parametrize("field", ["Subject: \x1b[31mred", "Subject: =?utf-8?q?=1B[31m?=", 'From: "\x07bell" <b@c.d>'])
def test_control_characters_are_said(field):
    assert [defect.code for defect in parse(f"{field}\r\n\r\nx".encode()).defects] == ["invisible-character"]


def test_an_encoding_that_is_no_word_is_said():
    message = parse(b"Content-Transfer-Encoding: =?utf-8?q?base64?=\r\n\r\nSGVsbG8=")
    assert (message.text, [defect.code for defect in message.defects]) == ("SGVsbG8=", ["transfer-encoding-unknown"])


def test_a_disposition_without_a_word_keeps_its_parameters():
    assert read_disposition("filename=a.txt").text("filename") == "a.txt"


@pytest.mark.parametrize(("text", "expected"), DATES)
def test_a_date_is_read_or_is_none(text, expected):
    assert read_date(text) == expected


@pytest.mark.parametrize(
    "label", ["punycode", "idna", "utf-7", "rot13", "zlib", "hex", "unicode_escape", "raw_unicode_escape", "mbcs", "../x", ""]
)
def test_only_text_encodings_of_the_web_are_codecs(label):
    assert codec_of(label) is None


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("ks_c_5601-1987", "한글"),
        ("iso-8859-1", "€"),
        ("Shift_JIS", "①"),
        ("big5", "中文"),
        ("koi8-r", "Привет"),
        ("windows-1256", "مرحبا"),
    ],
)
def test_a_label_means_what_browsers_mean(label, text):
    assert decode(text.encode(codec_of(label)), label).text == text


def test_undeclared_octets_take_the_charset_that_the_mail_declares():
    raw = "Subject: Привет\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\nx".encode("koi8-r")
    assert parse(raw).subject == "Привет"


def test_limits_cut_and_say_so():
    limits = Limits(headers=2, header=10, text=4, addresses=1)
    message = parse(b"To: a@b.c, d@e.f, g@h.i\r\nSubject: " + b"s" * 99 + b"\r\nX: y\r\n\r\n123456", limits)
    assert len(message.headers) == 2
    assert message.text == "1234"
    assert {defect.code for defect in message.defects} == {"headers-capped", "header-cut", "text-cut", "addresses-capped"}


def test_a_repeated_field_is_kept_and_flagged():
    message = parse(b"Subject: one\r\nsubject: two\r\n\r\n")
    assert (message.subject, message.header("SUBJECT")) == ("one", ("one", "two"))
    assert [defect.code for defect in message.defects] == ["duplicate-header"]


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: text/plain" + b";" * 60_000,
        b"Content-Type: text/plain; " + b", " * 30_000,
        b"Content-Type: text/plain; " + b'a="' * 20_000,
        b"Content-Disposition: attachment; " + b";".join(b"filename*%d=x" % n for n in range(4000)),
        b"Subject: " + b"=?utf-8?q?" * 6_000,
        b"Subject: " + b"=?utf-8?q?a?= " * 4_600,
        b"Subject: " + b"\r\n " * 20_000,
        b"To: " + b"," * 60_000,
        b"References: " + b"<" * 60_000,
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        + b"Final-Recipient: x\n\n" * 100_000,
    ],
    ids=lambda raw: raw[:40].decode(),
)
def test_a_field_that_hangs_other_parsers_does_not_hang_this_one(raw):
    assert parse(raw + b"\r\n\r\n").to_dict()["size"] == len(raw) + 4
