"""The hooks of a plugin: a fact to read, a handler to do, or an edge (pluggy). Few, and each is used by a real plugin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from inbox.model import Mail, Receipt

hookspec = pluggy.HookspecMarker("inbox")
hookimpl = pluggy.HookimplMarker("inbox")

Register = Callable[..., None]
"""`register(name, function)`; what else it takes stands in `inbox.plugins`."""


@hookspec
def register_facts(register: Register) -> None:
    """Add something rules can read: register("office_hours", office_hours)"""


@hookspec
def register_handlers(register: Register) -> None:
    """Add something rules can do: register("slack", slack)"""


@hookspec
def register_sources(register: Register) -> None:
    """Add a way that mail comes in: register("imap", source)"""


@hookspec
def register_stores(register: Register) -> None:
    """Add a place where mail is kept, by URL scheme: register("postgres", open_store)

    `open_store(url, settings)` is given the setting `store` and returns an `inbox.store.inline.InlineStore`.
    """


@hookspec
def register_commands(cli: click.Group) -> None:
    """Add commands to the inbox program (click)"""


@hookspec
def mail_settled(mail: Mail, receipt: Receipt) -> Any:
    """See a finished mail. Errors here are logged and change nothing"""
