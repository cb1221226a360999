"""What SES would do with a mail, rule by rule."""

from __future__ import annotations

from inbox.receipt_rules import ReceiptRule, ReceiptRuleSet, Run, accepts, evaluate
from inbox.receipt_rules.model import LambdaAction, S3Action, SNSAction, StopAction

A, B = "a@example.com", "b@example.com"
KEEP, TELL, STOP = S3Action("bucket"), SNSAction("topic"), StopAction("RuleSet")
GATE = LambdaAction("gate", "RequestResponse")


def rule(name, *actions, to=(), enabled=True, tls="Optional"):
    return ReceiptRule(name, enabled, tls, tuple(to), actions)


def run(*rules, to=(A, B), tls=True, **more):
    return evaluate(ReceiptRuleSet("set", rules), to, tls=tls, **more)


def test_all_rules_that_match_run_and_each_once():
    assert run(rule("one", KEEP, to=[A]), rule("two", TELL)) == (Run("one", (A,), (KEEP,)), Run("two", (A, B), (TELL,)))


def test_stop_ends_the_rule_set_for_the_whole_mail_and_its_own_rule():
    assert run(rule("one", KEEP, STOP, TELL, to=[A]), rule("two", TELL)) == (Run("one", (A,), (KEEP, STOP)),)


def test_rules_that_are_switched_off_or_for_others_do_not_run():
    assert run(rule("off", KEEP, STOP, enabled=False), rule("other", KEEP, STOP, to=["example.org"]), rule("on", TELL)) == (
        Run("on", (A, B), (TELL,)),
    )


def test_a_rule_that_requires_tls_bounces_without_it_and_later_rules_are_for_the_others():
    rules = (rule("tls", KEEP, to=[A], tls="Require"), rule("all", TELL))
    assert run(*rules, tls=False) == (Run("tls", (A,), no_tls=True), Run("all", (B,), (TELL,)))
    assert run(*rules, tls=True) == (Run("tls", (A,), (KEEP,)), Run("all", (A, B), (TELL,)))


def test_the_answer_of_a_function_ends_its_rule_or_the_rule_set():
    rules = (rule("gate", GATE, KEEP), rule("rest", TELL))
    assert run(*rules) == (Run("gate", (A, B), (GATE, KEEP)), Run("rest", (A, B), (TELL,)))
    assert run(*rules, answer=lambda _: "STOP_RULE") == (Run("gate", (A, B), (GATE,)), Run("rest", (A, B), (TELL,)))
    assert run(*rules, answer=lambda _: "STOP_RULE_SET") == (Run("gate", (A, B), (GATE,)),)
    assert run(rule("event", LambdaAction("gate"), KEEP), answer=lambda _: "STOP_RULE") == (
        Run("event", (A, B), (LambdaAction("gate"), KEEP)),
    )


def test_a_recipient_is_accepted_when_an_enabled_rule_is_for_it():
    rules = ReceiptRuleSet("set", (rule("a", KEEP, to=[A]), rule("off", KEEP, enabled=False)))
    assert accepts(rules, "A+label@example.com")
    assert not accepts(rules, B)
