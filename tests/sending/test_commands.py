"""`inbox send` as a user types it."""

from __future__ import annotations

import json

import dkim
import pytest

from conftest import FIXTURES
from inbox.auth.keys import load_private_key
from inbox.cli import run
from inbox.send.key_files import KeyFolder
from published_keys import public_record


@pytest.fixture
def inbox(office, monkeypatch, capfdbinary):
    """`inbox(status, *arguments)` runs the program in the folder of the office; its output."""
    monkeypatch.chdir(office.folder)
    monkeypatch.setenv("INBOX_DIR", str(office.settings.dir))
    monkeypatch.setenv("INBOX_RELAY__HOST", "127.0.0.1")
    monkeypatch.setenv("INBOX_RELAY__PORT", str(office.settings.relay.port))

    def call(status: int, *arguments: str) -> str:
        found = run(arguments)
        said = b"".join(capfdbinary.readouterr()).decode()
        assert found == status, said
        return said

    return call


USUAL = ("--from", "shop@example.com", "--subject", "Hello", "--text", str(FIXTURES / "words.txt"))


def test_a_mail_is_kept_and_its_state_is_shown(office, inbox, far_end):
    (office.folder / "text.txt").write_text("Hello\n", encoding="utf-8")
    id_ = inbox(0, "send", *USUAL, "--to", "alice@far.test", "--cc", "bob@far.test", "--text", "text.txt").strip()
    assert "waiting" in inbox(0, "list", "--rule", "send")
    office.work(lambda: office.receipt(id_).state == "settled")
    shown = inbox(0, "show", id_)
    assert "step 1 deliver  (rule send, for alice@far.test)" in shown
    assert "step 2 deliver  (rule send, for bob@far.test)" in shown
    assert shown.count("done: 250 2.0.0 queued") == 2
    assert id_ in inbox(0, "search", "Hello")


def test_a_mail_that_left_is_not_explained(office, inbox):
    id_ = inbox(0, "send", *USUAL, "--to", "alice@far.test").strip()
    assert f"`inbox show {id_}` shows what became of it" in inbox(2, "explain", id_, "--to", "x@example.com")


def test_it_is_delivered_here_and_now_with_wait(inbox, far_end):
    assert "state: settled" in inbox(0, "send", *USUAL, "--to", "alice@far.test", "--wait")
    assert far_end.recipients == ["alice@far.test"]


@pytest.mark.parametrize(("answer", "status", "state"), [("451 4.2.1 busy", 75, "waiting"), ("550 5.1.1 unknown", 1, "dead")])
def test_wait_says_by_its_exit_status_what_became_of_it(inbox, far_end, answer, status, state):
    far_end.answers = {"alice@far.test": answer}
    assert f"state: {state}" in inbox(status, "send", *USUAL, "--to", "alice@far.test", "--wait")


def test_the_same_key_with_wait_sends_once_and_to_new_recipients(inbox, far_end):
    for more in ([], [], ["--to", "bob@far.test"]):
        inbox(0, "send", *USUAL, "--to", "alice@far.test", *more, "--idempotency-key", "7", "--wait")
    assert far_end.recipients == ["alice@far.test", "bob@far.test"]


def test_a_dry_run_prints_the_signed_octets_and_keeps_nothing(office, inbox, far_end, capfdbinary):
    (path,) = KeyFolder(office.settings.dir / "identities" / "example.com", "example.com").make("s1", bits=1024)
    records = {b"s1._domainkey.example.com.": public_record(load_private_key(path.read_bytes())).encode()}
    assert run(["send", *USUAL, "--to", "alice@far.test", "--unsubscribe", "https://example.com/u", "--dry-run"]) == 0
    raw = capfdbinary.readouterr().out
    assert dkim.verify(raw, dnsfunc=lambda name, timeout=5: records.get(name))
    signed = raw.partition(b"h=")[2].partition(b";")[0].replace(b"\r\n", b"").replace(b" ", b"").split(b":")
    assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= set(signed)  # RFC 8058 section 4
    assert office.store.count() == 0


def test_a_raw_mail_comes_from_standard_input(office, inbox, monkeypatch):
    raw = office.folder / "mail.eml"
    raw.write_bytes(b"From: shop@example.com\nTo: alice@far.test\nSubject: raw\n\nx\n")
    id_ = inbox(0, "send", "--raw", str(raw)).strip()
    assert office.store.mail(id_).envelope.recipients == ("alice@far.test",)


@pytest.fixture
def mailing(office):
    (office.folder / "t.md").write_text("---\nsubject: Hi {{ name }}\nfrom: shop@example.com\n---\nHello {{ name }}\n", encoding="utf-8")

    def write(text: str, name: str = "people.csv") -> str:
        (office.folder / name).write_text(text, encoding="utf-8")
        return name

    return write


def test_a_file_of_recipients_is_a_mail_for_each_row(office, inbox, mailing):
    people = mailing('email,name\nalice@far.test,Alice\n"bob@far.test","Bob, ""the\nBuilder"""\n')
    assert inbox(0, "send", "--template", "t.md", "--each", people).strip().endswith("2 mails")
    raws = {mail.recipients[0]: office.store.mail(mail.id).raw for mail in office.store.mails()}
    assert b"Subject: Hi Alice\r\n" in raws["alice@far.test"]
    assert b'Subject: Hi Bob, "the Builder"\r\n' in raws["bob@far.test"]
    assert b"alice" not in raws["bob@far.test"]


def test_json_lines_may_hold_lists(office, inbox, mailing):
    (office.folder / "o.md").write_text(
        "---\nsubject: x\nfrom: shop@example.com\n---\n{% for i in items %}{{ i.n }};{% endfor %}\n", encoding="utf-8"
    )
    people = mailing('{"to": "alice@far.test", "items": [{"n": 1}, {"n": 2}]}\n\n', "people.jsonl")
    assert json.loads(inbox(0, "send", "--template", "o.md", "--each", people, "--json"))
    (mail,) = office.store.mails()
    assert b"1;2;" in office.store.mail(mail.id).raw


def test_all_bad_rows_are_named_and_nothing_is_sent(office, inbox, mailing):
    people = mailing("to,name\nalice@far.test,Alice\nnobody,Bob\nbob@far.test\nALICE@far.test,Again\ncarol@far.test,x,y\n")
    said = inbox(1, "send", "--template", "t.md", "--each", people)
    assert "people.csv:3: 'nobody' is no address for a recipient" in said
    assert "people.csv:4: has 1 columns, the first line has 2" in said
    assert "people.csv:5: ALICE@far.test was in line 2 already" in said
    assert "people.csv:6: has more than 3 columns, the first line has 2" in said
    assert "4 of 5 rows are wrong; nothing was sent" in said
    assert office.store.count() == 0


def test_a_job_that_is_run_again_with_its_key_sends_to_nobody_twice(office, inbox, mailing):
    inbox(0, "send", "--template", "t.md", "--each", mailing("to,name\na@far.test,A\n"), "--idempotency-key", "may")
    inbox(0, "send", "--template", "t.md", "--each", mailing("to,name\na@far.test,A\nb@far.test,B\n"), "--idempotency-key", "may")
    assert sorted(mail.recipients[0] for mail in office.store.mails()) == ["a@far.test", "b@far.test"]


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (["--template", "t.md", "--to", "a@far.test"], 1, "template t: text: 'name' is undefined"),
        (["--template", "missing.md", "--to", "a@far.test"], 2, "missing.md: cannot be read"),
        (["--template", "t.md", "--to", "a@far.test", "--data", "x.json"], 2, "x.json cannot be read"),
        (["--each", "p.csv"], 2, "p.csv cannot be read"),
        ([*USUAL], 2, "there is no recipient; say whom the mail is for: --to ADDR"),
        ([*USUAL, "--to", "a@far.test", "--header", "nonsense"], 2, "write NAME:VALUE"),
        ([*USUAL, "--to", "a@far.test", "--each", "people.csv"], 2, "--each says to whom, in its column `to`; leave --to out"),
        ([*USUAL, "--to", "a@far.test", "--wait", "--dry-run"], 2, "--wait is for one mail that is sent"),
    ],
)
def test_what_is_wrong_is_said_with_the_remedy(inbox, mailing, arguments, status, why):
    assert why in inbox(status, "send", *arguments)
