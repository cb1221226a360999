"""For whom a receipt rule is: the envelope recipients that its entries match. The matching is that of rules.yaml, whose recipients are SES's."""

from __future__ import annotations

from collections.abc import Iterable

from inbox.receipt_rules.model import ReceiptRule
from inbox.rules import address
from inbox.rules.address import Recipients


def matched(rule: ReceiptRule, recipients: Iterable[str]) -> tuple[str, ...]:
    """The recipients that a rule is for, as they were written; all when it names none. Whether the rule is enabled is not asked."""
    if not rule.recipients:
        return tuple(recipients)
    entries = Recipients(rule.recipients)
    return tuple(recipient for recipient in recipients if entries.holds(address.read(recipient)))


def covers(wide: Iterable[str], narrow: Iterable[str]) -> bool:
    """Whether every recipient that `narrow` matches is matched by `wide` too; no entries match everybody."""
    known = frozenset(address.entry_keys(wide))
    wanted = tuple(address.entry_keys(narrow))
    if not known:
        return True
    return bool(wanted) and all(any(key in known for key in _wider(entry)) for entry in wanted)


def _wider(entry: str) -> Iterable[str]:
    """The entry and every entry that matches all that it matches."""
    read = address.read(entry) if "@" in entry else None
    return address.keys(read) if read else (entry, *address.parents(entry.removeprefix(".")))
