"""The three example plugins, loaded from their folder, against real things."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import ROOT
from inbox.errors import RulesError
from inbox.plugins import Plugins
from inbox.testing import make_mail

FOLDER = ROOT / "plugins"
RULES = "version: 1\ndomains: [example.com]\nFACTSrules:\n- name: a\n  do: [STEP]\ndefault: [discard]\n"


def rules(step="discard", facts=""):
    return RULES.replace("STEP", step).replace("FACTS", facts)


def test_each_is_one_short_file_that_loads():
    plugins = Plugins(FOLDER, entry_points=False)
    assert plugins.facts.find("office_hours") and plugins.handlers.find("chat")
    for path in FOLDER.glob("*.py"):
        assert path.read_text().count("\n") <= 62, path.name


@pytest.mark.parametrize(
    ("at", "options", "is_open"),
    [
        ("2026-11-24T09:00", {}, True),
        ("2026-11-24T08:59", {}, False),
        ("2026-11-24T17:00", {}, False),
        ("2026-11-28T12:00", {}, False),
        ("2026-11-28T12:00", {"days": ["sat"]}, True),
        ("2026-11-24T08:30", {"timezone": "Europe/Berlin"}, True),
        ("2026-11-24T20:00", {"end": "20:30"}, True),
    ],
)
def test_office_hours(at, options, is_open):
    entry, _ = Plugins(FOLDER, entry_points=False).facts.find("office_hours")
    mail = make_mail(received_at=datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert entry.function(mail, **entry.options.model_validate(options).model_dump()) is is_open


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("{start: noon}", "'noon' is no time of day"),
        ("{timezone: Nowhere/Land}", "there is no 'Nowhere/Land'"),
        ("{days: [monday]}", "office_hours: 'days'"),
    ],
)
def test_office_hours_that_cannot_be_are_found_at_load(inbox_for, options, words):
    with pytest.raises(RulesError, match=words):
        inbox_for(rules(facts=f"facts: {{open: {{office_hours: {options}}}}}\n"), plugins_dir=FOLDER)


@pytest.fixture
def chat():
    """A chat server that keeps what is posted."""
    posted = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200 if self.path == "/hooks/x" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", posted
    server.shutdown()
    server.server_close()


CHAT = '{chat: {url: env:CHAT_URL, text: "{from}: {subject}"}}'
ALLOWED = {"handlers": {"chat": {"allow": ["127.0.0.1"]}}}


def test_chat_posts_one_line(inbox_for, chat, monkeypatch):
    url, posted = chat
    monkeypatch.setenv("CHAT_URL", f"{url}/hooks/x")
    receipt = inbox_for(rules(CHAT), plugins_dir=FOLDER, **ALLOWED).process(make_mail(subject="Grüße  an\talle"))
    assert receipt.state == "settled"
    assert posted == [("/hooks/x", {"text": "alice@example.org: Grüße an alle"})]
    assert url not in json.dumps(receipt.to_dict())


def test_chat_fills_in_its_default_text(inbox_for, chat, monkeypatch):
    url, posted = chat
    monkeypatch.setenv("CHAT_URL", f"{url}/hooks/x")
    inbox_for(rules("{chat: {url: env:CHAT_URL, channel: ops}}"), plugins_dir=FOLDER, **ALLOWED).process(make_mail(subject="Hi"))
    assert posted[0][1] == {"text": "Hi", "channel": "ops"}


@pytest.mark.parametrize(("path", "allowed", "state"), [("/gone", ALLOWED, "dead"), ("/hooks/x", {}, "dead")])
def test_chat_that_is_gone_or_private_is_given_up_and_its_address_stays_secret(inbox_for, chat, monkeypatch, path, allowed, state):
    url, _ = chat
    monkeypatch.setenv("CHAT_URL", f"{url}{path}")
    receipt = inbox_for(rules(CHAT), plugins_dir=FOLDER, **allowed).process(make_mail())
    assert receipt.outcomes[0].state == state
    assert path not in json.dumps(receipt.to_dict())


def test_audit_appends_one_line_for_each_settled_mail(inbox_for, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIT_FILE", str(tmp_path / "audit.jsonl"))
    box = inbox_for(rules(), plugins_dir=FOLDER)
    mails = [make_mail(subject="a\nb" if n else "x", headers={}) if not n else make_mail(b"Subject: \xff\r\n\r\n") for n in range(3)]
    for mail in mails:
        box.process(mail)
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [mail.id for mail in mails]
    assert lines[0]["state"] == "settled" and lines[0]["rules"] == ["a"] and lines[0]["outcomes"][0]["state"] == "done"
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_audit_that_cannot_write_does_not_hurt_the_mail(inbox_for, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIT_FILE", str(tmp_path / "missing/audit.jsonl"))
    assert inbox_for(rules(), plugins_dir=FOLDER).process(make_mail()).state == "settled"


def test_audit_writes_nothing_unasked(inbox_for, tmp_path, monkeypatch):
    monkeypatch.delenv("AUDIT_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    inbox_for(rules(), plugins_dir=FOLDER).process(make_mail())
    assert {path.name for path in set(tmp_path.iterdir()) - before} <= {"rules.yaml"}
