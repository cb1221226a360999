"""Routes of Mailgun: the same recipients, patterns and actions, in the order of their priorities."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from inbox.cli import run
from inbox.errors import ConfigError
from inbox.plugins import Plugins
from inbox.receipt_rules import import_mailgun
from inbox.rules import decide, load_text

BUILT = Plugins(entry_points=False)


def route(expression, *actions, priority=0, description="r"):
    return {
        "priority": priority,
        "description": description,
        "expression": expression,
        "actions": list(actions),
        "id": "1",
        "created_at": "x",
    }


class Facts:
    def __init__(self, known):
        self._known = known

    def get(self, name):
        return self._known.get(name)

    def note(self, name):
        return None


def plan(*routes, to="chris+x@example.com", **facts):
    made = import_mailgun({"total_count": len(routes), "items": list(routes)}, "routes.json", domains=["example.com", "bar.com"])
    known = {"size": 1, **{name.replace("__", "."): value for name, value in facts.items()}}
    return decide(load_text(made.text, Path("rules.yaml"), BUILT), Facts(known), [to] if isinstance(to, str) else to)


def took(expression, **facts):
    return bool(plan(route(expression, "store()"), **facts).steps)


EXPRESSIONS = [
    ('match_recipient("chris+x@example.com")', {}, False),  # the + is an operator of the pattern
    (r'match_recipient("chris\+x@example.com")', {}, True),
    (r'match_recipient("^chris\+(.*)@example.com$")', {}, True),
    ('match_recipient(".*@example.com")', {}, True),
    ('match_recipient(".*@bar.com")', {}, False),
    ('match_recipient("example")', {}, False),
    ("match_header('subject', '.*support')", {"subject": "Your support"}, True),
    ("match_header('X-Spam', 'yes')", {"header__X-Spam": "YES"}, True),
    ("match_header('X-Spam', 'yes')", {}, False),
    ("catch_all()", {}, True),
    ("not match_header('X-Spam', 'yes')", {}, True),
    ("not catch_all()", {}, False),
    ('match_recipient(".*@bar.com") or match_header("subject", "x")', {"subject": "xyz"}, True),
    ('match_recipient(".*@bar.com") and match_header("subject", "x")', {"subject": "xyz"}, False),
    ('not (match_recipient(".*@bar.com") or match_header("subject", "x")) and catch_all()', {"subject": "y"}, True),
    ('catch_all() or match_recipient("nobody")', {}, True),
]


@pytest.mark.parametrize(("expression", "facts", "matches"), EXPRESSIONS)
def test_an_expression_holds_where_it_did(expression, facts, matches):
    assert took(expression, **facts) is matches


def test_routes_run_by_priority_until_one_stops():
    routes = [
        route("catch_all()", 'forward("rest@example.net")', priority=9, description="rest"),
        route('match_recipient("chris")', "store()", "stop()", priority=1, description="chris"),
        route("catch_all()", 'forward("first@example.net")', priority=0, description="first"),
    ]
    steps = plan(*routes, to=["chris@example.com", "a@example.com"]).steps
    assert [(step.rule, step.handler, step.recipients) for step in steps] == [
        ("first", "forward", ("chris@example.com", "a@example.com")),
        ("chris", "store", ("chris@example.com",)),
        ("rest", "forward", ("a@example.com",)),
    ]


def test_several_targets_and_captures_come_through():
    numbered = plan(
        route(
            r'match_recipient("(chris)(?:\\+)?(.*)@(example.com)")'.replace("\\\\", "\\"),
            r'forward("http://h.example/?box=\2&d=\3, a@example.net, b@example.net")',
        )
    )
    assert [(step.handler, step.options.get("url") or step.options["to"]) for step in numbered.steps] == [
        ("forward", ["a@example.net", "b@example.net"]),
        ("webhook", "http://h.example/?box=x&d=example.com"),
    ]
    named = plan(route(r'match_recipient("(?P<user>.*?)@(?P<domain>.*)")', r'forward("http://h.example/\g<domain>/\g<user>")'))
    assert named.steps[0].options["url"] == "http://h.example/example.com/chris+x"


def test_a_store_that_notifies_calls_the_address():
    steps = plan(route("catch_all()", 'store(notify="http://h.example/cb")')).steps
    assert [step.handler for step in steps] == ["store", "webhook"]


def test_a_pattern_that_re2_cannot_read_switches_its_rule_off_and_is_told():
    made = import_mailgun({"items": [route(r'match_recipient("(?!x)a@example\.com")', "store()")]}, "f")
    assert "enabled: false" in made.text
    assert "switched off" in " ".join(map(str, made.losses))
    assert "domains: [example.com]" in made.text
    load_text(made.text, Path("rules.yaml"), BUILT)


def test_names_are_made_unique():
    made = import_mailgun(
        {"items": [route("catch_all()", "stop()", description="a"), route("catch_all()", "stop()", description="a", priority=1)]}, "f"
    )
    assert re.findall("name: (a[ 0-9]*)", made.text) == ["a", "a 2"]


WRONG = [
    ("match_recipients('x')", [], "there is no test match_recipients(); Mailgun has match_recipient, match_header, catch_all"),
    ("match_header('x')", [], "match_header() takes 2 texts, not 1"),
    ("match_recipient(x)", [], "= is wanted where ')' stands"),
    ("match_recipient('x'", [], ", is wanted where 'the end' stands"),
    ("catch_all() catch_all()", [], "'catch_all' stands behind the end"),
    ("(" * 40 + "catch_all()", [], "nested too deep"),
    ("catch_all()", ["bounce()"], "items[0].actions[0]: there is no action bounce()"),
    ("catch_all()", ["stop"], "( is wanted"),
    ("", [], "items[0].expression: must be text, not empty"),
]


@pytest.mark.parametrize(("expression", "actions", "words"), WRONG)
def test_a_wrong_route_is_told_with_its_place(expression, actions, words):
    with pytest.raises(ConfigError) as error:
        import_mailgun({"items": [route(expression, *actions)]}, "routes.json")
    assert words in str(error.value)
    assert str(error.value).startswith("routes.json: items[0].")


def test_the_command_writes_rules_that_load(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("routes.json").write_text(
        json.dumps({"items": [route('match_recipient("a@example.com")', 'forward("https://h.example/x")', "stop()")]})
    )
    assert run(["import", "mailgun", "routes.json", "--output", "rules.yaml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rules"], found["problems"]) == (1, [])
    assert run(["check"]) == 0
    Path("bad.json").write_text("{}")
    assert run(["import", "mailgun", "bad.json"]) == 2
