"""The limits of DynamoDB: items of 400 KB, 100 keys of one request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from inbox.errors import Failed
from inbox.model import Row, new_id
from inbox.store.dynamodb.layout import source_key
from inbox.store.dynamodb.table import Update


def soon(seconds: float = 60) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_mail_that_came_in_more_parts_than_one_request_can_ask_for_is_kept_and_settled(new_table, new_mail, new_plan, ended):
    store, mail, plan = new_table("mails", "days=30"), new_mail(key="ses:1"), new_plan({})
    store.arrive(mail, "h1", soon())
    store._table.write(Update(source_key(mail), {"ids": [mail.id, *(new_id() for _ in range(250))]}))  # the others have expired
    (claim,) = store.arrive(new_mail(key="ses:1"), "h1", soon()).claims
    store.planned(claim.mail, plan)
    store.settled(claim.mail, ended(1))
    assert store.finish(claim.mail, plan) == "settled"


def test_words_of_any_length_do_not_keep_an_outcome_from_being_written(new_table, new_mail, new_plan, ended):
    store, mail, plan = new_table("mails"), new_mail(key="ses:1"), new_plan({})
    store.arrive(mail, "h1", soon())
    store.planned(mail, plan)
    for attempt in range(1, 55):
        store.settled(mail, ended(1, "deferred", attempt=attempt, detail="\N{GRINNING FACE}" * 500_000), due_at=soon())
    assert store.strike(mail.id, 0, "x" * 1_000_000, 1) == 1
    assert store.receipt(mail.id).state == "quarantined"


def test_octets_in_a_row_count_as_they_are(new_table, new_mail, new_plan, ended):
    store, mail, plan = new_table("mails"), new_mail(key="ses:1"), new_plan({})
    store.arrive(mail, "h1", soon())
    store.planned(mail, plan)
    store.settled(mail, ended(1), Row("t", {"data": bytes(300_000)}))
    with pytest.raises(Failed, match="too large for an item"):
        store.settled(mail, ended(2), Row("t", {"data": bytes(390_000)}))
