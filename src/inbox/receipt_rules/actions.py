"""Steps as SES actions: the table of `steps` the other way round."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from inbox.receipt_rules.model import Action, AddHeaderAction, BounceAction, LambdaAction, S3Action, SNSAction
from inbox.receipt_rules.steps import END, Told
from inbox.rules.placeholders import Name, Text, names

_HEADER = re.compile(r"([A-Za-z0-9-]{1,50}): (\S.{0,2046})")


@dataclass(frozen=True, slots=True)
class Alert:
    """A notification without content: its topic, and what it says was done, when it says it."""

    topic: str
    kind: str | None = None


Found = tuple[Action | None, Alert | None, tuple[Told, ...]]
"""An action or an alert, and what is lost."""


def action_of(handler: str, options: Mapping[str, Any]) -> Found:
    """What SES has for a step."""
    read = _TABLE.get(handler)
    if read is None:
        return None, None, ((f"{handler}: SES has no such action", "it is left out; a LambdaAction can do it"),)
    open_names = sorted(set(names({key: value for key, value in options.items() if not (handler == "s3" and key == "key")})))
    if open_names:
        return None, None, ((f"{handler}: {{{open_names[0]}}} in an option", "it is left out: SES fills in nothing"),)
    action, alert, told = read(options)
    more = [name for name, value in options.items() if name not in _USED[handler] and value not in (None, _USUAL.get(name))]
    return action, alert, (*told, *((f"{handler}: {name}", "it is left out: SES has no such option") for name in more))


def header_of(label: str) -> AddHeaderAction | None:
    """The header field that a label of the form `Name: value` stands for."""
    found = _HEADER.fullmatch(label)
    return AddHeaderAction(found[1], found[2]) if found else None


def with_topic(action: Action | None, alert: Alert) -> Action | None:
    """The action with the topic of an alert, when it can have one, has none, and the alert does not speak of another kind."""
    if action is None or alert.kind not in (None, action.kind.removesuffix("Action")):
        return None
    if isinstance(action, (S3Action, LambdaAction, BounceAction)) and action.topic_arn is None:
        return replace(action, topic_arn=alert.topic)
    return None


def _s3(options: Mapping[str, Any]) -> Found:
    told: list[Told] = []
    prefix = _prefix(options["key"])
    if prefix is None:
        told.append(("s3: SES makes the key itself, of a prefix and its id", "the prefix is left out"))
    if options.get("content") != "ses":
        told.append((f"s3: content {options.get('content')}", "SES stores the mail with its own header fields on top"))
    return S3Action(str(options["bucket"]), prefix or None), None, tuple(told)


def _prefix(key: Any) -> str | None:
    """The prefix of a key that ends in the id of SES; without the slash, which SES puts in."""
    parts = key.parts if isinstance(key, Text) else (key,)
    if parts[-1] != Name("ses_id") or any(isinstance(part, Name) for part in parts[:-1]):
        return None
    prefix = "".join(map(str, parts[:-1]))
    return prefix.removesuffix("/") if prefix.endswith("/") or not prefix else None


def _sns(options: Mapping[str, Any]) -> Found:
    if options.get("content") == "none":
        said = options.get("action")
        return None, Alert(str(options["topic"]), str(said["type"]) if said else None), ()
    encoded = str(options.get("encoding")).lower() == "base64"
    return SNSAction(str(options["topic"]), "Base64" if encoded else "UTF-8"), None, ()


def _lambda(options: Mapping[str, Any]) -> Found:
    waits = options.get("invocation") == "RequestResponse"
    return LambdaAction(str(options["function"]), "RequestResponse" if waits else "Event"), None, ()


def _bounce(options: Mapping[str, Any]) -> Found:
    code, usual, text = _TEMPLATES[str(options.get("reason") or "Undefined")]
    status = options.get("status") or (usual if options.get("code") is None else None)
    return BounceAction(str(options.get("code") or code), str(options.get("text") or text), str(options["sender"]), status), None, ()


def _add_header(options: Mapping[str, Any]) -> Found:
    return AddHeaderAction(str(options["name"]), str(options["value"])), None, ()


def _nothing(_: Mapping[str, Any]) -> Found:
    return None, None, ()


_TEMPLATES: Mapping[str, tuple[str, str, str]] = {
    "DoesNotExist": ("550", "5.1.1", "Mailbox does not exist"),
    "MessageTooLarge": ("552", "5.3.4", "Message too large"),
    "ExceededQuota": ("552", "5.2.2", "Mailbox full"),
    "ContentRejected": ("500", "5.6.1", "Message content rejected"),
    "Undefined": ("554", "5.0.0", "Unknown failure"),
    "TemporaryFailure": ("450", "4.0.0", "Temporary failure"),
}
"""SES's own templates of bounces."""
_USED: Mapping[str, frozenset[str]] = {
    "s3": frozenset(("bucket", "key", "content", "scan")),
    "sns": frozenset(("topic", "encoding", "content", "action", "scan")),
    "lambda": frozenset(("function", "invocation", "scan")),
    "ses-bounce": frozenset(("sender", "reason", "code", "status", "text")),
    "add-header": frozenset(("name", "value")),
    "discard": frozenset(("reason",)),
    END: frozenset(("reason",)),
}
"""Options that an action says; any other that is set is told."""
_USUAL: Mapping[str, str] = {"subject": "Amazon SES Email Receipt Notification", "if_exists": "fail"}
_TABLE: Mapping[str, Callable[[Mapping[str, Any]], Found]] = {
    "s3": _s3,
    "sns": _sns,
    "lambda": _lambda,
    "ses-bounce": _bounce,
    "add-header": _add_header,
    "discard": _nothing,
    END: _nothing,
}
