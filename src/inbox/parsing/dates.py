"""The Date field (RFC 5322 section 3.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

_MONTHS = {month: n for n, month in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)}
_PLAIN = re.compile(
    r"(?:[A-Za-z]{3}\s*,\s*)?(\d{1,2})\s+([A-Za-z]{3})\s+(\d{4})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s+([+-])(\d{2})(\d{2})\s*(?:\([^()]*\))?",
    re.ASCII,
)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", re.ASCII)
_ZONE = re.compile(r"(?:\b(?:GMT|UTC|UT))?([+-])(\d{2}):?(\d{2})\b", re.ASCII)
_LONGEST = 200


def read_date(text: str) -> datetime | None:
    """An aware datetime with the offset as written, or None when the text is no date."""
    if len(text) > _LONGEST:
        return None
    try:
        found = _PLAIN.fullmatch(text)
        date = _from_plain(found) if found else _from_odd(text)
        if date:
            date.astimezone(UTC)  # OverflowError at the ends of time
    except (ValueError, OverflowError, KeyError, TypeError, IndexError):
        return None
    return date


def _from_plain(found: re.Match[str]) -> datetime:
    day, month, year, hour, minute, second, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    zone = timezone(-offset if sign == "-" else offset)
    return datetime(int(year), _MONTHS[month.lower()], int(day), int(hour), int(minute), min(int(second or 0), 59), tzinfo=zone)


def _from_odd(text: str) -> datetime | None:
    """Obsolete forms (RFC 5322 section 4.3): years of two and three digits, named zones, missing weekdays. And what programs write that never read
    the RFC: ISO 8601, `GMT+0100`, `+01:00`.
    """
    if _ISO.match(text):
        date = datetime.fromisoformat(text)
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    found = parsedate_tz(_ZONE.sub(r"\1\2\3", text.rstrip(" ;,.")))
    if not found:
        return None
    year, month, day, hour, minute, second = found[:6]
    year += 1900 if 100 <= year < 1000 else 0
    return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone(timedelta(seconds=found[9] or 0)))
