"""The handler deliver: hand a mail that was made here (`inbox send`) to the next hop of one recipient. Plans of such mail are made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inbox.errors import Failed
from inbox.sending import SENT, About

if TYPE_CHECKING:
    from inbox.model import Mail, Step
    from inbox.ports import Outbox


def deliver(
    mail: Mail,
    step: Step,
    outbox: Outbox,
    *,
    identity: str | None = None,
    template: str | None = None,
    variant: str | None = None,
    experiment: str | None = None,
) -> str:
    """Send a mail that `inbox send` or `Inbox.send` has made. Rules do not use it: `forward` passes on mail that came in.

    identity: domain that it is sent as. template, variant, experiment: what it was made of, for events about it.
    """
    if mail.envelope.source != SENT:
        raise Failed("deliver is for mail that was made here; use forward")
    about = About(mail.id, 0, identity, template, variant, experiment)
    return outbox.send(mail.envelope.sender, step.recipients, mail.raw, about=about)


def check(_options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """No rule may use it."""
    yield "deliver is for mail that `inbox send` has made; rules pass mail on with forward"
