"""Arrivals: once for each source key and recipient, and in the hand of whoever brought it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from inbox.errors import NotFound, StoreError
from inbox.model import Mail, Outcome, new_id
from inbox.perform import put_off
from inbox.store.claims import Claim
from inbox.store.dynamodb.base import Base
from inbox.store.dynamodb.layout import OPEN, all_open, mail_key, odd, outcome_key, raw_key, source_key, step_key
from inbox.store.dynamodb.mails import WORKABLE, Hand, mail_item, outcome_attributes
from inbox.store.dynamodb.octets import SMALL
from inbox.store.dynamodb.table import NEW, Action, Put, Update, When
from inbox.store.inline import Arrived
from inbox.store.leases import HELD, STRIKES
from inbox.store.values import micros, moment, text

if TYPE_CHECKING:
    from inbox.tables import Work

_TRIES, _STALE = 20, 10
"""Tries; and how many more entries of an index are looked at than are wanted, as some are of a second ago."""
Item = Mapping[str, Any]


class Arrivals(Base):
    """The receiving side of the store, and whose what is."""

    def arrive(self, mail: Mail, holder: str, until: datetime, limit: int = STRIKES) -> Arrived:
        """As `inbox.store.inline.InlineStore.arrive`. A mail over 64 KiB without a place of its own goes to S3 first."""
        hand = Hand(text(holder) or "", micros(until))
        for number in range(_TRIES):
            found = self._arrive(mail, hand, limit, hopeful=not number)
            if found is not None:
                return found
            time.sleep(0.01 * number)
            if number > 1 and self._table.get(mail_key(mail.id)) and not self._table.get(source_key(mail)):
                mail = replace(mail, id=new_id())  # another mail has this id
        raise StoreError(f"arrivals of {mail.source_key} were in each other's way; it was not kept, it is tried again")

    def _arrive(self, mail: Mail, hand: Hand, limit: int, *, hopeful: bool) -> Arrived | None:
        """One try; None when somebody else was quicker. Most mails are new, so a hopeful one does not look first."""
        large = mail.size > SMALL and mail.content.place is None
        known = None if hopeful and not large else self._table.get(source_key(mail))
        if known is not None:
            return self._again(known, mail, hand, limit)
        pk, sk = source_key(mail)
        first = {"pk": pk, "sk": sk, "ids": [mail.id], "known": _known(mail.envelope.recipients), "v": 1}
        return self._keep(mail, hand, Put(first, NEW))

    def _again(self, known: Item, mail: Mail, hand: Hand, limit: int) -> Arrived | None:
        """An arrival whose source key is there: what is new in it is kept, what is not done yet is taken in hand."""
        fresh = tuple(dict.fromkeys(r for r in mail.envelope.recipients if odd(r) not in known.get("known", ())))
        new = None
        if fresh:
            id_ = new_id() if mail.id in known["ids"] else mail.id
            follower = replace(mail, id=id_, envelope=replace(mail.envelope, recipients=fresh))
            more = {"known": _known(fresh)}
            change = Update(
                (known["pk"], known["sk"]),
                {"ids": [*known["ids"], id_], "v": known["v"] + 1},
                ("expires",),
                more,
                When("#v = :seen", {"seen": known["v"]}),
            )
            new = self._keep(follower, hand, change)
            if new is None:
                return None
        return self._with_earlier(known["ids"], mail, hand, limit, new)

    def _with_earlier(self, ids: list[str], mail: Mail, hand: Hand, limit: int, new: Arrived | None) -> Arrived:
        """What of earlier arrivals is not done."""
        claims, busy = [], []
        for item in self._table.get_all([mail_key(id_) for id_ in ids]):
            taken = self._take(item, hand, limit)
            id_ = item["pk"].partition("#")[2]
            if taken == "busy":
                busy.append(id_)
            elif taken == "taken":
                claims.append(self._claim(id_, mail))
        return Arrived(new.id if new else ids[0], (*claims, *(new.claims if new else ())), tuple(busy))

    def _claim(self, mail_id: str, at_hand: Mail | None = None) -> Claim:
        """A mail that is in hand; the octets `at_hand` need not be fetched if they are the same."""
        claim = self._found(mail_id).claim(self._octets, self._now())
        if at_hand is not None and at_hand.sha256 == claim.mail.sha256:
            return replace(claim, mail=replace(claim.mail, content=replace(at_hand.content, place=claim.mail.content.place)))
        return claim

    def _keep(self, mail: Mail, hand: Hand, key: Action) -> Arrived | None:
        """One transaction: the source key, the mail in hand, and its octets if they are few. None when the key has changed."""
        place, data = self._octets.keep(mail)
        actions: list[Action] = [key, Put(mail_item(mail, hand, place), NEW)]
        if data is not None:
            pk, sk = raw_key(mail.id)
            actions.append(Put({"pk": pk, "sk": sk, "data": data}))
        self._hands[mail.id] = hand  # before the call: it may be carried out though its answer is lost
        if not self._table.transact(actions):
            self._hands.pop(mail.id)
            return None
        return Arrived(mail.id, (Claim(mail, None, {}, {}),))

    # hands

    def _take(self, item: Item, hand: Hand, limit: int) -> Literal["taken", "busy", "ended"]:
        """Take a mail in hand, unless it has ended or is in another's. A hold that ran out costs a strike, the last one the mail."""
        if item["state"] not in WORKABLE:
            return "ended"
        held, id_ = Hand.of(item), item["pk"].partition("#")[2]
        late = held is not None and held.until <= micros(self._now())
        if held is not None and held.holder != hand.holder and not late:
            return "busy"
        if late and self._struck(item, 0, HELD, limit, hand.attributes()) is not None:
            if item["strikes"] + 1 >= limit:
                return "ended"
        elif late or not self._table.write(Update(mail_key(id_), hand.attributes(), when=_unchanged(item))):
            return "busy"
        self._hands[id_] = hand
        return "taken"

    def claim_due(self, holder: str, until: datetime, limit: int, strikes: int = STRIKES) -> list[Claim]:
        """As `inbox.store.inline.InlineStore.claim_due`. The index may be a second behind; the mails themselves decide."""
        hand = Hand(text(holder) or "", micros(until))
        claims: list[Claim] = []
        for partition in all_open():
            asked = {"open": partition, "now": micros(self._now())}
            due = self._table.some("#open = :open AND #due <= :now", asked, OPEN, limit - len(claims) + _STALE)
            found = [item for item in self._table.get_all([(item["pk"], "mail") for item in due]) if item.get("due", 0) <= asked["now"]]
            taken = (item["pk"].partition("#")[2] for item in found if self._take(item, hand, strikes) == "taken")
            claims += map(self._claim, islice(taken, limit - len(claims)))
            if len(claims) >= limit:
                break
        return claims

    def strike(self, mail_id: str, n: int, detail: str, limit: int, due_at: datetime | None = None) -> int:
        """As `inbox.store.inline.InlineStore.strike`."""
        for _ in range(_TRIES):
            item = self._table.get(mail_key(mail_id))
            if item is None:
                raise NotFound(f"there is no mail {mail_id} in the store; `inbox list` shows the ids")
            later = micros(due_at or self._now()) + (0 if due_at else (item["strikes"] + 1) * 1_000_000)
            strikes = self._struck(item, n, detail, limit, {"due": later})
            if strikes is not None:
                self._hands.pop(mail_id, None)
                return strikes
        raise StoreError(f"mail {mail_id} changed all the time; the strike is tried again")

    def put_off(self, mail_id: str, detail: str, settings: Work, wish: float | None = None) -> None:
        """As `inbox.store.inline.InlineStore.put_off`."""
        item = self._table.get(mail_key(mail_id))
        if item is None or item["state"] != "kept":
            return
        before = sum(outcome.state == "deferred" and not outcome.n for outcome in self._found(mail_id).outcomes())
        outcome, at = put_off(before + 1, moment(item["received"]), self._now(), settings, detail, wish)
        held = {"state": "quarantined", "open": "quarantined", "due": item["received"]}
        pk, sk = outcome_key(mail_id, self._next())
        noted = Put({"pk": pk, "sk": sk, "n": 0, **outcome_attributes(outcome)})
        change = Update(mail_key(mail_id), {"due": micros(at)} if at else held, ("lease", "until"), when=_unchanged(item))
        if not self._table.transact([change, noted]):
            raise StoreError(f"mail {mail_id} changed meanwhile; it is judged by whoever has it now")
        self._hands.pop(mail_id, None)

    def _struck(self, item: Item, n: int, detail: str, limit: int, otherwise: Mapping[str, Any]) -> int | None:
        """One strike more; at `limit` the mail is quarantined, else its item gets `otherwise`. None when the item has changed."""
        id_, strikes = item["pk"].partition("#")[2], item["strikes"] + 1
        key, open_still = mail_key(id_), item["state"] in WORKABLE
        if not open_still:
            return strikes if self._table.write(Update(key, {"strikes": strikes}, when=_unchanged(item))) else None
        actions: list[Action] = []
        if n:
            actions += self._deferred_by_crash(id_, n, detail, otherwise.get("due"))
        if strikes >= limit:
            words = f"{strikes} workers died over this mail, the last so: {detail}; `inbox quarantine release` tries it again"
            pk, sk = outcome_key(id_, self._next())
            actions.append(Put({"pk": pk, "sk": sk, "n": 0, **outcome_attributes(Outcome(0, "held", strikes, words, self._now()))}))
            put: Mapping[str, Any] = {"strikes": strikes, "state": "quarantined", "open": "quarantined", "due": item["received"]}
        else:
            put = {"strikes": strikes, **otherwise}
        remove = () if "lease" in put else ("lease", "until")
        return strikes if self._table.transact([Update(key, put, remove, when=_unchanged(item)), *actions]) else None

    def _deferred_by_crash(self, mail_id: str, n: int, detail: str, due: int | None) -> list[Action]:
        """The attempt that killed its holder, as an outcome; nothing when the step is not there or has ended."""
        step = self._table.get(step_key(mail_id, n)) or {"state": None, "attempts": 0}
        if step["state"] not in (None, "deferred"):
            return []
        outcome = Outcome(n, "deferred", step["attempts"] + 1, detail, self._now())
        put = {"state": "deferred", "attempts": outcome.attempt, "due": due, f"o{self._next()}": outcome_attributes(outcome)}
        same = When("#state = :deferred", {"deferred": "deferred"}) if step["state"] else NEW
        return [Update(step_key(mail_id, n), put, when=same)]

    def let_go(self, holder: str) -> None:
        """As `inbox.store.inline.InlineStore.let_go`, for what this object has given out; other holds run out by themselves."""
        for mail_id, hand in list(self._hands.items()):
            if hand.holder == text(holder):
                mine = When("#lease = :holder AND #until = :until", {"holder": hand.holder, "until": hand.until})
                self._table.write(Update(mail_key(mail_id), {"due": micros(self._now())}, ("lease", "until"), when=mine))
                self._hands.pop(mail_id, None)


def _known(recipients: tuple[str, ...]) -> set[str] | None:
    """A set of texts; DynamoDB has no empty one."""
    return {odd(recipient) for recipient in recipients} or None


def _unchanged(item: Item) -> When:
    """State, strikes and hold are as they were read."""
    when = When("#state = :was AND #strikes = :had", {"was": item["state"], "had": item["strikes"]})
    if "lease" not in item:
        return when & When("attribute_not_exists(#lease)")
    return when & When("#lease = :seen_lease AND #until = :seen_until", {"seen_lease": item["lease"], "seen_until": item["until"]})
