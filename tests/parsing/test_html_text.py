"""What a reader sees of HTML, and what is hidden."""

from __future__ import annotations

import pytest

from inbox.parsing import parse
from inbox.parsing.html_text import html_to_text, render


@pytest.mark.parametrize(
    "markup",
    [
        '<div style="display:none">no</div>',
        "<div style='display : none !important'>no</div>",
        "<div hidden>no</div>",
        '<div hidden="hidden">no</div>',
        '<span style="visibility:hidden">no</span>',
        '<span style="mso-hide:all">no</span>',
        '<span style="font-size:0">no</span>',
        '<span style="font-size:0px;line-height:0">no</span>',
        '<span style="font-size:1px">no</span>',
        '<span style="opacity:0">no</span>',
        '<div style="max-height:0;overflow:hidden">no</div>',
        '<div style="width:0px;overflow:hidden">no</div>',
        '<div style="text-indent:-9999px">no</div>',
        '<font color="#FFFFFF">no</font>',
        "<font color=white>no</font>",
        '<p style="color:#fff">no</p>',
        '<p style="color: rgb(255, 255, 255)">no</p>',
        '<p style="color:#123456;background-color:#123456">no</p>',
        '<table style="display:none"><tr><td>no</td></tr></table>',
        '<div style="display:none"><div>no</div>no</div>',
    ],
)
def test_what_a_reader_does_not_see_is_no_text(markup):
    rendered = render(f"<p>Yes</p>{markup}<p>also</p>")
    assert str(rendered).split() == ["Yes", "also"]
    assert rendered.hidden.split()[0] == "no"


@pytest.mark.parametrize(
    "markup",
    [
        '<div style="font-size:0"><span style="font-size:14px">yes</span></div>',
        '<p style="font-size:0.8em">yes</p>',
        '<p style="font-size:10px">yes</p>',
        '<p style="opacity:0.9">yes</p>',
        '<p style="color:#fff;background-color:#000">yes</p>',
        '<table bgcolor="#000000"><tr><td><font color="#ffffff">yes</font></td></tr></table>',
        '<style>.dark{background:#000}</style><p class="dark"><span style="color:#fff">yes</span></p>',
        '<p style="background-color:#fff">yes</p>',
        '<div style="max-height:0">yes</div>',
        '<a href="https://example.org/hidden">yes</a>',
        '<p class="display-none">yes</p>',
    ],
)
def test_what_a_reader_sees_is_text(markup):
    rendered = render(markup)
    assert (str(rendered), rendered.hidden) == ("yes", "")


def test_the_padding_of_a_preview_is_no_text():
    assert html_to_text("<p>Hello" + "&zwnj;&nbsp;&#847;&#8203;" * 30 + "</p>you") == "Hello\n\nyou"


def test_joiners_of_a_language_and_of_signs_stay():
    assert html_to_text("می&zwnj;روم 👨&zwj;👩") == "می\u200cروم 👨\u200d👩"


def test_hidden_words_are_a_defect():
    raw = b"Content-Type: text/html\r\n\r\n<p style='display:none'>Free money</p>Hello"
    message = parse(raw)
    assert message.text == "Hello"
    assert [(defect.code, defect.where, defect.detail) for defect in message.defects] == [("hidden-text", "body", "Free money")]


def test_hidden_padding_alone_is_none():
    assert parse(b"Content-Type: text/html\r\n\r\n<p style='display:none'>&zwnj;&nbsp;&zwnj;&nbsp;&zwnj;&nbsp;</p>Hello").defects == ()
