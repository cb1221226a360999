"""What is new, quoted and signature in a text. The cases are files in `replies/`: each line has the letter of its part in front.

T: new text, Q: quoted, S: signature. The lines without the letters are the mail, so a case also says that nothing is lost.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.parsing import parse
from inbox.parsing.html_text import render
from inbox.parsing.limits import DEFAULT, Limits
from inbox.parsing.quoting import split_html, split_reply

FOLDER = Path(__file__).parent / "replies"
KINDS = {"T": "text", "Q": "quoted", "S": "signature"}
PIECES = st.sampled_from(
    [
        "> x", "On Tue, Nov 24, 2026 at 9:15 AM V <v@example.org> wrote:", "On 1 a wrote:", "-----Original Message-----", "From: v@example.org",
        "Sent: Tuesday, 24 November 2026", "Subject: x", "-- ", "Regards", "Paul", "Sent from my iPhone", "", "words", "________________________________",
        "---------- Forwarded message ----------", "reply --- On Wed, Apr 4, 2026 at 3:59 PM, v@example.org wrote:", "<http://example.org/", "##- reply above this line -##",
    ]
)  # fmt: skip
TAGS = st.sampled_from(
    [
        "<div>", "</div>", "<p>", "<br>", "<blockquote>", '<blockquote type="cite">', "</blockquote>", '<div class="gmail_quote">', '<div id="divRplyFwdMsg">',
        "<hr>", '<div class="gmail_signature">', '<div style="display:none">', '<span style="font-size:0">', "</span>", "<pre>", "</pre>", "a\nb", "words",
        "From: v@example.org", "On 1.1.2026 V wrote:", "&lt;", "\u200b", "<b", "<!--", "-->", "<td>",
    ]
)  # fmt: skip
QUICK = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def cases(name: str) -> list[tuple[str, list[str]]]:
    _, *found = (FOLDER / name).read_text(encoding="utf-8").split("\n# ")
    return [(case.partition("\n")[0], case.rstrip("\n").split("\n")[1:]) for case in found]


PLAIN = [(file.stem, *case) for file in sorted(FOLDER.glob("*.txt")) if file.stem != "html" for case in cases(file.name)]
HTML = cases("html.txt")


def squeezed(text: str | None) -> str:
    return re.sub(r"(?m)^[> ]+$|\s+", "", text or "")


def expected(lines: list[str]) -> dict[str, str]:
    return {kind: squeezed("\n".join(line[2:] for line in lines if line.startswith(letter))) for letter, kind in KINDS.items()}


def found(reply) -> dict[str, str]:
    return {kind: squeezed(getattr(reply, kind)) for kind in KINDS.values()}


def mail(kind: str, text: str, subject: str = "Re: Test") -> bytes:
    return f"From: a@example.org\r\nSubject: {subject}\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{text}".encode()


def test_there_are_cases_of_many_languages():
    assert len(PLAIN) + len(HTML) >= 250
    assert len({name.partition(":")[0] for file, name, _ in PLAIN if file == "languages"}) >= 30


@pytest.mark.parametrize(("file", "name", "lines"), PLAIN, ids=[f"{file}-{name}" for file, name, _ in PLAIN])
def test_a_plain_reply_falls_into_its_parts(file, name, lines):
    reply = split_reply("\n".join(line[2:] for line in lines), DEFAULT)
    assert found(reply) == expected(lines), reply.parts


@pytest.mark.parametrize(("name", "lines"), HTML, ids=[name for name, _ in HTML])
def test_an_html_reply_falls_into_its_parts(name, lines):
    end = lines.index("---")
    reply = parse(mail("html", "\n".join(lines[:end]))).reply
    assert found(reply) == expected(lines[end + 1 :]), reply.parts


def test_each_part_says_by_what_it_was_told():
    text = "Yes.\n\nSent from my iPhone\n\nOn Tue, 24 Nov 2026, V <v@example.org> wrote:\n> Meet?\nSee you.\n-- \nPaul"
    assert [(part.kind, part.sign) for part in split_reply(text, DEFAULT).parts] == [
        ("text", ""),
        ("signature", "device"),
        ("quoted", "wrote"),
        ("text", ""),
        ("signature", "delimiter"),
    ]


def test_the_markup_is_a_sign_too():
    lines = render('Yes.<div class="gmail_signature">Paul</div><div class="gmail_quote">Meet?</div>').lines
    assert [part.sign for part in split_html(lines, DEFAULT).parts] == ["", "gmail_signature", "gmail_quote"]


HEADER = "From: Vera <v@example.org>\r\nSent: Tuesday, 24 November 2026\r\nTo: Paul\r\nSubject: Test\r\n\r\nMeet?"


@pytest.mark.parametrize("subject", ["Fwd: Test", "FW: Test", "WG: Test", "TR : Test", "RV: Test", "[list] Fwd: Test", "转发: Test"])
def test_a_mail_that_is_forwarded_by_its_subject_keeps_what_it_sends_on(subject):
    assert parse(mail("plain", f"FYI\r\n\r\n{HEADER}", subject)).reply.quoted is None
    markup = 'FYI<div id="divRplyFwdMsg">From: Vera</div>Meet?'
    assert parse(mail("html", markup, subject)).reply.quoted is None


@pytest.mark.parametrize("subject", ["Re: Fwd: Test", "Test", "Forward planning: Test"])
def test_a_mail_that_answers_a_forward_quotes_it(subject):
    assert parse(mail("plain", f"FYI\r\n\r\n{HEADER}", subject)).reply.text == "FYI"


def test_the_markup_is_asked_when_the_plain_text_shows_no_quotation():
    plain = "Ndiyo.\r\n\r\nVera aliandika\r\n\r\nTukutane?"
    markup = "<div>Ndiyo.</div><div class=gmail_quote>Vera aliandika<br>Tukutane?</div>"
    raw = f"Subject: Re: x\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n{plain}\r\n--b\r\nContent-Type: text/html\r\n\r\n{markup}\r\n--b--\r\n"
    assert parse(raw.encode()).reply.text == "Ndiyo."


@QUICK
@given(st.lists(PIECES, max_size=25).map("\n".join) | st.text(max_size=200))
def test_nothing_of_a_text_is_lost(text):
    reply = split_reply(text, DEFAULT)
    assert squeezed("\n".join(part.text for part in reply.parts)) == squeezed(text)
    for kind in KINDS.values():
        assert squeezed(getattr(reply, kind)) == squeezed("\n".join(part.text for part in reply.parts if part.kind == kind))


@QUICK
@given(st.lists(TAGS, max_size=25).map("".join))
def test_nothing_of_an_html_text_is_lost(html):
    rendered = render(html)
    assert squeezed("\n".join(part.text for part in split_html(rendered.lines, DEFAULT).parts)) == squeezed(str(rendered))


@QUICK
@given(st.lists(PIECES, max_size=25).map("\n".join), st.integers(1, 60))
def test_what_lies_beyond_a_limit_is_not_lost(text, size):
    reply = split_reply(text, Limits(reply=size, reply_lines=5))
    assert squeezed("\n".join(part.text for part in reply.parts)) == squeezed(text)


@QUICK
@given(st.lists(PIECES, max_size=8).map("\n".join))
def test_new_words_above_a_quotation_are_always_a_reply(text):
    assert split_reply(f"These are new words, and enough of them.\n\n{text}", DEFAULT).text


@pytest.mark.parametrize(
    "piece",
    [
        "On 1\n", "On 1, a wrote\n", "On mon On mon ", "On 1 wrote wrote wrote wrote: x\n", "reply above ", "--- x ---\n", "写道", "<@", "a@", "*From:* ",
        "Von: x Datum: ", "Regards ", "Thanks,\n", "2014-10-10 <\n", "12:30 ", "\u200b", "(((<<<", "From: x\n\n\n", "Sent from ", "-----Original Message-----",
    ],
)  # fmt: skip
def test_no_text_takes_long(piece):
    reply = split_reply(piece * (80_000 // len(piece)), Limits(reply=80_000, reply_lines=80_000))
    assert reply.parts


@pytest.mark.parametrize(
    "piece",
    [
        "<div>", "<b>", "<blockquote>", '<blockquote type="cite">x', '<div class="gmail_quote">x', '<span style="font-size:0">x', "<", "<a ", "&zwnj;", "<!--",
        '<div style="border-top:solid #fff 1.0pt">From: a<br>', '<a class="gmail_quote', "<pre>\n", "<hr>", "<style>", "</div>",
    ],
)  # fmt: skip
def test_no_html_takes_long(piece):
    rendered = render(piece * (100_000 // len(piece)))
    assert squeezed("\n".join(part.text for part in split_html(rendered.lines, DEFAULT).parts)) == squeezed(str(rendered))
