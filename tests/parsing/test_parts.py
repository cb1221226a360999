"""Parts: boundaries, nesting, texts, attachments, file names."""

from __future__ import annotations

import base64

import pytest

from inbox.parsing import parse
from inbox.parsing.filenames import safe_name
from inbox.parsing.html_text import html_to_text
from inbox.parsing.limits import Limits

NAMES = [
    ("report.pdf", "report.pdf"),
    ("../../etc/passwd", "passwd"),
    ("a\\b\\c.txt", "c.txt"),
    ("...", None),
    (" . ", None),
    ("\0\r\n", None),
    ("-rf", "_rf"),
    ("con.tar.gz", "_con.tar.gz"),
    ("COM\u00b9", "_COM\u00b9"),
    ("a\u200bb\u202e.txt", "ab.txt"),
    ("a:b|c?.txt", "a_b_c_.txt"),
    ("e\u0301.txt", "\u00e9.txt"),
    (".htaccess", "htaccess"),
    ("x" * 300 + ".tar", "x" * 251 + ".tar"),
    ("é" * 200 + ".pdf", "é" * 125 + ".pdf"),
    ("x." + "y" * 300, "x." + "y" * 253),
]
HTMLS = [
    ("<p>a</p><p>b</p>", "a\n\nb"),
    ("a<br>b<br/>c", "a\nb\nc"),
    ("a &lt;b&gt; &amp;amp; &#x41;", "a <b> &amp; A"),
    ("1 < 2", "1 < 2"),
    ("a<style>p{}</style>b<script>x</script>c", "abc"),
    ("<div hidden>x</div>a<span style='display: none'>y</span>", "a"),
    ("<div style='display:none'><div>x</div>y</div>a", "a"),
    ("<blockquote>q<br>r</blockquote>a", "> q\n> r\n\na"),
    ("<pre>a\n  b</pre>", "a\n  b"),
    ("a<!-- b --><!-->c<!-- d", "ac"),
    ("<ul><li>a<li>b</ul>", "- a\n- b"),
    ("<a href='x>y'>z</a>", "z"),
]


def multipart(body: bytes, kind: bytes = b"mixed") -> bytes:
    return b"Content-Type: multipart/" + kind + b"; boundary=b\r\n\r\n" + body


@pytest.mark.parametrize(("sent", "safe"), NAMES)
def test_a_file_name_is_made_safe(sent, safe):
    assert safe_name(sent) == safe


@pytest.mark.parametrize(("html", "text"), HTMLS)
def test_html_becomes_text(html, text):
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    "piece", ["<!--", "<div>", "<a '", '<a">"', "<", "<x", "</", "&amp", "<blockquote>", "<script>", "<pre>\n", "<div hidden>"]
)
def test_html_that_hangs_other_converters_does_not_hang_this_one(piece):
    assert isinstance(html_to_text(piece * (400_000 // len(piece))), str)


def test_an_outer_boundary_ends_an_inner_part_that_was_not_closed():
    inner = b"--b\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"
    message = parse(multipart(inner))
    assert message.text == "one\ntwo"
    assert [(defect.code, defect.where) for defect in message.defects] == [("boundary-unclosed", "part 1")]


def test_a_header_without_end_stops_at_the_next_boundary():
    message = parse(multipart(b"--b\r\nContent-Type: text/plain\r\n--b\r\n\r\ntext\r\n--b--\r\n"))
    assert message.text == "text"


def test_html_stands_in_for_a_plain_text_that_is_blank():
    body = b"--b\r\n\r\n \r\n--b\r\nContent-Type: text/html\r\n\r\n<p>hello</p>\r\n--b--\r\n"
    assert parse(multipart(body, b"alternative")).text == "hello"


def test_the_words_of_an_attached_mail_are_not_those_of_the_sender():
    body = b"--b\r\n\r\nmine\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ntheirs\r\n--b--\r\n"
    message = parse(multipart(body))
    assert message.text == "mine"
    assert [(item.type, item.content()) for item in message.attachments] == [("message/rfc822", b"Subject: x\r\n\r\ntheirs")]


def test_text_that_is_attached_is_no_text_of_the_mail():
    body = b"--b\r\n\r\nmine\r\n--b\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nfile\r\n--b--\r\n"
    message = parse(multipart(body))
    assert (message.text, message.attachments[0].content()) == ("mine", b"file")


@pytest.mark.parametrize(
    "field", ["Content-Type: text/plain; name=mail.txt", "Content-Disposition: inline; filename=note", 'Content-Type: text/plain; name=""']
)
def test_the_only_text_of_a_mail_is_its_text_whatever_its_name(field):
    message = parse(f"{field}\r\n\r\nmine".encode())
    assert (message.text, message.attachments) == ("mine", ())


@pytest.mark.parametrize("field", ["Content-Type: text/plain; name=evil.exe", "Content-Disposition: attachment; filename=a.txt"])
def test_a_file_that_is_the_whole_mail_is_an_attachment(field):
    message = parse(f"{field}\r\n\r\nMZ".encode())
    assert (message.text, len(message.attachments)) == (None, 1)


def test_alternatives_may_have_names():
    parts = b"--b\r\nContent-Type: text/plain; name=TEXT.txt\r\n\r\nmine\r\n--b\r\nContent-Type: text/html; name=HTML.htm\r\n\r\n<p>mine\r\n--b--\r\n"
    message = parse(multipart(parts, b"alternative"))
    assert (message.text, message.html, message.attachments) == ("mine", "<p>mine", ())


NAMED_TWICE = [  # names of one file: the one that counts, and what is odd
    ("filename=a.pdf; filename*=utf-8''b.exe", "b.exe", True),
    ("filename=a.exe; filename*=utf-8''b.pdf", "b.pdf", True),
    ("filename=a.pdf\r\nContent-Type: application/pdf; name=a.exe", "a.pdf", True),
    ("filename=Gr__n.pdf; filename*=utf-8''Gr%C3%BCn.pdf", "Gr\u00fcn.pdf", False),
    ('filename="a.pdf"\r\nContent-Type: application/pdf; name="=?utf-8?q?a.pdf?="', "a.pdf", False),
    ("filename=signature\r\nContent-Type: application/pgp-signature; name=signature.asc", "signature", False),
]


@pytest.mark.parametrize(("parameters", "name", "odd"), NAMED_TWICE)
def test_a_program_is_told_by_any_name_it_has(parameters, name, odd):
    message = parse(f"Content-Disposition: attachment; {parameters}\r\n\r\nx".encode())
    (attachment,) = message.attachments
    assert (attachment.filename, attachment.program) == (name, odd)
    assert ("parameter-duplicate" in {defect.code for defect in message.defects}) is odd


@pytest.mark.parametrize(
    "name",
    [
        "re\u0301sume\u0301.pdf",
        "\u05d7\u05e9\u05d1\u05d5\u05df\u200f.pdf",
        "a  b.pdf",
        "\u06a9\u062a\u0627\u0628\u200c\u0647\u0627.pdf",
        "a\u00a0b.pdf",
    ],
)
def test_an_ordinary_name_is_no_defect(name):
    message = parse(f'Content-Disposition: attachment; filename="{name}"\r\n\r\nx'.encode())
    assert message.attachments[0].filename_raw == name
    assert message.defects == ()


def test_a_part_of_a_digest_is_a_message():
    message = parse(multipart(b"--b\r\n\r\nSubject: x\r\n\r\ny\r\n--b--\r\n", b"digest"))
    assert [item.type for item in message.attachments] == ["message/rfc822"]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 57, 1000])
def test_an_attachment_comes_back_octet_for_octet(size):
    octets = bytes(range(256)) * 4
    sent = base64.encodebytes(octets[:size]).replace(b"\n", b"\r\n")
    message = parse(multipart(b"--b\r\nContent-Type: x/y\r\nContent-Transfer-Encoding: base64\r\n\r\n" + sent + b"\r\n--b--\r\n"))
    assert (message.attachments[0].content(), message.defects) == (octets[:size], ())


@pytest.mark.parametrize(
    "raw",
    [
        multipart(b"--b\r\n\r\nx\r\n" * 100_000),
        multipart(b"--b\r\nA: b\r\n" * 100_000),
        multipart(b"\n--" * 500_000),
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5000)),
        b"Content-Type: message/rfc822\r\n\r\n" * 5000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 5000,
    ],
    ids=["parts", "parts without text", "dashes", "nested", "messages", "one boundary for all"],
)
def test_many_parts_are_capped_and_read_in_one_pass(raw):
    message = parse(raw)
    assert len(message._parts) <= 1001
    assert max(part.depth for part in message._parts) <= 100
    assert message.to_dict()["defects"]


def test_the_depth_can_be_set():
    raw = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(9))
    assert max(part.depth for part in parse(raw, Limits(depth=3))._parts) == 3
