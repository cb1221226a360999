"""Addresses that no mail is to be sent to: what bounced for good, and who complained."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

from inbox.model import Json, isoformat


@dataclass(frozen=True, slots=True)
class Suppression:
    """One address, why and by what it is suppressed (`bounce`, the id of a mail), since when, and until when (None: for good).

    `identity`: the only one that is not to send to it; None: all.
    """

    address: str
    reason: str
    source: str
    since: datetime
    until: datetime | None = None
    identity: str | None = None

    def holds(self) -> bool:
        """Whether its time is not over."""
        return self.until is None or self.until > datetime.now(UTC)

    def why(self) -> str:
        """Why nothing is sent, in one line."""
        end = f" until {isoformat(self.until)}" if self.until else ""
        whom = f" for {self.identity}" if self.identity else ""
        return f"{self.address} is on the suppression list{whom} since {isoformat(self.since)}{end}: {self.reason} ({self.source})"

    def to_dict(self) -> dict[str, Json]:
        return {
            "address": self.address,
            "identity": self.identity,
            "reason": self.reason,
            "source": self.source,
            "since": isoformat(self.since),
            "until": isoformat(self.until) if self.until else None,
        }


def folded(address: str) -> str:
    """The form that addresses are compared in: neither domain nor local part differ by the case of letters, nor by how a letter is composed."""
    return unicodedata.normalize("NFC", address.strip()).lower().encode("utf-8", "replace").decode()
