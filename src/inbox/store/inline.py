"""What a host asks of a store that works on one mail here and now, instead of in a queue: AWS Lambda, and `inbox process`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from inbox.model import Mail, MailState, Plan, Receipt
from inbox.ports import Journal, Memory
from inbox.store.work import Claim


@dataclass(frozen=True, slots=True)
class Arrived:
    """What an arrival found. `id`: under which it is kept; `claims`: what is in hand now and not done yet: this arrival's new recipients,
    and earlier arrivals of the same mail; `busy`: ids of those that another holder has in hand.
    """

    id: str
    claims: Sequence[Claim] = ()
    busy: Sequence[str] = ()


class InlineStore(Journal, Protocol):
    """A store with exactly-once keys. Every call is durable when it returns; StoreError (temporary) when nothing of it was kept."""

    def arrive(self, mail: Mail, holder: str, until: datetime) -> Arrived:
        """Keep a mail once for each source key and recipient, and take in hand what of it is not done, until `until`.

        A second arrival with the same source key adds the recipients that are new, as a mail of its own with the same octets; all others
        are there already. A hold that has run out without `finish` or `let_go` counts as a strike against the mail (its holder died over it).
        """

    def finish(self, mail: Mail, plan: Plan) -> MailState:
        """Put the mail into the state that its steps give it, and let go of it."""

    def strike(self, mail_id: str, n: int, detail: str, limit: int, due_at: datetime | None = None) -> int:
        """Somebody died or gave up over a mail; at `limit` strikes it is quarantined. How often that happened is returned."""

    def let_go(self, holder: str) -> None:
        """Give back everything that `holder` has in hand."""

    def receipt(self, mail_id: str) -> Receipt:
        """The whole truth about one mail. NotFound."""

    def memory(self, *, read_only: bool = False) -> Memory:
        """What facts and handlers may know of other mails."""

    def remember_rules(self, version: str, source: str) -> None:
        """Keep the text of a version of the rules."""

    def close(self) -> None:
        """Let go of connections."""
