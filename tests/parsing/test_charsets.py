"""Every encoding of the web in every place of a mail. `whatwg.json`: the labels of the WHATWG Encoding Standard, and for each encoding octets
with the text that the standard's own index tables give for them (single octets: all that are letters; others: a sample, without the 188 rare letters of Hong Kong that Python does not know)."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from inbox.parsing import parse
from inbox.parsing.charsets import codec_of, decode

ENCODINGS = json.loads(Path(__file__).with_name("whatwg.json").read_text(encoding="utf-8"))
ENCODED = [(name, bytes.fromhex(entry["octets"]), entry["text"]) for name, entry in ENCODINGS.items()]
BY_NAME = pytest.mark.parametrize(("name", "octets", "text"), ENCODED, ids=list(ENCODINGS))

LANGUAGES = [
    ("windows-1251", "Подтверждение заказа: спасибо за покупку"),
    ("koi8-r", "Подтверждение заказа: спасибо за покупку"),
    ("iso-8859-5", "Подтверждение заказа: спасибо за покупку"),
    ("shift_jis", "ご注文ありがとうございます"),
    ("euc-jp", "ご注文ありがとうございます"),
    ("gb18030", "您的订单已经发货 请注意查收"),
    ("big5", "您的訂單已經出貨 請注意查收"),
    ("euc-kr", "주문해 주셔서 감사합니다"),
    ("iso-8859-7", "Επιβεβαίωση της παραγγελίας σας"),
    ("windows-1255", "אישור הזמנה, תודה על הקנייה"),
    ("windows-1252", "Bestätigung Ihrer Übergabe für Müller"),
    ("iso-8859-2", "Potwierdzenie zamówienia, dziękujemy za zakupy"),
]


def quoted(octets: bytes) -> str:
    return "".join(f"={octet:02X}" for octet in octets)


@BY_NAME
def test_every_label_of_an_encoding_is_known(name, octets, text):
    assert [label for label in ENCODINGS[name]["labels"] if codec_of(label) is None] == []


@BY_NAME
def test_a_text_is_read_in_every_encoding(name, octets, text):
    head = f"Content-Type: text/plain; charset={name}\r\n".encode()
    assert parse(head + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(octets)).text == text
    assert parse(head + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted(octets).encode()).text == text
    if b"\n" not in octets and b"\0" not in octets:
        assert parse(head + b"Content-Transfer-Encoding: 8bit\r\n\r\n" + octets).text == text


@BY_NAME
def test_a_header_is_read_in_every_encoding(name, octets, text):
    half = len(octets) // 2
    words = [f"=?{name}?b?{base64.b64encode(octets).decode()}?="]
    words.append(f"=?{name}?q?{quoted(octets[:half])}?=\r\n =?{name.upper()}?Q?{quoted(octets[half:])}?=")
    words.append(f"=?{name}?b?{base64.b64encode(octets[:half]).decode()}?= =?{name}*en?q?{quoted(octets[half:])}?=")
    for word in words:
        message = parse(f"Subject: {word}\r\nFrom: {word} <a@b.c>\r\n\r\n".encode())
        assert message.subject == text
        assert message.from_[0].address == "a@b.c"


@BY_NAME
def test_a_file_name_is_read_in_every_encoding(name, octets, text):
    half = len(octets) // 2
    percent = [quoted(part).replace("=", "%") for part in (octets[:half], octets[half:])]
    raw = f"Content-Type: x/y\r\nContent-Disposition: attachment; filename*1*={percent[1]};\r\n filename*0*={name}'en'{percent[0]}\r\n\r\n"
    assert parse(raw.encode()).attachments[0].filename_raw == text


@pytest.mark.parametrize(("name", "text"), LANGUAGES, ids=[name for name, _ in LANGUAGES])
def test_a_raw_header_takes_the_charset_of_the_body(name, text):
    raw = f"Subject: {text}\r\nFrom: {text[:10]} <a@b.c>\r\nContent-Type: text/html; charset={name}\r\n\r\n{text}".encode(codec_of(name))
    message = parse(raw)
    assert (message.subject, message.from_[0].name) == (text, text[:10].strip())


@pytest.mark.parametrize(("name", "text"), LANGUAGES, ids=[name for name, _ in LANGUAGES])
def test_what_nobody_declared_is_guessed_from_all_that_there_is(name, text):
    message = parse(f"Subject: {text[:14]}\r\n\r\n{text}\r\n{text}\r\n".encode(codec_of(name)))
    assert (message.subject, message.text.split("\n")[0]) == (text[:14].strip(), text)
    assert {defect.code for defect in message.defects} == {"charset-guessed"}


@pytest.mark.parametrize(
    ("octets", "label", "text", "code"),
    [
        (b"\xef\xbb\xbf\xc3\xa9", "iso-8859-1", "é", None),
        ("Grüße".encode(), "us-ascii", "Grüße", "charset-invalid"),
        ("Привет".encode(), "shift_jis", "Привет", "charset-invalid"),
        (b"a\x81b", "windows-1252", "a\x81b", "charset-invalid"),
        (b"\0a\0b", "utf-16", "ab", None),
        (b"a\0b\0", "utf-16", "ab", None),
        (b"\xff\xfea\0", "utf-16", "a", None),
        (b"caf\xc3\xa9 \xff", "utf-8", "café \ufffd", "charset-invalid"),
        (b"\x1b$B-!", "iso-2022-jp", "①", None),
        (b"\xa4\xa2\xff", "euc-jp", "あ\ufffd", "charset-invalid"),
    ],
)
def test_octets_that_do_not_fit_their_label_are_still_a_text(octets, label, text, code):
    found = decode(octets, label)
    assert (found.text, found.code) == (text, code)


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("Grüße aus München".encode("latin-1"), "Grüße aus München"),
        ("Привет, как дела".encode("cp1251"), "Привет, как дела"),
        ("Grüße ".encode() + b"\xfc", "Grüße \ufffd"),
        (b"cut \xc3", "cut \ufffd"),
    ],
)
def test_a_text_that_is_called_utf_8_and_has_none_of_it_is_guessed(octets, text):
    message = parse(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + octets)
    assert (message.text, [defect.code for defect in message.defects]) == (text, ["charset-invalid"])
