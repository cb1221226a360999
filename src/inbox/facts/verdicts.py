"""Facts of AWS SES's own checks; absent for mail that came in another way. They are never read from headers, which anybody can write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox.model import Envelope

_WORDS = "pass, fail, gray, processing_failed or disabled"


def _verdict(name: str, help_: str) -> Callable[[Envelope], str | None]:
    def verdict(envelope: Envelope) -> str | None:
        return envelope.verdicts.get(name) if envelope.verdicts else None

    verdict.__doc__ = help_
    return verdict


FACTS: Mapping[str, Callable[..., object]] = {
    "verdict.spam": _verdict("spam", f"What SES says of spam: {_WORDS}; absent for mail that did not come through SES."),
    "verdict.virus": _verdict("virus", f"What SES says of viruses: {_WORDS}; absent for mail that did not come through SES."),
    "verdict.spf": _verdict("spf", f"SPF as SES checked it: {_WORDS}; absent for mail that did not come through SES."),
    "verdict.dkim": _verdict("dkim", f"DKIM as SES checked it: {_WORDS}; absent for mail that did not come through SES."),
    "verdict.dmarc": _verdict("dmarc", f"DMARC as SES checked it: {_WORDS}; absent for mail that did not come through SES."),
    "verdict.dmarc_policy": _verdict("dmarc_policy", "Policy of the author's domain as SES saw it: none, quarantine or reject."),
}
