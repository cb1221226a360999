"""How identities stand, in SQLite: what was counted for them of late, and which are stopped."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from inbox.model import isoformat
from inbox.sending import Standing
from inbox.store.base import Base
from inbox.store.tallies import read
from inbox.store.values import micros, moment, text, to_json
from inbox.store.who import operator


class Standings(Base):
    """Identities that send."""

    def standing(self, identity: str, window: timedelta, now: datetime) -> Standing:
        """What was counted for an identity within the window (from the full hour before it), or since it was resumed."""
        with self._connections.snapshot() as db:
            return _standing(db, identity, window, now)

    def standings(self, window: timedelta, now: datetime) -> list[Standing]:
        """The same for every identity that sent within the window, or is stopped."""
        with self._connections.snapshot() as db:
            sent = {tally.identity for tally in read(db, ("identity",), now - window) if tally.identity}
            stopped = {row["identity"] for row in db.execute("select identity from inbox_stops where why is not null")}
            return [_standing(db, identity, window, now) for identity in sorted(sent | stopped)]

    def stopped(self) -> list[str]:
        """Identities that are stopped."""
        with self._connections.read() as db:
            return [row["identity"] for row in db.execute("select identity from inbox_stops where why is not null order by identity")]

    def may_send(self, identity: str | None) -> str | None:
        """Why an identity is stopped; None when it is not."""
        with self._connections.read() as db:
            row = _stop(db, identity or "")
        if row is None or row["why"] is None:
            return None
        since = isoformat(moment(row["since"]))
        return f"{identity} is stopped since {since}: {row['why']}; when the reason is gone: inbox identity resume {identity}"

    def stop(self, identity: str, why: str) -> bool:
        """Let an identity send nothing more, until it is resumed; whether that is new."""
        with self._connections.write() as db:
            sql = (
                "insert into inbox_stops(identity, since, why) values (?, ?, ?) on conflict(identity)"
                " do update set since = excluded.since, why = excluded.why where why is null"
            )
            done = bool(db.execute(sql, (identity.lower(), micros(datetime.now(UTC)), text(why))).rowcount)
            if done:
                self._record(db, "identity stopped", identity.lower(), None, why)
            return done

    def resume(self, identity: str, *, who: str | None = None) -> bool:
        """Let a stopped identity send again; what was counted before does not count any more. Whether it was stopped."""
        with self._connections.write() as db:
            row, now = _stop(db, identity), datetime.now(UTC)
            if row is None or row["why"] is None:
                return False
            before = to_json(_counted(db, identity.lower(), now))
            sql = "update inbox_stops set why = null, resumed_at = ?, before = ? where identity = ?"
            db.execute(sql, (micros(now), before, identity.lower()))
            self._record(db, "identity resumed", identity.lower(), who or operator(), None)
            return True


def _stop(db: sqlite3.Connection, identity: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute("select * from inbox_stops where identity = ?", (identity.lower(),)).fetchone()
    return row


def _standing(db: sqlite3.Connection, identity: str, window: timedelta, now: datetime) -> Standing:
    stop, since = _stop(db, identity), now - window
    before: Mapping[str, int] = {}
    if stop is not None and stop["resumed_at"] is not None and moment(stop["resumed_at"]) > since:
        since, before = moment(stop["resumed_at"]), json.loads(stop["before"])
    counted = {name: max(number - before.get(name, 0), 0) for name, number in _counted(db, identity, since).items()}
    why, at = (stop["why"], moment(stop["since"])) if stop is not None and stop["why"] is not None else (None, None)
    return Standing(identity, since, counted["send"], counted["bounce"], counted["complaint"], why, at)


def _counted(db: sqlite3.Connection, identity: str, since: datetime) -> dict[str, int]:
    """From the full hour of `since` on."""
    found = {"send": 0, "bounce": 0, "complaint": 0}
    for tally in read(db, (), since, identity=identity):
        if tally.type in found and tally.subtype in (None, "permanent"):
            found[tally.type] += tally.number
    return found
