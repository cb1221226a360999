"""Labels learned from examples: right on text of its kind, unsure about the rest, the same every time."""

from __future__ import annotations

import random

import pytest

import inbox
from inbox.facts.bayes import check, classify, train
from inbox.testing import MemoryNotes, make_mail

WORDS = {
    "order": "order parcel delivery tracking shipped warehouse address number package courier".split(),  # noqa: SIM905
    "invoice": "invoice payment amount due bank account vat tax receipt transfer".split(),  # noqa: SIM905
    "support": "error crash login password screen update install version bug help".split(),  # noqa: SIM905
}
COMMON = "the a and please we you our your for with hello dear thanks regards is are today can not".split()  # noqa: SIM905


def letters(label, count, seed):
    chance = random.Random(f"{label}{seed}")
    for _ in range(count):
        words = [chance.choice(WORDS[label] if chance.random() < 0.25 else COMMON) for _ in range(60)]
        yield inbox.parse(make_mail(text=" ".join(words) + "\n", subject=" ".join(words[:4])).raw)


@pytest.fixture(scope="module")
def model():
    learned = None
    for label in WORDS:
        learned = train(learned, label, letters(label, 40, "train"))
    return learned


def test_what_was_learned_is_recognised(model):
    right = sum(classify(model, message)[0] == label for label in WORDS for message in letters(label, 50, "test"))
    assert right >= 145


def test_mail_of_no_known_kind_is_left_unsure(model):
    assert classify(model, inbox.parse(b"Subject: xyzzy\r\n\r\nplugh frotz"))[1] < 0.9


def test_the_same_examples_give_the_same_model_and_the_same_answer(model):
    again = None
    for label in WORDS:
        again = train(again, label, letters(label, 40, "train"))
    assert again == model
    message = next(letters("order", 1, "x"))
    assert classify(model, message) == classify(again, message)


def test_learning_in_two_turns_is_learning_at_once():
    messages = list(letters("order", 20, "train"))
    assert train(train(None, "order", messages[:7]), "order", messages[7:]) == train(None, "order", messages)


def test_ten_times_as_many_examples_of_one_label_do_not_drown_the_other():
    learned = train(train(None, "order", letters("order", 200, "train")), "invoice", letters("invoice", 20, "train"))
    right = sum(classify(learned, message)[0] == "invoice" for message in letters("invoice", 50, "test"))
    assert right >= 47


def test_training_leaves_the_model_that_it_began_with_as_it_was(model):
    message = next(letters("order", 1, "x"))
    before = classify(model, message)
    train(model, "invoice", letters("order", 50, "other"))
    assert classify(model, message) == before


def test_the_fact_reads_the_model_by_name(value, model):
    memory = MemoryNotes(models={"desk": model})
    mail = make_mail(subject="invoice payment", text="please transfer the amount due to our bank account, vat and tax on the receipt\n")
    assert value("bayes", mail, memory=memory, model="desk") == "invoice"
    assert value("bayes", mail, memory=memory, model="desk", minimum=1.0) is None
    assert value("bayes", mail, memory=memory) is None


def test_odd_input_never_raises(model, shared):
    for path in sorted((shared / "cases/eml").glob("*.eml")):
        label, probability = classify(model, inbox.parse(path.read_bytes()))
        assert label in WORDS and 0 <= probability <= 1


def test_a_very_long_mail_of_one_kind_is_no_overflow(model):
    text = " ".join(f"{word}{n}" for n in range(3000) for word in WORDS["order"]) + " ".join(WORDS["order"] * 500)
    assert 0 <= classify(model, inbox.parse(make_mail(text=text).raw))[1] <= 1


def test_what_is_no_model_is_refused_and_an_empty_one_says_nothing():
    with pytest.raises(ValueError, match="train it anew"):
        classify(b"junk", inbox.parse(b""))
    assert classify(train(None, "x", []), inbox.parse(b"")) == (None, 0.0)


def test_a_probability_outside_of_0_to_1_is_found_at_load():
    assert list(check({"minimum": 1.5}, (), {})) == ["minimum is a probability from 0 to 1"]
    assert list(check({}, (), {})) == []
