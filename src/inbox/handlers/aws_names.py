"""How the names of AWS's things are written; problems are found when rules are loaded. No mail ever chooses a thing, only what is put in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from inbox.errors import Failed

_ARN = r"arn:aws[a-z-]*:{service}:[a-z0-9-]*:\d{{0,12}}:{name}"
_FORMS: Mapping[str, tuple[str, str]] = {
    "bucket": (
        rf"(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]|{_ARN.format(service='s3', name='accesspoint[:/].+')}",
        "3 to 63 small letters, digits, dots and dashes: inbound-mail",
    ),
    "kms_key": (
        rf"[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}|mrk-[0-9a-f]{{32}}|alias/[A-Za-z0-9/_-]+|{_ARN.format(service='kms', name='(key|alias)/.+')}",
        "a key id, alias/NAME or an ARN: arn:aws:kms:us-east-1:123456789012:key/…",
    ),
    "topic": (
        _ARN.format(service="sns", name=r"[A-Za-z0-9_-]{1,256}(\.fifo)?"),
        "the ARN of a topic: arn:aws:sns:us-east-1:123456789012:inbound",
    ),
    "queue": (
        rf"https?://[^\s/]+/\S+|[A-Za-z0-9_-]{{1,80}}(\.fifo)?|{_ARN.format(service='sqs', name='[A-Za-z0-9_.-]+')}",
        "a name, URL or ARN: inbound, https://sqs.us-east-1.amazonaws.com/123456789012/inbound",
    ),
    "function": (
        rf"[A-Za-z0-9_-]{{1,64}}(:[A-Za-z0-9$_-]+)?|{_ARN.format(service='lambda', name='function:[A-Za-z0-9_-]+(:[A-Za-z0-9$_-]+)?')}",
        "a name, NAME:ALIAS or an ARN: arn:aws:lambda:us-east-1:123456789012:function:Inbox",
    ),
    "table": (
        rf"[A-Za-z0-9_.-]{{3,255}}|{_ARN.format(service='dynamodb', name='table/[A-Za-z0-9_.-]+')}",
        "3 to 255 letters, digits, _, . and -, or an ARN",
    ),
    "bus": (
        rf"[/.A-Za-z0-9_-]{{1,256}}|{_ARN.format(service='events', name='event-bus/.+')}",
        "a name or an ARN: default, arn:aws:events:us-east-1:123456789012:event-bus/mail",
    ),
}
_OVERFLOW = ("bucket", "key", "sse", "kms_key", "storage_class")
SSE = ("AES256", "aws:kms")
STORAGE_CLASSES = (
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
    "REDUCED_REDUNDANCY",
)


def problems(kind: str, text: str | None, option: str | None = None) -> Iterator[str]:
    """What is wrong with the name of a `bucket`, `topic`, `queue` …; placeholders are: a mail must not choose where it goes."""
    option = option or kind
    if text is None:
        return
    form, right = _FORMS[kind]
    if "{" in text or "}" in text:
        yield f"{option} is fixed: no {{placeholder}} in it, because a mail must not choose where it goes"
    elif not re.fullmatch(form, text):
        yield f"{option}: {text!r} is none; write {right}"


def key_problems(key: str, option: str = "key") -> Iterator[str]:
    """What is wrong with the template of an object's key: nothing names the mail, it climbs, it is too long."""
    if "{id}" not in key and "{ses_id}" not in key:
        yield f"{option}: {{id}} or {{ses_id}} must stand in it: two mails must never have the same key"
    if reason := _unfit(key):
        yield f"{option}: {reason}"


def check_key(key: str) -> str:
    """The key itself, once the values of a mail are in it; Failed when those made it one that climbs, or none."""
    if reason := _unfit(key):
        raise Failed(f"key {key[:200]!r}: {reason}; leave the placeholder out that brings it in")
    return key


def _unfit(key: str) -> str | None:
    if any(part in ("", ".", "..") for part in key.split("/")):
        return "no part of it may be empty, . or .."
    if re.search(r"[\x00-\x1f\x7f\\]", key):
        return "no control characters and no backslash"
    return "at most 1024 octets" if len(key.encode("utf-8", "replace")) > 1024 else None


def storing_problems(options: Mapping[str, Any], option: str = "") -> Iterator[str]:
    """What is wrong with bucket, key and encryption of an object; `option`: the mapping in which they stand, with its dot."""
    yield from problems("bucket", options.get("bucket"), f"{option}bucket")
    yield from key_problems(options["key"], f"{option}key")
    yield from problems("kms_key", options.get("kms_key"), f"{option}kms_key")
    if options.get("kms_key") and options.get("sse") != "aws:kms":
        yield f"{option}kms_key needs {option}sse: aws:kms"


def overflow_problems(overflow: Mapping[str, str] | None) -> Iterator[str]:
    """What is wrong with the place for mail that is too large for a message."""
    if overflow is None:
        return
    unknown = [name for name in overflow if name not in _OVERFLOW]
    missing = [name for name in ("bucket", "key") if name not in overflow]
    if unknown or missing:
        yield f"overflow has bucket and key, and may have {', '.join(_OVERFLOW[2:])}; {', '.join(unknown or missing)} is {'not one of them' if unknown else 'missing'}"
        return
    if overflow.get("sse", "AES256") not in SSE:
        yield f"overflow.sse: AES256 or aws:kms, not {overflow['sse']!r}"
    if overflow.get("storage_class", "STANDARD") not in STORAGE_CLASSES:
        yield f"overflow.storage_class: one of {', '.join(STORAGE_CLASSES)}"
    yield from storing_problems(overflow, "overflow.")
