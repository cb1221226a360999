"""The worker: claim, judge, perform, settle, for ever. Plain synchronous Python in a process of its own.

A round takes a batch of mails. All are judged; then one transaction stores their plans, and with them everything about the *calm* mails:
those whose steps have no effect outside the store. The others follow one by one, each step's outcome committed before the next step
begins. A stored plan is never decided anew. A step of a plugin counts as acting unless it is built in and says that it does not.

What the worker has in hand stands in a small shared file (`Slot`), so that the supervisor can tell what killed it, or hung.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from inbox.deadline import TimeUp, time_limit
from inbox.errors import Deferred, Failed, StoreError
from inbox.findable import Findable
from inbox.model import Mail, MailState, Outcome, OutcomeState, Plan, Receipt, Step
from inbox.perform import Ended, earlier, gave_up, ready, refusals, skipped, with_skips
from inbox.plugins import BUILTINS
from inbox.store import Settlement
from inbox.worker.slot import Slot

if TYPE_CHECKING:
    from inbox.app import Inbox
    from inbox.store import Claim, SqliteStore

_LOG = logging.getLogger("inbox.worker")
_IDLE_LOOK, _IDLE_SPAN = 0.02, 1.0
_LONG_ROUND = 1.0
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0  # seconds between attempts to write down what was done
_FORKED = 70  # exit status of a child that a handler forked and let come back


@dataclass(eq=False)
class _Hand:
    """One claimed mail while it is worked on."""

    claim: Claim
    plan: Plan
    states: dict[int, OutcomeState]
    outcomes: list[Outcome] = field(default_factory=list)
    tried: set[int] = field(default_factory=set)
    instead: dict[int, Ended] = field(default_factory=dict)
    words: Findable | None = None

    @property
    def mail(self) -> Mail:
        return self.claim.mail

    def turn(self) -> tuple[list[Step], tuple[Step, ...]]:
        """Steps that are to be tried in this round, and steps to be marked as skipped. New ones come before those that did not end well."""
        run, skip = ready(self.plan, self.states)
        now = [step for step in run if step.n not in self.tried and step.n not in self.claim.later]
        return sorted(now, key=lambda step: self.claim.attempts.get(step.n, 0) > 0), skip

    def settlement(self, ended: list[Ended]) -> Settlement | None:
        """All that became of a mail that nobody had judged before; None for another one."""
        if self.claim.plan is not None or self.words is None or self.plan.refused:
            return None
        return Settlement(self.mail, self.plan, ended, self.words).worked_out()

    def note(self, ended: Ended) -> None:
        self.outcomes.append(ended.outcome)
        self.states[ended.outcome.n] = ended.outcome.state

    def replace(self, refused: Ended, failed: Ended) -> None:
        """The store refused the row of a step: it has failed instead."""
        self.outcomes = [outcome for outcome in self.outcomes if outcome is not refused.outcome]
        self.instead[refused.outcome.n] = failed
        self.note(failed)

    def forget(self, steps: set[int]) -> None:
        """Steps that were tried in vain, behind one that failed when it was written."""
        self.outcomes = [outcome for outcome in self.outcomes if outcome.n not in steps]
        self.states = {n: state for n, state in self.states.items() if n not in steps}
        self.tried -= steps


class Worker:
    """One worker: `box` judges and performs, `store` remembers. `between` is called before each round (reload, counters)."""

    def __init__(
        self, box: Inbox, store: SqliteStore, name: str, slot: Slot, stop: Callable[[], bool], between: Callable[[], None]
    ) -> None:
        self._box, self._store, self._name, self._slot, self._stop, self._between = box, store, name, slot, stop, between
        self._work = box.settings.work
        self._pid = os.getpid()
        self._alone = 0  # rounds of one mail that are left, to find the one that failed a batch
        self._untidy = False  # whether mails are leased to us that we do not work on

    def run(self) -> None:
        """Work until `stop()`; no exception ends it."""
        while not self._stop():
            try:
                self._between()
                self._round()
            except (Exception, TimeUp) as error:
                self._untidy = True
                if isinstance(error, StoreError):
                    _LOG.error("the store does not answer; trying again", extra={"why": str(error)})
                else:
                    _LOG.exception("a round failed; its mails are tried one by one")
                self._slot.end()
                time.sleep(0.5)
        with contextlib.suppress(StoreError):  # the supervisor gives back what is left
            self._store.release(self._name)

    def _round(self) -> None:
        if self._untidy:
            self._store.release(self._name)
            self._untidy = False
        version = self._store.version()
        claims = self._store.claim(self._name, 1 if self._alone else self._work.batch, datetime.now(UTC))
        if not claims:
            self._alone = 0
            self._wait(version)
            return
        self._alone = max(0, self._alone - 1)
        try:
            self._work_on(claims)
        except StoreError:
            raise
        except (Exception, TimeUp) as error:
            self._blame(claims, error)
            raise

    def _blame(self, claims: list[Claim], error: BaseException) -> None:
        """A batch that failed for no reason of the store is done one by one; the mail that fails alone gets a strike."""
        if len(claims) > 1:
            self._alone = len(claims)
        else:
            self._store.strike(claims[0].mail.id, 0, f"{type(error).__name__}: {error}", self._work.strikes)

    def _wait(self, version: int) -> None:
        """Until something was committed, something is due, or a second has passed."""
        due, until = self._store.next_due(), time.monotonic() + _IDLE_SPAN
        while not self._stop() and time.monotonic() < until and self._store.version() == version:
            if due is not None and datetime.now(UTC) >= due:
                return
            time.sleep(_IDLE_LOOK)

    # one round

    def _work_on(self, claims: list[Claim]) -> None:
        until = time.monotonic() + _LONG_ROUND
        hands = [hand for claim in claims if (hand := self._hand(claim))]
        if not hands:
            return
        calm = [(hand, self._all_steps(hand)) for hand in hands if self._is_calm(hand)]
        new = [(hand, settlement) for hand, ended in calm if (settlement := hand.settlement(ended))]
        with self._store.transaction():
            states = dict.fromkeys((hand for hand, _ in calm), None) | self._settle_new(new)
            for hand in hands:
                if states.get(hand) is None:
                    self._store_plan(hand)
            for hand, ended in calm:
                states[hand] = states[hand] or self._settle_all(hand, ended)
        for hand, _ in calm:
            self._tell(hand, states[hand])
        self._act_on_all([hand for hand in hands if states.get(hand) is None], until)

    def _settle_new(self, new: list[tuple[_Hand, Settlement]]) -> dict[_Hand, MailState | None]:
        """Write the mails that were judged and done with in this round; None for those that have to be written step by step."""
        found = self._store.settle_new([settlement for _, settlement in new])
        return {hand: state for (hand, _), state in zip(new, found, strict=True)}

    def _act_on_all(self, hands: list[_Hand], until: float) -> None:
        """One by one; when that takes long, the rest is given back so that newer mail is seen to."""
        for number, hand in enumerate(hands):
            if self._stop() or (number and time.monotonic() > until):
                self._store.release(self._name, [rest.mail.id for rest in hands[number:]])
                return
            self._act(hand)

    def _hand(self, claim: Claim) -> _Hand | None:
        """Judge a mail unless that was done; None when it could not be: it is judged later, or got a strike."""
        mail = claim.mail
        with self._slot.holding(mail.id, 0, self._work.judge_timeout):
            try:
                plan = claim.plan or self._box.judge_after_reply(mail)
                hand = _Hand(claim, plan, dict(claim.states))
                if not claim.states:
                    hand.words = self._box.words(mail)
                    self._box.attend(mail)
            except StoreError:
                raise
            except Deferred as error:
                _LOG.info("a mail is judged later", extra={"mail": mail.id, "why": str(error)})
                self._store.put_off(mail.id, str(error), self._work, error.retry_after)
                return None
            except (Exception, TimeUp) as error:
                _LOG.exception("a mail could not be judged", extra={"mail": mail.id})
                self._store.strike(mail.id, 0, f"judging failed: {type(error).__name__}: {error}", self._work.strikes)
                return None
        return hand

    def _is_calm(self, hand: _Hand) -> bool:
        """Whether nothing that is to be tried has an effect outside the store. A mail with strikes is handled step by step."""
        return not hand.claim.strikes and not any(self._acts(step) for step in hand.plan.steps)

    def _acts(self, step: Step) -> bool:
        handler = self._box.plugins.handlers.entries.get(step.handler)
        return handler is not None and (handler.acts or handler.plugin not in BUILTINS)

    def _all_steps(self, hand: _Hand) -> list[Ended]:
        """Try the steps of a calm mail, writing nothing."""
        found: list[Ended] = []
        while ended := self._next(hand):
            for one in ended:
                hand.note(one)
            found += ended
        return found

    def _next(self, hand: _Hand) -> list[Ended]:
        """The next step, tried; or the steps that are skipped now; empty when nothing is left for this round."""
        run, skip = hand.turn()
        if skip:
            return [Ended(skipped(step)) for step in skip]
        return with_skips(hand.plan, hand.states, self._attempt(hand, run[0])) if run else []

    def _attempt(self, hand: _Hand, step: Step) -> Ended:
        hand.tried.add(step.n)
        self._slot.begin(hand.mail.id, step.n, self._box.time_for(step))
        ended = self._box.attempt(hand.mail, step, hand.claim.attempts.get(step.n, 0) + 1, earlier=earlier(hand.plan, hand.states, step))
        if os.getpid() != self._pid:
            os._exit(_FORKED)  # a child of a handler came back: it must touch neither slot nor store
        self._slot.end()
        return ended

    # what is written

    def _store_plan(self, hand: _Hand) -> None:
        """Plan, refusals and words of a mail that was judged in this round; the plan that holds, if another was quicker."""
        if hand.claim.plan is None:
            hand.plan = self._store.planned(hand.mail, hand.plan)
            for outcome in refusals(hand.plan):
                self._store.settled(hand.mail, outcome)
            hand.outcomes[:0] = refusals(hand.plan)
        if hand.words is not None:
            self._store.index(hand.mail, hand.words)

    def _settle_all(self, hand: _Hand, steps: list[Ended]) -> MailState | None:
        """Write what a calm mail came to; None when a row was refused: what follows that step is tried anew, step by step."""
        for number, ended in enumerate(steps, 1):
            if not self._settle(hand, ended):
                hand.forget({one.outcome.n for one in steps[number:]})
                return None
        return self._store.finish(hand.mail, hand.plan)

    def _settle(self, hand: _Hand, ended: Ended) -> bool:
        """Write one outcome; False when its row was refused and the step has failed instead."""
        n = ended.outcome.n
        if n not in hand.instead:
            try:
                self._store.settled(hand.mail, ended.outcome, ended.row, ended.due_at)
            except Failed as error:
                hand.replace(ended, self._failed(hand, ended.outcome, error))
            else:
                return True
        failed = hand.instead[n]
        self._store.settled(hand.mail, failed.outcome, None, failed.due_at)
        return False

    def _failed(self, hand: _Hand, outcome: Outcome, error: Failed) -> Ended:
        """The outcome of a step whose row cannot be written."""
        step = next(step for step in hand.plan.steps if step.n == outcome.n)
        return gave_up(step, outcome.attempt, str(error))

    def _act(self, hand: _Hand) -> None:
        """Try the steps of a mail one by one; each outcome is durable before the next step begins."""
        state: MailState | None = None
        while state is None:
            ended = self._next(hand)
            for one in ended:
                hand.note(one)
            state = self._insist(hand, ended)
        self._tell(hand, state)

    def _insist(self, hand: _Hand, ended: list[Ended]) -> MailState | None:
        """Write down what was done, again and again while the store fails: to forget it would be to do it again."""
        wait = _FIRST_WAIT
        while True:
            try:
                return self._write(hand, ended)
            except StoreError as error:
                if self._stop():
                    raise
                _LOG.error("what was done cannot be written down; trying again", extra={"mail": hand.mail.id, "why": str(error)})
                time.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)

    def _write(self, hand: _Hand, ended: list[Ended]) -> MailState | None:
        """Outcomes in one transaction; with the last of them the state of the mail, which is returned."""
        with self._store.transaction():
            for one in ended:
                self._settle(hand, one)
            if not ended or self._stop() or not any(hand.turn()):
                return self._store.finish(hand.mail, hand.plan)
        return None

    def _tell(self, hand: _Hand, state: MailState | None) -> None:
        """Tell the observers of a mail that is settled."""
        if state != "settled":
            return
        mail = hand.mail
        whole = not hand.claim.plan
        receipt = Receipt(mail, hand.plan, tuple(hand.outcomes), hand.plan.reply, state) if whole else self._store.receipt(mail.id)
        with self._slot.holding(mail.id, 0, self._work.step_timeout):
            try:
                with time_limit(self._work.step_timeout):
                    self._box.tell(mail, receipt)
            except TimeUp:
                _LOG.warning("an observer took too long", extra={"mail": mail.id})


def run(
    box: Inbox, store: SqliteStore, name: str, slot: Slot, stop: Callable[[], bool], between: Callable[[], None] = lambda: None
) -> None:
    """Work under `name` until `stop()` is true; the step in hand is finished first."""
    Worker(box, store, name, slot, stop, between).run()
