"""Decide: (rules, facts) to a plan. Pure, and the same answer every time.

Rules are judged from the first to the last, each for the recipients that are still live and that its `recipients` match. Its labels,
values, steps, `stop` and `refuse` are for the recipients for which its conditions hold, and for no others (but `stop: mail`, which ends judging for
everybody): one mail for two people can get two outcomes. Nothing is done for a recipient that is refused, whatever earlier rules had asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inbox.model import ACCEPTED, Decision, Plan, Reply, Step, Verdict
from inbox.ports import Facts
from inbox.rules import address, placeholders
from inbox.rules.conditions import Captures, judge
from inbox.rules.placeholders import as_text
from inbox.rules.ruleset import Rule, Rules, StepPlan
from inbox.rules.seen import Person, Reader, is_personal

DEFAULT = "default"
"""The name under which the default steps stand in a plan."""


def decide(rules: Rules, facts: Facts, recipients: Sequence[str]) -> Plan:
    """The plan for one mail; `recipients` are those of the envelope, as the source saw them. Nothing is done, and nothing is raised."""
    return _Making(rules, facts, recipients).plan()


@dataclass
class _Wish:
    """A step that is asked for, before refused recipients are taken out of it and it gets its number."""

    rule: str
    step: StepPlan
    options: Mapping[str, Any]
    values: Mapping[str, str]
    people: list[Person] = field(default_factory=list)


class _Making:
    """One plan while it is made."""

    def __init__(self, rules: Rules, facts: Facts, recipients: Sequence[str]) -> None:
        self.rules = rules
        self.reader = Reader(facts)
        self.people = [Person(text, address.read(text)) for text in dict.fromkeys(recipients)] or [Person(None, None)]
        self.decisions: list[Decision] = []
        self.wishes: list[_Wish] = []
        self.refused: dict[str | None, Reply] = {}
        self.labels: dict[str, None] = {}
        self.values: dict[str, str] = {}
        self.reached = 0

    def plan(self) -> Plan:
        for rule in self._rules():
            self._weigh(rule)
            self.reached = rule.n + 1
            if not any(person.live for person in self.people):
                break
        else:
            self.reached = len(self.rules.rules)
        left = [person for person in self.people if not person.taken]
        if left:
            self._ask(DEFAULT, self.rules.default, left, {})
        return Plan(
            rules_version=self.rules.version,
            reply=self._reply(),
            labels=tuple(self.labels),
            values=self.values,
            decisions=tuple(self.decisions),
            steps=tuple(self._steps()),
            refused={text: reply for text, reply in self.refused.items() if text is not None},
            seen={name: self.reader.shown(name) for name in self.rules.index.facts} if self.rules.index else {},
            passed_over=self.reached - len(self.decisions),
        )

    def _rules(self) -> Iterator[Rule]:
        index = self.rules.index
        if index is None:
            return iter(self.rules.rules)
        positions = index.candidates(self.reader, [person.address for person in self.people])
        return (self.rules.rules[position] for position in positions)

    # one rule

    def _weigh(self, rule: Rule) -> None:
        if not rule.enabled:
            self.decisions.append(Decision(rule.name, matched=False, note="disabled"))
            return
        chosen = [p for p in self.people if p.live and (rule.recipients is None or rule.recipients.holds(p.address))]
        if not chosen:
            self.decisions.append(Decision(rule.name, matched=False, note="for none of the recipients"))
            return
        verdicts, captures = self._judge(rule, chosen)
        for_whom = tuple(person.text for person in captures if person.text is not None)
        note = "ends judging for all recipients" if captures and rule.ends_all and not rule.shadow else None
        self.decisions.append(Decision(rule.name, bool(captures), for_whom, tuple(verdicts), note, rule.shadow))
        if captures and not rule.shadow:
            self._apply(rule, captures)

    def _judge(self, rule: Rule, people: Sequence[Person]) -> tuple[list[Verdict], dict[Person, Captures]]:
        """The verdicts of a rule, and the people for whom it matches, with what its patterns captured for each.

        A condition that reads nothing personal is judged once for all; a personal one for each who is left.
        """
        left: dict[Person, Captures] = {person: {} for person in people}
        verdicts: list[Verdict] = []
        for part in rule.parts:
            blocks = part is rule.unless
            if part.personal:
                for person in list(left):
                    verdicts.append(judge(part, self.reader, person, left[person]))
                    if verdicts[-1].matched == blocks:
                        del left[person]
            else:
                shared: Captures = {}
                verdicts.append(judge(part, self.reader, None, shared))
                left = {} if verdicts[-1].matched == blocks else {person: {**own, **shared} for person, own in left.items()}
            if not left:
                break
        return verdicts, left

    def _apply(self, rule: Rule, captures: Mapping[Person, Captures]) -> None:
        people = list(captures)
        for person in people:
            person.labels += [label for label in rule.labels if label not in person.labels]
            for name, text in rule.values.items():
                person.values[name] = placeholders.render(text, self._looker(person, {**person.values, **captures[person]}))
            self.values.update({name: person.values[name] for name in rule.values})
            person.taken = person.taken or rule.takes
        self.labels.update(dict.fromkeys(rule.labels))
        self._ask(rule.name, rule.steps, people, captures)
        for person in self.people if rule.ends_all else people if rule.ends else ():
            person.live = False
        for person in people:
            if rule.refuse is not None:
                self.refused[person.text] = rule.refuse

    # steps

    def _ask(self, rule: str, steps: Sequence[StepPlan], people: Sequence[Person], captures: Mapping[Person, Captures]) -> None:
        """Ask for the steps of a rule: one for all people for whom options and values come out the same."""
        values = {person: {**person.values, **captures.get(person, {})} for person in people}
        for step in steps:
            alike: dict[str, _Wish] = {}
            for person in people:
                options = step.options if step.fixed else placeholders.render(step.options, self._looker(person, values[person]))
                key = json.dumps([None if step.fixed else options, values[person]], sort_keys=True) if len(people) > 1 else ""
                alike.setdefault(key, _Wish(rule, step, options, values[person])).people.append(person)
            self.wishes += alike.values()

    def _looker(self, person: Person, values: Mapping[str, str]) -> Callable[[str], str]:
        """What placeholders stand for, for one person: a capture or a value that was set, else a fact."""

        def value_of(name: str) -> str:
            if name in values:
                return values[name]
            return as_text(person.fact(name) if is_personal(name) else self.reader.facts.get(name))

        return value_of

    def _steps(self) -> Iterator[Step]:
        n = 0
        for wish in self.wishes:
            people = [person for person in wish.people if person.text not in self.refused]
            if not people:
                continue
            n += 1
            step, recipients = wish.step, tuple(person.text for person in people if person.text is not None)
            yield Step(n, wish.rule, step.handler, wish.options, recipients, step.on_error, step.timeout, step.when_done, wish.values)

    def _reply(self) -> Reply:
        """250 unless everybody is refused; then a temporary refusal if there is one: the sender's next try settles the others."""
        if len(self.refused) < len(self.people):
            return ACCEPTED
        replies = list(self.refused.values())
        return next((reply for reply in replies if reply.code < 500), replies[0])


def expand(rules: Rules, plan: Plan) -> tuple[Decision, ...]:
    """A decision for every rule, in order: also for those that the index ruled out, with the condition that did and the value it saw.

    `plan` must have been made by these `rules` (the same version).
    """
    made = {decision.rule: decision for decision in plan.decisions}
    reached = plan.passed_over + len(plan.decisions)
    return tuple(made.get(rule.name) or _passed_over(rules, rule, plan, reached) for rule in rules.rules)


def _passed_over(rules: Rules, rule: Rule, plan: Plan, reached: int) -> Decision:
    key = rules.index.keys[rule.n] if rules.index else None
    if rule.n >= reached:
        return Decision(rule.name, matched=False, note="not reached")
    if not rule.enabled:
        return Decision(rule.name, matched=False, note="disabled")
    if key is None or key.condition is None:
        return Decision(rule.name, matched=False, note="for none of the recipients")
    condition, seen = key.condition, plan.seen.get(key.fact)
    verdict = Verdict(condition.fact, condition.operator, condition.value, seen, matched=False, note="absent" if seen is None else None)
    return Decision(rule.name, matched=False, conditions=(verdict,))
