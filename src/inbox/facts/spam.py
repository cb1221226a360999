"""Whether a mail is spam, whoever says so: SES, Rspamd, SpamAssassin, those that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inbox.facts.rspamd import SPAM
from inbox.facts.scanning import unset
from inbox.ports import Noted

if TYPE_CHECKING:
    from inbox.model import Envelope, Value
    from inbox.ports import Facts


def spam(envelope: Envelope, facts: Facts) -> Value | Noted:
    """Whether SES, Rspamd or SpamAssassin takes the mail for spam: true as soon as one does, false when none does; absent when none looked.

    Rspamd does with the actions add header, rewrite subject and reject. A mail that SES has judged is shown to the others too.
    """
    said = {"fail": True, "pass": False}.get((envelope.verdicts or {}).get("spam", ""))
    if said:
        return True
    action, other = facts.get("rspamd"), None
    if action is not None:
        said = action in (*SPAM, "error") or bool(said)
    if not said and (other := facts.get("spamassassin")) is not None:
        said = bool(other)
    if said is None:
        notes = filter(None, map(facts.note, ("rspamd", "spamassassin")))
        asked = [note for note in notes if note not in (unset("Rspamd"), unset("SpamAssassin"))]
        return Noted(None, "; ".join(asked) or "neither Rspamd nor SpamAssassin is set in [scanners] of inbox.toml")
    return said
