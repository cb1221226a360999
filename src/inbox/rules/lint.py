"""Lint: what is no mistake in the language and yet hardly meant. Warnings only; a file with warnings loads."""

from __future__ import annotations

from collections.abc import Iterator

from inbox.rules import address
from inbox.rules.address import Recipients
from inbox.rules.conditions import Condition, Group, Part, leaves
from inbox.rules.document import TextNode
from inbox.rules.ruleset import Place, Rule, Rules
from inbox.rules.scope import Scope

_GUARDS = ("automatic", "may_reply")
_SPOOFABLE = ("from", "reply_to", "header")
_PROVEN = ("verified", "dmarc", "spf", "dkim", "arc", "auth", "ip", "sender")


def lint(scope: Scope, rules: Rules) -> None:
    """Note every warning; `rules` have no mistakes."""
    live = [rule for rule in rules.rules if rule.enabled]
    for rule, text in [
        *_unreachable(live),
        *_effects(live),
        *_guards(scope, live),
        *_trust(scope, live),
        *_foreign(rules, live),
    ]:
        scope.mistakes.warn(_node(rule.place), f"rule {rule.name!r}: {text}")
    for rule, text in _content(rules):
        scope.mistakes.hint(_node(rule.place), f"rule {rule.name!r}: {text}")
    _file(scope, rules)


def _node(place: Place) -> TextNode:
    return TextNode(place.line, place.column, "", plain=True)


def _file(scope: Scope, rules: Rules) -> None:
    """Warnings that concern no single rule."""
    warn = scope.mistakes.warn
    if not rules.domains.entries:
        warn(None, "domains is empty: every recipient is refused")
    for name, node in scope.list_names.items():
        if name not in scope.lists_used:
            warn(node, f"list {name!r} is not used by any rule; remove it, or use it with in: {name}")
    for name, node in scope.fact_names.items():
        if name not in rules.facts_read:
            warn(node, f"fact {name!r} is not read by any rule; remove it")
    for test in rules.tests:
        if not test.mail.is_file():
            warn(_node(test.place), f"the mail {test.mail} of this test is not there")
    _default(scope, rules)


def _default(scope: Scope, rules: Rules) -> None:
    if not rules.default:
        scope.mistakes.warn(None, "default has no steps: of mail that no rule takes, only the raw mail and its receipt are kept")
    for step in rules.default:
        if scope.plugins.handlers.entries[step.handler].sends:
            text = f"default: {step.handler} sends mail for whatever no rule took, also for automatic mail; use a rule with a guard"
            scope.mistakes.warn(_node(step.place), text)


def _unreachable(rules: list[Rule]) -> Iterator[tuple[Rule, str]]:
    """Rules behind an unconditional end for their recipients, or behind an equal rule that ends."""
    ended: dict[str, Rule] = {}
    equal: dict[object, Rule] = {}
    for_all: Rule | None = None
    for rule in rules:
        shape = (rule.recipients.known if rule.recipients else None, tuple(map(_shape, rule.parts)))
        before = for_all or _covering(ended, rule.recipients)
        if before is not None:
            yield rule, f"it is never reached: rule {before.name!r} on line {before.place.line} ends judging for these recipients"
        elif (same := equal.get(shape)) is not None:
            yield (
                rule,
                f"it is never reached: rule {same.name!r} on line {same.place.line} has the same recipients and conditions, and ends judging",
            )
        if rule.ends and not rule.shadow:
            equal.setdefault(shape, rule)
            if not rule.parts and rule.recipients is None:
                for_all = for_all or rule
            elif not rule.parts and rule.recipients is not None:
                for entry in rule.recipients.known:
                    ended.setdefault(entry, rule)


def _covering(ended: dict[str, Rule], recipients: Recipients | None) -> Rule | None:
    """The rule that ends judging for each of these recipients, when there is one for every entry."""
    if recipients is None or not ended:
        return None
    found = [next((ended[key] for key in _wider(entry) if key in ended), None) for entry in recipients.known]
    return found[0] if found and None not in found else None


def _wider(entry: str) -> Iterator[str]:
    """The entry and every entry that matches all that it matches."""
    yield entry
    if "@" in entry:
        read = address.read(entry)
        yield from address.keys(read) if read else ()
    else:
        yield from address.parents(entry.removeprefix("."))


def _shape(part: Part) -> object:
    """What makes two conditions the same."""
    if isinstance(part, Condition):
        return part.fact, part.operator, repr(part.operation.texts or part.value), repr(part.value), part.case
    return part.operator, tuple(map(_shape, part.children))


def _effects(rules: list[Rule]) -> Iterator[tuple[Rule, str]]:
    for rule in rules:
        if not (rule.labels or rule.values or rule.steps or rule.ends):
            yield rule, "it has no effect; give it label, set, do, refuse or stop"


def _guards(scope: Scope, rules: list[Rule]) -> Iterator[tuple[Rule, str]]:
    for rule in rules:
        sends = [step.handler for step in rule.steps if scope.plugins.handlers.entries[step.handler].sends]
        if sends and not any(_family(fact) in _GUARDS for fact in rule.facts):
            yield rule, f"{sends[0]} sends mail and nothing keeps it from answering machines; add unless: {{automatic: {{exists: true}}}}"


def _trust(scope: Scope, rules: list[Rule]) -> Iterator[tuple[Rule, str]]:
    """Rules with power that believe what anybody can write into a header. To be refused is no gain; to be spared by `unless` is."""
    for rule in rules:
        acts = any(scope.plugins.handlers.entries[step.handler].acts for step in rule.steps)
        believed = [leaf.fact for part in rule.parts for leaf in (leaves(part) if acts else _negated(part))]
        spoofable = [fact for fact in believed if _family(fact) in _SPOOFABLE]
        if (acts or rule.refuse) and spoofable and not any(_family(fact) in _PROVEN for fact in rule.facts):
            yield (
                rule,
                f"{spoofable[0]!r} is what anybody can write into a mail; add a condition that proves the sender, such as dmarc: pass",
            )


def _negated(part: Part) -> Iterator[Condition]:
    """The conditions that spare somebody."""
    if isinstance(part, Group):
        for child in part.children:
            yield from leaves(child) if part.operator in ("not", "unless") else _negated(child)


def _family(fact: str) -> str:
    return fact.partition(".")[0]


def _foreign(rules: Rules, live: list[Rule]) -> Iterator[tuple[Rule, str]]:
    """Rules for recipients that no door lets in."""
    for rule in live:
        for entry in rule.recipients.entries if rule.recipients else ():
            key = next(address.entry_keys([entry])).rpartition("@")[2]
            if rules.domains.entries and not any(wide in rules.domains.known for wide in _wider(key)) and not _above(key, rules):
                yield rule, f"no mail comes for {entry}: it is not among the domains; add it there, or remove it here"


def _above(entry: str, rules: Rules) -> bool:
    """Whether `.example.org` stands for a domain that is let in by itself."""
    return entry.startswith(".") and any(domain.endswith(entry) for domain in rules.domains.known)


def _content(rules: Rules) -> Iterator[tuple[Rule, str]]:
    """One hint when refusals need the content: then every mail is judged before it is accepted."""
    for rule in rules.late[:1]:
        read = {fact for other in rules.rules[: rule.n + 1] for fact in other.facts}
        when = "once all recipients are known" if all(map(rules.known_early, read)) else "on content"
        yield rule, f"it refuses {when}, so every mail is judged before its 250; that holds up the sender"
