"""The words of rules.yaml, each with one sentence of meaning: the loader, the JSON Schema and the reference pages read these tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Operator:
    """One way to compare a fact: `value` names the kind of value that it takes."""

    name: str
    value: str
    meaning: str
    example: str


OPERATORS: tuple[Operator, ...] = (
    Operator("is", "value", "equals; what a plain value means without an operator", "dmarc: pass"),
    Operator("has", "text", "holds this text anywhere", "subject: {has: invoice}"),
    Operator("starts", "text", "begins with this text", "subject: {starts: '[ticket'}"),
    Operator("ends", "text", "ends with this text", "attachment.name: {ends: .pdf}"),
    Operator("like", "text", "matches this pattern as a whole: `*` is any text, `?` one character", "attachment.type: {like: image/*}"),
    Operator(
        "matches", "text", "this RE2 pattern is found in it; named groups become placeholders", r"subject: {matches: '#(?P<ticket>\d+)'}"
    ),
    Operator("in", "list", "is an entry of a list of the section `lists`, or of this one; entries may hold `*`, and be networks (10.0.0.0/8)", "sender: {in: vip}"),
    Operator("under", "number", "is less; numbers, sizes (5MB, 512KiB) and durations (90s, 2h)", "size: {under: 5MB}"),
    Operator("over", "number", "is more", "spam.score: {over: 5}"),
    Operator(
        "between",
        "pair",
        "is not less than the first and not more than the second; also dates and times of day, which may cross midnight",
        "hour: {between: [8, 17]}",
    ),
    Operator("exists", "boolean", "is there at all", "automatic: {exists: true}"),
    Operator("domain", "text", "is this domain or an address in it; `.example.com`: in its subdomains", "sender: {domain: example.com}"),
)  # fmt: skip
OPERATOR_NAMES: tuple[str, ...] = tuple(operator.name for operator in OPERATORS)

CONDITION_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "not": "Turns a condition round: a value, operators, or a group",
        "case": "`true`: upper and lower case differ in this condition",
        "any": "A list of groups of conditions; one of them must hold",
        "all": "A list of groups of conditions; all of them must hold",
    }
)
TOP_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "version": "The version of this language: 1",
        "domains": "Domains that we take mail for; `.example.org` means its subdomains; an empty list refuses everything",
        "lists": "Named lists of addresses, domains or other texts, written here or in a file with one entry a line",
        "facts": "Facts with options, under names of your own: classifiers and look-ups",
        "rules": "The rules, judged from the first to the last",
        "default": "The steps for recipients that no rule took",
        "tests": "Mails with what the rules must make of them; `inbox test` runs them",
    }
)
RULE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "name": "The name of the rule, by which receipts, counters and tests speak of it",
        "recipients": "Envelope recipients that the rule is for: addresses (with any +label), domains, `.domain` for subdomains; all when left out",
        "when": "Conditions that must all hold",
        "unless": "Conditions of which none may hold",
        "label": "One label or a list of labels for the mail",
        "set": "Values with names, for placeholders and conditions of this and later rules",
        "refuse": "The mail is refused for these recipients, with this text or with {code, status, text}",
        "do": "The steps: handlers, each alone or with its options",
        "stop": "`true`: later rules are not judged for these recipients; `mail`: nor for any other recipient of the mail",
        "enabled": "`false`: the rule is not judged",
        "shadow": "`true`: the rule is judged and recorded, and does nothing",
    }
)
STEP_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "on_error": "What happens when the step gives up: retry (the mail is dead), continue, stop (the rule's later steps are skipped), quarantine",
        "timeout": "The longest one attempt may take: seconds, or 90s, 5m, 2h",
        "when_done": "`stop`: the rule's later steps run only if this one gives up",
    }
)
TEST_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "name": "What the test shows; left out: the mail and its recipients",
        "mail": "Path of the raw mail, beside the rules file",
        "to": "One envelope recipient or a list",
        "from": "The envelope sender; left out: the null sender",
        "ip": "The address of the client",
        "helo": "The name that the client gave",
        "expect": "What the plan must be",
    }
)
EXPECT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "rules": "Names of the rules that match, in order; `default` may stand for the default steps",
        "handlers": "Handlers of the steps, in order",
        "labels": "The labels, in any order",
        "refused": "`true` or `false` for all recipients, or a list of the recipients that are refused",
    }
)
REFUSE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "code": "The SMTP code: 5xx for good, 4xx for now; 550 when left out",
        "status": "The enhanced status (RFC 3463), of the same class; 5.7.1 or 4.7.1 when left out",
        "text": "One line of printable ASCII for the sender",
    }
)
RULE_FACTS: Mapping[str, str] = MappingProxyType(
    {
        "recipient": "The envelope recipient that the rule is judged for",
        "recipient.domain": "Its domain, in lower case",
        "recipient.tag": "Its +label",
        "label": "The labels that earlier rules gave for this recipient",
        "set.*": "A value that an earlier rule set for this recipient",
    }
)
ON_ERROR: tuple[str, ...] = ("retry", "continue", "stop", "quarantine")


def reference() -> dict[str, Mapping[str, str] | tuple[Operator, ...]]:
    """All tables of words by the place where they stand: what the reference pages are made of."""
    return {
        "file": TOP_WORDS,
        "rule": RULE_WORDS,
        "condition": CONDITION_WORDS,
        "operators": OPERATORS,
        "refuse": REFUSE_WORDS,
        "step": STEP_WORDS,
        "test": TEST_WORDS,
        "expect": EXPECT_WORDS,
        "facts": RULE_FACTS,
    }
