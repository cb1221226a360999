"""Rule sets and traffic policies of SES Mail Manager (API mailmanager, 2023-10-17), read and checked.

A rule matches when all its `Conditions` hold and none of `Unless`; rules are for each recipient in turn. A traffic policy is asked during the
dialogue: the size, then every DENY statement, then every ALLOW statement, then the default; not in the order of the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from inbox.receipt_rules import checks
from inbox.receipt_rules.checks import Check
from inbox.receipt_rules.model import Loss
from inbox.rules import address

_STRING = ("EQUALS", "NOT_EQUALS", "STARTS_WITH", "ENDS_WITH", "CONTAINS")
_NUMBER = ("EQUALS", "NOT_EQUALS", "LESS_THAN", "GREATER_THAN", "LESS_THAN_OR_EQUAL", "GREATER_THAN_OR_EQUAL")
_CIDR = ("CIDR_MATCHES", "NOT_CIDR_MATCHES")
_BOOLEAN = ("IS_TRUE", "IS_FALSE")
_SETS = ("EQUALS", "NOT_EQUALS")
OPERATORS: Mapping[str, tuple[str, ...]] = {
    "StringExpression": _STRING,
    "NumberExpression": _NUMBER,
    "IpExpression": _CIDR,
    "Ipv6Expression": _CIDR,
    "BooleanExpression": _BOOLEAN,
    "VerdictExpression": _SETS,
    "DmarcExpression": _SETS,
    "TlsExpression": ("MINIMUM_TLS_VERSION", "IS"),
}
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "StringExpression": ("MAIL_FROM", "HELO", "RECIPIENT", "SENDER", "FROM", "SUBJECT", "TO", "CC"),
    "NumberExpression": ("MESSAGE_SIZE",),
    "IpExpression": ("SOURCE_IP", "SENDER_IP"),
    "Ipv6Expression": ("SENDER_IPV6",),
    "BooleanExpression": ("READ_RECEIPT_REQUESTED", "TLS", "TLS_WRAPPED"),
    "VerdictExpression": ("SPF", "DKIM"),
    "TlsExpression": ("TLS_PROTOCOL",),
}
VALUES: Mapping[str, tuple[str, ...]] = {
    "VerdictExpression": ("PASS", "FAIL", "GRAY", "PROCESSING_FAILED"),
    "DmarcExpression": ("NONE", "QUARANTINE", "REJECT"),
    "TlsExpression": ("TLS1_2", "TLS1_3"),
}
CERTIFICATE = (
    "CN",
    "SAN_RFC822_NAME",
    "SAN_DNS_NAME",
    "SAN_DIRECTORY_NAME",
    "SAN_UNIFORM_RESOURCE_IDENTIFIER",
    "SAN_IP_ADDRESS",
    "SAN_REGISTERED_ID",
    "SERIAL_NUMBER",
)
ACTIONS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Drop": ((), ()),
    "Relay": (("Relay",), ("MailFrom", "ActionFailurePolicy")),
    "Archive": (("TargetArchive",), ("ActionFailurePolicy",)),
    "WriteToS3": (("RoleArn", "S3Bucket"), ("S3Prefix", "S3SseKmsKeyId", "ActionFailurePolicy")),
    "Send": (("RoleArn",), ("ActionFailurePolicy",)),
    "AddHeader": (("HeaderName", "HeaderValue"), ()),
    "ReplaceRecipient": (("ReplaceWith",), ()),
    "DeliverToMailbox": (("MailboxArn", "RoleArn"), ("ActionFailurePolicy",)),
    "DeliverToQBusiness": (("ApplicationId", "IndexId", "RoleArn"), ("ActionFailurePolicy",)),
    "PublishToSns": (("TopicArn", "RoleArn"), ("Encoding", "PayloadType", "ActionFailurePolicy")),
    "Bounce": (("Sender", "StatusCode", "SmtpReplyCode", "DiagnosticMessage", "RoleArn"), ("Message", "ActionFailurePolicy")),
    "InvokeLambda": (("FunctionArn", "InvocationType", "RoleArn"), ("RetryTimeMinutes", "ActionFailurePolicy")),
}
"""The members of each action: those that are required, and the others."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "ActionFailurePolicy": ("CONTINUE", "DROP"),
    "MailFrom": ("REPLACE", "PRESERVE"),
    "Encoding": ("UTF-8", "BASE64"),
    "PayloadType": ("CONTENT", "HEADERS"),
    "InvocationType": ("EVENT", "REQUEST_RESPONSE"),
}


_FORMS: Mapping[str, str] = {"HeaderName": "header-name", "HeaderValue": "header-value", "SmtpReplyCode": "code", "StatusCode": "status"}
_MOST = 10**15


@dataclass(frozen=True, slots=True)
class Condition:
    """One expression: its kind, what it looks at (`source` Attribute, MimeHeaderAttribute, …), the operator, the values."""

    kind: str
    source: str
    name: str
    operator: str
    values: tuple[Any, ...] = ()

    def __str__(self) -> str:
        values = ", ".join(str(value) for value in self.values)
        return " ".join(part for part in (self.kind, self.source, self.name, self.operator, values) if part)


@dataclass(frozen=True, slots=True)
class IngressRule:
    """One rule; actions are their kind and members."""

    name: str
    conditions: tuple[Condition, ...]
    unless: tuple[Condition, ...]
    actions: tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a traffic policy."""

    action: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class TrafficPolicy:
    """What is let in during the dialogue."""

    name: str
    default: str
    largest: int | None
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Ingress:
    """What files of Mail Manager hold together."""

    rules: tuple[IngressRule, ...] = ()
    policies: tuple[TrafficPolicy, ...] = ()
    notes: tuple[Loss, ...] = ()


def read_mail_manager(documents: Iterable[tuple[Any, str]]) -> Ingress:
    """Rules and policies of what get-rule-set and get-traffic-policy print, or of lists of rules, each with a name for errors.

    Raises ConfigError with every mistake of the first document that has some.
    """
    found = Ingress()
    for data, name in documents:
        check = Check(name)
        policies = (read_policy(data, check),) if kind_of(data) == "policy" else ()
        rules = () if policies else read_rules(data, check)
        check.done()
        found = Ingress((*found.rules, *rules), (*found.policies, *policies), (*found.notes, *check.notes))
    return found


def kind_of(data: Any) -> str | None:
    """`rules` or `policy` for what Mail Manager gives, else None."""
    if isinstance(data, dict) and ("PolicyStatements" in data or "DefaultAction" in data):
        return "policy"
    items = data.get("Rules") if isinstance(data, dict) else data
    if isinstance(data, dict) and "RuleSetName" in data and isinstance(items, list):
        return "rules"
    return "rules" if isinstance(items, list) and any(map(_is_rule, items)) else None


def _is_rule(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    actions = item.get("Actions")
    named = {name for action in actions if isinstance(action, dict) for name in action} if isinstance(actions, list) else set()
    return "Conditions" in item or "Unless" in item or bool(named & set(ACTIONS))


def read_rules(data: Any, check: Check) -> tuple[IngressRule, ...]:
    """The rules of a rule set, or of a list of rules. Mistakes are noted in `check`."""
    items = data.get("Rules") if isinstance(data, dict) else data
    found = []
    for n, item in enumerate(checks.sequence(check, "Rules", items)):
        place = f"Rules[{n}]"
        if not isinstance(item, dict):
            check.wrong(place, "a rule is a mapping with Conditions, Unless and Actions")
            continue
        _only(check, place, item, ("Name", "Conditions", "Unless", "Actions"))
        conditions, unless = (_conditions(check, f"{place}.{word}", item.get(word)) for word in ("Conditions", "Unless"))
        actions = [
            _action(check, f"{place}.Actions[{k}]", action)
            for k, action in enumerate(checks.sequence(check, f"{place}.Actions", item.get("Actions")))
        ]
        if not actions:
            check.wrong(place, "Actions is missing; a rule has 1 to 10")
        name = checks.FORMS["name"](check, f"{place}.Name", item.get("Name") or f"rule-{n + 1}")
        found.append(IngressRule(name, conditions, unless, tuple(action for action in actions if action)))
    return tuple(found)


def read_policy(data: Mapping[str, Any], check: Check) -> TrafficPolicy:
    """A traffic policy. Mistakes are noted in `check`."""
    statements = []
    for n, item in enumerate(checks.sequence(check, "PolicyStatements", data.get("PolicyStatements"))):
        place = f"PolicyStatements[{n}]"
        members = item if isinstance(item, dict) else {}
        action = _word(check, f"{place}.Action", members.get("Action"), ("ALLOW", "DENY"))
        statements.append(Statement(action, _conditions(check, f"{place}.Conditions", members.get("Conditions"))))
    largest = data.get("MaxMessageSizeBytes")
    if largest is not None:
        largest = int(_octets(check, "MaxMessageSizeBytes", largest))
    default = _word(check, "DefaultAction", data.get("DefaultAction"), ("ALLOW", "DENY"))
    return TrafficPolicy(str(data.get("TrafficPolicyName") or "traffic policy"), default, largest, tuple(statements))


def _word(check: Check, place: str, value: Any, choices: tuple[str, ...]) -> str:
    """One of a closed set of words; a reference that nobody resolved is none."""
    if checks.is_open(value):
        check.wrong(place, f"{value!r} is not resolved; give its value with --parameter NAME=VALUE")
        return choices[0]
    return checks.one_of(check, place, value, choices)


def _octets(check: Check, place: str, value: Any) -> Any:
    """A number of octets, in bounds that every program can count."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) <= _MOST:
        check.wrong(place, f"must be a number of octets, not {value!r}")
        return 0
    return value


def _only(check: Check, place: str, members: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in members:
        if name not in known:
            check.note(f"{place}: {name!r} is no member that this program knows", "it is not translated")


def _conditions(check: Check, place: str, value: Any) -> tuple[Condition, ...]:
    found = [_condition(check, f"{place}[{n}]", item) for n, item in enumerate(checks.sequence(check, place, value))]
    return tuple(condition for condition in found if condition)


def _condition(check: Check, place: str, value: Any) -> Condition | None:
    given = value if isinstance(value, dict) else {}
    kind = next(iter(given), "")
    body = given.get(kind)
    if len(given) != 1 or kind not in OPERATORS or not isinstance(body, dict):
        check.wrong(place, f"a condition is one of {', '.join(OPERATORS)} with its members, this is {kind or value!r}")
        return None
    place = f"{place}.{kind}"
    operator = _word(check, f"{place}.Operator", body.get("Operator"), OPERATORS[kind])
    source, name = _evaluated(check, place, kind, body.get("Evaluate"))
    return Condition(kind, source, name, operator, _values(check, place, kind, body))


def _evaluated(check: Check, place: str, kind: str, value: Any) -> tuple[str, str]:
    """What an expression looks at: the member of `Evaluate` and its value."""
    if kind == "DmarcExpression":
        return "", ""
    given = value if isinstance(value, dict) else {}
    source = next(iter(given), "")
    inner = given.get(source)
    if len(given) != 1:
        check.wrong(f"{place}.Evaluate", "it must say one thing to look at, such as {Attribute: RECIPIENT}")
    elif source == "Attribute":
        return source, _word(check, f"{place}.Evaluate.Attribute", inner, ATTRIBUTES[kind])
    elif source == "MimeHeaderAttribute" and kind == "StringExpression":
        return source, checks.text(check, f"{place}.Evaluate.{source}", inner)
    elif source == "ClientCertificateAttribute" and kind == "StringExpression":
        return source, _word(check, f"{place}.Evaluate.{source}", inner, CERTIFICATE)
    elif source == "Analysis" and isinstance(inner, dict):
        return source, f"{inner.get('Analyzer')} {inner.get('ResultField')}"
    elif source == "IsInAddressList" and kind == "BooleanExpression" and isinstance(inner, dict):
        lists = [str(item).rpartition("/")[2] for item in checks.sequence(check, place, inner.get("AddressLists"))]
        return source, " ".join([str(inner.get("Attribute")), *lists])
    else:
        check.wrong(f"{place}.Evaluate", f"{source} is nothing that a {kind} looks at")
    return source, ""


def _values(check: Check, place: str, kind: str, body: Mapping[str, Any]) -> tuple[Any, ...]:
    if kind == "BooleanExpression":
        return ()
    one = kind in ("NumberExpression", "TlsExpression")
    given = [body.get("Value")] if one else checks.sequence(check, f"{place}.Values", body.get("Values"))
    if kind == "NumberExpression":
        return (_octets(check, f"{place}.Value", given[0]),)
    if not given:
        check.wrong(f"{place}.Values", "is empty; it needs at least one value")
    if kind in VALUES:
        return tuple(_word(check, f"{place}.Value{'' if one else 's'}", item, VALUES[kind]) for item in given)
    return tuple(checks.text(check, f"{place}.Values", item) for item in given)


def _action(check: Check, place: str, value: Any) -> tuple[str, Mapping[str, Any]] | None:
    given = value if isinstance(value, dict) else {}
    kind = next(iter(given), "")
    members = given.get(kind)
    if len(given) != 1 or kind not in ACTIONS or not isinstance(members, dict):
        check.wrong(place, f"an action is one of {', '.join(ACTIONS)} with its members, this is {kind or value!r}")
        return None
    required, others = ACTIONS[kind]
    for name in required:
        if not members.get(name):
            check.wrong(f"{place}.{kind}", f"{name} is missing; it is required")
    for name, words in WORDS.items():
        if members.get(name) is not None:
            _word(check, f"{place}.{kind}.{name}", members[name], words)
    _only(check, f"{place}.{kind}", members, (*required, *others))
    return kind, {name: _member(check, f"{place}.{kind}.{name}", name, value) for name, value in members.items()}


def _member(check: Check, place: str, name: str, value: Any) -> Any:
    """One member of an action: a list of addresses, a number of minutes, or text in the form that its name asks for."""
    if name == "ReplaceWith":
        found = [checks.text(check, f"{place}[{n}]", one) for n, one in enumerate(checks.sequence(check, place, value))]
        for n, one in enumerate(found):
            if "@" not in one or (address.read(one) is None and not checks.is_open(one)):
                check.wrong(f"{place}[{n}]", f"{one!r} is no address; write user@example.com")
        return found
    return value if name == "RetryTimeMinutes" else checks.FORMS[_FORMS.get(name, "text")](check, place, value)
