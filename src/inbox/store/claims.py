"""A mail in somebody's hands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inbox.model import Mail, OutcomeState, Plan


@dataclass(frozen=True, slots=True)
class Claim:
    """A mail in the hands of one worker. `plan` is None when it was not judged yet; `states` and `attempts` are those of its steps;
    `later`: steps that are deferred to a time that has not come; `strikes`: workers that died over it.
    """

    mail: Mail
    plan: Plan | None
    states: Mapping[int, OutcomeState]
    attempts: Mapping[int, int]
    later: frozenset[int] = frozenset()
    strikes: int = 0
