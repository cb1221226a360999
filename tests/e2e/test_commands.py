"""The commands, as a user types them: what they print, their JSON, their exit status, and one line with the remedy for errors of use."""

from __future__ import annotations

import json
import stat

import pytest

from conftest import FIXTURES, ROOT

MAIL = FIXTURES / "mail"
RULES = """
version: 1
domains: [example.com]
rules:
- name: refunds
  when: {subject: {matches: 'order (?P<order>\\d+)'}}
  label: refund
  do: [{store: {table: refunds, values: {order: "{order}"}}}]
default: [store]
"""
TO = ("--to", "support@example.com", "--from", "alice@example.org")


@pytest.fixture
def here(program):
    (program.folder / "rules.yaml").write_text(RULES)
    return program


def test_process_prints_a_receipt(here):
    receipt = here.json("process", MAIL / "refund.eml", *TO)
    assert set(receipt) == {"mail", "plan", "outcomes", "reply", "state"}
    assert set(receipt["mail"]) == {"id", "source", "received_at", "size", "sha256", "envelope"}
    assert {"rules_version", "reply", "labels", "decisions", "steps"} <= set(receipt["plan"])
    assert [(o["n"], o["state"]) for o in receipt["outcomes"]] == [(1, "done")]
    assert receipt["state"] == "settled"
    assert here.json("show", receipt["mail"]["id"])["outcomes"] == receipt["outcomes"]


def test_process_reads_standard_input_and_folders(here):
    here("process", "-", *TO, data=(MAIL / "hello.eml").read_bytes())
    here("process", MAIL, *TO)
    assert int(here("list", "--count")) == len(list(MAIL.glob("*.eml"))) + 1


def test_a_deferred_step_is_exit_status_75_and_waits_in_the_store(here, tmp_path):
    (here.folder / "rules.yaml").write_text(RULES.replace("default: [store]", "default: [{forward: {to: x@corp.example}}]"))
    here.environment["INBOX_RELAY__PORT"] = "1"
    here("process", MAIL / "hello.eml", *TO, status=75)
    assert here("list", "--count", "--state", "waiting").strip() == "1"


def test_explain_does_nothing(here):
    text = here("explain", MAIL / "refund.eml", *TO)
    assert "refunds" in text
    assert "yes" in text
    assert not (here.folder / "inbox-data").exists()


def test_explain_shows_every_rule_every_condition_the_value_seen_and_the_verdict(here):
    receipt = here.json("explain", MAIL / "hello.eml", *TO)
    (decision,) = receipt["plan"]["decisions"]
    (condition,) = decision["conditions"]
    assert (decision["rule"], decision["matched"]) == ("refunds", False)
    assert condition["fact"] == "subject"
    assert condition["seen"]
    assert condition["matched"] is False


def test_parse_prints_the_message(here):
    message = json.loads(here("parse", MAIL / "refund.eml"))
    wanted = "sha256 size headers from sender reply_to to cc bcc subject date message_id in_reply_to references thread text html reply attachments"
    wanted += " calendar list automatic may_reply bounce complaint defects"
    assert set(wanted.split()) <= set(message)
    lines = here("parse", MAIL, "--jsonl").splitlines()
    assert len(lines) == len(list(MAIL.glob("*.eml")))


def test_check_says_all_mistakes_with_their_place_and_ends_with_2(here):
    (here.folder / "rules.yaml").write_text(
        "version: 1\ndomains: [example.com]\nrules:\n- name: a\n  wehn: {subject: x}\n  do: [stoer]\ndefault: [store]\n"
    )
    text = here("check", status=2)
    assert "rules.yaml:5:3:" in text
    assert "rules.yaml:6:" in text
    problems = here.json("check", status=2)
    assert [problem["line"] for problem in problems] == [5, 6]


def test_the_shipped_rules_are_without_warning_and_their_tests_hold(program):
    done = program.run("check", ROOT / "rules.yaml")
    assert done.returncode == 0, done.stdout
    assert b"warning" not in done.stdout
    assert program("test", ROOT / "rules.yaml").splitlines()[-1] == "3 of 3 tests hold"


def test_a_test_that_does_not_hold_is_exit_status_1(here):
    tests = "tests:\n- {name: t, mail: hello.eml, to: support@example.com, expect: {rules: [refunds]}}\n"
    (here.folder / "rules.yaml").write_text(RULES + tests)
    (here.folder / "hello.eml").write_bytes((MAIL / "hello.eml").read_bytes())
    assert "FAIL t" in here("test", status=1)


def test_schema_is_a_json_schema_that_the_rules_satisfy(here):
    import jsonschema
    import yaml

    schema = json.loads(here("schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(RULES), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(RULES.replace("table: refunds", "tabel: refunds")), schema)


def test_train_teaches_the_classifier(here):
    rules = RULES.replace("rules:\n", "facts:\n  kind: {bayes: {}}\nrules:\n- {name: spam, when: {kind: spam}, label: spam}\n", 1)
    (here.folder / "rules.yaml").write_text(rules)
    here("train", "--label", "spam", "-", data=b"Subject: win casino money now\r\n\r\ncasino casino winner prize money\r\n")
    here("train", "--label", "ham", "-", data=b"Subject: meeting on friday\r\n\r\nagenda, minutes, project, colleagues\r\n")
    spam = here.json("process", "-", *TO, data=b"Subject: casino prize\r\n\r\nmoney winner casino\r\n")
    ham = here.json("process", "-", *TO, data=b"Subject: project meeting\r\n\r\nagenda for friday\r\n")
    assert (spam["plan"]["labels"], ham["plan"]["labels"]) == (["spam"], [])


def test_plugins_prints_facts_handlers_and_their_options(here):
    text = here("plugins")
    assert "handler webhook: " in text
    assert "url: string, required" in text
    names = {handler["name"] for plugin in here.json("plugins") for handler in plugin["handlers"]}
    assert {"store", "maildir", "file", "webhook", "forward", "reply", "quarantine", "discard"} <= names


def test_doctor_looks_at_everything(here):
    findings = here.json("doctor")
    assert {"versions", "plugins", "rules", "store", "disk", "tls", "relay"} <= {finding["what"] for finding in findings}
    (here.folder / "rules.yaml").write_text("version: 2")
    assert "wrong" in here("doctor", status=1)


def test_search_finds_words_and_says_when_there_is_nothing(here):
    here("process", MAIL / "refund.eml", *TO)
    assert "settled" in here("search", "refund")
    here("search", "nowhere-to-be-found", status=1)
    for odd in ('"', "a AND", "NEAR(", "*", "subject:x", "-"):
        here("search", "--", odd, status=None)


def test_what_is_kept_is_readable_by_its_owner_only(here):
    here("process", MAIL / "refund.eml", *TO)
    assert stat.S_IMODE((here.folder / "inbox-data").stat().st_mode) == 0o700


ERRORS = [
    (["explain", "missing.eml", "--to", "u@example.com"], 2, "missing.eml"),
    (["process", "missing.eml", "--to", "u@example.com"], 2, "missing.eml"),
    (["explain", str(MAIL / "hello.eml")], 2, "--to"),
    (["list", "--dir", "nowhere"], 2, "no store in nowhere"),
    (["show", "nosuchid", "--dir", "nowhere"], 2, "no store in nowhere"),
    (["check", "missing.yaml"], 2, "missing.yaml"),
    (["explain", str(MAIL / "hello.eml"), "--to", "u@example.com", "--rules", "missing.yaml"], 2, "missing.yaml"),
    (["serve", "--smtp", "nonsense", "--rules", "rules.yaml"], 2, "HOST:PORT"),
    (["check", "--plugins-dir", "nowhere"], 2, "nowhere"),
    (["nosuchcommand"], 2, "nosuchcommand"),
    (["explain", str(MAIL / "hello.eml"), "--to", "foo"], 2, "user@example.com"),
    (["explain", str(MAIL / "hello.eml"), "--to", "u@example.com", "--from", "x y"], 2, "user@example.com"),
    (["explain", str(MAIL / "hello.eml"), "--to", "u@example.com", "--ip", "bogus"], 2, "192.0.2.1"),
    (["dead", "retry", "--all", "--dir", "nowhere"], 2, "no store in nowhere"),
    (["dead", "retry"], 2, "--all"),
    (["train", "--label", "", str(MAIL / "hello.eml")], 2, "spam"),
    (["list", "--limit", "0"], 2, "--limit"),
    (["list", "--config", "none.toml"], 2, "none.toml"),
    (["work", "--rules", "missing.yaml"], 2, "missing.yaml"),
    (["train", "--label", "x", "missing.eml"], 2, "missing.eml"),
]


@pytest.mark.parametrize(("arguments", "status", "words"), ERRORS, ids=[" ".join(row[0][:2]) for row in ERRORS])
def test_an_error_of_use_is_one_line_with_the_remedy(here, arguments, status, words):
    done = here.run(*arguments)
    text = done.stderr.decode() + done.stdout.decode()
    assert done.returncode == status, text
    assert words in text
    assert "Traceback" not in text
    assert text.count("\n") == 1, text


def test_an_unknown_setting_in_the_environment_is_named(here):
    here.environment["INBOX_SMPT"] = "127.0.0.1:25"
    done = here.run("list")
    assert done.returncode == 2
    assert b"smpt" in done.stderr


def test_demo_shows_five_mails(program):
    document = program.json("demo")
    assert [mail["receipt"] and mail["receipt"]["state"] for mail in document["mails"]] == [
        "settled",
        "settled",
        "settled",
        None,
        "settled",
    ]
    assert document["mails"][3]["answer"].startswith("550 5.7.1 We do not take programs by mail")
    assert {tuple(mail["envelope"]["recipients"]) for mail in document["left"]} == {
        ("alice@customer.example",),
        ("bookkeeping@office.example",),
    }


def test_doctor_finds_secrets_that_are_not_set(here):
    here.environment["INBOX_AUTH__JOE"] = "env:NO_SUCH_VARIABLE"
    text = here("doctor", status=1)
    assert "auth.joe: secret env:NO_SUCH_VARIABLE is not set" in text


def test_a_handler_that_raises_prints_no_traceback(here):
    folder = here.folder / "plugins"
    folder.mkdir()
    source = (
        "from inbox import hookimpl\n\n@hookimpl\ndef register_handlers(register):\n    register('boom', boom)\n\n"
        "def boom(mail):\n    'Raises.'\n    raise ValueError('boom at alice@peer.test')\n"
    )
    (folder / "boom.py").write_text(source)
    (here.folder / "rules.yaml").write_text(RULES.replace("default: [store]", "default: [boom]"))
    done = here.run("process", MAIL / "hello.eml", *TO)
    assert done.returncode == 75
    assert done.stderr == b""


def test_the_store_is_no_mail(here):
    here("process", MAIL / "hello.eml", *TO)
    here("train", "--label", "x", "inbox-data", status=2)


def test_a_secret_written_into_the_settings_is_refused_and_not_repeated(here):
    here.environment["INBOX_RELAY__PASSWORD"] = "hunter2"
    done = here.run("list")
    assert done.returncode == 2
    assert b"relay.password: write env:NAME or file:PATH" in done.stderr
    assert b"hunter2" not in done.stderr + done.stdout
