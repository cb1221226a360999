"""Steps as SES actions: the table of `steps` the other way round."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from inbox.receipt_rules.model import Action, AddHeaderAction, BounceAction, LambdaAction, S3Action, SNSAction
from inbox.receipt_rules.steps import END, Told
from inbox.rules.placeholders import Name, Text, names

_HEADER = re.compile(r"([A-Za-z0-9-]{1,50}): (\S.{0,2046})")

Found = tuple[Action | None, str | None, tuple[Told, ...]]
"""An action, or the topic of a notification without content, and what is lost."""


def action_of(handler: str, options: Mapping[str, Any]) -> Found:
    """What SES has for a step."""
    read = _TABLE.get(handler)
    if read is None:
        return None, None, ((f"{handler}: SES has no such action", "it is left out; a LambdaAction can do it"),)
    open_names = sorted(set(names({key: value for key, value in options.items() if not (handler == "s3" and key == "key")})))
    if open_names:
        return None, None, ((f"{handler}: {{{open_names[0]}}} in an option", "it is left out: SES fills in nothing"),)
    return read(options)


def header_of(label: str) -> AddHeaderAction | None:
    """The header field that a label of the form `Name: value` stands for."""
    found = _HEADER.fullmatch(label)
    return AddHeaderAction(found[1], found[2]) if found else None


def with_topic(action: Action | None, topic: str) -> Action | None:
    """The action with this topic, when it can have one and has none."""
    if isinstance(action, (S3Action, LambdaAction, BounceAction)) and action.topic_arn is None:
        return replace(action, topic_arn=topic)
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
        return None, str(options["topic"]), ()
    return SNSAction(str(options["topic"]), "Base64" if options.get("encoding") == "Base64" else "UTF-8"), None, ()


def _lambda(options: Mapping[str, Any]) -> Found:
    waits = options.get("invocation") == "RequestResponse"
    return LambdaAction(str(options["function"]), "RequestResponse" if waits else "Event"), None, ()


def _bounce(options: Mapping[str, Any]) -> Found:
    return BounceAction(str(options["code"]), str(options["text"]), str(options["sender"]), options.get("status")), None, ()


def _add_header(options: Mapping[str, Any]) -> Found:
    return AddHeaderAction(str(options["name"]), str(options["value"])), None, ()


def _nothing(_: Mapping[str, Any]) -> Found:
    return None, None, ()


_TABLE: Mapping[str, Callable[[Mapping[str, Any]], Found]] = {
    "s3": _s3,
    "sns": _sns,
    "lambda": _lambda,
    "ses-bounce": _bounce,
    "add-header": _add_header,
    "discard": _nothing,
    END: _nothing,
}
