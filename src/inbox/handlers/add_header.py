"""The handler add-header: a header field that later steps of the same mail deliver, as SES's AddHeader does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inbox.send import headers as guard

if TYPE_CHECKING:
    from inbox.model import Step

NAME = "add-header"
MOST_VALUE = 2047
_NAME = re.compile(r"[A-Za-z0-9-]{1,50}")
_TAKEN = frozenset(
    (
        *("from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "in-reply-to", "references"),
        *("mime-version", "return-path", "received", "received-spf", "authentication-results", "dkim-signature"),
    )
)


def add_header(*, name: str, value: str) -> str:
    """Add a header field to the mail for the steps behind this one: s3 with `content: ses`, sns, sqs and lambda deliver it.

    name: 1 to 50 letters, digits and dashes, as SES has it, X-Team for example; not a field that the mail has itself. value: one line, under
    2048 characters; what is not ASCII becomes encoded words. The mail that is kept does not change, and every step sees the same.
    """
    shown, _ = field(name, value)
    return f"later steps deliver {shown}"


def fields(earlier: Iterable[Step]) -> tuple[tuple[str, str], ...]:
    """The fields that steps before this one added, in their order."""
    return tuple(field(step.options["name"], step.options["value"]) for step in earlier if step.handler == NAME)


def field(name: str, value: str) -> tuple[str, str]:
    """Name and value as they stand in a header: the value is one field, folded, whatever was in it."""
    written = guard.field(name, guard.clean(value)[:MOST_VALUE]).decode()
    return name, written.partition(":")[2].strip()


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options: a name that SES would not take or that belongs to the mail, a value of several lines."""
    name, value = options["name"], options["value"]
    if not _NAME.fullmatch(name):
        yield f"name: {name!r} is none that can be added; 1 to 50 letters, digits and dashes: X-Team"
    elif name.lower() in _TAKEN or name.lower().startswith(("content-", "x-ses-", "arc-")):
        yield f"name: {name} is the mail's own, or says how it was received; choose another: X-{name}"
    if "\r" in value or "\n" in value or len(value) > MOST_VALUE:
        yield "value: one line of at most 2047 characters"
