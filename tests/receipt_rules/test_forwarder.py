"""The configuration of aws-lambda-ses-forwarder: read whatever form it is in, and forwarded to the same addresses."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.cli import run
from inbox.errors import ConfigError
from inbox.plugins import Plugins
from inbox.receipt_rules import import_forwarder
from inbox.receipt_rules.object_literals import object_with
from inbox.rules import decide, load_text

BUILT = Plugins(entry_points=False)
SCRIPT = Path(__file__).parent / "forwarder" / "index.js"
KEYS = ("info@example.com", "info+x@example.com", "@example.com", "@example.org", "info", "sales", "@", "Info@example.com")
PEOPLE = (
    "info@example.com",
    "INFO@example.com",
    "info+x@example.com",
    "other@example.com",
    "info@example.org",
    "sales@example.org",
    "x@sub.example.com",
)
TARGETS = ("a@example.net", "b@example.net")


class Facts:
    def get(self, name):
        return None

    def note(self, name):
        return None


def forwarded(config, recipient):
    text = import_forwarder(json.dumps(config), "config", domains=["example.com", ".example.com", "example.org"]).text
    plan = decide(load_text(text, Path("rules.yaml"), BUILT), Facts(), [recipient])
    return [target for step in plan.steps if step.handler == "forward" for target in step.options["to"]]


def looked_up(config, recipient):
    """How the package finds the targets of one recipient: address, domain, mailbox, all."""
    key = recipient.lower()
    if config["allowPlusSign"]:
        local, _, domain = key.partition("@")
        key = f"{local.partition('+')[0]}@{domain}"
    local, _, domain = key.rpartition("@")
    mapping = config["forwardMapping"]
    return next((mapping[one] for one in (key, f"@{domain}", local, "@") if one in mapping), [])


@settings(max_examples=100, deadline=None)
@given(
    mapping=st.dictionaries(st.sampled_from(KEYS), st.lists(st.sampled_from(TARGETS), max_size=2, unique=True), max_size=6),
    plus=st.booleans(),
    recipient=st.sampled_from(PEOPLE),
)
def test_a_recipient_is_forwarded_to_the_addresses_that_the_package_would_find(mapping, plus, recipient):
    config = {"allowPlusSign": plus, "forwardMapping": mapping}
    assert forwarded(config, recipient) == looked_up(config, recipient)


def test_a_javascript_file_is_read_as_far_as_it_is_data():
    made = import_forwarder(SCRIPT.read_text(), "index.js")
    assert made.rules == 5
    assert "domains: [example.com, example.org]" in made.text
    told = [str(loss) for loss in made.losses]
    assert any("subjectPrefix: 'Fwd: '; the subject stays as it came" in line for line in told)
    assert any("'@', 'info' are for every domain" in line for line in told)
    load_text(made.text, Path("rules.yaml"), BUILT)


def test_the_command_writes_rules_that_load(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["import", "forwarder", str(SCRIPT), "--output", "rules.yaml"]) == 0
    assert "rules.yaml: made of 5 rules" in capsys.readouterr().out
    assert run(["check"]) == 0


LITERALS = [
    ("x = {key: 1}", {"key": 1}),
    (
        "x = {'key': [\"a\", 'b\\'c', `d`], deep: {a: null, b: -1.5, c: false,},}",
        {"key": ["a", "b'c", "d"], "deep": {"a": None, "b": -1.5, "c": False}},
    ),
    ("/* key: {} */ // key: 1\nf({other: 1}); module.exports = {key: '\\u0041\\x42\\n'};", {"key": "AB\n"}),
    ('{"config": {"key": {}}}', {"key": {}}),
]


@pytest.mark.parametrize(("text", "value"), LITERALS)
def test_an_object_literal_is_read_as_javascript_would(text, value):
    assert object_with(text, "key") == value


WRONG = [
    ("", "there is no object with the key forwardMapping"),
    ("x = {forwardMapping: load()}", "line 1: 'load' is no plain data; write the value out"),
    ("x = {\n  fromEmail: process.env.FROM, forwardMapping: {}}", "line 2: 'process' is no plain data"),
    ("x = {a: `${b}`, forwardMapping: {}}", "is no plain data"),
    ("x = {forwardMapping: {", "the text ends within the object"),
    ("x = {forwardMapping: {a: [], a: []}}", "the key 'a' stands twice"),
    ('{"forwardMapping": []}', "must be an object of addresses"),
    ('{"forwardMapping": {"a@b": ["no address"]}}', "must be a list of addresses"),
    ('{"forwardMapping": {"*@example.com": ["a@example.net"]}}', "write example.com for a whole domain"),
    ("x = {forwardMapping: " + "[" * 50, "nested too deep"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_what_is_no_configuration_is_told_with_its_place(text, words):
    with pytest.raises(ConfigError) as error:
        import_forwarder(text, "c.js")
    assert words in str(error.value)
    assert str(error.value).startswith("c.js: ")


def test_a_target_that_is_the_address_itself_is_left_out_and_told():
    config = {"forwardMapping": {"a@example.com": ["a@example.com", "b@example.net"]}}
    assert forwarded(config, "a@example.com") == ["b@example.net"]
    assert "goes round" in str(import_forwarder(json.dumps(config), "c").losses[0])


ENDLESS = ['"\\' * 200_000, "/*" * 200_000, "`a" * 200_000, "{" * 200_000 + "forwardMapping: 1", "{forwardMapping: [" + "[" * 200_000]


@pytest.mark.parametrize("text", ENDLESS, ids=lambda text: text[:6])
def test_a_text_made_to_be_slow_is_refused_soon(text):
    began = time.process_time()
    with pytest.raises(ConfigError):
        import_forwarder(text, "c.js")
    assert time.process_time() - began < 20
