"""A fact: did the mail come in office hours?

facts:
  open: {office_hours: {start: "09:00", end: "17:30", timezone: Europe/Berlin}}
rules:
- name: we are closed
  unless: {open: true}
  do: [{reply: {text: "We are back in the morning."}}]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import time
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from inbox import hookimpl

if TYPE_CHECKING:
    from inbox import Mail
    from inbox.hookspecs import Register

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WORKDAYS: list[Day] = ["mon", "tue", "wed", "thu", "fri"]


@hookimpl
def register_facts(register: Register) -> None:
    register("office_hours", office_hours, check=check)


def office_hours(mail: Mail, *, start: str = "09:00", end: str = "17:00", timezone: str = "UTC", days: list[Day] = WORKDAYS) -> bool:
    """Whether the mail arrived between start and end (end not included) on one of the days: mon to fri by default."""
    at = mail.received_at.astimezone(ZoneInfo(timezone))
    first, last = time.fromisoformat(start), time.fromisoformat(end)
    return DAYS[at.weekday()] in days and first <= at.time() < last


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the options: times and time zones that are none."""
    for name in ("start", "end"):
        try:
            time.fromisoformat(options.get(name, "09:00"))
        except ValueError:
            yield f"{name}: {options[name]!r} is no time of day; write 09:00"
    try:
        ZoneInfo(options.get("timezone", "UTC"))
    except (ValueError, OSError, LookupError):
        yield f"timezone: there is no {options['timezone']!r}; write a name such as Europe/Berlin"
