"""Forwards that go round although every trace of us was taken away: the same mail again and again, or more and more of one author."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inbox.errors import Deferred, Failed
from inbox.handlers.budgets import rates, within
from inbox.ports import Budget

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step
    from inbox.ports import Memory

RATES: Mapping[str, str] = {"same": "10/1d", "per_author": "1000/1h", "in_all": "off"}
"""Settings of `[handlers.forward]` and their defaults. `same`: one mail, by its Message-ID or by author and date, of one rule for one address."""


def refuse_rounds(mail: Mail, message: Message, step: Step, memory: Memory, settings: Mapping[str, Any]) -> None:
    """Take a forward from every budget. Failed: the same mail came too often, it goes round; Deferred: too many mails."""
    own = (step.rule, *sorted(address.lower() for address in step.recipients or mail.envelope.recipients))
    authors = [address.address.lower() for address in message.from_]
    keys: dict[str, list[tuple[str | None, ...]]] = {
        "same": [("id", *own, message.message_id)] if message.message_id else [],
        "per_author": [("author", step.rule, *authors)],
        "in_all": [("all",)],
    }
    if date := next(iter(message.header("date")), None):
        keys["same"].append(("date", *own, *authors, " ".join(date.split())))
    known = rates(settings, RATES)
    budgets = {Budget(_name(*key), *rate): name for name, rate in known.items() for key in keys[name]}
    found = memory.take(mail, step.n, list(budgets))
    if found is None:
        return
    often = f"{found.number} times within {within(found.seconds)}"
    if budgets[found] == "same":
        raise Failed(f"5.4.6 mail loop: this rule has passed the same mail on {often} (same)")
    raise Deferred(f"too much to pass on: {often} ({budgets[found]})")


def _name(kind: str | None, *words: str | None) -> str:
    digest = hashlib.sha256("\n".join(word or "" for word in words).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"forward {kind} {digest}"
