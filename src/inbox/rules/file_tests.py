"""The tests that stand in rules.yaml: each mail is judged, and the plan compared with what the file expects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from inbox.model import Envelope, Mail, Plan
from inbox.rules.decide import DEFAULT
from inbox.rules.ruleset import Expectation, FileTest, Rules


@dataclass(frozen=True)
class TestResult:
    """How one test ended: `name` is the test's own, or says which mail for whom, `place` where it stands, `problems` what was not as expected."""

    name: str
    place: str
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.problems


def run_tests(rules: Rules, judge: Callable[[Mail], Plan]) -> tuple[TestResult, ...]:
    """Judge the mail of every test in the file (`judge` makes the plan, and does nothing else) and compare."""
    return tuple(_run(rules, test, judge) for test in rules.tests)


def _run(rules: Rules, test: FileTest, judge: Callable[[Mail], Plan]) -> TestResult:
    name = test.name or f"{test.mail.name} to {', '.join(test.recipients) or 'nobody'}"
    place = f"{rules.path}:{test.place.line}:{test.place.column}"
    try:
        raw = test.mail.read_bytes()
    except OSError as error:
        return TestResult(name, place, (f"the mail {test.mail} cannot be read: {error.strerror}",))
    envelope = Envelope(test.sender, test.recipients, helo=test.helo, ip=test.ip)
    plan = judge(Mail.of(raw, envelope))
    return TestResult(name, place, tuple(_problems(test.expect, plan, test.recipients)))


def _problems(expect: Expectation, plan: Plan, recipients: tuple[str, ...]) -> Iterator[str]:
    if expect.rules is not None:
        yield from _differ("rules", expect.rules, _rules(plan, with_default=DEFAULT in expect.rules))
    if expect.handlers is not None:
        yield from _differ("handlers", expect.handlers, tuple(step.handler for step in plan.steps))
    if expect.labels is not None:
        yield from _differ("labels", tuple(sorted(expect.labels)), tuple(sorted(plan.labels)))
    if expect.refused is not None:
        yield from _differ("refused", _wanted(expect.refused, recipients), tuple(sorted(plan.refused)))


def _rules(plan: Plan, *, with_default: bool) -> tuple[str, ...]:
    matched = tuple(decision.rule for decision in plan.decisions if decision.matched)
    return (*matched, DEFAULT) if with_default and any(step.rule == DEFAULT for step in plan.steps) else matched


def _wanted(refused: bool | tuple[str, ...], recipients: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(refused, bool):
        return tuple(sorted(recipients)) if refused else ()
    return tuple(sorted(refused))


def _differ(what: str, expected: tuple[str, ...], found: tuple[str, ...]) -> Iterator[str]:
    if expected != found:
        yield f"expected {what} [{', '.join(expected)}], got [{', '.join(found)}]"
