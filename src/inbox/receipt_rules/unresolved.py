"""References that a template does not resolve, in a form that rules load with: names that say `unresolved`, and that nothing can have.

What is done with them fails and is tried again, so that no mail is lost while the name is put in.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from inbox.receipt_rules.checks import is_open
from inbox.receipt_rules.model import Action

DOMAIN = "unresolved.invalid"  # RFC 2606 section 2
_REFERENCE = re.compile(r"\$\{!?([^}]*)\}")


def recipient(entry: str) -> str:
    """A recipient as rules.yaml takes it; one with an open reference becomes a name that nobody can have."""
    if not is_open(entry):
        return entry
    local, at, _ = entry.rpartition("@")
    return f"{_word(local) or 'unresolved'}@{DOMAIN}" if at else DOMAIN


def member(name: str, value: Any) -> Any:
    """A member of an action with a name in the place of open references; lists item by item."""
    if isinstance(value, list):
        return [recipient(item) if is_open(item) else item for item in value]
    return _FORMS.get(name, _plain)(value) if is_open(value) else value


def closed(action: Action) -> Action:
    """The action with names in the place of open references."""
    found = {field.name: member(field.metadata["api"], getattr(action, field.name)) for field in dataclasses.fields(action)}
    return dataclasses.replace(action, **found)


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")


def _name(text: str) -> str:
    """The reference's own name with `unresolved` in front: letters, digits and dashes."""
    return f"unresolved-{_word(_REFERENCE.sub(lambda match: match[1], text))}"


def _plain(text: str) -> str:
    return _REFERENCE.sub(lambda match: f"unresolved-{_word(match[1])}", text)


def _bucket(text: str) -> str:
    return _name(text).lower()[:63].rstrip("-_").replace("_", "-")


_FORMS: Mapping[str, Callable[[str], Any]] = {
    "BucketName": _bucket,
    "S3Bucket": _bucket,
    "TopicArn": lambda text: f"arn:aws:sns:us-east-1:000000000000:{_name(text)[:256]}",
    "FunctionArn": lambda text: _name(text)[:64],
    "Sender": lambda text: recipient(text if "@" in text else f"{text}@{DOMAIN}"),
    "SmtpReplyCode": lambda _: "550",
    "StatusCode": lambda _: None,
    "Encoding": lambda _: "Base64",
    "InvocationType": lambda _: "Event",
    "Scope": lambda _: "RuleSet",
    "HeaderName": lambda text: f"X-{_name(text)}"[:50],
}
