"""`inbox suppression`, `inbox identity status|resume`, `inbox stats --since`, `inbox show`: what an operator sees of mail that left."""

from __future__ import annotations

import json

import pytest

from inbox.cli import run

HARD = "permanent/no_email"


@pytest.fixture
def inbox(tmp_path, capsys, monkeypatch, store):
    """Runs the program in a folder, over the store; status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run([*arguments, "--dir", "data"])
        return status, *capsys.readouterr()

    return call


def test_an_address_is_added_listed_and_removed(inbox, store):
    assert inbox("suppression", "add", "Joe@X.test", "--reason", "asked by phone")[0] == 0
    assert inbox("suppression", "add", "ann@x.test", "--identity", "example.com", "--for", "14d")[0] == 0
    _, output, _ = inbox("suppression", "list")
    assert [line.split("  ")[:2] for line in output.splitlines()] == [["ann@x.test", "example.com"], ["joe@x.test", "all"]]
    listed = json.loads(inbox("suppression", "list", "--json")[1])
    assert (listed[1]["reason"], listed[0]["until"] is None, listed[1]["until"]) == ("asked by phone", False, None)
    assert inbox("suppression", "remove", "joe@x.test")[0] == 0
    status, _, error = inbox("suppression", "remove", "joe@x.test", "ann@x.test")
    assert (status, error.count("is not on the list of all identities")) == (1, 2)
    assert inbox("suppression", "remove", "ann@x.test", "--identity", "example.com")[0] == 0
    assert inbox("suppression", "list") == (0, "", "")


@pytest.mark.parametrize("bad", [("add", "nobody"), ("add", "a@x.test", "--for", "soon")])
def test_what_cannot_be_added_is_said(inbox, store, bad):
    assert inbox("suppression", *bad)[0] == 2
    assert list(store.suppressions()) == []


def test_a_list_is_imported_as_a_whole_or_not_at_all(inbox, store, tmp_path):
    (tmp_path / "list.csv").write_text("email,reason\njoe@x.test,gone\nnobody,\nann@x.test,full\n", encoding="utf-8")
    status, _, error = inbox("suppression", "import", "list.csv")
    assert (status, list(store.suppressions())) == (2, [])
    assert "list.csv:3:1: 'nobody' is no address" in error
    assert "--skip-bad" in error
    status, output, error = inbox("suppression", "import", "list.csv", "--skip-bad")
    assert (status, output) == (0, "2 imported, 1 skipped\n")
    assert [(one.address, one.reason) for one in store.suppressions()] == [("ann@x.test", "full"), ("joe@x.test", "gone")]


def test_what_is_exported_can_be_imported(inbox, store, tmp_path):
    store.suppress("joe@x.test", "gone", "m1")
    store.suppress("joe@x.test", "complained", "m2", identity="example.com")
    before = [entry.to_dict() for entry in store.suppressions()]
    assert inbox("suppression", "export", "list.csv")[1] == "2 exported\n"
    assert store.unsuppress("joe@x.test")
    assert store.unsuppress("joe@x.test", "example.com")
    assert inbox("suppression", "import", "list.csv")[1] == "2 imported, 0 skipped\n"
    assert [entry.to_dict() for entry in store.suppressions()] == before
    assert inbox("suppression", "export")[1] == (tmp_path / "list.csv").read_text(encoding="utf-8")


def test_a_long_list_is_read_in_pages(inbox, store, tmp_path):
    (tmp_path / "list.csv").write_text("".join(f"user{number}@x.test,BOUNCE\n" for number in range(12_000)), encoding="utf-8")
    assert inbox("suppression", "import", "list.csv")[1] == "12000 imported, 0 skipped\n"
    assert sum(1 for _ in store.suppressions()) == 12_000


def test_what_ses_lists_is_imported(inbox, store, tmp_path):
    listed = {
        "SuppressedDestinationSummaries": [{"EmailAddress": "joe@x.test", "Reason": "BOUNCE", "LastUpdateTime": "2026-01-01T00:00:00Z"}]
    }
    (tmp_path / "list.json").write_text(json.dumps(listed), encoding="utf-8")
    assert inbox("suppression", "import", "list.json")[1] == "1 imported, 0 skipped\n"
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    assert inbox("suppression", "import", "bad.json")[0] == 2


def test_a_stopped_identity_is_shown_and_resumed(inbox, books, event):
    books.note([event("send", to=f"u{n}@x.test") for n in range(100)])
    books.note([event("bounce", to=f"u{n}@x.test", subtype=HARD) for n in range(6)])
    _, output, _ = inbox("identity", "status")
    assert output.splitlines()[0].split()[:4] == ["example.com", "100", "sent", "6"]
    assert "6 of 100 recipients (6 %) bounced for good" in output
    assert json.loads(inbox("identity", "status", "--json")[1])[0]["bounces"] == 6
    assert inbox("identity", "resume", "example.com")[0] == 0
    status, _, error = inbox("identity", "resume", "example.com")
    assert (status, "is not stopped" in error) == (1, True)
    assert books.may_send("example.com") is None


def test_figures_of_sending_are_shown_by_what_is_asked(inbox, books, event):
    books.note([event(template="t", variant="a"), event("delivery", template="t", variant="a"), event(to="ann@y.test", mail="m2")])
    books.note([event("bounce", to="ann@y.test", mail="m2", subtype=HARD)])
    assert inbox("stats", "--since", "7d")[1].splitlines() == [
        "          send  delivery    bounce  complaint",
        "all          2         1         1          0   bounced 50.0%, complained 0.0%",
    ]
    by_domain = inbox("stats", "--since", "7d", "--by", "domain")[1].splitlines()
    assert [line.split()[:4] for line in by_domain[1:]] == [["x.test", "1", "1", "0"], ["y.test", "1", "0", "1"]]
    assert [line.split()[0] for line in inbox("stats", "--since", "7d", "--by", "template", "--by", "variant")[1].splitlines()[1:]] == [
        "-",
        "t",
    ]
    found = json.loads(inbox("stats", "--since", "7d", "--by", "identity", "--json")[1])
    assert {(one["identity"], one["type"], one["subtype"], one["number"]) for one in found} == {
        ("example.com", "send", None, 2), ("example.com", "delivery", None, 1), ("example.com", "bounce", "permanent", 1),
    }  # fmt: skip
    assert len(inbox("stats", "--since", "1h", "--by", "hour")[1].splitlines()) >= 2


@pytest.mark.parametrize("bad", [("--since", "soon"), ("--by", "hour"), ("--since", "1d", "--by", "domain", "--by", "variant")])
def test_questions_that_have_no_answer_say_what_would_be_right(inbox, bad):
    status, _, error = inbox("stats", *bad)
    assert status == 2
    assert error.startswith("inbox: ")


def test_a_mail_that_left_shows_what_became_of_it(inbox, store, books, event):
    from inbox.model import Envelope, Mail

    left = Mail.of(b"Subject: x\r\n\r\nx\r\n", Envelope("us@example.com", ("joe@x.test",), source="send"))
    store.keep_all([(left, None)])
    books.note([event(mail=left.id), event("bounce", mail=left.id, subtype=HARD, detail="550 no\x1b[31m")])
    status, output, _ = inbox("show", left.id)
    assert status == 0
    assert "bounce joe@x.test permanent/no_email: 550 no\\x1b[31m" in output
    assert [one["type"] for one in json.loads(inbox("show", left.id, "--json")[1])["events"]] == ["send", "bounce"]
