"""`inbox import` and `inbox export`, as they are called."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from inbox.cli import run

RULES = {
    "Metadata": {"Name": "inbound"},
    "Rules": [
        {
            "Name": "bounce",
            "Enabled": True,
            "Recipients": ["old@example.com"],
            "Actions": [
                {"BounceAction": {"SmtpReplyCode": "550", "StatusCode": "5.1.1", "Message": "Moved", "Sender": "d@example.com"}},
                {"StopAction": {"Scope": "RuleSet"}},
            ],
        },
        {"Name": "rest", "Enabled": True, "Recipients": ["example.com"]},
    ],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.json").write_text(json.dumps(RULES))
    return tmp_path


def test_import_writes_a_file_that_check_accepts_and_says_what_differs(folder, capsys):
    assert run(["import", "ses", "rules.json", "--output", "rules.yaml"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("rules.yaml: made of 2 rules")
    assert "rule 'bounce', action 1: BounceAction: SES accepts the mail and sends a bounce; the sender is refused in the dialogue" in said
    assert run(["check", "rules.yaml"]) == 0
    assert "never reached" not in capsys.readouterr().out


def test_import_does_not_replace_a_file_unless_told_to(folder, capsys):
    (folder / "rules.yaml").write_text("mine")
    assert run(["import", "ses", "rules.json", "--output", "rules.yaml"]) == 2
    assert "--force" in capsys.readouterr().err
    assert (folder / "rules.yaml").read_text() == "mine"
    assert run(["import", "ses", "rules.json", "--output", "rules.yaml", "--force"]) == 0


def test_import_prints_the_rules_and_tells_the_differences_beside_them(folder, capsys):
    assert run(["import", "ses", "rules.json", "--domains", "example.com,.example.com"]) == 0
    said = capsys.readouterr()
    assert "domains: [example.com, .example.com]" in said.out
    assert "1 differences" in said.err


def test_import_as_json_has_the_text_and_every_difference(folder, capsys):
    assert run(["import", "ses", "rules.json", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rules"], found["problems"], found["output"]) == (2, [], None)
    assert found["losses"][-1]["rule"] == "bounce"
    assert found["text"].startswith("# Receipt rule set inbound")


def test_import_wants_files_or_the_account(folder, capsys):
    assert run(["import", "ses"]) == 2
    assert run(["import", "ses", "rules.json", "--live"]) == 2
    assert run(["import", "ses", "absent.json"]) == 2
    assert "absent.json cannot be read: No such file" in capsys.readouterr().err


ANSWERS = {
    "DescribeActiveReceiptRuleSet": """<DescribeActiveReceiptRuleSetResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/">
<DescribeActiveReceiptRuleSetResult><Metadata><Name>live</Name><CreatedTimestamp>2025-01-02T03:04:05.678Z</CreatedTimestamp></Metadata><Rules>
<member><Name>rest</Name><Enabled>true</Enabled><TlsPolicy>Optional</TlsPolicy><ScanEnabled>false</ScanEnabled>
<Recipients><member>example.com</member></Recipients><Actions/></member></Rules></DescribeActiveReceiptRuleSetResult>
<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></DescribeActiveReceiptRuleSetResponse>""",
    "ListReceiptFilters": """<ListReceiptFiltersResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><ListReceiptFiltersResult><Filters>
<member><Name>f</Name><IpFilter><Policy>Block</Policy><Cidr>192.0.2.0/24</Cidr></IpFilter></member></Filters></ListReceiptFiltersResult>
<ResponseMetadata><RequestId>2</RequestId></ResponseMetadata></ListReceiptFiltersResponse>""",
}


@pytest.fixture
def account(monkeypatch):
    """A server that answers the two calls in the API's own XML."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
            body = next(text for name, text in ANSWERS.items() if f"Action={name}" in asked).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("INBOX_AWS__ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    server.server_close()


def test_import_reads_a_live_account(folder, account, capsys):
    pytest.importorskip("boto3")
    assert run(["import", "ses", "--live", "--region", "us-east-1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["rules"], found["filters"]) == ("live", 1, ["block 192.0.2.0/24"])


EXPORTED = "version: 1\ndomains: [example.com]\nrules:\n- {name: old, recipients: [old@example.com], refuse: Moved, stop: mail}\ndefault: [store]\n"


def test_export_gives_the_rule_set_and_what_it_cannot_say(folder, capsys):
    (folder / "rules.yaml").write_text(EXPORTED)
    assert run(["export", "ses"]) == 0
    said = capsys.readouterr()
    bounce = json.loads(said.out)["Rules"][0]["Actions"][0]["BounceAction"]
    assert bounce == {"SmtpReplyCode": "550", "Message": "Moved", "Sender": "mailer-daemon@example.com", "StatusCode": "5.7.1"}
    assert "default: store; SES refuses recipients that no rule is for" in said.err


def test_a_template_is_exported_into_a_file_with_the_filters_of_the_settings(folder, capsys):
    (folder / "mine.yaml").write_text(EXPORTED)
    (folder / "inbox.toml").write_text('filters = ["block 192.0.2.0/24"]\n')
    assert run(["export", "cloudformation", "mine.yaml", "--output", "template.json", "--name", "main", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rules"] == 1
    assert set(json.loads((folder / "template.json").read_text())["Resources"]) == {"RuleSet", "Rule1", "Filter1"}
    assert run(["export", "cloudformation", "mine.yaml", "--output", "template.json"]) == 2
