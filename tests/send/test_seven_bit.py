"""Mail in seven bits: what it says stays, what would break is not converted."""

from __future__ import annotations

import email
import email.policy
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import inbox
from inbox.send.seven_bit import downgrade, is_plain


def lines(*parts: bytes | str) -> bytes:
    return b"".join((part if isinstance(part, bytes) else part.encode()) + b"\r\n" for part in parts)


TEXT = lines("From: a@x.test", "Subject: x", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "", "Grüße", ".", "trailing ")
MIXED = lines(
    "From: a@x.test",
    "Subject: Grüße aus Köln",
    "MIME-Version: 1.0",
    "Content-Type: multipart/mixed; boundary=b",
    "Content-Transfer-Encoding: 8bit",
    "",
    "preamble",
    "--b",
    "Content-Type: multipart/alternative; boundary=bb",
    "",
    "--bb",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
    "",
    "ä = b",
    "--bb",
    "Content-Type: text/html; charset=iso-8859-1",
    "",
    b"<p>\xe4</p>",
    "--bb--",
    "--b",
    'Content-Type: image/png; name="ü.png"',
    'Content-Disposition: attachment; filename="ü.png"',
    "Content-Transfer-Encoding: 8bit",
    "",
    b"\x89PNG\x00\xff",
    "--b",
    "Content-Type: message/rfc822",
    "",
    "From: b@x.test",
    "Subject: inner",
    "Content-Type: text/plain; charset=utf-8",
    "",
    "ß",
    "--b--",
    "epilogue",
)
SIGNED = lines(
    "From: a@x.test",
    "Content-Type: multipart/signed; boundary=s; protocol=application/pgp-signature; micalg=pgp-sha256",
    "",
    "--s",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
    "",
    "Grüße",
    "--s",
    "Content-Type: application/pgp-signature",
    "",
    "AAAA",
    "--s--",
)


def meaning(raw: bytes):
    message = inbox.parse(raw)
    said = message.to_dict()
    files = [(file["filename"], file["type"], file["sha256"]) for file in said["attachments"]]
    return message.subject, said["from"], said["to"], (message.text or "").splitlines(), (message.html or "").splitlines(), files


@pytest.mark.parametrize("raw", [TEXT, MIXED], ids=["text", "parts within parts"])
def test_the_same_is_said_in_seven_bits(raw):
    converted = downgrade(raw)
    assert converted is not None and is_plain(converted) and not is_plain(raw)
    before, after = meaning(raw), meaning(converted)
    assert after[:5] == before[:5]
    assert after[5][:1] == before[5][:1]  # the enclosed message has other octets now


def test_the_standard_library_reads_the_same_too():
    message = email.message_from_bytes(downgrade(MIXED), policy=email.policy.default)
    bodies = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    assert [body.strip() for body in bodies] == ["ä = b", "<p>ä</p>", "ß"]
    assert next(part.get_filename() for part in message.iter_attachments()) == "ü.png"
    assert message["Subject"] == "Grüße aus Köln"
    assert not [part.defects for part in message.walk() if part.defects]


def test_a_plain_mail_stays_octet_for_octet():
    raw = lines("Subject: x", "", "plain", "x" * 998)
    assert downgrade(raw) is raw


@pytest.mark.parametrize(
    "raw",
    [
        SIGNED,
        SIGNED.replace(b"multipart/signed", b"multipart/mixed").replace(b"Content-Type: multipart/mixed", b"A: b\r\nContent-Type: multipart/signed"),
        lines("Content-Type: message/partial; id=a; number=1", "", "ü"),
        lines("Content-Type: message/delivery-status", "", "Reporting-MTA: dns; ü"),
        lines("Content-Type: multipart/mixed", "", "--b", "", "ü", "--b--"),
        lines("Content-Type: multipart/mixed; boundary=b", "", "ü", "--b", "", "x", "--b--"),
        lines("Content-Transfer-Encoding: x-uuencode", "", "ü"),
        lines("From: ü@x.test", "", "x"),
        lines("Message-ID: <ü@x.test>", "", "x"),
        lines("no field, ü", "", "x"),
        lines("Subject: x", "References: " + "x" * 1000, "", "x"),
    ],
    ids=[
        "multipart/signed", "a signed part", "message/partial", "a delivery status", "no boundary", "8 bits in the preamble", "uuencode",
        "an address", "an id", "a header that is none", "a line without a blank",
    ],
)  # fmt: skip
def test_what_would_break_is_not_converted(raw):
    assert downgrade(raw) is None


FIELDS = {
    "Subject: Grüße": "Grüße",
    "From: Jürgen Müller <a@x.test>": "Jürgen Müller <a@x.test>",
    'From: "Müller, Jürgen" <a@x.test>, b@x.test': '"Müller, Jürgen" <a@x.test>, b@x.test',
    "To: (Büro) a@x.test": "",
    "Cc: Gruppe Ä: a@x.test, b@x.test;": "",
    "To: a@bücher.test": "a@xn--bcher-kva.test",
    "To: Ü <a@bücher.test>": "Ü <a@xn--bcher-kva.test>",
    "X-Note: =?utf-8?q?=C3=A4?= ö": "",
}


@pytest.mark.parametrize("field", FIELDS)
def test_header_fields_say_the_same_in_ascii(field):
    raw = lines(field, "", "x")
    converted = downgrade(raw)
    assert converted is not None and is_plain(converted)
    before, after = inbox.parse(raw), inbox.parse(converted)
    name = field.partition(":")[0]
    if name in ("From", "To", "Cc"):
        assert getattr(after, name.lower() if name != "From" else "from_") == getattr(before, name.lower() if name != "From" else "from_")
    else:
        assert [header.value for header in after.headers] == [header.value for header in before.headers]


def test_bodies_may_stay_as_they_are():
    converted = downgrade(MIXED, bodies=False)
    assert converted is not None
    assert "ä = b".encode() in converted and b"\x89PNG\x00\xff" in converted
    assert converted.partition(b"\r\n\r\n")[0].isascii() and b"filename*=utf-8''%C3%BC.png" in converted


def test_long_lines_are_mended():
    raw = lines("Subject: " + "word " * 300, "Content-Type: text/html", "", "<p>" + "x" * 5000 + "</p>")
    converted = downgrade(raw)
    assert converted is not None and is_plain(converted)
    assert inbox.parse(converted).html == inbox.parse(raw).html
    assert inbox.parse(converted).subject == inbox.parse(raw).subject


@given(st.binary(max_size=300), st.sampled_from(["text/plain; charset=utf-8", "application/octet-stream", "text/plain"]))
@example(b"\xe4\r\n", "text/plain")
@settings(max_examples=200, deadline=None)
def test_octets_of_a_body_come_back_whatever_they_are(body, kind):
    body = body.replace(b"\r", b"").replace(b"\n", b"\r\n")
    raw = lines("MIME-Version: 1.0", f"Content-Type: {kind}", "Content-Transfer-Encoding: 8bit", "") + body
    converted = downgrade(raw)
    assert converted is not None and is_plain(converted)
    payload = email.message_from_bytes(converted).get_payload(decode=True)
    assert payload.replace(b"\r\n", b"\n") == body.replace(b"\r\n", b"\n")


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_octets_are_converted_to_seven_bits_or_not_at_all(octets):
    raw = inbox.send.compose.crlf(octets)
    converted = downgrade(raw)
    assert converted is None or is_plain(converted)


def test_parts_within_parts_without_end_are_no_trouble():
    raw = b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(2000)) + lines("", "ü")
    began = time.process_time()
    assert downgrade(raw) is None
    assert time.process_time() - began < 5
