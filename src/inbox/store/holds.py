"""Working inline (`inbox.store.inline`): a mail arrives and is in hand at once, until a time; whoever comes after that time has it then."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from inbox.findable import Findable
from inbox.model import Mail, MailState, Plan, new_id
from inbox.store.arrivals import Arrivals
from inbox.store.claims import Claim
from inbox.store.inline import Arrived
from inbox.store.leases import HELD, STRIKES, alive, hold, holder_of, until_of
from inbox.store.values import text
from inbox.store.work import CLAIMED, Work

if TYPE_CHECKING:
    from inbox.tables import Work as WorkSettings

_FAMILY = """select seq, id, state, lease from inbox_mails where seq = ?1 union all
    select seq, id, state, lease from inbox_mails where first = ?1 order by seq"""


class Holds(Arrivals, Work):
    """The side of the store for hosts that work inline."""

    _hands: dict[str, str]
    """Mail id: the hold that this process has."""

    def arrive(self, mail: Mail, holder: str, until: datetime, limit: int = STRIKES) -> Arrived:
        """As `inbox.store.inline.InlineStore.arrive`."""
        self.put_large(mail)
        lease, now = hold(holder, until), datetime.now(UTC)
        with self._connections.write() as db:
            id_ = self._kept_as(db, mail, lease)
            taken, busy = [], []
            for row in self._family(db, id_):
                if row["state"] not in ("kept", "waiting"):
                    continue
                if not _free(row["lease"], holder, now):
                    busy.append(row["id"])
                elif self._take(db, row, lease, limit, now):
                    taken.append(row["seq"])
            claims = tuple(self._claim(db, db.execute(CLAIMED, (f"[{seq}]",)).fetchone(), now) for seq in taken)
        self._hands |= {claim.mail.id: lease for claim in claims}
        return Arrived(id_, claims, tuple(busy))

    def _kept_as(self, db: sqlite3.Connection, mail: Mail, lease: str) -> str:
        """Keep it unless it is there; the same object may arrive again, with its id."""
        row = db.execute("select source_key from inbox_mails where id = ?", (mail.id,)).fetchone()
        if row is not None and mail.source_key is None:
            return mail.id
        again = replace(mail, id=new_id()) if row is not None else mail
        return self.keep_all([(again, None)], lease=lease)[0]

    def _family(self, db: sqlite3.Connection, mail_id: str) -> list[sqlite3.Row]:
        """A mail and all others with the same source key, in the order of arrival."""
        (root,) = db.execute("select coalesce(first, seq) from inbox_mails where id = ?", (mail_id,)).fetchone()
        return db.execute(_FAMILY, (root,)).fetchall()

    def _take(self, db: sqlite3.Connection, row: sqlite3.Row, lease: str, limit: int, now: datetime) -> bool:
        """Take a mail in hand; False when a hold that ran out has put it into quarantine."""
        until = until_of(row["lease"] or "")
        if row["lease"] == lease:
            return True  # it came just now
        if until is not None and until <= now:
            self.strike(row["id"], 0, HELD, limit)
        taken = "update inbox_mails set lease = ? where seq = ? and state in ('kept', 'waiting')"
        return bool(db.execute(taken, (lease, row["seq"])).rowcount)

    def claim_due(self, holder: str, until: datetime, limit: int, strikes: int = STRIKES) -> list[Claim]:
        """As `inbox.store.inline.InlineStore.claim_due`."""
        self.void_hands(strikes)
        claims = self.claim(lease := hold(holder, until), limit, datetime.now(UTC))
        self._hands |= {claim.mail.id: lease for claim in claims}
        return claims

    def finish(self, mail: Mail, plan: Plan, words: Findable | None = None) -> MailState:
        """As `inbox.store.inline.InlineStore.finish`: a mail that another holder has taken meanwhile stays in its hand."""
        mine = self._hands.get(mail.id)
        with self._connections.write() as db:
            row = db.execute("select lease, state from inbox_mails where id = ?", (mail.id,)).fetchone()
            lost = row is not None and row["lease"] not in (None, mine) and (mine or until_of(row["lease"]))
            state: MailState = row["state"] if lost else super().finish(mail, plan, words)
        self._hands.pop(mail.id, None)
        return state

    def strike(self, mail_id: str, n: int, detail: str, limit: int, due_at: datetime | None = None) -> int:
        """As `inbox.store.inline.InlineStore.strike`."""
        self._hands.pop(mail_id, None)
        return super().strike(mail_id, n, detail, limit, due_at)

    def put_off(self, mail_id: str, detail: str, settings: WorkSettings, wish: float | None = None) -> None:
        """As `inbox.store.inline.InlineStore.put_off`."""
        self._hands.pop(mail_id, None)
        super().put_off(mail_id, detail, settings, wish)

    def let_go(self, holder: str) -> None:
        """As `inbox.store.inline.InlineStore.let_go`."""
        sql = "update inbox_mails set lease = null where state in ('kept', 'waiting') and lease like 'until-%' and substr(lease, 25) = ?"
        with self._connections.write(durable=False) as db:
            db.execute(sql, (text(holder),))
        self._hands = {id_: lease for id_, lease in self._hands.items() if holder_of(lease) != holder}


def _free(lease: str | None, holder: str, now: datetime) -> bool:
    """Whether a mail may be taken from whoever has the lease: from a command that is gone, a hold that ran out, or oneself."""
    if lease is None or holder_of(lease) == holder:
        return True
    until = until_of(lease)
    if until is not None:
        return until <= now
    return lease.startswith("process-") and not alive(lease)
