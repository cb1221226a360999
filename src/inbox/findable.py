"""What mails are found by, and the states that they are in."""

from __future__ import annotations

from typing import NamedTuple

STATES = ("kept", "waiting", "settled", "dead", "quarantined")


class Findable(NamedTuple):
    """What a search finds a mail by: its subject, who it is from and for (names and addresses), its text, the names of its files.

    `files` None: it has none.
    """

    subject: str | None
    senders: str
    recipients: str
    text: str | None
    files: str | None = None
