"""Built-in handlers: what rules can do without any further plugin. (`refuse`, `label`, `set` and `stop` are words of a rule.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inbox.handlers import files, forward, keeping, reply, webhook
from inbox.hookspecs import hookimpl

if TYPE_CHECKING:
    from inbox.hookspecs import Register


@hookimpl
def register_handlers(register: Register) -> None:
    register("store", keeping.store, check=keeping.check_store)
    register("quarantine", keeping.quarantine)
    register("discard", keeping.discard)
    register("end", keeping.end)
    register("maildir", files.maildir, check=files.check_path, acts=True)
    register("file", files.file, check=files.check_path, acts=True)
    register("webhook", webhook.webhook, check=webhook.check, acts=True)
    register("forward", forward.forward, check=forward.check, sends=True)
    register("reply", reply.reply, check=reply.check, sends=True)
