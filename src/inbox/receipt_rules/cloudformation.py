"""The rules in a CloudFormation or SAM template, in the order that AWS would give them.

CreateReceiptRule puts a rule behind the one named by `After`, and without `After` at the front; the order of the file says nothing.
References are resolved from parameters and from names that stand in the template; any other stays as `${Name}`, and is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from inbox.errors import ConfigError
from inbox.receipt_rules.checks import Check, is_open

_RULE, _SET, _FILTER = "AWS::SES::ReceiptRule", "AWS::SES::ReceiptRuleSet", "AWS::SES::ReceiptFilter"
_SUB = re.compile(r"\$\{(!?)([^}]*)\}")
_NAMED = {_SET: "RuleSetName", "AWS::S3::Bucket": "BucketName"}
"""Resources whose Ref is their name, and the property that gives it."""


@dataclass
class Found:
    """What a template holds, as members of the API under the names of their resources; rules in their order."""

    name: str = "rule-set"
    rules: list[tuple[Any, Any]] = field(default_factory=list)
    filters: list[tuple[Any, Any]] = field(default_factory=list)


def resources(template: Mapping[str, Any], parameters: Mapping[str, str], check: Check, rule_set: str | None) -> Found:
    """The rules and filters of a template. Raises ConfigError when it has several rule sets and none is named."""
    scope = _References(template, parameters, check)
    typed = {key: item for key, item in template["Resources"].items() if isinstance(item, dict)}
    rules = {key: _Rule(key, item, scope) for key, item in typed.items() if item.get("Type") == _RULE}
    sets = dict.fromkeys(rule.set_name for rule in rules.values())
    chosen = rule_set or next(iter(sets), None)
    if len(sets) > 1 and rule_set is None:
        raise ConfigError(f"{check.file} has several rule sets: {', '.join(sets)}; choose one with --rule-set NAME")
    if rule_set is not None and rule_set not in sets:
        raise ConfigError(f"{check.file} has no rule set {rule_set!r}; it has {', '.join(sets) or 'none'}")
    found = Found(chosen or "rule-set")
    found.rules = [(rule.key, rule.members) for rule in _ordered([r for r in rules.values() if r.set_name == chosen], check)]
    found.filters = [(key, scope.value(_properties(item).get("Filter"))) for key, item in typed.items() if item.get("Type") == _FILTER]
    _tell(found, typed, check)
    return found


def mail_manager(template: Any, parameters: Mapping[str, str], check: Check) -> list[tuple[Any, str]]:
    """Rule sets and traffic policies of Mail Manager in a template, as the API has them, with names for errors."""
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        return []
    scope = _References(template, parameters, check)
    kinds = ("AWS::SES::MailManagerRuleSet", "AWS::SES::MailManagerTrafficPolicy")
    return [
        (scope.value(_properties(item)), f"{check.file}: Resources.{key}")
        for key, item in template["Resources"].items()
        if isinstance(item, dict) and item.get("Type") in kinds
    ]


def _tell(found: Found, typed: Mapping[str, Any], check: Check) -> None:
    for key, item in typed.items():
        if item.get("Type") in (_RULE, _FILTER) and "Condition" in item:
            check.note(f"resource {key} is only made when the condition {item['Condition']} holds", "it is translated as if it did")
    for key, members in (*found.rules, *found.filters):
        named = members.get("Name") if isinstance(members, dict) else None
        for reference in dict.fromkeys(_open(members)):
            check.note(
                f"the reference {reference} is not resolved by the template",
                "it stands as it is; give its value with --parameter NAME=VALUE, or put it into rules.yaml",
                str(named or key),
            )


def _open(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (match[0] for match in _SUB.finditer(value))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _open(item)
    elif isinstance(value, list):
        for item in value:
            yield from _open(item)


def _properties(item: Mapping[str, Any]) -> Mapping[str, Any]:
    found = item.get("Properties")
    return found if isinstance(found, dict) else {}


class _Rule:
    """One AWS::SES::ReceiptRule: its members, where it belongs, and what must be made before it."""

    def __init__(self, key: str, item: Mapping[str, Any], scope: _References) -> None:
        properties = _properties(item)
        members = scope.value(properties.get("Rule"))
        self.key = key
        self.members: Any = {"Name": key, **members} if isinstance(members, dict) else members
        self.name = str(self.members.get("Name")) if isinstance(self.members, dict) else key
        self.set_name = str(scope.value(properties.get("RuleSetName")) or "rule-set")
        after = scope.value(properties.get("After"))
        self.after = None if after is None else str(after)
        waits = item.get("DependsOn", ())
        self.waits = {waits} if isinstance(waits, str) else set(waits)
        self.waits |= set(_referred(properties))


def _referred(value: Any) -> Iterator[str]:
    """Names of resources that a value refers to: they are made first."""
    if isinstance(value, dict):
        if isinstance(ref := value.get("Ref"), str):
            yield ref
        for item in value.values():
            yield from _referred(item)
    elif isinstance(value, list):
        for item in value:
            yield from _referred(item)


def _ordered(rules: list[_Rule], check: Check) -> list[_Rule]:
    """The rules as SES would have them after all were made."""
    order: list[_Rule] = []
    names = {rule.name for rule in rules}
    for rule in _made_in_turn(rules, check):
        behind = next((n for n, other in enumerate(order) if other.name == rule.after), None)
        if rule.after is None:
            order.insert(0, rule)
        elif behind is not None:
            order.insert(behind + 1, rule)
        else:
            if rule.after not in names:
                what = f"it stands after the rule {rule.after!r}, which is not in the template"
                check.note(what, "it comes behind the rules that are; put that rule before it", rule.name)
            order.append(rule)
    _tell_of_chance(rules, check)
    return order


def _made_in_turn(rules: list[_Rule], check: Check) -> Iterator[_Rule]:
    """The rules in the order in which they are made: those first that others wait for, else as in the file."""
    left, names = list(rules), {rule.name: rule.key for rule in rules}
    while left:
        open_keys = {rule.key for rule in left}
        ready = [rule for rule in left if not ({*rule.waits, names.get(str(rule.after), "")} - {rule.key}) & open_keys]
        if not ready:
            check.wrong("Resources", f"rules wait for each other in a circle: {', '.join(rule.name for rule in left)}; change their After")
            return
        yield ready[0]
        left.remove(ready[0])


def _tell_of_chance(rules: list[_Rule], check: Check) -> None:
    first = [rule for rule in rules if rule.after is None]
    if len(first) > 1:
        names = ", ".join(rule.name for rule in first)
        what = f"the rules {names} have no After: each goes to the front when it is made, and AWS may make them in any order"
        check.note(what, "they are taken as made in the order of the file, so that the last comes first; add After to be sure")


class _References:
    """Values of a template with its references resolved as far as the template says."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str], check: Check) -> None:
        self._check = check
        self._asked: list[str] = []
        self._resources: Mapping[str, Any] = template["Resources"]
        declared = template.get("Parameters")
        defaults = declared if isinstance(declared, dict) else {}
        self._known: dict[str, Any] = {
            name: _default(about) for name, about in defaults.items() if isinstance(about, dict) and "Default" in about
        }
        self._known.update(parameters)

    def value(self, value: Any) -> Any:
        """The value with every intrinsic function replaced by what it gives, or by `${…}`; Ref to AWS::NoValue is None."""
        if isinstance(value, list):
            items = [self.value(item) for item in value]
            return [item for item in items if item is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref" or str(name).startswith("Fn::"):
                return self._function(str(name), argument)
        return {key: found for key, item in value.items() if (found := self.value(item)) is not None}

    def _function(self, name: str, argument: Any) -> Any:
        if name == "Ref" and isinstance(argument, str):
            return self._ref(argument)
        if name == "Fn::Sub":
            return self._sub(argument)
        if name == "Fn::Join" and isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], list):
            return str(argument[0]).join(str(self.value(item)) for item in argument[1])
        if name == "Fn::If" and isinstance(argument, list) and len(argument) == 3:
            self._check.note(f"a value depends on the condition {argument[0]}", "it is taken as if the condition held")
            return self.value(argument[1])
        if name == "Fn::GetAtt":
            path = argument if isinstance(argument, str) else ".".join(map(str, argument)) if isinstance(argument, list) else "GetAtt"
            return self._known.get(path, f"${{{path}}}")
        return f"${{{name.removeprefix('Fn::')}}}"

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return None
        if name in self._known:
            return self._known[name]
        about = self._resources.get(name)
        found = None
        if isinstance(about, dict) and name not in self._asked:  # a name that refers to itself is never known
            self._asked.append(name)
            found = self._name_of(name, about)
            self._asked.pop()
        return f"${{{name}}}" if found is None else found

    def _name_of(self, key: str, about: Mapping[str, Any]) -> Any:
        """What Ref of a resource gives, where the template says it."""
        properties, kind = _properties(about), about.get("Type")
        if kind == _RULE:
            rule = properties.get("Rule")
            return self.value(rule.get("Name", key)) if isinstance(rule, dict) else key
        found = self.value(properties.get(_NAMED[kind])) if kind in _NAMED else None
        return found if found is not None or kind != _SET else key

    def _sub(self, argument: Any) -> str:
        text, own = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        extra = {key: self.value(item) for key, item in own.items()} if isinstance(own, dict) else {}

        def put(match: re.Match[str]) -> str:
            if match[1]:
                return f"${{{match[2]}}}"
            found = extra[match[2]] if match[2] in extra else self._ref(match[2])
            return str(found) if not is_open(found) else f"${{{match[2]}}}"

        return _SUB.sub(put, str(text))


def _default(about: Mapping[str, Any]) -> Any:
    value = about["Default"]
    if about.get("Type") == "CommaDelimitedList":
        return [part.strip() for part in str(value).split(",")]
    return value
