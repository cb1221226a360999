"""How the words of `inbox.model` are written into columns, and read back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from inbox.model import Envelope, Json, Mail, MailState, Outcome, Plan, Raw, isoformat

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENCODER = json.JSONEncoder(separators=(",", ":"))  # json.dumps would make one for each call
_STRING = json.encoder.encode_basestring_ascii
_MICROSECOND = timedelta(microseconds=1)

LEAVING = 1
"""`due_at` of a mail that was made here and was not tried yet: at once, as 0 is, but in a line of its own."""

MAIL_COLUMNS = (
    "seq, id, source_key, envelope, received_at, size, sha256, raw_seq,"
    " (select data from inbox_raw where inbox_raw.seq = inbox_mails.raw_seq) as data"
)
SUMMARY_COLUMNS = ", ".join(f"inbox_mails.{name}" for name in ("id", "envelope", "subject", "received_at", "size", "state", "due_at"))


@dataclass(frozen=True, slots=True)
class Summary:
    """One mail in a list. `due_at`: when its next step is due; `snippet`: where a search found its words."""

    id: str
    received_at: datetime
    source: str
    sender: str | None
    recipients: tuple[str, ...]
    subject: str | None
    size: int
    state: MailState
    due_at: datetime | None = None
    snippet: str | None = None

    def to_dict(self) -> dict[str, Json]:
        return {
            "id": self.id,
            "received_at": isoformat(self.received_at),
            "source": self.source,
            "sender": self.sender,
            "recipients": list(self.recipients),
            "subject": self.subject,
            "size": self.size,
            "state": self.state,
            "due_at": isoformat(self.due_at) if self.due_at else None,
            "snippet": self.snippet,
        }


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def moment(number: int) -> datetime:
    """The aware datetime of `micros`."""
    return _EPOCH + timedelta(microseconds=number)


def text(value: str | None) -> str | None:
    """Text that SQLite takes: lone surrogates (mail can hold them) become question marks."""
    return value if value is None or value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def to_json(value: Any) -> str:
    """JSON in ASCII: lone surrogates survive as escapes."""
    return _ENCODER.encode(value)


def envelope_json(envelope: Envelope) -> str:
    """As `to_json(envelope.to_dict())`, in a fraction of the time: this is written for every mail before it is acknowledged."""
    return "{" + ",".join([f'"{name}":{_quoted(value)}' for name, value in envelope.to_dict().items()]) + "}"


def _quoted(value: Json) -> str:
    if isinstance(value, str):
        return _STRING(value)
    if value is None:
        return "null"
    if isinstance(value, list):
        return "[" + ",".join([_STRING(item) for item in value]) + "]"
    return to_json(value)


def plan_of(column: str) -> Plan:
    return Plan.from_dict(json.loads(column))


def mail_of(row: sqlite3.Row, blob: Callable[[str], Path]) -> Mail:
    """A mail from MAIL_COLUMNS. `blob` gives the path of a large one; a dropped one has neither data nor path."""
    data = row["data"]
    path = blob(row["sha256"]) if data is None and row["raw_seq"] is None else None
    raw = Raw(row["size"], row["sha256"], data=data, path=path)
    return Mail(row["id"], Envelope.from_dict(json.loads(row["envelope"])), raw, moment(row["received_at"]), row["source_key"])


def summary_of(row: sqlite3.Row, snippet: str | None = None) -> Summary:
    """A summary from SUMMARY_COLUMNS."""
    envelope = json.loads(row["envelope"])
    return Summary(
        id=row["id"],
        received_at=moment(row["received_at"]),
        source=envelope["source"],
        sender=envelope["sender"],
        recipients=tuple(envelope["recipients"]),
        subject=row["subject"],
        size=row["size"],
        state=row["state"],
        due_at=moment(row["due_at"]) if row["state"] == "waiting" and row["due_at"] > LEAVING else None,
        snippet=snippet,
    )


def outcome_of(row: sqlite3.Row) -> Outcome:
    return Outcome(row["n"], row["state"], row["attempt"], row["detail"], moment(row["at"]))
