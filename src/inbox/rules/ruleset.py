"""Rules as frozen data: what a rules.yaml comes to once it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from inbox.inspect import NamedFact
from inbox.model import OnError, Reply
from inbox.rules import address
from inbox.rules.address import Recipients
from inbox.rules.conditions import Group, Part, capture_names, leaves
from inbox.rules.operators import Entries
from inbox.rules.placeholders import Text, names
from inbox.rules.seen import is_personal

if TYPE_CHECKING:
    from inbox.rules.index import Index


@dataclass(frozen=True)
class Place:
    """Where something stands in the file, from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class StepPlan:
    """A step as a rule asks for it: `options` hold `Text` where placeholders are."""

    handler: str
    options: Mapping[str, Any]
    on_error: OnError = "retry"
    timeout: float | None = None
    when_done: Literal["stop"] | None = None
    place: Place = Place(0, 0)

    @cached_property
    def fixed(self) -> bool:
        """Whether the options are the same for every mail."""
        return not any(True for _ in names(self.options))


@dataclass(frozen=True)
class Rule:
    """One rule; `n` is its position in the file from 0."""

    n: int
    name: str
    place: Place
    recipients: Recipients | None = None
    when: tuple[Part, ...] = ()
    unless: Group | None = None
    labels: tuple[str, ...] = ()
    values: Mapping[str, str | Text] = field(default_factory=dict)
    refuse: Reply | None = None
    steps: tuple[StepPlan, ...] = ()
    stop: bool | Literal["mail"] = False
    enabled: bool = True
    shadow: bool = False

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What must be judged, in order: the conditions of `when`, then the group `unless`."""
        return (*self.when, self.unless) if self.unless else self.when

    @property
    def ends(self) -> bool:
        """Whether no later rule is judged for the recipients of this one."""
        return bool(self.stop) or self.refuse is not None

    @property
    def ends_all(self) -> bool:
        """Whether no later rule is judged for any recipient of the mail, if this one matches for some."""
        return self.stop == "mail"

    @property
    def chooses(self) -> bool:
        """Whether it can match for one recipient of a mail and not for another."""
        return self.recipients is not None or any(part.personal for part in self.parts)

    @property
    def takes(self) -> bool:
        """Whether recipients of this rule need no default steps any more."""
        return bool(self.steps) or self.ends

    @cached_property
    def facts(self) -> frozenset[str]:
        """Names of the facts that its conditions read."""
        return frozenset(leaf.fact for part in self.parts for leaf in leaves(part))

    @cached_property
    def captures(self) -> frozenset[str]:
        return frozenset(name for part in self.when for name in capture_names(part))


@dataclass(frozen=True)
class Expectation:
    """What a test in the file wants of the plan; None: not asked."""

    rules: tuple[str, ...] | None = None
    handlers: tuple[str, ...] | None = None
    labels: frozenset[str] | None = None
    refused: bool | tuple[str, ...] | None = None


@dataclass(frozen=True)
class FileTest:
    """One mail of the `tests` section."""

    place: Place
    mail: Path
    recipients: tuple[str, ...]
    sender: str | None
    ip: str | None
    helo: str | None
    name: str | None
    expect: Expectation


@dataclass(frozen=True)
class Translated:
    """What comes with rules that were written for another system: what they do otherwise (`notes`), and IP filters as the setting has them.

    Mail is judged by those in force when it arrives, and steps are carried out strictly in order, as that system does.
    """

    notes: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """Everything that one rules.yaml says.

    `version`: sha256 hex over the text and every file it names. `source`: the text, with inline secrets replaced by their references.
    `files`: the file itself and every file that it names.
    `secrets`: the values of inline secrets by reference. `refuses_on_content`: some refusal can only be decided once the mail is there.
    `translated`: the rules are those of another system.
    """

    path: Path
    version: str
    domains: Recipients
    rules: tuple[Rule, ...]
    default: tuple[StepPlan, ...]
    source: str = field(default="", repr=False)
    lists: Mapping[str, Entries] = field(default_factory=dict, repr=False)
    named_facts: Mapping[str, NamedFact] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    tests: tuple[FileTest, ...] = ()
    files: tuple[Path, ...] = ()
    envelope_facts: frozenset[str] = frozenset()
    index: Index | None = field(default=None, repr=False, compare=False)
    translated: Translated | None = field(default=None, repr=False)

    def stamps(self) -> tuple[object, ...]:
        """What changes when the file, or one that it names, is changed, replaced or removed."""
        return tuple(_stamp(file) for file in self.files)

    def accepts(self, recipient: str) -> bool:
        """Whether we take mail for this recipient: well formed, no route in it, its domain in `domains`."""
        found = address.read(recipient)
        if found is not None and not found.domain:
            return bool(self.domains.entries)
        return self.domains.holds(found)

    @cached_property
    def facts_read(self) -> frozenset[str]:
        """Names of all facts that conditions and placeholders read, without those that the rules make themselves."""
        texts = [*(step.options for rule in self.rules for step in rule.steps), *(step.options for step in self.default)]
        texts += [dict(rule.values) for rule in self.rules]
        made = {name for rule in self.rules for name in (*rule.captures, *rule.values)}
        asked = {name for rule in self.rules for name in rule.facts} | {name for text in texts for name in names(text) if name not in made}
        return frozenset(name for name in asked if not is_personal(name))

    @property
    def refuses_on_content(self) -> bool:
        """Whether some refusal can only be decided once the mail is there."""
        return bool(self.late)

    @cached_property
    def late(self) -> tuple[Rule, ...]:
        """Rules whose refusal needs more than the envelope: their own conditions do, or those of a rule before that may end it first; a rule
        for other recipients may, when its stop is for the whole mail.
        """
        found, earlier = [], False
        for rule in self.rules:
            if not rule.enabled or rule.shadow:
                continue
            content = not all(self.known_early(fact) for fact in rule.facts)
            if rule.refuse is not None and (content or earlier):
                found.append(rule)
            earlier = earlier or (rule.ends and content) or (rule.ends_all and rule.chooses)
        return tuple(found)

    @property
    def judged_before_reply(self) -> bool:
        """Whether a mail is judged before its 250: to refuse it, or because the system that the rules are of judges by those in force at arrival."""
        return self.refuses_on_content or self.translated is not None

    def known_early(self, fact: str) -> bool:
        """Whether a fact is known at RCPT time."""
        return fact in self.envelope_facts or fact in ("recipient", "recipient.domain", "recipient.tag")

    @cached_property
    def gate(self) -> tuple[Rule, ...]:
        """The rules that matter at RCPT time: those that refuse or stop, if any refuses at all."""
        ending = tuple(rule for rule in self.rules if rule.enabled and not rule.shadow and rule.ends)
        return ending if any(rule.refuse is not None for rule in ending) else ()

    @cached_property
    def gate_index(self) -> Index | None:
        """An index over the gate that reads facts of the envelope only; None when it is short."""
        from inbox.rules.index import FEW, Index  # noqa: PLC0415  the index is built of these classes

        return Index(self.gate, self.envelope_facts.__contains__, one=True) if len(self.gate) > FEW else None


def _stamp(file: Path) -> tuple[object, ...]:
    try:
        status = file.stat()
    except OSError:
        return (file,)
    return file, status.st_mtime_ns, status.st_size, status.st_ino
