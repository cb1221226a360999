"""What became of each variant of an experiment, in SQLite: one query over the events of mail that left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from inbox.experiments import Counts
from inbox.model import Json, isoformat
from inbox.store.base import Base
from inbox.store.values import micros, moment

_NAME = "coalesce(experiment, template)"
_SENT = f"type = 'send' and variant is not null and {_NAME}"
_FOUND = ("delivery", "bounce", "complaint", "reply", "open", "click")  # in the order of the fields of Counts

# Who was sent to is counted once for each mail. What was heard of somebody else than a mail was sent to (who answers from another
# address) counts where it went to one recipient only.
_COUNTS = f"""
with sent as materialized (
  select mail, min(address) as address, variant, template, count(*) over (partition by mail, template) as others
  from inbox_sending_events where {_SENT} = ?1 and at >= ?2 and mail is not null group by mail, address, variant, template),
heard as (
  select s.mail, s.address, s.variant, {", ".join(f"max(e.type = '{type_}') as of_{type_}" for type_ in _FOUND)}
  from sent s left join inbox_sending_events e on e.mail = s.mail and (e.address = s.address or s.others = 1)
    and (e.template = s.template or e.template is null or s.template is null)
  group by s.mail, s.address, s.variant)
select variant, count(*), {", ".join(f"coalesce(sum(of_{type_}), 0)" for type_ in _FOUND)} from heard group by variant order by variant
"""  # noqa: S608  constants

_LIST = f"""
select {_NAME} as name, group_concat(distinct variant) as variants, count(*) as sent, min(at) as first, max(at) as last
from inbox_sending_events where type = 'send' and variant is not null and {_NAME} is not null and at >= ? group by 1 order by last desc
"""  # noqa: S608  constants


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment that mail was sent for: its variants, recipients so far, and the first and last of them."""

    name: str
    variants: tuple[str, ...]
    sent: int
    first: datetime
    last: datetime

    def to_dict(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "variants": list(self.variants),
            "sent": self.sent,
            "first": isoformat(self.first),
            "last": isoformat(self.last),
        }


class SqliteExperiments(Base):
    """Experiments, as the events tell of them."""

    def variant_counts(self, experiment: str, since: datetime | None = None) -> list[Counts]:
        """What became of the mails of each variant that were sent since then, whenever it did; by name. An experiment without a name has that of its template."""
        with self._connections.read() as db:
            return [Counts(*row) for row in db.execute(_COUNTS, (experiment, micros(since) if since else 0))]

    def experiments(self, since: datetime | None = None) -> list[Experiment]:
        """The experiments that mail was sent for, the last one first."""
        with self._connections.read() as db:
            rows = db.execute(_LIST, (micros(since) if since else 0,)).fetchall()
        return [
            Experiment(r["name"], tuple(sorted(r["variants"].split(","))), r["sent"], moment(r["first"]), moment(r["last"])) for r in rows
        ]
