"""A receipt as a tree that a person can read: every rule, every condition reached, the value seen, yes or no; then what was done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from inbox.cli.common import visible
from inbox.model import Decision, Outcome, Plan, Receipt, Step, Verdict, isoformat
from inbox.sending import SendingEvent

_WIDTH = 46
_SHOWN = 60


def receipt_lines(receipt: Receipt, subject: str | None = None) -> Iterator[str]:
    """The lines of a receipt, without colours."""
    mail = receipt.mail
    sender = visible(mail.envelope.sender or "<>")
    yield f"mail {mail.id}  {mail.size:,} octets from {sender} to {visible(', '.join(mail.envelope.recipients))}"
    if subject is not None:
        yield f"subject: {visible(subject)}"
    if receipt.plan:
        yield from plan_lines(receipt.plan)
        yield from _step_lines(receipt.plan, receipt.outcomes)
    yield f"reply: {receipt.reply}"
    yield f"state: {receipt.state}"


def plan_lines(plan: Plan) -> Iterator[str]:
    """The decisions of a plan as a tree, then labels and values."""
    yield f"rules {plan.rules_version[:12]}"
    branches: list[tuple[str, list[Any]]] = [(_decision(decision), _verdicts(decision.conditions)) for decision in plan.decisions]
    if plan.passed_over and plan.passed_over > sum(not decision.matched for decision in plan.decisions):
        branches.append((f"{plan.passed_over} more rules were ruled out by their first condition (--all shows them)", []))
    yield from _tree(branches)
    if plan.labels:
        yield f"labels: {', '.join(plan.labels)}"
    for recipient, reply in plan.refused.items():
        yield f"refused {visible(recipient)}: {reply}"
    for name, value in plan.values.items():
        yield f"set {name} = {visible(value)}"


def _decision(decision: Decision) -> str:
    words = [_answer(decision.rule, matched=decision.matched)]
    if decision.matched and decision.recipients:
        words.append(f"for {visible(', '.join(decision.recipients))}")
    if decision.shadow:
        words.append("(shadow: nothing is done)")
    if decision.note:
        words.append(f"({visible(decision.note)})")
    return "  ".join(words)


def _verdicts(verdicts: Sequence[Verdict]) -> list[Any]:
    return [(_verdict(verdict), _verdicts(verdict.children)) for verdict in verdicts]


def _verdict(verdict: Verdict) -> str:
    if verdict.fact is None:
        return _answer(verdict.operator, matched=verdict.matched)
    asked = f"{verdict.fact} {verdict.operator} {_short(verdict.value)}"
    notes = ["absent" if verdict.seen is None else f"saw {_short(verdict.seen)}"]
    if verdict.recipient:
        notes.append(f"for {verdict.recipient}")
    if verdict.note and verdict.note != "absent":
        notes.append(f"({verdict.note})")
    return visible(f"{_answer(asked, matched=verdict.matched)}  {'  '.join(notes)}")


def _answer(text: str, *, matched: bool) -> str:
    return f"{text:<{_WIDTH}} {'yes' if matched else 'no'}"


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = ", ".join(map(_short, value)) if isinstance(value, (list, tuple)) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _tree(branches: Sequence[tuple[str, list[Any]]], indent: str = "") -> Iterator[str]:
    for number, (text, children) in enumerate(branches):
        last = number == len(branches) - 1
        yield f"{indent}{'└─' if last else '├─'} {text}"
        yield from _tree(children, indent + ("   " if last else "│  "))


def _step_lines(plan: Plan, outcomes: Sequence[Outcome]) -> Iterator[str]:
    for step in plan.steps:
        yield f"step {step.n} {_step(step)}"
        for outcome in outcomes:
            if outcome.n == step.n:
                yield f"     {_outcome(outcome)}"
    for outcome in outcomes:
        if outcome.n == 0:
            yield f"mail {_outcome(outcome)}"


def _step(step: Step) -> str:
    options = "  ".join(f"{name}={_short(value)}" for name, value in step.options.items() if value not in (None, "", {}, [], ()))
    return visible(f"{step.handler}  (rule {step.rule}, for {', '.join(step.recipients)})  {options}".rstrip())


def _outcome(outcome: Outcome) -> str:
    number = f" at attempt {outcome.attempt}" if outcome.attempt > 1 else ""
    detail = f": {visible(outcome.detail)}" if outcome.detail else ""
    return f"{outcome.state}{number}{detail}"


def event_lines(events: Sequence[SendingEvent]) -> Iterator[str]:
    """What became of mail that left for this one, a line each."""
    for event in events:
        words = [isoformat(event.at)[:19], event.type, *(word for word in (event.recipient, event.subtype) if word)]
        yield visible(f"event {' '.join(words)}{f': {event.detail}' if event.detail else ''}")
