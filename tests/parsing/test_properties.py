"""What holds for any octets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.parsing import parse
from inbox.parsing.defects import CODES

PIECES = st.sampled_from(
    [
        *(bytes([octet]) for octet in b"\0\r\n \t:;=?\"'<>(),@-\xe9\xff"),
        b"\r\n", b"\r\n\r\n", b"\n", b"--b", b"--b--", b"\r\n--b\r\n", b"Content-Type: ", b"multipart/mixed; boundary=b", b"message/rfc822",
        b"text/html; charset=utf-16", b"text/plain; charset=iso-2022-jp", b"Content-Transfer-Encoding: base64", b"Content-Disposition: attachment",
        b"; filename*0*=utf-8''%ff", b"From: ", b"To: ", b"Subject: ", b"Date: ", b"=?utf-8?b?", b"=?utf-7?q?", b"?=", b"a@b.c", b"<a@b.c>", b"\xef\xbb\xbf",
        b"begin 644 x\r\n#86)C\r\n`\r\nend\r\n", b"=ybegin line=1 name=x\r\n", b"\r\n=yend size=1\r\n", b"application/ms-tnef", b"\x78\x9f\x3e\x22", b"\r\r\n", b"\r--b\r",
        b"multipart/mixed", b"message/external-body", b"message/partial", b"multipart/encrypted", b"text/x-amp-html",
        b"message/delivery-status", b"Final-Recipient: rfc822; a@b.c", b"message/feedback-report", b"On 1 Jan a wrote:", b"> x", b"<div>", b"&#xd800;", b"\x1b$B",
    ]
)  # fmt: skip
MAILS = st.one_of(st.binary(max_size=400), st.lists(PIECES | st.binary(max_size=6), max_size=40).map(b"".join))
NAMES = st.from_regex(r"X-[A-Za-z]{1,10}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40).filter(lambda text: "=?" not in text)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(MAILS)
def test_no_octets_make_the_parser_raise(raw):
    message = parse(raw)
    printed = json.dumps(message.to_dict(), ensure_ascii=False).encode("utf-8")
    assert message.raw == raw
    assert message.conversation.key == message.thread
    assert all(item.archive is None or item.archive.size >= 0 for item in message.attachments)
    assert b"\\u0000" not in printed
    assert {defect.code for defect in message.defects} <= set(CODES)
    assert not any(re.search("[\r\n\v\f\x1c-\x1e\x85\u2028\u2029\0]", header.value) for header in message.headers)
    assert not any(
        set(address.address) & set("\r\n\0 <>") - set(" <>" if address.address.startswith('"') else "") for address in message.from_
    )
    assert all(
        item.filename and len(item.filename.encode()) <= 255 and not set(item.filename) & set("/\\\0\r\n:") for item in message.attachments
    )


@QUICK
@given(MAILS)
def test_defects_are_the_same_whatever_was_read_before(raw):
    message = parse(raw)
    for name in ("attachments", "reply", "automatic", "from_", "calendar", "subject"):
        getattr(message, name)
    assert message.defects == parse(raw).defects


@QUICK
@given(st.lists(st.tuples(NAMES, VALUES), max_size=20))
def test_fields_come_back_in_order(fields):
    raw = "".join(f"{name}: {value}\r\n" for name, value in fields).encode() + b"\r\ntext"
    message = parse(raw)
    assert [(header.name, header.value) for header in message.headers] == fields
    assert message.text == "text"


@QUICK
@given(st.binary(max_size=2000), st.sampled_from(["base64", "quoted-printable"]))
def test_attachments_come_back_octet_for_octet(octets, encoding):
    import base64
    import quopri

    sent = (
        base64.encodebytes(octets) if encoding == "base64" else quopri.encodestring(octets.replace(b"\r", b"").replace(b"\n", b"")) + b"=\n"
    )
    mail, part = MIMEMultipart(boundary="===b==="), MIMEBase("application", "x-test")
    part["Content-Transfer-Encoding"] = encoding
    part.set_payload(sent.decode("ascii"))
    mail.attach(part)
    found = parse(mail.as_bytes().replace(b"\n", b"\r\n")).attachments[0].content()
    assert found == (octets if encoding == "base64" else octets.replace(b"\r", b"").replace(b"\n", b""))


@settings(QUICK, max_examples=50)
@given(st.lists(st.tuples(NAMES, st.lists(VALUES, min_size=1, max_size=3), st.sampled_from([b"\r\n", b"\n"])), max_size=6))
def test_raw_fields_come_back_in_order_octet_for_octet(fields):
    raw = b"".join(f"{name}:".encode() + (end + b" ").join(value.encode() for value in values) + end for name, values, end in fields)
    message = parse(raw + b"\r\ntext")
    again = b"".join(header.name.encode() + b":" + header.raw + end for header, (_, _, end) in zip(message.headers, fields, strict=True))
    assert again == raw


@QUICK
@given(MAILS)
def test_what_stands_in_an_attachment_is_the_same_in_pieces_and_as_a_whole(raw):
    for attachment in parse(raw).attachments:
        with attachment.open() as file:
            assert file.read() == attachment.content()
        assert len(attachment.content()) == attachment.size


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_both_line_ends_read_alike(line_end):
    raw = b"Subject: a\r\n b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\ntwo\r\n--b--\r\n"
    message = parse(raw.replace(b"\r\n", line_end))
    assert (message.subject, message.text) == ("a b", "one\ntwo")


PLAIN = """
import sys
from inbox.parsing import parse
assert not {"flanker", "chardet", "inbox.parsing.message"} & set(sys.modules)
message = parse(b'From: "A, B" <a@b.c>\\r\\nSubject: =?utf-8?q?x?=\\r\\n\\r\\ntext')
assert message.to_dict()["from"] == [{"name": "A, B", "address": "a@b.c"}]
assert not {"flanker", "chardet"} & set(sys.modules), "a plain mail needs neither"
print(parse(b"To: a b@c.d\\r\\n\\r\\n").to, "flanker" in sys.modules)
"""
WITHOUT_FLANKER = """
import sys
sys.modules["flanker"] = None
from inbox.parsing import parse
message = parse(b"To: a b@c.d, x@y.z\\r\\n\\r\\n")
print([address.address for address in message.to], [defect.code for defect in message.defects])
"""


def python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:inbox", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def test_flanker_is_imported_only_for_an_odd_address_and_silently():
    assert python(PLAIN) == "(Address(name='a', address='b@c.d'),) True"


def test_without_flanker_odd_addresses_are_none_and_plain_ones_work():
    assert python(WITHOUT_FLANKER) == "['x@y.z'] ['address-invalid']"
