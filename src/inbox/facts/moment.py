"""Facts of the time of arrival; the Date field of a mail is a claim, and `header.date` reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from inbox.model import Mail

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _local(mail: Mail, timezone: str) -> datetime:
    return mail.received_at.astimezone(ZoneInfo(timezone))


def date(mail: Mail, *, timezone: str = "UTC") -> str:
    """Day of arrival, `2026-11-24`; timezone: a name such as Europe/Berlin."""
    return _local(mail, timezone).date().isoformat()


def hour(mail: Mail, *, timezone: str = "UTC") -> int:
    """Hour of arrival, 0 to 23; timezone: a name such as Europe/Berlin."""
    return _local(mail, timezone).hour


def weekday(mail: Mail, *, timezone: str = "UTC") -> str:
    """Day of the week of arrival, monday to sunday; timezone: a name such as Europe/Berlin."""
    return DAYS[_local(mail, timezone).weekday()]


def year(mail: Mail, *, timezone: str = "UTC") -> str:
    """Year of arrival, `2026`; timezone: a name such as Europe/Berlin."""
    return f"{_local(mail, timezone).year:04}"


def month(mail: Mail, *, timezone: str = "UTC") -> str:
    """Month of arrival, `01` to `12`; timezone: a name such as Europe/Berlin."""
    return f"{_local(mail, timezone).month:02}"


def day(mail: Mail, *, timezone: str = "UTC") -> str:
    """Day of the month of arrival, `01` to `31`; timezone: a name such as Europe/Berlin."""
    return f"{_local(mail, timezone).day:02}"


FACTS: Mapping[str, Callable[..., object]] = {"date": date, "year": year, "month": month, "day": day, "hour": hour, "weekday": weekday}
