"""The reading side: receipts and lists. Lists come from the two indexes, which follow the table within a second or so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, cast

from inbox.errors import ConfigError, NotFound
from inbox.model import Mail, MailState, Receipt
from inbox.store.dynamodb.base import Base
from inbox.store.dynamodb.layout import DAYS, OPEN, all_open, days_back, mail_key
from inbox.store.dynamodb.mails import mail_of
from inbox.store.dynamodb.table import MOST
from inbox.store.values import Summary, moment

_DAYS_BACK = 400
_EMPTY_DAYS = 40
"""So many days without a mail end a list."""


class Listing(Base):
    """The reading side of the store."""

    def mail(self, mail_id: str) -> Mail:
        """One mail, as it came in; NotFound."""
        return mail_of(self._mail_item(mail_id), self._octets)

    def receipt(self, mail_id: str) -> Receipt:
        """The whole truth about one mail; NotFound."""
        return self._found(mail_id).receipt(self._octets)

    def subject(self, mail_id: str) -> str | None:
        """The subject, once the mail was judged; NotFound."""
        return self._mail_item(mail_id).get("subject")

    def _mail_item(self, mail_id: str) -> dict[str, Any]:
        item = self._table.get(mail_key(mail_id))
        if item is None:
            raise NotFound(f"there is no mail {mail_id} in the store; `inbox list` shows the ids")
        return item

    def mails(
        self, state: str | None = None, rule: str | None = None, label: str | None = None, limit: int = 50, before: str | None = None
    ) -> list[Summary]:
        """Mails, newest first, in a state if one is named; `before`: older than this one. ConfigError for a rule or a label."""
        if rule is not None or label is not None:
            raise ConfigError("a store in DynamoDB lists mails by day and by state, not by rule or label; search the receipts instead")
        found: list[Summary] = []
        keys = (key for key in self._keys(state, before) if before is None or key[0] < mail_key(before)[0])
        while len(found) < limit and (page := list(islice(keys, MOST))):
            items = self._table.get_all(page)
            found += [_summary(item) for item in items if state in (None, _state(item))]
        return found[:limit]

    def _keys(self, state: str | None, before: str | None) -> Iterator[tuple[str, str]]:
        """Keys of mails, newest first: those that are not settled from the index of those, all others day by day."""
        if state in (None, "settled"):
            yield from self._by_day(before)
            return
        partitions = all_open() if state in ("kept", "waiting") else [state]
        found = [item["pk"] for name in partitions for item in self._table.query("#open = :open", {"open": name}, index=OPEN)]
        yield from ((pk, "mail") for pk in sorted(found, reverse=True))

    def _by_day(self, before: str | None) -> Iterator[tuple[str, str]]:
        start, empty = self.mail(before).received_at if before else self._now(), 0
        for day in days_back(start, _DAYS_BACK):
            empty += 1
            for item in self._table.query("#day = :day", {"day": day}, index=DAYS, ScanIndexForward=False):
                empty = 0
                yield item["pk"], item["sk"]
            if empty > _EMPTY_DAYS:
                return

    def ids(self, state: str | None = None, rule: str | None = None, label: str | None = None) -> Iterator[str]:
        """The ids of all mails in a state, oldest first. ConfigError for what `mails` does not list."""
        return (one.id for one in reversed(self.mails(state, rule, label, limit=1_000_000)))

    def count(self, state: str | None = None, rule: str | None = None, label: str | None = None) -> int:
        """How many mails are in a state. ConfigError for what `mails` does not list."""
        return len(self.mails(state, rule, label, limit=1_000_000))


def _state(item: Mapping[str, Any]) -> MailState:
    return cast("MailState", item["state"])


def _summary(item: Mapping[str, Any]) -> Summary:
    envelope = json.loads(item["envelope"])
    return Summary(
        id=item["pk"].partition("#")[2],
        received_at=moment(item["received"]),
        source=envelope["source"],
        sender=envelope["sender"],
        recipients=tuple(envelope["recipients"]),
        subject=item.get("subject"),
        size=item["size"],
        state=_state(item),
        due_at=moment(item["due"]) if item["state"] == "waiting" else None,
    )
