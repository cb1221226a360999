"""Texts of replies: what a template can do, and that nothing in it runs away (F09 to F11, cases/json/templates.json)."""

from __future__ import annotations

import json
import resource
import time

import pytest

from inbox.errors import Failed
from inbox.handlers.template import problems, render

VALUES = {
    "subject": "{{ 7*7 }} ${7*7} %(x)s {0.__class__}",
    "from.name": "Bob <b>",
    "header.List-Id": "<x&y>",
    "text": "one\r\ntwo\n",
    "attachment.name": ("a.pdf", "b.pdf"),
    "absent": None,
    "size": 1200,
    "long": "x" * 10_000_000,
}


def value_of(name):
    if name not in VALUES:
        raise LookupError(f"there is no fact, capture or set value {name!r}")
    return VALUES[name]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hello", "Hello"),
        ("{{ subject }}", VALUES["subject"]),
        ("{{ from.name }}{{ from_.name }}", "Bob <b>Bob <b>"),
        ("{{ header['List-Id'] }}", "<x&y>"),
        ("[{{ absent }}]", "[]"),
        ("{{ absent or 'none' }} {{ absent|default('none', true) }}", "none none"),
        ("{{ attachment.name }}", "a.pdf, b.pdf"),
        ("{{ attachment.name|join(' + ') }} {{ attachment.name[1] }} {{ attachment.name|length }}", "a.pdf + b.pdf b.pdf 2"),
        ("{% for name in attachment.name %}{{ loop.index }}:{{ name|upper }} {% endfor %}", "1:A.PDF 2:B.PDF "),
        ("{% for name in absent %}x{% else %}nothing{% endfor %}", "nothing"),
        ("{% for n in range(3) %}{{ n }}{% endfor %}", "012"),
        ("{% if size > 1000 and not absent %}big{% endif %}", "big"),
        ("{% set half = size // 2 %}{{ half + 1 }} {{ size / 5 }} {{ size % 7 }} {{ 2 * 3 - 1 }}", "601 240.0 3 5"),
        ("{{ text|quote }}", "> one\n> two"),
        ("{{ subject[:6] ~ '|' ~ size ~ absent }}", "{{ 7*7|1200"),
        ("{{ 'a-b'|replace('-', '+') }} {{ '  x '|trim }} {{ 'abc'|reverse }}", "a+b x cba"),
        ("{{ 'long text here'|truncate(8) }}", "long..."),
        ("{% raw %}{{ x }}{% endraw %}{# a comment #}", "{{ x }}"),
        ("two\nlines\n", "two\nlines\n"),
    ],
)
def test_what_a_template_can_say(template, text):
    assert list(problems(template)) == []
    assert render(template, value_of) == text


def test_html_is_escaped_and_text_is_not():
    assert (
        render("<p>{{ from.name }} {{ from.name ~ '<' }} {{ from.name|e }}</p>", value_of, html=True)
        == "<p>Bob &lt;b&gt; Bob &lt;b&gt;&lt; Bob &lt;b&gt;</p>"
    )


DOUBLED = "{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = a OP a %}" * 40 + "{{ a }}"
HOSTILE = [
    "{{ subject['__class__'] }}",
    "{{ subject[('__cl' ~ 'ass__')] }}",
    "{{ [].__class__ }}",
    "{{ subject.upper() }}",
    "{{ subject|map(attribute='__class__') }}",
    "{{ attachment.name|sort(attribute='__class__')|join }}",
    "{{ loop.parent }}",
    "{{ range }}",
    "{% for x in range(3) %}{{ loop.__class__ }}{% endfor %}",
    "{% macro x() %}{% endmacro %}{{ x() }}",
    "{% import 'os' as os %}",
    "{% extends '/etc/passwd' %}",
    "{% filter upper %}x{% endfilter %}",
    "{% autoescape false %}x{% endautoescape %}",
    "{{ ''.join(['a'] * 10) }}",
    "{{ [1, 2] * 1000000000 }}",
    "{{ '%s' % subject }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 'x'|center(1000000000) }}",
    "{{ 'x'|indent(1000000000) }}",
    "{{ range(1000000000)|list }}",
    "{{ namespace(a=1) }}",
    "{{ 'x' * 5 }}",
    "{{ no_such_name }}",
    "{{ 1 / 0 }}",
    "{{ 'a' < 1 }}",
    "{{ [[1]] }}",
    "{{ 1 if }}",
    "{{ [[[[",
    "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}",
    "{% for x in long %}" * 30 + "{% endfor %}" * 30,
    "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    "{% for a in range(9999) %}{% for b in range(9999) %}" + "x" * 100 + "{% endfor %}{% endfor %}",
    "{% for a in range(9999) %}{{ range(9999)|list|sort|length }}{% endfor %}",
    "{% for a in attachment.name recursive %}{{ loop(attachment.name) }}{% endfor %}",
    DOUBLED.replace("OP", "~"),
    DOUBLED.replace("OP", "+"),
    DOUBLED.replace("'xxxxxxxxxxxxxxxx'", "3").replace("OP", "*"),
    "{% set a = 'x' %}" + "{% set a = a|replace('x', 'xxxxxxxxxx') %}" * 12 + "{{ a }}",
    "{{ [" + "long," * 5000 + "] }}",
    "{{ [" + "long," * 5000 + "]|upper }}",
    "{% set a = [" + "range(10000)|list," * 2000 + "1] %}{{ a|length }}",
    "{{ attachment.name|join(long) }}" * 1000,
    "x" * 100_000,
]


def stopped(template):
    """How the template fails; it must, within a second of processor time and 64 MB."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.thread_time()
    with pytest.raises(Failed, match="template:") as caught:
        render(template, value_of)
    assert time.thread_time() - began < 1.5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10
    return str(caught.value)


@pytest.mark.parametrize("template", HOSTILE, ids=range(len(HOSTILE)))
def test_a_template_that_looks_inside_or_runs_away_is_stopped(template):
    stopped(template)


def test_every_template_of_the_public_cases_is_stopped(shared):
    templates = json.loads((shared / "cases/json/templates.json").read_text())
    assert len(templates) == 11
    for template in templates:
        stopped(template)


def test_a_loop_without_output_is_stopped_by_processor_time():
    assert "stopped after 250 ms" in stopped("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}")


def test_what_is_wrong_is_said_with_its_line():
    assert list(problems("fine\n{{ 'x'.format(1) }}")) == ["template: line 2: nothing can be called but range(n)"]
    assert next(iter(problems("\n\n{% include 'x' %}"))).startswith("template: line 3: include is not for templates of mail")
    assert "there are capitalize, count" in next(iter(problems("{{ x|nosuch }}")))
    assert next(iter(problems("{% if %}"))).startswith("template: line 1: ")
