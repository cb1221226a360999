"""Inbound email processing: a mail arrives, is kept, is read, is judged, and the plan is carried out.

Everything a plugin or a program needs is importable from here; each name is loaded when it is first asked for, so that
`import inbox` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inbox.app import Inbox as Inbox
    from inbox.errors import ConfigError as ConfigError
    from inbox.errors import Deferred as Deferred
    from inbox.errors import Failed as Failed
    from inbox.errors import InboxError as InboxError
    from inbox.errors import Suppressed as Suppressed
    from inbox.function import lambda_handler as lambda_handler
    from inbox.function import lambda_handler_for as lambda_handler_for
    from inbox.hookspecs import hookimpl as hookimpl
    from inbox.model import Done as Done
    from inbox.model import Envelope as Envelope
    from inbox.model import Mail as Mail
    from inbox.model import Outcome as Outcome
    from inbox.model import Plan as Plan
    from inbox.model import Raw as Raw
    from inbox.model import Receipt as Receipt
    from inbox.model import Reply as Reply
    from inbox.model import Row as Row
    from inbox.model import Step as Step
    from inbox.options import Seconds as Seconds
    from inbox.options import Secret as Secret
    from inbox.options import Template as Template
    from inbox.parsing import parse as parse
    from inbox.parsing.addresses import Address as Address
    from inbox.parsing.message import Message as Message
    from inbox.parsing.threads import Threads as Threads
    from inbox.ports import Noted as Noted
    from inbox.reply_tokens import ReplyToken as ReplyToken
    from inbox.reply_tokens import read_reply_address as read_reply_address
    from inbox.reply_tokens import reply_address as reply_address

__version__ = "0.1.0"

_HOMES = {
    "Inbox": "app",
    **dict.fromkeys(("ConfigError", "Deferred", "Failed", "InboxError", "Suppressed"), "errors"),
    **dict.fromkeys(("lambda_handler", "lambda_handler_for"), "function"),
    "hookimpl": "hookspecs",
    **dict.fromkeys(("Done", "Envelope", "Mail", "Outcome", "Plan", "Raw", "Receipt", "Reply", "Row", "Step"), "model"),
    **dict.fromkeys(("Seconds", "Secret", "Template"), "options"),
    "Noted": "ports",
    "parse": "parsing",
    "Address": "parsing.addresses",
    "Message": "parsing.message",
    "Threads": "parsing.threads",
    **dict.fromkeys(("ReplyToken", "read_reply_address", "reply_address"), "reply_tokens"),
}

__all__ = ["__version__", *sorted(_HOMES)]  # noqa: PLE0604  all are strings


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'inbox' has no attribute {name!r}")
    return getattr(import_module(f"inbox.{_HOMES[name]}"), name)
