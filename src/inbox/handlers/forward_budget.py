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

RATES: Mapping[str, str] = {"same": "10/1d", "alike": "2000/1d", "per_author": "1000/1h", "in_all": "off"}
"""Settings of `[handlers.forward]` and their defaults, all but `in_all` for one rule and one address that mail came to.

`same`: one mail, by its Message-ID or by author and date. `alike`: mails of one author with the same subject and first line (what goes round
grows at its end). `per_author`, `in_all`: any mails.
"""
_BEGINNING = 200


def refuse_rounds(mail: Mail, message: Message, step: Step, memory: Memory, settings: Mapping[str, Any]) -> None:
    """Take a forward from every budget. Failed: the same mail came too often, it goes round; Deferred: too many mails."""
    own = (step.rule, *sorted(address.lower() for address in step.recipients or mail.envelope.recipients))
    authors = [address.address.lower() for address in message.from_]
    date = " ".join(next(iter(message.header("date")), "").split())
    keys: dict[str, list[tuple[str | None, ...]]] = {
        "same": [key for key in (("id", *own, message.message_id), ("date", *own, *authors, date)) if key[-1]],
        "alike": [("alike", *own, *authors, message.conversation.subject[:_BEGINNING], _first_line(message.text or message.html or ""))],
        "per_author": [("author", step.rule, *authors)],
        "in_all": [("all",)],
    }
    known = rates(settings, RATES)
    budgets = {Budget(_name(*key), *rate): name for name, rate in known.items() for key in keys[name]}
    found = memory.take(mail, step.n, list(budgets))
    if found is None:
        return
    often = f"{found.number} times within {within(found.seconds)}"
    if budgets[found] in ("same", "alike"):
        raise Failed(f"5.4.6 mail loop: this rule has passed the same mail on {often} ([handlers.forward] {budgets[found]})")
    raise Deferred(f"too much to pass on: {often} ({budgets[found]})")


def _first_line(text: str) -> str:
    return next((line.strip() for line in text[: 64 * _BEGINNING].splitlines() if line.strip()), "")[:_BEGINNING]


def _name(kind: str | None, *words: str | None) -> str:
    digest = hashlib.sha256("\n".join(word or "" for word in words).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"forward {kind} {digest}"
