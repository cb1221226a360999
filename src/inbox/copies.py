"""A copy of a mail as handlers write it: trace fields of ours above its own octets, which stay as they came; forged results are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inbox.networks import Networks

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.model import Mail, Value
    from inbox.ports import Facts


def copy_of(mail: Mail, recipients: tuple[str, ...], facts: Facts, settings: Settings) -> bytes:
    """The octets of the copy for these recipients. `facts` are asked what authentication found, unless the client is one of our own."""
    from inbox.auth.results_field import without  # noqa: PLC0415  only who writes copies pays for it
    from inbox.auth.trace import above  # noqa: PLC0415  as above

    server = settings.trace.authserv_id or settings.hostname
    asked = settings.trace.authentication and not is_ours(mail, settings)
    results, spf = (_text(facts.get(f"authentication.{name}")) if asked else None for name in ("results", "received_spf"))
    if asked and results is None:
        results = "none"  # a fault of ours: nothing is said, but nothing is left to be forged either
    if mail.envelope.auth:
        results = "auth=pass"
    return above(mail, settings.hostname, recipients, results, spf, server) + without(mail.raw, frozenset((server.lower(),)))


def is_ours(mail: Mail, settings: Settings) -> bool:
    """Whether the client has logged in, is in our own networks, or is no client at all (a file)."""
    envelope = mail.envelope
    return bool(envelope.auth) or not envelope.ip or (envelope.ip in Networks(settings.trace.local) and not settings.dns.trusted)


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None
