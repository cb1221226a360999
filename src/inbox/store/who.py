"""Who does something to mails by hand."""

from __future__ import annotations

import getpass


def operator() -> str:
    """The name of who runs this process, for the record."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
