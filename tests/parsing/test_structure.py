"""Structure: line ends, boundaries that are not what was announced, parts whose content is elsewhere, files within texts."""

from __future__ import annotations

import base64
import binascii

import pytest

from inbox.parsing import parse
from inbox.parsing.embedded import decode_uu, decode_yenc
from inbox.parsing.message import Message
from inbox.parsing.transfer import Decoding, decode_transfer

FILE = bytes(range(256)) * 3
HEAD = b"From: a@b.c\r\nSubject: x\r\n"


def multipart(body: bytes, parameters: bytes = b"; boundary=b") -> bytes:
    return HEAD + b"Content-Type: multipart/mixed" + parameters + b"\r\n\r\n" + body


def codes(message: Message) -> list[str]:
    return [defect.code for defect in message.defects]


def uuencoded(octets: bytes, name: bytes = b"a file.bin") -> bytes:
    lines = [binascii.b2a_uu(octets[at : at + 45]).rstrip(b"\n") for at in range(0, len(octets), 45)]
    return b"begin 644 " + name + b"\r\n" + b"\r\n".join(lines) + b"\r\n`\r\nend\r\n"


def yencoded(octets: bytes, name: bytes = b"a file.bin") -> bytes:
    shifted = bytes((octet + 42) % 256 for octet in octets)
    for critical in b"=\0\r\n":
        shifted = shifted.replace(bytes([critical]), b"=" + bytes([(critical + 64) % 256]))
    begin = b"=ybegin line=128 size=%d name=%s\r\n" % (len(octets), name)
    return begin + b"\r\n".join(shifted[at : at + 128] for at in range(0, len(shifted), 128)) + b"\r\n=yend size=%d\r\n" % len(octets)


PARTS = b"--b\r\nContent-Type: text/plain\r\n\r\none\r\n--b\r\nContent-Type: text/plain\r\n\r\ntwo\r\n--b--\r\n"
BOUNDARIES = [
    ("no parameter", b"", PARTS, ["boundary-missing", "boundary-guessed"]),
    ("another boundary", b"; boundary=other", PARTS, ["boundary-guessed"]),
    ("two boundaries, the second is right", b"; boundary=other; boundary=b", PARTS, ["parameter-duplicate", "boundary-guessed"]),
    ("the same boundary twice", b"; boundary=b; boundary=b", PARTS, ["parameter-duplicate"]),
    ("delimiter lines twice", b"; boundary=b", PARTS.replace(b"--b\r\nC", b"--b\r\n--b\r\nC"), []),
    ("blanks behind the delimiters", b"; boundary=b", PARTS.replace(b"--b\r\n", b"--b \t \r\n"), []),
    ("blanks within the parameter", b'; boundary=" b "', PARTS, []),
    ("blanks within the delimiters", b'; boundary="a b"', PARTS.replace(b"--b", b"--a  b"), ["boundary-guessed"]),
    ("blanks where the parameter has none", b"; boundary=ab", PARTS.replace(b"--b", b"-- a b"), ["boundary-guessed"]),
    ("blanks that are not quoted", b"; boundary=a b", PARTS.replace(b"--b", b"--a b"), []),
    ("no semicolon", b" boundary=b", PARTS, []),
    ("two boundaries, one extended", b"; boundary=b; boundary*=us-ascii''c", PARTS, ["parameter-duplicate"]),
    ("no semicolon before another parameter", b" boundary=b charset=utf-8", PARTS, []),
    ("no end", b"; boundary=b", PARTS.removesuffix(b"--b--\r\n"), ["boundary-unclosed"]),
]


@pytest.mark.parametrize(("parameter", "body", "odd"), [case[1:] for case in BOUNDARIES], ids=[case[0] for case in BOUNDARIES])
def test_parts_are_found_whatever_was_done_to_the_boundary(parameter, body, odd):
    message = parse(multipart(body, parameter))
    assert (message.text, codes(message)) == ("one\ntwo" + ("\n" if "boundary-unclosed" in odd else ""), odd)


@pytest.mark.parametrize(
    "container", [b"%b", b"--o\r\n" + multipart(b"%b").removeprefix(HEAD) + b"\r\n--o--\r\n"], ids=["outermost", "within"]
)
def test_a_part_behind_the_end_is_not_read_and_said(container):
    body = container.replace(b"%b", PARTS + b"--b\r\nContent-Type: application/x-msdownload\r\n\r\nMZ\r\n--b--\r\n")
    message = parse(multipart(body, b"; boundary=b" if container == b"%b" else b"; boundary=o"))
    assert (message.text, message.attachments, codes(message)) == ("one\ntwo", (), ["parts-behind-end"])


def test_an_inner_multipart_may_have_the_boundary_of_the_outer_one():
    inner = multipart(PARTS).removeprefix(HEAD)
    message = parse(multipart(b"--b\r\n" + inner + b"--b\r\n\r\nthree\r\n--b--\r\n"))
    assert (message.text, codes(message)) == ("one\ntwo\nthree", [])


def test_a_text_with_dashes_is_no_multipart():
    message = parse(multipart(b"-----\r\none\r\n-----\r\ntwo", b""))
    assert (message.text, codes(message)) == ("-----\none\n-----\ntwo", ["boundary-missing"])


@pytest.mark.parametrize("line_end", [b"\r", b"\n", b"\r\n", b"\r\r\n"])
def test_every_kind_of_line_end_is_read(line_end):
    message = parse(multipart(b"before\r\n" + PARTS + b"after").replace(b"\r\n", line_end))
    assert (message.subject, message.text, message.preamble, message.epilogue) == ("x", "one\ntwo", "before", "after")
    assert codes(message) == (["line-ends"] if line_end == b"\r" else [])


@pytest.mark.parametrize(("head", "body"), [(b"\n", b"\r\n"), (b"\r\n", b"\n"), (b"\r", b"\n"), (b"\n", b"\r"), (b"\r\n", b"\r")], ids=repr)
def test_line_ends_may_change_between_header_and_body(head, body):
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    message = parse(raw.replace(b"\r\n", head) + PARTS.replace(b"\r\n", body))
    assert (message.subject, message.text) == ("x", "one\ntwo")


@pytest.mark.parametrize(
    ("raw", "where"),
    [(b"Subject: x\rFrom: boss@c.d\r\n" + HEAD, "body"), (multipart(PARTS.replace(b"plain", b"plain\rX: y", 1)), "part 1")],
)
def test_a_bare_cr_within_a_header_is_said(raw, where):
    message = parse(raw)
    assert [author.address for author in message.from_] == ["a@b.c"]
    assert ("line-ends", where) in {(defect.code, defect.where) for defect in message.defects}


def test_a_bare_cr_in_a_field_ends_no_line():
    message = parse(b"Subject: a\rBcc: evil@x.test\r\nFrom: a@b.c\r\n\r\ntext")
    assert (message.subject, message.bcc, codes(message)) == ("a Bcc: evil@x.test", (), ["line-ends"])


def test_preamble_and_epilogue_are_kept_beside_the_text():
    message = parse(multipart(b"for old readers\r\n" + PARTS + b"left behind\r\n"))
    assert (message.preamble, message.text, message.epilogue) == ("for old readers", "one\ntwo", "left behind\n")
    assert (parse(b"\r\ntext").preamble, parse(b"\r\ntext").epilogue) == (None, None)


def test_a_fragment_of_a_mail_says_that_it_is_one():
    message = parse(HEAD + b'Content-Type: message/partial; id="i@h"; number=2; total=3\r\n\r\nhalf')
    assert [(item.type, item.content()) for item in message.attachments] == [("message/partial", b"half")]
    assert [(defect.code, defect.detail) for defect in message.defects] == [("partial", "id=i@h; number=2; total=3")]


def test_content_that_is_elsewhere_is_not_fetched():
    part = b'--b\r\nContent-Type: message/external-body; access-type=URL; URL="http://h.test/x"\r\n\r\nContent-Type: image/png\r\n\r\n--b--'
    message = parse(multipart(part))
    assert [item.type for item in message.attachments] == ["message/external-body"]
    assert [(defect.code, defect.where, defect.detail) for defect in message.defects] == [
        ("external-body", "part 1", "access-type=URL; url=http://h.test/x")
    ]


@pytest.mark.parametrize("encode", [uuencoded, yencoded])
@pytest.mark.parametrize("kind", [b"7bit", b"8bit", b"quoted-printable"])
def test_a_file_within_a_text_is_an_attachment_and_no_text(encode, kind):
    block = encode(FILE)
    if kind == b"quoted-printable":
        block = b"\r\n".join(binascii.b2a_qp(line, istext=False) for line in block.split(b"\r\n"))
    raw = HEAD + b"Content-Transfer-Encoding: " + kind + b"\r\n\r\nbefore\r\n" + block + b"after\r\n"
    message = parse(raw)
    assert message.text == "before\n\nafter\n"
    assert [(item.filename, item.size, item.content()) for item in message.attachments] == [("a file.bin", len(FILE), FILE)]
    assert codes(message) == []


def test_several_files_within_a_text_come_in_order():
    raw = HEAD + b"\r\n" + uuencoded(b"first", b"1") + b"between\r\n" + yencoded(b"second", b"2") + uuencoded(b"third", b"3")
    message = parse(raw)
    assert [(item.filename, item.content()) for item in message.attachments] == [("1", b"first"), ("2", b"second"), ("3", b"third")]
    assert message.text.strip() == "between"


@pytest.mark.parametrize(
    "text", [b"begin 644 now\r\nand so on", b"begin 644 x\r\n#86)C\r\nno end", b"=ybegin line=1 name=x\r\nno end", b"We begin 1"]
)
def test_what_only_looks_like_a_file_stays_text(text):
    message = parse(b"\r\n" + text)
    assert (message.text, message.attachments) == (text.decode().replace("\r\n", "\n"), ())


@pytest.mark.parametrize("encoding", ["x-uuencode", "uuencode", "x-uue"])
def test_a_part_that_is_uuencoded_as_a_whole_is_decoded(encoding):
    part = f"--b\r\nContent-Type: x/y\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    assert parse(multipart(part + uuencoded(FILE) + b"--b--")).attachments[0].content() == FILE


@pytest.mark.parametrize("size", [0, 1, 44, 45, 46, 90, 1000])
def test_decoders_of_files_within_texts_give_back_every_octet(size):
    octets = (FILE * 2)[:size]
    assert decode_uu(uuencoded(octets)) == octets
    assert decode_uu(uuencoded(octets).replace(b" ", b"`").replace(b"begin`644`", b"begin 644 ")) == octets
    assert decode_yenc(yencoded(octets)) == octets


@pytest.mark.parametrize("width", [4, 60, 75, 76, 77, 1000, 10**9])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_base64_is_decoded_in_pieces_as_it_is_as_a_whole(width, line_end):
    octets = bytes(range(256)) * 4096
    digits = base64.b64encode(octets)
    sent = line_end.join(digits[at : at + width] for at in range(0, len(digits), width)) + line_end
    decoding = Decoding(b"x" + sent + b"y", 1, 1 + len(sent), "base64")
    pieces = list(decoding)
    assert (b"".join(pieces), decoding.code) == (octets, None)
    assert max(map(len, pieces)) <= 1 << 18


BAD_BASE64 = [
    (b"SGVsbG8", b"Hello", "base64-invalid"),
    (b"SGVsbG8=", b"Hello", None),
    (b"SGVs\r\nbG8=\r\n", b"Hello", None),
    (b"SG Vs bG 8=", b"Hello", "base64-invalid"),
    (b"SGV*sbG8=", b"Hello", "base64-invalid"),
    (b"SGVsbG8=SGVsbG8=", b"HelloHello", "base64-invalid"),
    (b"SGVsbG8=\r\n--\r\nA list", b"Hello", "base64-invalid"),
    (b"====", b"", None),
    (b"", b"", None),
    (b"A", b"", "base64-invalid"),
    (b"\xff\xfe", b"", "base64-invalid"),
]


@pytest.mark.parametrize(("sent", "octets", "code"), BAD_BASE64)
def test_base64_gives_what_decodes(sent, octets, code):
    assert decode_transfer(sent, "base64")[:2] == (octets, code)


def test_a_quoted_printable_part_is_decoded_in_pieces_as_it_is_as_a_whole():
    octets = bytes(range(256)) * 4096
    for sent in (binascii.b2a_qp(octets, istext=False), b"=41" * 300_000):
        assert b"".join(Decoding(sent, 0, len(sent), "quoted-printable")) == decode_transfer(sent, "quoted-printable").octets


@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable"])
def test_a_message_that_was_encoded_as_a_whole_is_read(encoding):
    inner = multipart(b"--b\r\n\r\ntheirs\r\n--b\r\nContent-Disposition: attachment; filename=f\r\n\r\nfile\r\n--b--\r\n")
    sent = base64.encodebytes(inner) if encoding == b"base64" else binascii.b2a_qp(inner, istext=False)
    part = b"--o\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + sent + b"\r\n--o--\r\n"
    message = parse(multipart(part, b"; boundary=o"))
    assert [(item.type, item.content()) for item in message.attachments] == [("message/rfc822", inner), ("text/plain", b"file")]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "binary"])
def test_an_attachment_can_be_read_as_a_file(encoding):
    octets = bytes(range(256)).replace(b"\n", b"").replace(b"\r", b"") * 5000
    sent = {"base64": base64.encodebytes, "quoted-printable": lambda raw: binascii.b2a_qp(raw, istext=False), "binary": bytes}[encoding](
        octets
    )
    part = f"--b\r\nContent-Type: x/y\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    attachment = parse(multipart(part + sent + b"\r\n--b--\r\n")).attachments[0]
    with attachment.open() as file:
        assert file.read(10) == octets[:10]
        assert file.read(100_000) == octets[10:100_010]
        assert file.read() == octets[100_010:]
    assert attachment.content() == octets
