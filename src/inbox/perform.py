"""Perform: which steps of a plan may run now, one attempt at one step, and when it is due again. All but the attempt is pure;
`Run` goes through a plan here and now and writes down how each attempt ended.

How a step can end stands in one table (docs/durability.md):

    what happened                       on_error: retry     continue      stop               quarantine
    the handler returned                done                done          done               done (or held, if it asked for it)
    Deferred, any other exception,      deferred            deferred      deferred           deferred
    too long
    Failed, or tried for `retry_for`    dead                failed        failed, rest of    held
                                                                          the rule skipped
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from inbox.deadline import TimeUp, time_limit
from inbox.errors import Deferred, Failed, Suppressed
from inbox.model import ACCEPTED, Done, Mail, MailState, Outcome, OutcomeState, Plan, Receipt, Row, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from inbox.ports import Journal
    from inbox.tables import Work

_LOG = logging.getLogger("inbox.perform")
ENDED: frozenset[OutcomeState] = frozenset(("done", "failed", "dead", "skipped", "suppressed", "held"))
_GIVEN_UP: Mapping[str, OutcomeState] = {"retry": "dead", "continue": "failed", "stop": "failed", "quarantine": "held"}


@dataclass(frozen=True, slots=True)
class Ended:
    """What one attempt came to: its outcome, the row to be written with it, when the step is due again if it was deferred, and which later
    steps it has ended. `expired`: it was given up since it was tried for as long as steps are.
    """

    outcome: Outcome
    row: Row | None = None
    due_at: datetime | None = None
    stop: Literal["rule", "all"] | None = None
    expired: bool = False


def ready(plan: Plan, states: Mapping[int, OutcomeState]) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Steps that may run now, and steps that an earlier one of their rule has ended: those are to be marked `skipped`.

    Steps behind one that holds the mail, for the same recipients, wait until it is released.
    `states`: the last outcome of each step by number; a step without one was never tried. A deferred step may run: whether it is due
    is the store's business.
    """
    run, skip = [], []
    for step in plan.steps:
        if states.get(step.n) in ENDED:
            continue
        if any(states.get(other.n) == "held" and other.n < step.n and {*other.recipients} & {*step.recipients} for other in plan.steps):
            continue
        before = [_gate(other, states.get(other.n)) for other in plan.steps if other.n < step.n and other.rule == step.rule]
        if "ended" in before:
            skip.append(step)
        elif "wait" not in before:
            run.append(step)
        if plan.in_order and step not in skip:
            break
    return tuple(run), tuple(skip)


def with_skips(plan: Plan, states: Mapping[int, OutcomeState], ended: Ended) -> list[Ended]:
    """An attempt, and before it the later steps that it has ended: written down first, they cannot be forgotten by a crash in between.

    A step that holds the mail is never ended so: it is there since somebody must look, and for recipients who get nothing else.
    """
    if ended.stop is None:
        return [ended]
    own = next(step for step in plan.steps if step.n == ended.outcome.n)
    later = [step for step in plan.steps if step.n > own.n and states.get(step.n) not in ENDED and step.handler != "quarantine"]
    return [*(Ended(skipped(step)) for step in later if ended.stop == "all" or step.rule == own.rule), ended]


def earlier(plan: Plan, states: Mapping[int, OutcomeState], step: Step) -> tuple[Step, ...]:
    """The steps before this one that are done, for one of its recipients: what a handler may build upon."""
    mine = {*step.recipients}
    before = [other for other in plan.steps if other.n < step.n and states.get(other.n) == "done"]
    return tuple(other for other in before if not mine or mine & {*other.recipients})


def _gate(step: Step, state: OutcomeState | None) -> str:
    """What an earlier step of the same rule means for those behind it: go, wait, or ended."""
    if step.when_done != "stop" and step.on_error != "stop":
        return "go"
    if state not in ENDED:
        return "wait"
    stopped = (step.when_done == "stop" and state == "done") or (step.on_error == "stop" and state == "failed")
    return "ended" if stopped or (state == "skipped") else "go"


def mail_state(plan: Plan, states: Mapping[int, OutcomeState]) -> MailState:
    """The state of a mail from the states of its steps: quarantined before dead before waiting before settled."""
    found = [states.get(step.n) for step in plan.steps]
    if "held" in found or states.get(0) == "held":
        return "quarantined"
    if any(state not in ENDED for state in found):
        return "waiting"
    return "dead" if "dead" in found else "settled"


def next_step(plan: Plan, states: Mapping[int, OutcomeState], due: Mapping[int, int | None]) -> int:
    """When the earliest step that may run is due. 0: at once, since one was not tried yet or is to be skipped; or nothing is left to do."""
    run, skip = ready(plan, states)
    return 0 if skip else min((due.get(step.n) or 0 for step in run), default=0)


def due(
    attempt: int, first: datetime, now: datetime, work: Work, wish: float | None = None, spread: float | None = None
) -> datetime | None:
    """When a step is tried again after its attempt number `attempt` (from 1): 1, 5, 15, 60 minutes, then hourly, +-20 %.

    None when `first`, the arrival of the mail, lies `retry_for` seconds back. `wish`: seconds that the other side asked for (Retry-After),
    honoured up to a day. `spread`: -1 to 1 instead of chance.
    """
    if (now - first).total_seconds() >= work.retry_for:
        return None
    base = work.retry[min(attempt, len(work.retry)) - 1]
    chance = random.uniform(-1, 1) if spread is None else spread  # noqa: S311  spreads load, hides nothing
    wait = max(base * (1 + 0.2 * chance), min(wish or 0, 86_400))
    return now + timedelta(seconds=wait)


def put_off(
    attempt: int, first: datetime, now: datetime, work: Work, detail: str, wish: float | None = None
) -> tuple[Outcome, datetime | None]:
    """What becomes of a mail that cannot be judged now, for the `attempt`-th time: an outcome of the mail itself (n 0), and when it is judged
    again: as a deferred step would be; never, and it is held, when `retry_for` is over.
    """
    at = due(attempt, first, now, work, wish)
    words = f"not judged yet: {detail}" if at else f"could not be judged: {detail}; `inbox quarantine release` tries it again"
    return Outcome(0, "deferred" if at else "held", attempt, words[:1000].replace("\0", ""), now), at


def attempt(
    step: Step, call: Callable[[], Any], number: int, first: datetime, work: Work, seconds: float | None = None, mail: str | None = None
) -> Ended:
    """Try one step once and say how it ended; `call` runs the handler, `number` counts attempts from 1, `first` is the mail's arrival.

    `seconds`: how long it may take; None: as the step or the settings say. `mail`: its id, for the log.
    """
    try:
        with time_limit(seconds or step.timeout or work.step_timeout):
            result = _done(call())
    except Failed as error:
        return gave_up(step, number, str(error))
    except Suppressed as error:
        return Ended(_outcome(step, "suppressed", number, str(error)))
    except Deferred as error:
        return _again(step, number, first, work, str(error), error.retry_after)
    except TimeUp as error:
        return _again(step, number, first, work, str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the unknown error is temporary
        _LOG.warning("handler raised", exc_info=True, extra={"mail": mail, "handler": step.handler, "rule": step.rule})
        return _again(step, number, first, work, f"{type(error).__name__}: {error}")
    return Ended(_outcome(step, "held" if result.hold else "done", number, result.detail), result.row, stop=result.stop)


def gave_up(step: Step, number: int, detail: str) -> Ended:
    """A step that will not be tried again, since its handler or the store refuses: dead, failed or held, as its `on_error` says."""
    return Ended(_outcome(step, _GIVEN_UP[step.on_error], number, detail))


def too_late(plan: Plan) -> Plan:
    """A plan for mail whose sender was answered 250 already: nobody can be refused any more, so it is held for those whom a rule refuses."""
    if not plan.refused:
        return plan
    steps = list(plan.steps)
    for recipient, reply in plan.refused.items():
        why = f"a rule refuses {recipient} ({reply}), but the mail was acknowledged before"
        steps.append(Step(len(steps) + 1, _refuser(plan, recipient), "quarantine", {"reason": why}, (recipient,)))
    return replace(plan, reply=ACCEPTED, refused={}, steps=tuple(steps))


def _refuser(plan: Plan, recipient: str) -> str:
    """The last rule that matched for a recipient: a refusal ends judging for it."""
    return next((d.rule for d in reversed(plan.decisions) if d.matched and not d.shadow and recipient in d.recipients), "refuse")


def refusals(plan: Plan) -> tuple[Outcome, ...]:
    """One outcome, of the mail itself (n 0), for each recipient that a rule refused."""
    now = datetime.now(UTC)
    return tuple(Outcome(0, "refused", 0, f"{recipient}: {reply}", now) for recipient, reply in plan.refused.items())


def skipped(step: Step) -> Outcome:
    """The outcome of a step that an earlier one ended."""
    return _outcome(step, "skipped", 0, "an earlier step ended it")


class Run:
    """One mail that is worked on here and now: which step comes next, what was tried, and how it ended, written into the journal.

    `states`: how steps ended earlier, for a mail that somebody else began; None for one that was judged just now.
    """

    def __init__(
        self,
        mail: Mail,
        plan: Plan,
        journal: Journal | None,
        states: Mapping[int, OutcomeState] | None = None,
    ) -> None:
        self.mail, self.plan, self.journal = mail, plan, journal
        self.outcomes: list[Outcome] = []
        self.states: dict[int, OutcomeState] = dict(states or {})
        self._tried: set[int] = set()
        if states is None:
            for outcome in refusals(plan):
                self.add(Ended(outcome))

    def next(self) -> Step | None:
        """Mark what earlier steps ended; the first step that may be tried now and was not yet."""
        run, skip = ready(self.plan, self.states)
        for step in skip:
            self.add(Ended(skipped(step)))
        return next((step for step in run if step.n not in self._tried), self.next() if skip else None)

    def add_all(self, ended: Ended) -> None:
        """One attempt, and the steps that it has ended."""
        for one in with_skips(self.plan, self.states, ended):
            self.add(one)

    def add(self, ended: Ended) -> None:
        if self.journal:
            ended = self._written(self.journal, ended)
        self.outcomes.append(ended.outcome)
        if ended.outcome.n:
            self.states[ended.outcome.n] = ended.outcome.state
            self._tried.add(ended.outcome.n)

    def _written(self, journal: Journal, ended: Ended) -> Ended:
        """The outcome as it was written down: where its row was refused, the step has given up instead."""
        try:
            journal.settled(self.mail, ended.outcome, ended.row, ended.due_at)
        except Failed as error:
            step = next(step for step in self.plan.steps if step.n == ended.outcome.n)
            ended = gave_up(step, ended.outcome.attempt, str(error))
            journal.settled(self.mail, ended.outcome)
        return ended

    def receipt(self) -> Receipt:
        return Receipt(self.mail, self.plan, tuple(self.outcomes), self.plan.reply, mail_state(self.plan, self.states))


def _again(step: Step, number: int, first: datetime, work: Work, detail: str, wish: float | None = None) -> Ended:
    at = due(number, first, datetime.now(UTC), work, wish)
    if at is None:
        return replace(gave_up(step, number, f"given up: {detail}"), expired=True)
    return Ended(_outcome(step, "deferred", number, detail), due_at=at)


def _done(result: object) -> Done:
    if isinstance(result, Done):
        return result if result.detail is None else replace(result, detail=str(result.detail))
    if isinstance(result, Row):
        return Done(f"row in {result.table}", result)
    if result is None or isinstance(result, str):
        return Done(result)
    raise TypeError(f"a handler returns None, a short text, Row or Done; this one returned {type(result).__name__}")


def _outcome(step: Step, state: OutcomeState, number: int, detail: str | None) -> Outcome:
    short = detail[:1000].replace("\0", "") if detail else detail
    return Outcome(step.n, state, number, short, datetime.now(UTC))
