"""Templates with front matter: what they say, and every mistake with its place. bad/NAME.md has the mistakes of bad/NAME.txt."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.errors import TemplateError
from inbox.send.front_matter import load_template, read_template

BAD = Path(__file__).parent / "bad"

WHOLE = """---
subject: "Hello {{ name }}"
from: News <news@example.com>
reply_to: help@example.com
html: <p>Hello {{ name }}</p>
experiment: greeting
variants:
  plain: {}
  warm:
    weight: 2.5
    subject: "Dear {{ name }}"
    body: |
      My dear {{ name }},
      a letter.
  short: {weight: 0, text: "Hi.", html: "<b>Hi.</b>"}
---
Hello {{ name }}.

---
Yours
"""


def test_a_variant_says_what_the_template_does_not():
    template = read_template(WHOLE, "welcome")
    assert (template.name, template.experiment) == ("welcome", "greeting")
    assert (template.from_, template.reply_to) == ("News <news@example.com>", "help@example.com")
    plain, warm, short = template.variants
    body = "Hello {{ name }}.\n\n---\nYours\n"
    assert (plain.name, plain.weight, plain.subject, plain.text, plain.html) == (
        "plain",
        1,
        "Hello {{ name }}",
        body,
        "<p>Hello {{ name }}</p>",
    )
    assert (warm.name, warm.weight, warm.subject) == ("warm", 2.5, "Dear {{ name }}")
    assert (warm.text, warm.html) == ("My dear {{ name }},\na letter.\n", plain.html)
    assert (short.weight, short.subject, short.text, short.html) == (0, plain.subject, "Hi.", "<b>Hi.</b>")


@pytest.mark.parametrize("text", ["Hello\n--- \nYou\n", "\n---\nsubject: no\n---\n", "", "----\n"])
def test_a_text_that_does_not_begin_with_a_fence_is_a_text_alone(text):
    template = read_template(text, "plain")
    (only,) = template.variants
    assert (only.name, only.subject, only.text, only.html, template.experiment) == (None, None, text, None, "plain")


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_line_ends_of_other_systems_and_a_byte_order_mark_do_not_matter(ends):
    assert read_template("\ufeff" + WHOLE.replace("\n", ends), "welcome") == read_template(WHOLE, "welcome")


@pytest.mark.parametrize("front", ["---\n---\n", "---\n\n---\n", "---\n# nothing\n---\n"])
def test_front_matter_may_be_empty(front):
    assert read_template(f"{front}Hello", "plain") == read_template("Hello", "plain")


def test_html_is_read_from_a_file_beside_the_template(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "hello.html").write_text("<p>Grüße</p>", encoding="utf-8")
    (tmp_path / "hello.md").write_text("---\nhtml: parts/hello.html\nsubject: 2026\n---\nHello\n", encoding="utf-8")
    template = load_template(tmp_path / "hello.md")
    assert (template.name, template.variants[0].html, template.variants[0].subject) == ("hello", "<p>Grüße</p>", "2026")


@pytest.mark.parametrize("path", sorted(BAD.glob("*.md")), ids=lambda path: path.stem)
def test_every_mistake_is_told_at_once_with_its_place_and_what_would_be_right(path, monkeypatch):
    monkeypatch.chdir(BAD)
    with pytest.raises(TemplateError) as caught:
        load_template(Path(path.name))
    assert str(caught.value) == path.with_suffix(".txt").read_text(encoding="utf-8").rstrip("\n")


def test_files_that_cannot_be_read_are_mistakes(tmp_path):
    (tmp_path / "latin.md").write_bytes(b"Gr\xfc\xdfe")
    (tmp_path / "page.html").write_bytes(b"\xff")
    (tmp_path / "page.md").write_text("---\nhtml: page.html\n---\n")
    for name, words in (
        ("none.md", "No such file"),
        ("latin.md", "octet 2"),
        ("page.md", "page.md:2:7: html: page.html cannot be read: it is not UTF-8"),
    ):
        with pytest.raises(TemplateError, match=words):
            load_template(tmp_path / name)


@given(st.text(alphabet=st.sampled_from("-\n\r :{}[]ab<'\"|>&*!\0"), max_size=60))
def test_any_text_is_a_template_or_has_mistakes(front):
    try:
        template = read_template(f"---\n{front}\n---\nbody", "any")
    except TemplateError as error:
        assert error.problems
    else:
        assert template.variants
        assert all(variant.weight >= 0 for variant in template.variants)
