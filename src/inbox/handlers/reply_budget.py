"""How often replies leave: per sender over all rules, per domain of senders, and in all; and that an answer to a reply is answered once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inbox.auth import organizational_domain
from inbox.handlers.budgets import rates, within
from inbox.ports import Budget

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step
    from inbox.ports import Memory

RATES: Mapping[str, str] = {"per_sender": "5/1d", "per_domain": "100/1h", "per_subject": "100/1d", "in_all": "1000/1h"}
"""Settings of `[handlers.reply]` and their defaults; `off` lifts one. `per_subject`: of one domain with one subject, whatever marks of answers
stand before it: a program that has an address of its own for each answer keeps the subject.
"""

_WORDS: Mapping[str, str] = {
    "once": "this sender answers our replies, and had one within {within}",
    "per_sender": "this sender had {number} replies within {within} (per_sender)",
    "per_domain": "the domain of this sender had {number} replies within {within} (per_domain)",
    "per_subject": "the domain of this sender had {number} replies to this subject within {within} (per_subject)",
    "in_all": "{number} replies left within {within} (in_all)",
}
_BATV = re.compile(r"(?:prvs|btv1|msprvs1)=+[^=]*=+(.+)")
_SRS = re.compile(r"srs0[=+-][^=]*=[^=]*=([^=]+)=(.+)")


def same_sender(address: str) -> str:
    """One address for all that a mailbox sends under: lower case, without tag, BATV (draft-levine-smtp-batv) and SRS0."""
    local, _, domain = address.lower().rpartition("@")
    if found := _SRS.fullmatch(local):
        domain, local = found[1], found[2]
    if found := _BATV.fullmatch(local):
        local = found[1]
    return f"{local.partition('+')[0] or local}@{domain}"


def used_up(
    mail: Mail, message: Message, step: Step, memory: Memory, settings: Mapping[str, Any], once: float | None
) -> tuple[str, str] | None:
    """Take a reply to the envelope sender from every budget: None, or the budget that is used up and the words for it.

    `once`: seconds within which a sender who answers our replies is answered once, over all rules; None when the mail is no such answer.
    """
    sender = same_sender(mail.envelope.sender or "")
    host = sender.rpartition("@")[2]
    domain, subject = organizational_domain(host) or host, message.conversation.subject
    keys = {"per_sender": sender, "per_domain": domain, "in_all": ""} | ({"per_subject": f"{domain} {_digest(subject)}"} if subject else {})
    budgets = {Budget(f"reply {name} {keys[name]}", *rate): name for name, rate in rates(settings, RATES).items() if name in keys}
    if once:
        budgets = {Budget(f"reply once {sender}", 1, once): "once", **budgets}
    found = memory.take(mail, step.n, list(budgets))
    return None if found is None else (budgets[found], _WORDS[budgets[found]].format(number=found.number, within=within(found.seconds)))


def _digest(subject: str) -> str:
    return hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[:32]
