"""The path of a mail in one process: explain does nothing, process does all of it, secrets reach only who asked for them."""

from __future__ import annotations

import gc
import time
import types

import pytest

from inbox import Deferred, Done, Secret, hookimpl
from inbox.errors import RulesError
from inbox.store import open_store
from inbox.testing import Journal, MemoryNotes, make_mail

STORE = "version: 1\ndomains: [example.com]\nrules: []\ndefault: [store]\n"


def plugin(**functions) -> object:
    """A plugin with these facts (`fact_NAME`) and handlers (`do_NAME`)."""

    @hookimpl
    def register_facts(register):
        for name, function in functions.items():
            if name.startswith("fact_"):
                register(name.removeprefix("fact_"), function)

    @hookimpl
    def register_handlers(register):
        for name, function in functions.items():
            if name.startswith("do_"):
                register(name.removeprefix("do_"), function)

    return types.SimpleNamespace(__name__="of_a_test", register_facts=register_facts, register_handlers=register_handlers)


def test_a_mail_is_parsed_once_for_judging_and_performing(inbox_for, monkeypatch):
    parsed = []
    import inbox.app

    real = inbox.app.parse
    monkeypatch.setattr(inbox.app, "parse", lambda *given: parsed.append(1) or real(*given))
    box = inbox_for(STORE.replace("rules: []", "rules: [{name: a, when: {subject: hello}, label: x, do: [store]}]"))
    assert box.process(make_mail(subject="Hello")).plan.labels == ("x",)
    assert parsed == [1]


def test_a_plan_that_is_stored_already_is_performed_not_a_newer_one(inbox_for):
    mail, journal = make_mail(), Journal()
    old = inbox_for(STORE).judge(mail)
    journal.planned(mail, old)
    receipt = inbox_for(STORE.replace("[store]", "[discard]")).process(mail, journal)
    assert receipt.plan == old


STOPS = """
version: 1
domains: [example.com]
rules:
- {name: a, do: [discard, ends, discard]}
- {name: b, do: [discard]}
default: [discard]
"""


@pytest.mark.parametrize(
    ("stop", "states"),
    [
        (None, {1: "done", 2: "done", 3: "done", 4: "done"}),
        ("rule", {1: "done", 2: "done", 3: "skipped", 4: "done"}),
        ("all", {1: "done", 2: "done", 3: "skipped", 4: "skipped"}),
    ],
)
def test_a_handler_may_end_its_rule_or_all_rules(inbox_for, stop, states):
    def ends(mail):
        """End."""
        return Done("ended", stop=stop)

    journal = Journal()
    receipt = inbox_for(STOPS, modules=[plugin(do_ends=ends)]).process(make_mail(), journal)
    assert {outcome.n: outcome.state for outcome in receipt.outcomes} == states
    assert receipt.state == "settled"
    skipped = [outcome.n for outcome in receipt.outcomes if outcome.state == "skipped"]
    assert [outcome.n for outcome in receipt.outcomes] == [1, *skipped, 2, *(n for n in (3, 4) if n not in skipped)], (
        "skips are written first"
    )


def test_a_handler_that_ends_all_rules_does_not_end_what_holds_the_mail(inbox_for):
    def ends(mail):
        """End."""
        return Done("ended", stop="all")

    rules = STOPS.replace("{name: b, do: [discard]}", "{name: b, do: [discard, {quarantine: {reason: look at it}}]}")
    receipt = inbox_for(rules, modules=[plugin(do_ends=ends)]).process(make_mail())
    assert {outcome.n: outcome.state for outcome in receipt.outcomes} == {1: "done", 2: "done", 3: "skipped", 4: "skipped", 5: "held"}
    assert receipt.state == "quarantined"


def test_explaining_notes_nothing(inbox_for):
    memory = MemoryNotes()
    rules = STORE.replace("rules: []", "facts: {again: {seen: {}}}\nrules: [{name: a, when: {again: true}, label: again}]")
    box = inbox_for(rules, memory=memory)
    box.explain(make_mail())
    assert memory.notes == {}


def test_a_broken_file_on_reload_leaves_the_old_rules(inbox_for):
    box = inbox_for(STORE)
    version = box.rules.version
    box.rules.path.write_text("version: 1\n")
    with pytest.raises(RulesError):
        box.reload()
    assert box.rules.version == version
    assert box.process(make_mail()).state == "settled"


def told_secret(*, password: Secret) -> str:
    """Says what it was told. password: a secret."""
    return password


def do_secret(*, password: Secret) -> str:
    """Says how long what it was told is. password: a secret."""
    return f"{len(password)} letters"


RULES = """
version: 1
domains: [example.com]
facts: {told: {told_secret: {password: "env:INBOX_TEST_SECRET"}}}
rules:
- {name: a, when: {told: open sesame}, label: knows, do: [{secret: {password: "env:INBOX_TEST_SECRET"}}]}
default: [store]
"""


def test_secrets_of_facts_and_handlers_are_resolved_when_they_are_needed(inbox_for, monkeypatch):
    monkeypatch.setenv("INBOX_TEST_SECRET", "open sesame")
    box = inbox_for(RULES, modules=[plugin(fact_told_secret=told_secret, do_secret=do_secret)])
    receipt = box.process(make_mail())
    assert receipt.plan.labels == ("knows",)
    assert receipt.outcomes[0].detail == "11 letters"
    assert receipt.plan.steps[0].options["password"] == "env:INBOX_TEST_SECRET"


def test_a_secret_that_is_not_set_defers_the_step(inbox_for, monkeypatch):
    monkeypatch.setenv("INBOX_TEST_SECRET", "open sesame")
    box = inbox_for(RULES, modules=[plugin(fact_told_secret=told_secret, do_secret=do_secret)])
    mail = make_mail()
    plan = box.judge(mail)
    monkeypatch.delenv("INBOX_TEST_SECRET")
    ended = box.attempt(mail, plan.steps[0], 1)
    assert ended.outcome.state == "deferred"
    assert "env:INBOX_TEST_SECRET is not set" in ended.outcome.detail


def test_a_row_that_the_store_refuses_is_the_end_of_its_step_only(inbox_for, tmp_path):
    rules = STORE.replace("rules: []", "rules: [{name: a, do: [{odd: {}}, store]}]")

    def odd():
        """A row for a table that is not its own."""
        from inbox import Row

        return Row("inbox_mails", {"x": 1})

    box, store, mail = inbox_for(rules, modules=[plugin(do_odd=odd)]), open_store(tmp_path / "data"), make_mail()
    with store.working_on(mail) as journal:
        receipt = box.process(mail, journal)
    assert [(outcome.n, outcome.state) for outcome in receipt.outcomes] == [(1, "dead"), (2, "done")]
    assert store.receipt(mail.id).state == receipt.state == "dead"
    store.close()


def test_steps_wait_for_one_that_stops_its_rule(inbox_for):
    def later():
        """Never works today."""
        raise Deferred("later")

    rules = STORE.replace("rules: []", "rules: [{name: a, do: [{later: {on_error: stop}}, store]}]")
    receipt = inbox_for(rules, modules=[plugin(do_later=later)]).process(make_mail())
    assert [(outcome.n, outcome.state) for outcome in receipt.outcomes] == [(1, "deferred")]
    assert receipt.state == "waiting"


class Panic(BaseException):
    """What libraries in Rust raise."""


def fact_panic(message):
    """Fails in a way that no `except Exception` sees."""
    raise Panic(message.subject)


def test_a_fact_that_raises_what_is_no_exception_is_absent_with_a_note(inbox_for):
    rules = STORE.replace("rules: []", "rules: [{name: a, when: {panic: {exists: true}}, label: x}]")
    receipt = inbox_for(rules, modules=[plugin(fact_panic=fact_panic)]).process(make_mail())
    assert receipt.state == "settled"
    assert "Panic" in receipt.plan.decisions[0].conditions[0].note


REFUSING = STORE.replace("rules: []", "rules: [{name: strangers, unless: {panic: {exists: true}}, refuse: We do not know you}]")


def test_a_failed_fact_is_no_reason_to_refuse(inbox_for):
    box = inbox_for(REFUSING, modules=[plugin(fact_panic=fact_panic)])
    with pytest.raises(Deferred, match="facts failed: panic"):
        box.judge_before_reply(make_mail())


def test_facts_that_hang_together_cost_no_more_than_the_time_to_judge(inbox_for):
    def hang():
        """Waits for what does not answer."""
        time.sleep(60)

    facts = {f"fact_hang{n}": hang for n in range(6)}
    rules = ", ".join(f"{{name: r{n}, when: {{hang{n}: x}}, label: x}}" for n in range(6))
    work = {"fact_timeout": 0.1, "judge_timeout": 0.3}
    box = inbox_for(STORE.replace("rules: []", f"rules: [{rules}]"), modules=[plugin(**facts)], work=work)
    notes = [decision.conditions[0].note for decision in box.explain(make_mail()).plan.decisions]
    assert all("fact failed" in note for note in notes)
    assert "no time left" in notes[-1]


def test_a_mail_that_is_held_goes_no_further_until_it_is_released(inbox_for, outbox, tmp_path):
    rules = "[{name: odd, do: [quarantine]}, {name: on, do: [{forward: {to: team@corp.test}}]}]"
    box, store, mail = inbox_for(STORE.replace("[]", rules)), open_store(tmp_path / "data"), make_mail()
    with store.working_on(mail) as journal:
        assert box.process(mail, journal).state == "quarantined"
    assert outbox.sent == []
    store.release_quarantine(mail.id)
    assert store.receipt(mail.id).state == "waiting"
    store.close()


def test_explain_refuses_whom_the_door_refuses(inbox_for):
    receipt = inbox_for(STORE).explain(make_mail(recipients=["u@other.test"]))
    assert str(receipt.reply) == "554 5.7.1 Relay access denied"
    partly = inbox_for(STORE).explain(make_mail(recipients=["u@other.test", "u@example.com"])).plan
    assert (list(partly.refused), partly.reply.code, partly.steps[0].recipients) == (["u@other.test"], 250, ("u@example.com",))


def test_rules_given_as_text_leave_no_folder_behind():
    from inbox.testing import inbox_for

    box = inbox_for(STORE)
    folder = box.rules.path.parent
    assert folder.is_dir()
    del box
    gc.collect()
    assert not folder.exists()


class Later:
    """A fact that cannot be had `times` times."""

    def __init__(self, times: int):
        self.times = times

    def fact_later(self, message):
        """Says yes, later."""
        if self.times:
            self.times -= 1
            raise Deferred("ask again", retry_after=7)
        return True


def later(times: int):
    return plugin(fact_later=Later(times).fact_later)


ASKING = STORE.replace("rules: []", "rules: [{name: a, when: {later: true}, label: x}]")


@pytest.mark.parametrize("judge", ["judge", "judge_before_reply", "judge_after_reply"])
def test_a_fact_that_is_deferred_defers_the_judging_and_is_asked_anew(inbox_for, judge):
    box, mail = inbox_for(ASKING, modules=[later(1)]), make_mail()
    with pytest.raises(Deferred, match="fact later: ask again") as caught:
        getattr(box, judge)(mail)
    assert caught.value.retry_after == 7
    assert getattr(box, judge)(mail).labels == ("x",)


def test_explaining_says_that_a_fact_is_deferred_and_goes_on(inbox_for):
    receipt = inbox_for(ASKING, modules=[later(1)]).explain(make_mail())
    assert receipt.plan.decisions[0].conditions[0].note == "deferred: ask again"


def test_a_handler_that_asks_for_a_fact_that_is_deferred_is_tried_again(inbox_for):
    def asks(facts):
        """Ask for a fact that no rule reads."""
        return f"later is {facts.get('later')}"

    rules = STORE.replace("rules: []", "rules: [{name: a, do: [asks]}]")
    box, mail = inbox_for(rules, modules=[plugin(fact_later=Later(1).fact_later, do_asks=asks)]), make_mail()
    (step, *_) = box.judge(mail).steps
    assert box.attempt(mail, step, 1).outcome.state == "deferred"
    assert box.attempt(mail, step, 2).outcome.detail == "later is True"


def test_a_note_stands_in_the_receipt_with_a_value_and_without(inbox_for):
    from inbox import Noted

    def fact_noted(message):
        """Says yes, and why."""
        return Noted(True, "because")

    def fact_nothing(message):
        """Says nothing, and why."""
        return Noted(None, "nobody knows")

    rules = STORE.replace("rules: []", "rules: [{name: a, when: {any: [{nothing: true}, {noted: true}]}, refuse: Go away}]")
    box = inbox_for(rules, modules=[plugin(fact_noted=fact_noted, fact_nothing=fact_nothing)])
    plan = box.judge_before_reply(make_mail())
    assert plan.refused, "an absent fact with a note has not failed"
    assert [verdict.note for verdict in plan.decisions[0].conditions[0].children] == ["nobody knows", "because"]
