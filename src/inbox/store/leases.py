"""Names of leases, which say how long they hold: a worker's (`worker-1`) while its supervisor says so, that of a command
(`process-PID`) while the process runs, and a hold (`until-MICROSECONDS-HOLDER`) until its time is over.
"""

from __future__ import annotations

import os
import re
from datetime import datetime

from inbox.store.values import micros, moment

BY_HAND = "process-"
STRIKES = 3
"""After so many a mail is quarantined, where the settings are not asked."""

HELD = "its hold ran out: its holder died over it, or took too long"
"""What a strike says that a hold costs."""


def hand_lease() -> str:
    """The lease of a command that works on a mail itself."""
    return f"{BY_HAND}{os.getpid()}"


def alive(lease: str) -> bool:
    """Whether the process of a `hand_lease` runs."""
    number = lease.removeprefix(BY_HAND)
    if number == lease or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def hold(holder: str, until: datetime) -> str:
    """The lease of a holder until a time."""
    return f"until-{micros(until):017}-{holder}"


def until_of(lease: str) -> datetime | None:
    """When a hold ends; None for other leases."""
    found = re.match(r"until-(\d{17})-", lease)
    return moment(int(found[1])) if found else None


def holder_of(lease: str) -> str | None:
    """Whose hold it is; None for other leases."""
    return lease[24:] if until_of(lease) else None
