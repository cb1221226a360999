"""What a host asks of a store that works on one mail here and now, instead of in a queue: AWS Lambda, and `inbox process`."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from inbox.deadline import TimeUp
from inbox.errors import Deferred, StoreError
from inbox.findable import Findable
from inbox.model import Mail, MailState, Plan, Receipt, new_id
from inbox.perform import Run, earlier
from inbox.ports import Journal, Memory
from inbox.store.claims import Claim
from inbox.suppression import Suppression

if TYPE_CHECKING:
    from inbox.app import Inbox
    from inbox.tables import Work

_LOG = logging.getLogger("inbox.inline")
_GRACE = timedelta(seconds=10)
"""How much longer than the work a hold lasts: while it is written down how a step ended, nobody else has the mail, whose clock may be ahead."""
_DETAIL = 1000

"""What a mail is found by in lists and searches: its subject, its addresses and names, its text."""


_MOMENT = timedelta(seconds=60)


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

    def arrive(self, mail: Mail, holder: str, until: datetime, limit: int = 3) -> Arrived:
        """Keep a mail once for each source key and recipient, and take in hand what of it is not done, until `until`.

        A second arrival with the same source key adds the recipients that are new, as a mail of its own with the same octets; all others
        are there already. A hold that has run out without `finish` or `let_go` counts as a strike against the mail (its holder died over it);
        at `limit` strikes it is quarantined, and not in hand. A holder that comes back before its time is over has its mails again.
        """

    def finish(self, mail: Mail, plan: Plan, words: Findable | None = None) -> MailState:
        """Put the mail into the state that its steps give it, and let go of it. `words`: what it is found by from now on."""

    def strike(self, mail_id: str, n: int, detail: str, limit: int, due_at: datetime | None = None) -> int:
        """Somebody died or gave up over a mail; at `limit` strikes it is quarantined. How often that happened is returned."""

    def put_off(self, mail_id: str, detail: str, settings: Work, wish: float | None = None) -> None:
        """A mail cannot be judged now: let go of it; it is due again as a step that was deferred would be, or in quarantine after `retry_for`."""

    def claim_due(self, holder: str, until: datetime, limit: int, strikes: int = 3) -> list[Claim]:
        """Take in hand, until `until`, up to `limit` mails with something due: a step that was deferred, a hold that ran out, what operators
        made due. `strikes`: as the limit of `arrive`.
        """

    def let_go(self, holder: str) -> None:
        """Give back everything that `holder` has in hand."""

    def receipt(self, mail_id: str) -> Receipt:
        """The whole truth about one mail. NotFound."""

    def memory(self, *, read_only: bool = False) -> Memory:
        """What facts and handlers may know of other mails."""

    def remember_rules(self, version: str, source: str) -> None:
        """Keep the text of a version of the rules."""

    def rules_text(self, version: str) -> str:
        """The text of a version of the rules; NotFound."""

    def save_model(self, name: str, data: bytes) -> None:
        """Keep a model under a name (`Memory.load`); the one before is replaced."""

    def add_counts(self, deltas: Iterable[tuple[str, str, float]]) -> None:
        """Add to counters: (name, labels as JSON, how much)."""

    def suppress(self, address: str, reason: str, source: str, until: datetime | None = None, identity: str | None = None) -> None:
        """Put an address on the list of those that no mail is to be sent to (by one identity; None: by all), until a time (None: for good)."""

    def suppressed(self, address: str, identity: str | None = None) -> Suppression | None:
        """What the list says of an address, for all identities or for this one; None when it is not on it, or its time is over."""

    def unsuppress(self, address: str, identity: str | None = None) -> bool:
        """Take an address off the list (for one identity; None: what stands there for all); whether it was on it."""

    def close(self) -> None:
        """Let go of connections."""


def work_inline(box: Inbox, store: InlineStore, mail: Mail, holder: str, until: datetime) -> list[Receipt]:
    """Keep a mail, and do all that is due to it and to earlier arrivals of it that were not done, until `until`; then let go.

    One receipt for each: as it is now, so one that is `kept` or `waiting` is not done (a step is deferred, the time is over, another holder
    has it in hand). A mail that was done before brings its receipt. StoreError: what was kept is worked on by whoever comes next.
    """
    with _in_hand(store, holder):
        arrived = store.arrive(mail, holder, until + _GRACE, box.settings.work.strikes)
        receipts = [_work_on(box, store, claim, until, aged=False) for claim in arrived.claims]
    done = {receipt.mail.id for receipt in receipts}
    receipts += [store.receipt(id_) for id_ in arrived.busy]
    if not receipts or (arrived.id not in done and arrived.id not in arrived.busy):
        receipts.append(store.receipt(arrived.id))
    return receipts


def work_due(box: Inbox, store: InlineStore, holder: str, until: datetime, limit: int = 20) -> list[Receipt]:
    """Do what is due in the store, for up to `limit` mails, until `until`: for a host that is called by the clock.

    One mail is in hand at a time: one that kills the host costs the others nothing. What fails over one is raised at the end, as StoreError
    is, when the others are done.
    """
    receipts: list[Receipt] = []
    failed: list[Exception] = []
    with _in_hand(store, holder):
        while len(receipts) + len(failed) < limit and datetime.now(UTC) < until:
            claims = store.claim_due(holder, until + _GRACE, 1, box.settings.work.strikes)
            if not claims:
                break
            try:
                receipts.append(_work_on(box, store, claims[0], until, aged=True))
            except Exception as error:
                _LOG.exception("a mail that is due could not be worked on", extra={"mail": claims[0].mail.id})
                failed.append(error)  # it stays in hand, so that it does not come again before the others
        if failed:
            raise failed[0]
    return receipts


@contextlib.contextmanager
def _in_hand(store: InlineStore, holder: str) -> Iterator[None]:
    """What is in hand when something fails is given back, if the store can."""
    try:
        yield
    except Exception:
        with contextlib.suppress(StoreError):
            store.let_go(holder)
        raise


def _work_on(box: Inbox, store: InlineStore, claim: Claim, until: datetime, *, aged: bool) -> Receipt:
    """Judge unless that was done, try every step that is not done, finish. A deferred step is tried whether it is due or not: whoever hands
    the mail over again (a queue) has its own schedule.
    """
    mail, work = claim.mail, box.settings.work
    words = None
    try:
        if (plan := claim.plan) is None:
            judged, words = box.judge_after_reply(mail), box.words(mail)
            box.attend(mail)
            plan = store.planned(mail, judged)
    except StoreError:
        raise
    except Deferred as error:
        store.put_off(mail.id, str(error), work, error.retry_after)
        return store.receipt(mail.id)
    except (Exception, TimeUp) as error:
        _LOG.exception("a mail could not be judged", extra={"mail": mail.id})
        store.strike(mail.id, 0, f"judging failed: {type(error).__name__}: {error}"[:_DETAIL], work.strikes)
        return store.receipt(mail.id)
    run = Run(mail, plan, store, claim.states if claim.plan else None)
    while datetime.now(UTC) < until and (step := run.next()):
        run.add_all(box.attempt(mail, step, claim.attempts.get(step.n, 0) + 1, until, aged=aged, earlier=earlier(plan, run.states, step)))
    state = store.finish(mail, plan, words)
    receipt = store.receipt(mail.id) if claim.plan else replace(run.receipt(), state=state)
    if state == "settled":
        box.tell(mail, receipt)
    return receipt


class InlineQueue:
    """A queue of mail that leaves (`inbox.ports.Queue`) in a store without workers: whoever comes by the clock (`work_due`) delivers it."""

    def __init__(self, store: InlineStore) -> None:
        self._store = store

    def keep_all(self, mails: Sequence[tuple[Mail, Plan]]) -> list[str]:
        """Keep mails with their plans, one by one; the ids under which they are kept. StoreError: those before it are kept."""
        holder = f"queue-{new_id()}"
        with _in_hand(self._store, holder):
            ids = [self._keep(mail, plan, holder) for mail, plan in mails]
        self._store.let_go(holder)
        return ids

    def _keep(self, mail: Mail, plan: Plan, holder: str) -> str:
        arrived = self._store.arrive(mail, holder, datetime.now(UTC) + _MOMENT)
        for claim in arrived.claims:
            if claim.plan is None and claim.mail.envelope.recipients == mail.envelope.recipients:
                self._store.planned(
                    claim.mail, plan
                )  # a mail that is left without it, by a crash just now, gets the same steps from `judge`
        return arrived.id
