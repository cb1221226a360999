"""Admit: may this recipient be served? Asked at RCPT time, when only the envelope is known; pure and quick."""

from __future__ import annotations

from collections.abc import Iterable

from inbox.model import Reply
from inbox.ports import Facts
from inbox.rules import address
from inbox.rules.conditions import certain
from inbox.rules.ruleset import Rule, Rules
from inbox.rules.seen import Person, Reader

RELAY_DENIED = Reply(554, "5.7.1", "Relay access denied")


def admit(rules: Rules, facts: Facts, recipient: str) -> Reply | None:
    """None when the recipient may be served, else the refusal.

    A rule refuses now when the envelope alone settles that it matches, and no rule before it might end judging for this recipient first.
    `facts` are asked for facts of the envelope only.
    """
    if not rules.accepts(recipient):
        return RELAY_DENIED
    person, reader = Person(recipient, address.read(recipient)), Reader(facts)
    for rule in _gate(rules, reader, person):
        ours = rule.recipients is None or rule.recipients.holds(person.address)
        matches = _certain(rules, rule, reader, person) if ours else False
        if matches is True:
            return rule.refuse
        if matches is None or _for_another(rules, rule, reader, person):
            return None
    return None


def _gate(rules: Rules, reader: Reader, person: Person) -> Iterable[Rule]:
    if rules.gate_index is None:
        return rules.gate
    return [rules.gate[position] for position in rules.gate_index.candidates(reader, [person.address])]


def _for_another(rules: Rules, rule: Rule, reader: Reader, person: Person) -> bool:
    """Whether a rule might end judging by matching for another recipient of the mail: all of them are known only once the mail is there."""
    if not rule.ends_all or not rule.chooses:
        return False
    shared = [certain(part, reader, person, rules.known_early) for part in rule.when if not part.personal]
    return False not in shared


def _certain(rules: Rules, rule: Rule, reader: Reader, person: Person) -> bool | None:
    """Whether a rule matches: True, False, or None while the content decides."""
    answers = []
    for part in rule.parts:
        answer = certain(part, reader, person, rules.known_early)
        answers.append(answer if part is not rule.unless or answer is None else not answer)
    if False in answers:
        return False
    return None if None in answers else True
