"""The JSON Schema of an installation agrees with its loader, and the reference tables cover the language."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from conftest import FIXTURES
from inbox.plugins import Plugins
from inbox.rules import check, reference, schema
from inbox.rules.document import Mistakes, plain, read
from inbox.rules.words import OPERATOR_NAMES, RULE_WORDS, STEP_WORDS, TOP_WORDS

GOOD = sorted((FIXTURES / "rules").glob("*.yaml"))
SEEN_BY_SCHEMA = ("words", "options", "conditions", "refusals", "missing", "list", "kinds", "empty")
"""The bad files that are readable as YAML without a key that stands twice."""


@pytest.fixture(scope="module")
def built_in():
    return Plugins(entry_points=False)


def instance(path):
    node = read(path.read_text(encoding="utf-8"), Mistakes(path.name))
    return plain(node) if node is not None else None


def test_the_schema_is_a_schema_and_json(built_in, test_plugins):
    for plugins in (built_in, test_plugins):
        made = schema(plugins)
        Draft202012Validator.check_schema(json.loads(json.dumps(made)))


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_is_valid(path, built_in):
    assert [error.message for error in Draft202012Validator(schema(built_in)).iter_errors(instance(path))] == []


@pytest.mark.parametrize("name", SEEN_BY_SCHEMA)
def test_a_bad_file_is_not_valid(name, test_plugins):
    path = FIXTURES / "rules" / "bad" / f"{name}.yaml"
    assert not Draft202012Validator(schema(test_plugins)).is_valid(instance(path))


RULES = [
    ("{name: a, do: [store]}", True),
    ("{name: a, do: [forward]}", False),
    ("{name: a, do: [{forward: {to: b@b.test, from: c@c.test, on_error: continue, timeout: 5m}}]}", True),
    ("{name: a, do: [{forward: {to: b@b.test, too: x}}]}", False),
    ("{name: a, do: [{forward: {to: b@b.test, on_error: explode}}]}", False),
    ("{name: a, do: [{nothing: {}, store: {}}]}", False),
    ("{do: [store]}", False),
    ("{name: a, wehn: {subject: x}}", False),
    ("{name: a, do: [store], refuse: x}", False),
    ("{name: a, refuse: {code: 250, text: x}}", False),
    ("{name: a, refuse: {text: x}}", True),
    ("{name: a, when: {subject: {has: [a, b], not: {starts: x}, case: true}}}", True),
    ("{name: a, when: {subject: {contains: a}}}", False),
    ("{name: a, when: {size: {between: [1]}}}", False),
    ("{name: a, when: {any: [{subject: x}, {not: {dmarc: pass}}]}}", True),
    ("{name: a, when: {any: {subject: x}}}", False),
    ("{name: a, when: {}}", False),
    ("{name: a, stop: yes}", False),
    ("{name: a, stop: mail}", True),
    ("{name: a, stop: all}", False),
    ("{name: a, recipients: [a@corp.test], label: [x], set: {y: z}, shadow: true, enabled: false, stop: true}", True),
]


@pytest.mark.parametrize(("rule", "valid"), RULES)
def test_schema_and_loader_agree_on_a_rule(desk, rule, valid):
    text = desk.whole(f"- {rule}")
    rules, _ = check(desk.write(text), desk.plugins)
    assert (rules is not None) is valid
    assert Draft202012Validator(schema(desk.plugins)).is_valid(instance(desk.folder / "rules.yaml")) is valid


def test_words_handlers_options_and_facts_are_described(built_in):
    made = schema(built_in)
    assert {name: value["description"] for name, value in made["properties"].items()} == dict(TOP_WORDS)
    assert set(made["$defs"]["rule"]["properties"]) == set(RULE_WORDS)
    store = next(form["properties"]["store"] for form in made["$defs"]["steps"]["items"]["anyOf"] if "store" in form.get("properties", {}))
    assert store["description"]
    assert set(STEP_WORDS) <= set(store["properties"])
    assert made["$defs"]["conditions"]["properties"]["subject"]["description"]


def test_the_reference_has_a_meaning_and_an_example_that_loads_for_every_operator(desk, test_plugins):
    tables = reference()
    assert OPERATOR_NAMES == ("is", "has", "starts", "ends", "like", "matches", "in", "under", "over", "between", "exists", "domain")
    for operator in tables["operators"]:
        example = operator.example.replace("attachment.name", "attachment.type")
        text = desk.whole(f"- name: a\n  when: {{{example}}}\n  label: x", head="version: 1\ndomains: [corp.test]\nlists: {vip: [x]}\n")
        rules, problems = check(desk.write(text), test_plugins)
        assert rules is not None, (operator.name, problems)
        assert operator.meaning
