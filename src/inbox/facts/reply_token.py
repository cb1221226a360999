"""Facts of reply addresses: whether a recipient carries a token of ours, and what it was made for (`inbox.reply_address`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inbox import read_reply_address
from inbox.options import Secret

if TYPE_CHECKING:
    from inbox import Message, ReplyToken
    from inbox.model import Mail


def reply_token(mail: Mail, message: Message, *, key: Secret, old_key: Secret | None = None) -> tuple[str, ...]:
    """Whether the mail came to a reply address: `valid`, `expired`, `wrong-sender` or `forged` for each recipient that carries a token.

    key: env:NAME or file:PATH. old_key: one that is no longer used for new addresses and still counts, while keys are being changed.
    """
    return tuple(token.state for token in _tokens(mail, message, key, old_key))


def value(mail: Mail, message: Message, *, key: Secret, old_key: Secret | None = None) -> tuple[str, ...]:
    """What the valid reply address was made for: a number of a ticket, a thread. Absent for any that is not valid.

    key, old_key: as of `reply_token`.
    """
    return tuple(token.value for token in _tokens(mail, message, key, old_key) if token.state == "valid" and token.value)


def _tokens(mail: Mail, message: Message, key: str, old_key: str | None) -> Iterator[ReplyToken]:
    """The author is compared, not the envelope sender: answers are forwarded and relayed. Two authors are none."""
    author = message.from_[0].address if len(message.from_) == 1 and not message.ambiguous_from else None
    keys = [key] if old_key is None else [key, old_key]
    for recipient in mail.envelope.recipients:
        token = read_reply_address(recipient, author, keys, now=mail.received_at)
        if token:
            yield token


FACTS: Mapping[str, Callable[..., Any]] = {"reply_token": reply_token, "reply_token.value": value}
