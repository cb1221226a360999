"""Conditions of Mail Manager in the words of rules.yaml; None where there is no way to say one, and then why."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inbox.receipt_rules.ingress import Condition

FACTS: Mapping[str, str] = {
    "MAIL_FROM": "sender",
    "HELO": "helo",
    "RECIPIENT": "recipient",
    "SENDER": "header.Sender",
    "FROM": "from",
    "SUBJECT": "subject",
    "TO": "to",
    "CC": "cc",
    "SPF": "verdict.spf",
    "DKIM": "verdict.dkim",
    "READ_RECEIPT_REQUESTED": "header.Disposition-Notification-To",
    "TLS": "tls",
}
_TEXTS = {"EQUALS": "is", "NOT_EQUALS": "is", "STARTS_WITH": "starts", "ENDS_WITH": "ends", "CONTAINS": "has"}
_NUMBERS: Mapping[str, tuple[str, bool]] = {
    "EQUALS": ("is", True),
    "NOT_EQUALS": ("is", False),
    "LESS_THAN": ("under", True),
    "GREATER_THAN": ("over", True),
    "LESS_THAN_OR_EQUAL": ("over", False),
    "GREATER_THAN_OR_EQUAL": ("under", False),
}


@dataclass(frozen=True, slots=True)
class Said:
    """A condition in our words: fact and test. `told`: what differs; `lists`: address lists that must be filled; no fact: it cannot be said."""

    fact: str = ""
    test: Any = None
    told: str = ""
    lists: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        return bool(self.fact) and not self.lists


def say(condition: Condition) -> Said:
    """A condition in our words."""
    if condition.source == "Analysis":
        return Said(told=f"{condition}: the analysis of an add-on")
    return _SAYING[condition.kind](condition)


def group(said: list[Said], join: str) -> dict[str, Any]:
    """Conditions as one mapping; as a list below `all` or `any` where a fact stands twice."""
    parts = [{one.fact: one.test} for one in said if one.fact]
    if len({one.fact for one in said if one.fact}) == len(parts):
        return {fact: test for part in parts for fact, test in part.items()}
    return {join: parts}


def _is(values: tuple[Any, ...]) -> Any:
    return values[0] if len(values) == 1 else list(values)


def _text(condition: Condition) -> Said:
    told = ""
    if condition.source == "MimeHeaderAttribute":
        fact = f"header.{condition.name}"
    elif condition.source == "ClientCertificateAttribute":
        return _certificate(condition)
    else:
        fact = FACTS[condition.name]
        told = "FROM is compared with the author's address alone" if condition.name == "FROM" else ""
    test = {_TEXTS[condition.operator]: _is(condition.values)}
    return Said(fact, {"not": test} if condition.operator == "NOT_EQUALS" else test, told)


def _certificate(condition: Condition) -> Said:
    """The common name within the subject of the client's certificate (RFC 4514); nothing else of it is a fact."""
    if condition.name != "CN" or condition.operator not in ("EQUALS", "NOT_EQUALS"):
        return Said(told=f"{condition}: of a client's certificate only the subject is known")
    test = {"matches": [f"(?:^|,)CN={re.escape(str(value))}(?:,|$)" for value in condition.values]}
    return Said("client_certificate", {"not": test} if condition.operator == "NOT_EQUALS" else test)


def _number(condition: Condition) -> Said:
    operator, wanted = _NUMBERS[condition.operator]
    number = condition.values[0]
    test = {operator: int(number) if float(number).is_integer() else number}
    return Said("size", test if wanted else {"not": test})


def _address(condition: Condition) -> Said:
    test = {"in": list(condition.values)}
    return Said("ip", {"not": test} if condition.operator == "NOT_CIDR_MATCHES" else test)


def _boolean(condition: Condition) -> Said:
    wanted = condition.operator == "IS_TRUE"
    if condition.source == "IsInAddressList":
        attribute, _, name = condition.name.partition(" ")
        own = re.sub(r"[^\w-]", "-", name, flags=re.ASCII)
        listed = own if own[:1].isalpha() else f"list-{own}"
        test = {"in": listed}
        told = f"the address list {name} is not in the file: fill the list {listed}, then remove enabled: false"
        return Said(FACTS.get(attribute, "recipient"), test if wanted else {"not": test}, told, (listed,))
    if condition.name == "TLS_WRAPPED":
        return Said(told=f"{condition}: whether TLS came with the connection or by STARTTLS is no fact")
    return Said(FACTS[condition.name], {"exists": wanted})


def _verdict(condition: Condition) -> Said:
    values = tuple(str(value).lower() for value in condition.values)
    told = f"{condition.name} is known only of mail that SES brings"
    return Said(FACTS[condition.name], _known(values, condition.operator), told)


def _dmarc(condition: Condition) -> Said:
    values = tuple(str(value).lower() for value in condition.values)
    return Said("verdict.dmarc_policy", _known(values, condition.operator), "the DMARC policy is known only of mail that SES brings")


def _known(values: tuple[str, ...], operator: str) -> Any:
    """A verdict that is one of these; turned round it must be there all the same, or mail without verdicts would match."""
    return _is(values) if operator == "EQUALS" else {"exists": True, "not": {"is": _is(values)}}


def _tls(condition: Condition) -> Said:
    versions = ["TLSv1.2", "TLSv1.3"]
    if condition.values[0] == "TLS1_3":
        return Said("tls", "TLSv1.3")
    return Said("tls", versions if condition.operator == "MINIMUM_TLS_VERSION" else "TLSv1.2")


_SAYING: Mapping[str, Callable[[Condition], Said]] = {
    "StringExpression": _text,
    "NumberExpression": _number,
    "IpExpression": _address,
    "Ipv6Expression": _address,
    "BooleanExpression": _boolean,
    "VerdictExpression": _verdict,
    "DmarcExpression": _dmarc,
    "TlsExpression": _tls,
}
