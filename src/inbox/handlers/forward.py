"""The handler forward: pass a mail on as it came in, with our header fields on top, so that signatures keep holding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from inbox.errors import Failed
from inbox.handlers import budgets
from inbox.handlers.forward_budget import RATES, refuse_rounds
from inbox.send import headers as guard
from inbox.send.compose import on_top
from inbox.sending import About

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step
    from inbox.ports import Memory, Outbox

MOST_HOPS, MOST_LOOPS = 50, 10


def forward(
    mail: Mail,
    message: Message,
    step: Step,
    settings: Mapping[str, Any],
    memory: Memory,
    outbox: Outbox,
    *,
    to: str | list[str],
    from_: str | None = None,
) -> str:
    """Pass the mail on, header and body unchanged, over the relay.

    to: one address or a list. from: envelope sender of the forwarded mail; by default the address that the mail came to (a report with null
    sender keeps it). A mail that has come round, or through more than 50 servers, is not forwarded (5.4.6).
    """
    own = step.recipients or mail.envelope.recipients
    refuse_loop(message, own)
    refuse_rounds(mail, message, step, memory, settings)
    sender = None if mail.envelope.sender is None else from_ or (own[0] if own else None)
    return outbox.send(
        sender, [to] if isinstance(to, str) else to, on_top(mail.raw, _fields(mail, own)), about=About(mail=mail.id, n=step.n)
    )


def refuse_loop(message: Message, own: tuple[str, ...]) -> None:
    """Failed when the mail was here before: our loop header names one of these addresses, or it has come through too many servers.

    Each forward adds `X-Inbox-Loop: <address it came to>`, so mail may pass several of our addresses, each once.
    """
    mine = {address.lower() for address in own}
    if any("@" not in loop or loop.strip().lower() in mine for loop in message.loops) or len(message.loops) >= MOST_LOOPS:
        raise Failed("5.4.6 mail loop: it was forwarded by us before (X-Inbox-Loop)")
    if message.hops > MOST_HOPS:
        raise Failed(f"5.4.6 mail loop: it came through {message.hops} servers, {MOST_HOPS} is the most")


def _fields(mail: Mail, own: tuple[str, ...]) -> list[bytes]:
    """A trace of our own (RFC 5321 section 4.4) and the loop header, one for each address; the same mail gives the same octets."""
    envelope = mail.envelope
    by = guard.clean(own[0].rpartition("@")[2]) if own else "inbox"
    client = f"from {envelope.helo or 'unknown'} ({envelope.ip or 'unknown'}) " if envelope.helo or envelope.ip else ""
    trace = f"{client}by {by} with {_protocol(mail)} id {mail.id}; {format_datetime(mail.received_at)}"
    return [guard.field("Received", trace), *(guard.field("X-Inbox-Loop", address) for address in own[:MOST_LOOPS])]


def _protocol(mail: Mail) -> str:
    """The `with` word of a Received field (RFC 3848)."""
    base = "LMTP" if mail.envelope.source == "lmtp" else "ESMTP"
    return base + ("S" if mail.envelope.tls else "") + ("A" if mail.envelope.auth else "")


def check(options: Mapping[str, Any], recipients: tuple[str, ...], settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options, found at load: addresses that are none, a forward to the rule's own recipient."""
    yield from budgets.problems("forward", settings, RATES)
    to = options["to"]
    own = {recipient.lower() for recipient in recipients}
    for address in [to] if isinstance(to, str) else to:
        yield from _problems("to", address)
        if address.lower() in own:
            yield f"to: {address} is the recipient of this rule: the mail would go round"
    if not to:
        yield "to needs at least one address"
    if options.get("from_"):
        yield from _problems("from", options["from_"])


def _problems(option: str, address: str) -> Iterator[str]:
    """A text with placeholders is checked when they are filled in."""
    if "{" in address:
        return
    try:
        guard.check_address(address)
    except ValueError as error:
        yield f"{option}: {error}"
