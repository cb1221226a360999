"""Built-in handlers: what rules can do without any further plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inbox.handlers import keeping
from inbox.hookspecs import hookimpl

if TYPE_CHECKING:
    from inbox.hookspecs import Register


@hookimpl
def register_handlers(register: Register) -> None:
    register("store", keeping.store, check=keeping.check_store)
    register("quarantine", keeping.quarantine)
    register("discard", keeping.discard)
