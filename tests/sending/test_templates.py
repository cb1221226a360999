"""Mail made of templates: strict variables, escaped HTML, one wording for each recipient."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import pytest

from inbox.send.rendering import RenderingFailed, render
from inbox.send.submission import submission
from inbox.send.variants import Template, Variant

WELCOME = """---
subject: Welcome, {{ name }}
from: Shop <shop@example.com>
html: welcome.html
---
Dear {{ name }},
{% for item in order.items %}- {{ item.title }}: {{ '%.2f'|format(item.price) }}
{% endfor %}
"""


@pytest.fixture
def welcome(tmp_path):
    (tmp_path / "welcome.md").write_text(WELCOME, encoding="utf-8")
    (tmp_path / "welcome.html").write_text("<p>Dear {{ name }}</p>", encoding="utf-8")
    return tmp_path / "welcome.md"


DATA = {"name": "Al & <Ice>", "order": {"items": [{"title": "Tea", "price": 3}]}}


def prepared(office, **words):
    return office.sender.prepare(submission({"to": "alice@far.test", **words}))


def test_subject_author_text_and_html_come_from_the_template(office, welcome):
    mail = message_from_bytes(prepared(office, template=welcome, data=DATA).mail.raw, policy=default)
    assert mail["Subject"] == "Welcome, Al & <Ice>"
    assert mail["From"] == "Shop <shop@example.com>"
    assert mail.get_body(("plain",)).get_content().split() == ["Dear", "Al", "&", "<Ice>,", "-", "Tea:", "3.00"]
    assert mail.get_body(("html",)).get_content().strip() == "<p>Dear Al &amp; &lt;Ice&gt;</p>"


def test_events_name_template_and_variant(office, far_end, tmp_path):
    (tmp_path / "two.md").write_text(
        "---\nfrom: shop@example.com\nvariants:\n  short: {subject: Hi}\n  long: {subject: Hello there}\n---\ntext\n", encoding="utf-8"
    )
    id_ = office.sender.send(submission({"to": "alice@far.test", "template": tmp_path / "two.md"})).id
    office.work(lambda: office.receipt(id_).state == "settled")
    events = office.store.events(mail=id_)
    assert {event.template for event in events} == {"two"}
    assert {event.experiment for event in events} == {"two"}
    (variant,) = {event.variant for event in events}
    assert {"short": b"Subject: Hi\r\n", "long": b"Subject: Hello there\r\n"}[variant] in far_end.taken[0][2]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"order": {"items": []}}, "template welcome: html: 'name' is undefined; give it a value (--data)"),
        ({"name": "x", "order": {}}, "template welcome: text: 'dict object' has no attribute 'items'"),
        ({"name": "x", "order": {"items": [{}]}}, "template welcome: text: 'dict object' has no attribute 'title'"),
        ({"name": object()}, "data may hold texts, numbers, lists and mappings; this is object"),
    ],
)
def test_a_value_that_is_missing_keeps_the_mail_from_being_queued_and_is_an_event(office, welcome, data, why):
    with pytest.raises(RenderingFailed) as caught:
        prepared(office, template=welcome, data=data)
    assert why in str(caught.value)
    (event,) = office.store.events()
    assert (event.type, event.recipient, event.template) == ("rendering_failure", "alice@far.test", "welcome")
    assert why in event.detail
    assert office.store.count() == 0


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{% include '/etc/passwd' %}",
        "{{ 1 / 0 }}",
        "{{ range(10000000)|list }}",
        "{{ x",
        "{% for x in %}",
        "{{ name|nope }}",
    ],
)
def test_a_template_that_is_wrong_is_told_and_reaches_nothing(source):
    template = Template("bad", "bad", None, None, (Variant(None, 1, None, source, None),))
    with pytest.raises(RenderingFailed, match=r"^template bad: text"):
        render(template, template.variants[0], {"name": "x"})


def test_no_value_of_the_data_becomes_a_header_field(office, tmp_path):
    (tmp_path / "t.md").write_text("---\nsubject: 'Hi {{ name }}'\nfrom: '{{ name }} <shop@example.com>'\n---\nx\n", encoding="utf-8")
    evil = "a\r\nBcc: evil@far.test\r\n\r\nbody"
    with pytest.raises(Exception, match="is no address for From"):
        prepared(office, template=tmp_path / "t.md", data={"name": evil})
    raw = prepared(office, template=tmp_path / "t.md", from_="shop@example.com", data={"name": evil}).mail.raw
    assert b"\r\nBcc:" not in raw
    assert message_from_bytes(raw, policy=default)["Subject"] == "Hi a Bcc: evil@far.test body"
