"""Topics by words and phrases."""

from __future__ import annotations

import time

import pytest

from inbox.facts.keywords import check
from inbox.testing import make_mail

TOPICS = {"invoice": ["invoice", "amount due"], "refund": ["Refund", "charge-back"], "food": ["Käse"]}


@pytest.mark.parametrize(
    ("subject", "text", "topics"),
    [
        ("Your INVOICE", "", ("invoice",)),
        ("x", "the amount\n  due is 5", ("invoice",)),
        ("x", "amount is due", None),
        ("invoices", "reinvoice", None),
        ("x", "A charge back, and an invoice.", ("invoice", "refund")),
        ("x", "KÄSE!", ("food",)),
        ("amount", "due", ("invoice",)),
        ("", "", None),
    ],
)
def test_topics_are_found_by_whole_words_and_phrases(value, subject, text, topics):
    assert value("keywords", make_mail(subject=subject, text=text), **TOPICS) == topics


def test_ten_thousand_words_cost_one_pass(value):
    topics = {f"t{n}": [f"word{n} more{k}" for k in range(10)] for n in range(1000)}
    mail = make_mail(text="word1 word2 more9 filler\n" * 50_000)
    value("keywords", make_mail(), **topics)
    began = time.process_time()
    assert value("keywords", mail, **topics) == ("t2",)
    assert time.process_time() - began < 2


def test_a_topic_without_a_word_is_found_at_load():
    assert list(check({}, (), {})) == ["keywords needs at least one topic with its words: {invoice: [invoice, amount due]}"]
    assert list(check({"a": ["ok", "!!!"]}, (), {})) == ["topic 'a': '!!!' holds no word"]


def test_rules_use_topics_by_name(inbox_for):
    box = inbox_for("""
version: 1
domains: [example.com]
facts:
  topic: {keywords: {invoice: [invoice, amount due], refund: [refund]}}
rules:
- name: money
  when: {topic: refund}
  label: refund
  do: [discard]
default: [discard]
""")
    assert box.judge(make_mail(text="an invoice and a refund")).labels == ("refund",)
    assert box.judge(make_mail(text="an invoice")).labels == ()
