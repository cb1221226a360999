"""`inbox ab`: the report and the list on the command line."""

from __future__ import annotations

import json

import pytest

from inbox.cli import run


@pytest.fixture
def inbox(tmp_path, capsys, monkeypatch):
    """Runs the program in a folder, over the store; status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run([*arguments, "--dir", "data"])
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def sent(happened):
    """60 mails of each variant: a is answered by 6 recipients, b by 21."""
    for number in range(60):
        for variant, replies in (("a", 6), ("b", 21)):
            happened(f"{variant}{number}", variant, "send", "delivery", *(("reply",) if number < replies else ()), to=f"{number}@x.test")


def test_the_report_shows_counts_and_says_what_they_mean(inbox, sent):
    status, output, _ = inbox("ab", "report", "welcome")
    lines = output.splitlines()
    assert status == 0
    assert lines[1].split() == ["variant", "sent", "delivered", "bounced", "complained", "replied", "rate", "95%", "interval"]
    assert lines[2].split()[:7] == ["a", "60", "60", "0", "0", "6", "10.0%"]
    assert lines[3].split()[:7] == ["b", "60", "60", "0", "0", "21", "35.0%"]
    assert lines[4].startswith("b is answered more often than a: 35.0% against 10.0%, difference ")


def test_the_report_as_json_has_the_same(inbox, sent):
    status, output, _ = inbox("ab", "report", "welcome", "--metric", "delivered", "--control", "b", "--json")
    data = json.loads(output)
    assert (status, data["control"], [one["sent"] for one in data["variants"]]) == (0, "b", [60, 60])
    assert data["comparisons"][0]["p"] == 1


def test_a_template_is_named_by_its_file_and_its_first_variant_is_the_control(inbox, sent, tmp_path):
    (tmp_path / "t.md").write_text("---\nexperiment: welcome\nvariants: {b: {}, a: {}}\n---\nHello\n")
    status, output, _ = inbox("ab", "report", "t.md", "--json")
    assert (status, json.loads(output)["control"]) == (0, "b")


def test_opens_have_a_column_where_there_are_any(inbox, sent, happened):
    happened("a1", "a", "open", to="1@x.test")
    assert "opened" in inbox("ab", "report", "welcome")[1]
    assert "clicked" not in inbox("ab", "report", "welcome")[1]


def test_experiments_are_listed(inbox, sent):
    status, output, _ = inbox("ab", "list")
    assert (status, output.split()[:5]) == (0, ["welcome", "a,", "b", "120", "sent,"])
    assert json.loads(inbox("ab", "list", "--json")[1])[0]["variants"] == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("report", "goodbye"), "goodbye: no mail of it was sent with a variant; `inbox ab list` shows the experiments"),
        (("report", "welcome", "--control", "c"), "there is no variant 'c'; there are a, b"),
        (("report", "welcome", "--since", "soon"), "'soon' is no duration; write seconds, or 90s, 5m, 2h, 7d"),
        (("report", "welcome", "--metric", "liked"), "'liked' is not one of"),
        (("report", "broken.md"), "broken.md:2:1: front matter: there is no 'subjet'; did you mean 'subject'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_said_with_what_would_be_right(inbox, sent, tmp_path, arguments, words):
    (tmp_path / "broken.md").write_text("---\nsubjet: Hello\n---\n")
    status, _, errors = inbox("ab", *arguments)
    assert status == 2
    assert words in errors


def test_a_store_that_cannot_count_says_so(inbox, sent, monkeypatch):
    monkeypatch.setenv("INBOX_STORE", "dynamodb://inbox")
    status, _, errors = inbox("ab", "list")
    assert (status, "not counted in dynamodb://inbox yet" in errors) == (2, True)
