from __future__ import annotations

from inbox import hookimpl


@hookimpl
def register_handlers(register):
    register("slack", slack)


def slack(mail, *, channel: Chanel):
    """Post."""
