"""Handlers that stay within the store: store a row, hold a mail back, discard it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inbox.model import Done, Row, isoformat

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Json, Mail, Step

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")


def store(mail: Mail, message: Message, step: Step, *, table: str = "mails", values: dict[str, str] | None = None) -> Row:
    """Keep a row in a table of the store, exactly once.

    table: its name; it is made when it is missing. values: columns and what they hold, `{order: "{order}"}`; without it sender, recipients,
    author, subject, Message-ID, text and time of arrival.
    """
    return Row(table, dict(values) if values else _usual(mail, message, step))


def _usual(mail: Mail, message: Message, step: Step) -> dict[str, Json]:
    return {
        "sender": mail.envelope.sender,
        "recipients": ", ".join(step.recipients),
        "author": ", ".join(author.address for author in message.from_),
        "subject": message.subject,
        "message_id": message.message_id,
        "text": message.text,
        "received_at": isoformat(mail.received_at),
    }


def check_store(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options: names that no table or column can have, or that the store needs itself."""
    table = options.get("table", "mails")
    columns = tuple(options.get("values") or ())
    for kind, name in [("table", table), *(("column", name) for name in columns)]:
        if not _NAME.fullmatch(name):
            yield f"{kind} {name!r}: a name is made of letters, digits and _, begins with a letter and has at most 63 characters"
    if table.lower().startswith(("inbox_", "sqlite_")):
        yield f"table {table!r}: names that begin with inbox_ or sqlite_ are the store's own"
    for name in columns:
        if name.lower() in ("mail_id", "step"):
            yield f"column {name!r} is filled by the store itself; choose another name"


def quarantine(*, reason: str = "held by a rule") -> Done:
    """Hold the mail back until somebody looks at it; reason: stands in its receipt."""
    return Done(f"held: {reason}", hold=True)


def discard(*, reason: str = "by a rule") -> str:
    """Do nothing with the mail, on purpose; reason: stands in its receipt."""
    return f"discarded: {reason}"


def end(*, reason: str = "by a rule") -> Done:
    """Skip every step behind this one, of all rules; reason: stands in the receipt. `stop: mail` of a rule is simpler, where nothing decides meanwhile."""
    return Done(f"ended: {reason}", stop="all")
