"""rules.yaml is read strictly: every mistake at once, each at its place, and values stay what was written."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest

from conftest import FIXTURES
from inbox.config import Settings
from inbox.errors import RulesError
from inbox.plugins import Plugins
from inbox.rules import check, load, load_text
from inbox.rules.document import Mistakes, plain, read

BAD = sorted((FIXTURES / "rules" / "bad").glob("*.yaml"))
GOOD = sorted((FIXTURES / "rules").glob("*.yaml"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_gets_exactly_the_words_beside_it(path, test_plugins):
    rules, problems = check(path, test_plugins)
    assert rules is None
    assert "".join(f"{str(problem).removeprefix(f'{path.parent}/')}\n" for problem in problems) == path.with_suffix(".txt").read_text()


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_loads_with_the_built_in_plugins(path):
    rules = load(path, Plugins(entry_points=False))
    assert rules.rules
    assert rules.default


CASES = [
    ("bad_regex", "5:29: rule 'a': fact 'subject': pattern '(' is not usable: missing ): ("),
    ("bomb", "4:6: anchor &a is not allowed"),
    ("broken_syntax", "5:3: no YAML: did not find expected '-' indicator"),
    ("dup_key", "6:3: key 'do' stands twice in one mapping, on lines 5 and 6"),
    ("empty", "1:1: the file is empty; it needs version, domains, rules, default"),
    ("forward_loop", "6:9: rule 'a': forward"),
    ("missing_handler", "5:8: rule 'a': there is no handler 'no_such_handler'; there are"),
    ("python_tag", "3:8: tag !!python/object/apply:os.system is not allowed"),
    ("template_key", "5:9: rule 'a': "),
    ("unknown_field", "5:3: rule 'a': there is no word 'wehn'; did you mean 'when'?"),
    ("webhook_ssrf", "5:9: rule 'a': webhook: url: 169.254.169.254"),
    ("webhook_template_url", "5:9: rule 'a': webhook: url: scheme and host are fixed"),
]


@pytest.mark.parametrize(("name", "expected"), CASES)
def test_a_hostile_file_is_refused_with_its_place(name, expected, shared):
    path = shared / "cases" / "yaml" / f"{name}.yaml"
    began = time.process_time()
    rules, problems = check(path, Plugins(entry_points=False))
    assert rules is None
    assert str(problems[0]).startswith(f"{path}:{expected}")
    assert time.process_time() - began < 1


def test_a_deep_file_is_refused_whoever_notices_first(shared):
    path = shared / "cases" / "yaml" / "deep.yaml"
    rules, problems = check(path, Plugins(entry_points=False))
    assert rules is None
    assert re.match(re.escape(str(path)) + r":1:(33|1001): nested too deep; 32 levels are allowed", str(problems[0]))  # ours; PyYAML's


def test_text_that_other_readers_guess_at_stays_text(shared):
    rules = load(shared / "cases" / "yaml" / "norway.yaml", Plugins(entry_points=False))
    assert rules.rules[0].name == "no"
    assert rules.lists["odd"].exact == {"no", "010", "12:30", "1_000", "0x10", "1e3", "yes", "2001-01-01", ".inf", "~"}


def test_a_secret_in_the_file_is_a_warning_and_shown_nowhere(shared):
    path = shared / "cases" / "yaml" / "secret_inline.yaml"
    rules, problems = check(path, Plugins(entry_points=False))
    assert [problem.severity for problem in problems] == ["warning"]
    assert "env:NAME or file:PATH" in problems[0].text
    reference = rules.rules[0].steps[0].options["secret"]
    assert reference.startswith("inline:")
    assert len(reference) == len("inline:") + 12
    assert rules.secrets == {reference: "s3cr3t-s3cr3t-s3cr3t"}
    assert "s3cr3t" not in f"{rules!r}{rules.source}{problems}"


def test_a_reference_to_a_secret_is_kept_as_it_is(desk):
    rules = desk.load("- name: a\n  do: [{webhook: {url: 'https://a.test', secret: 'env:HOOK'}}]")
    assert rules.rules[0].steps[0].options["secret"] == "env:HOOK"
    assert rules.secrets == {}


def test_a_number_where_a_secret_belongs_is_not_shown(desk):
    problems = desk.problems(desk.whole("- name: a\n  do: [{webhook: {url: 'https://a.test', secret: 31337}}]"))
    assert problems == ["rules.yaml:5:50: rule 'a': webhook: 'secret' must be text; write it in quotes"]


VALUES = [
    ("true", True),
    ("false", False),
    ("'true'", "true"),
    ("True", "True"),
    ("no", "no"),
    ("0", 0),
    ("-7", -7),
    ("012", "012"),
    ("1_000", "1_000"),
    ("1.50", 1.5),
    ("1.", "1."),
    (".5", ".5"),
    ("1e3", "1e3"),
    ("12:30", "12:30"),
    ("2001-01-01", "2001-01-01"),
    ("~", "~"),
    ("null", "null"),
    ("", ""),
    ("9" * 19, "9" * 19),
    ("<<", "<<"),
    ("|-\n  two\n  lines", "two\nlines"),
]


@pytest.mark.parametrize(("written", "value"), VALUES)
def test_a_plain_value_is_true_false_a_plain_number_or_text_as_written(written, value):
    mistakes = Mistakes("f")
    found = plain(read(f"a: {written}", mistakes))["a"]
    assert not mistakes.found
    assert (found, type(found)) == (value, type(value))


def test_a_million_brackets_cost_no_stack():
    mistakes = Mistakes("f")
    assert read("[" * 1_000_000, mistakes) is None
    assert "nested too deep" in mistakes.found[0].text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"a: \xff", "is not UTF-8 text (octet 3); save it as UTF-8"),
        (b"a: \x00", ":1:4: the character U+0000 cannot stand in YAML; remove it"),
    ],
)
def test_a_file_that_is_no_text_is_refused(desk, text, problem):
    path = desk.folder / "rules.yaml"
    path.write_bytes(text)
    _, problems = check(path, desk.plugins)
    assert problem in str(problems[0])


def test_a_missing_file_says_so(desk):
    with pytest.raises(RulesError, match="cannot be read: No such file or directory; name a rules file with --rules"):
        load(desk.folder / "none.yaml", desk.plugins)


def test_a_file_that_anybody_may_write_is_refused(desk):
    path = desk.write(desk.whole("[]"))
    path.chmod(0o646)
    with pytest.raises(RulesError, match="chmod o-w"):
        load(path, desk.plugins)


def test_the_version_follows_the_text_and_every_file_that_it_names(desk):
    (desk.folder / "vip.txt").write_text("boss@corp.test\n")
    (desk.folder / "ack.md").write_text("Thank you")
    text = desk.whole(
        "- name: a\n  when: {sender: {in: vip}, dmarc: pass}\n  unless: {automatic: {exists: true}}\n  do: [{reply: {template: ack.md}}]",
        head="version: 1\ndomains: [corp.test]\nlists: {vip: {file: vip.txt}}\n",
    )
    path = desk.write(text)
    first = load(path, desk.plugins)
    assert first.files == (path, desk.folder / "ack.md", desk.folder / "vip.txt")
    assert load(path, desk.plugins).version == first.version
    (desk.folder / "vip.txt").write_text("boss@corp.test\nchief@corp.test # new\n# nobody\n\n")
    second = load(path, desk.plugins)
    assert second.version != first.version
    assert second.lists["vip"].exact == {"boss@corp.test", "chief@corp.test"}
    (desk.folder / "ack.md").write_text("Thanks")
    assert load(path, desk.plugins).version not in (first.version, second.version)


def test_a_template_becomes_an_absolute_path(desk):
    (desk.folder / "ack.md").write_text("Thank you")
    rules = desk.load("- name: a\n  do: [{reply: {template: ack.md}}]")
    assert rules.rules[0].steps[0].options["template"] == str(desk.folder / "ack.md")


def test_the_source_of_rules_loads_again(desk):
    rules = desk.load("- name: a\n  label: x")
    assert load_text(rules.source, rules.path, desk.plugins).version == rules.version
    with pytest.raises(RulesError, match="no section"):
        load_text("versions: 1", rules.path, desk.plugins)


def test_options_have_their_defaults_in_the_plan_and_python_keywords_their_plain_name(desk):
    rules = desk.load("- name: a\n  do: [{forward: {to: b@b.test, from: me@corp.test}}, nothing]")
    forward, nothing = rules.rules[0].steps
    assert forward.options == {"to": "b@b.test", "from_": "me@corp.test", "srs": True, "arc": True, "mode": "whole"}
    assert nothing.options == {}


def test_the_check_of_a_handler_sees_options_recipients_and_settings(desk):
    text = desk.whole("- name: a\n  recipients: [u@corp.test]\n  do: [{forward: {to: u@corp.test}}]")
    rules, problems = check(desk.write(text), desk.plugins, Settings(handlers={"forward": {"closed": True}}))
    assert rules is None
    assert [problem.text for problem in problems] == [
        "rule 'a': forward to u@corp.test, a recipient of the same rule, would go round for ever; forward to another address",
        "rule 'a': forward is closed by the settings",
    ]
    assert {(problem.line, problem.column) for problem in problems} == {(6, 9)}


def test_a_check_that_raises_is_a_mistake_that_names_its_plugin(desk, monkeypatch):
    broken = replace(desk.plugins.handlers.entries["store"], check=lambda options, recipients, settings: [options["none"]])
    monkeypatch.setitem(desk.plugins.handlers.entries, "store", broken)
    assert desk.problems(desk.whole("[]")) == [
        "rules.yaml:4:11: default: store: its check of the options raised KeyError: 'none'; mend plugin rules-test",
    ]


def test_facts_read_are_those_of_conditions_and_placeholders_and_no_others(desk):
    rules = desk.load(
        "- name: a\n  when: {subject: {matches: '(?P<id>x)'}, recipient: {exists: true}}\n  unless: {any: [{dmarc: pass}]}\n"
        "  set: {who: '{sender}'}\n  do: [{store: {values: {x: '{id} {who} {header.to} {recipient}'}}}]",
    )
    assert rules.facts_read == {"subject", "dmarc", "sender", "header.to"}


def test_named_facts_carry_their_options(desk):
    rules = desk.load(
        "- name: a\n  when: {topic: x}\n  label: x",
        head="version: 1\ndomains: [corp.test]\nfacts: {topic: {keywords: {x: [y, z]}}}\n",
    )
    named = rules.named_facts["topic"]
    assert (named.extension.name, named.part, named.options) == ("keywords", None, {"x": ["y", "z"]})
