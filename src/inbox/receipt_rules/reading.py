"""Receipt rule sets from files: the JSON of describe-active-receipt-rule-set and its kin, or a CloudFormation template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from inbox.errors import ConfigError
from inbox.receipt_rules import checks, cloudformation
from inbox.receipt_rules.checks import Check
from inbox.receipt_rules.documents import read_document
from inbox.receipt_rules.model import Loss, ReceiptFilter, ReceiptRule, ReceiptRuleSet

_LIMITS = {"rules": 200, "actions": 10, "recipients": 100, "filters": 100}
NONE_ACTIVE = Loss("no rule set is active, so SES refuses every mail", "a file without rules and domains, which refuses every mail too")


def read(path: Path | str, *, parameters: Mapping[str, str] | None = None, rule_set: str | None = None) -> ReceiptRuleSet:
    """The rule set in a file, with its IP filters and what could not be read exactly (`notes`).

    The file is what describe-active-receipt-rule-set, describe-receipt-rule-set or list-receipt-filters print, or a CloudFormation or SAM
    template in JSON or YAML. `parameters`: values for the template's references; `rule_set`: which one, when it has several.
    Raises ConfigError with every mistake in the file.
    """
    return read_data(read_document(Path(path)), str(path), parameters=parameters, rule_set=rule_set)


def read_data(data: Any, name: str, *, parameters: Mapping[str, str] | None = None, rule_set: str | None = None) -> ReceiptRuleSet:
    """As `read`, of data; `name` stands in errors."""
    check = Check(name)
    if isinstance(data, dict) and isinstance(data.get("Resources"), dict):
        found = cloudformation.resources(data, parameters or {}, check, rule_set)
        rules, filters, title = found.rules, found.filters, found.name
    elif isinstance(data, dict) and ("Rules" in data or "Metadata" in data or "Filters" in data or not set(data) - {"ResponseMetadata"}):
        title = str((data.get("Metadata") or {}).get("Name") or "rule-set") if isinstance(data.get("Metadata", {}), dict) else "rule-set"
        rules = list(enumerate(checks.sequence(check, "Rules", data.get("Rules"))))
        filters = list(enumerate(checks.sequence(check, "Filters", data.get("Filters"))))
        if not rules and not filters and "Metadata" not in data and "Filters" not in data:
            check.notes.append(NONE_ACTIVE)
    else:
        raise ConfigError(f"{name}: {_unknown(data)}")
    made = ReceiptRuleSet(title, _rules(check, rules), _filters(check, filters))
    check.done()
    return replace(made, notes=(*check.notes, *limits(made)))


def _unknown(data: Any) -> str:
    seen = f"a mapping with {', '.join(map(str, list(data)[:5]))}" if isinstance(data, dict) else f"a {type(data).__name__}"
    return (
        f"this is {seen}; it must be what `aws ses describe-active-receipt-rule-set` prints (Metadata, Rules), or a CloudFormation "
        "template (Resources)"
    )


Placed = list[tuple[Any, Any]]
"""Members of the API by the place where they stand: a number in a list, or the name of a resource."""


def _place(list_name: str, key: Any) -> str:
    return f"{list_name}[{key}]" if isinstance(key, int) else f"Resources.{key}"


def _rules(check: Check, given: Placed) -> tuple[ReceiptRule, ...]:
    found: list[ReceiptRule] = []
    for key, members in given:
        place = _place("Rules", key)
        rule = checks.made(check, place, ReceiptRule, members)
        if rule is not None and rule.name in {other.name for other in found}:
            check.wrong(place, f"another rule is called {rule.name!r}; names are unique in a rule set")
        found += [rule] if rule else []
    return tuple(found)


def _filters(check: Check, given: Placed) -> tuple[ReceiptFilter, ...]:
    return tuple(made for key, members in given if (made := _filter(check, _place("Filters", key), members)))


def _filter(check: Check, place: str, members: Any) -> ReceiptFilter | None:
    inner = members.get("IpFilter") if isinstance(members, dict) else None
    if not isinstance(inner, dict):
        check.wrong(place, "a filter is {Name: …, IpFilter: {Policy: Block, Cidr: 192.0.2.0/24}}")
        return None
    name = checks.FORMS["name"](check, f"{place}.Name", members.get("Name"))
    policy = checks.one_of(check, f"{place}.IpFilter.Policy", inner.get("Policy"), ("Block", "Allow"))
    cidr = checks.text(check, f"{place}.IpFilter.Cidr", inner.get("Cidr"))
    return ReceiptFilter(name, "Block" if policy == "Block" else "Allow", _network(check, place, cidr))


def _network(check: Check, place: str, cidr: str) -> str:
    """The network of a filter; where it names an address within one, the network that is meant, and that is told."""
    if not cidr or checks.is_open(cidr):
        return cidr
    try:
        meant = str(ip_network(cidr, strict=False))
    except ValueError:
        check.wrong(f"{place}.IpFilter.Cidr", f"{cidr!r} is no network; write one such as 192.0.2.0/24, or an address")
        return cidr
    if meant.removesuffix("/32") != cidr.removesuffix("/32") and ":" not in cidr:
        check.note(f"{place}: {cidr} names an address within a network", f"{meant} is meant")
    return meant


def limits(made: ReceiptRuleSet) -> list[Loss]:
    """What is more than SES takes: such a file cannot have come from it."""
    found = [_over("rules", len(made.rules), None), _over("filters", len(made.filters), None)]
    for rule in made.rules:
        found += [_over("actions", len(rule.actions), rule.name), _over("recipients", len(rule.recipients), rule.name)]
    return [loss for loss in found if loss]


def _over(what: str, count: int, rule: str | None) -> Loss | None:
    if count <= _LIMITS[what]:
        return None
    return Loss(f"{count} {what}; SES takes at most {_LIMITS[what]}", "all of them are translated", rule)


def merged(sets: list[ReceiptRuleSet]) -> ReceiptRuleSet:
    """One rule set of several files: one of them has the rules, others may have filters. Raises ConfigError when several have rules."""
    ruled = [found for found in sets if found.rules]
    if len(ruled) > 1:
        raise ConfigError(
            f"{len(ruled)} of the files have rules ({', '.join(found.name for found in ruled)}); one rule set is active at a time"
        )
    filters = tuple(dict.fromkeys(one for found in sets for one in found.filters))
    notes = tuple(dict.fromkeys(note for found in sets for note in found.notes))
    return replace((ruled or sets)[0], filters=filters, notes=notes)
