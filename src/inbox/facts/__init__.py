"""Built-in facts: what rules can read about a mail without any further plugin.

Each fact is one function; its first docstring line is the help that `inbox plugins` prints. A fact answers None when it is absent: a
mail without subject has no `subject`. Facts that want nothing but the envelope are known at RCPT time, before the mail is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inbox.facts import (
    attachments,
    authentication,
    bayes,
    clamav,
    dnsbl,
    envelope,
    headers,
    history,
    identity,
    keywords,
    kinds,
    moment,
    reply_token,
    rspamd,
    spam,
    spamassassin,
    verdicts,
)
from inbox.facts.scanning import checked
from inbox.hookspecs import hookimpl

if TYPE_CHECKING:
    from inbox.hookspecs import Register


@hookimpl
def register_facts(register: Register) -> None:
    for table in (
        identity.FACTS,
        envelope.FACTS,
        headers.FACTS,
        attachments.FACTS,
        kinds.FACTS,
        moment.FACTS,
        reply_token.FACTS,
        verdicts.FACTS,
        authentication.Authentication().facts,
    ):
        for name, function in table.items():
            register(name, function)
    register("seen", history.seen)
    register("rate", history.rate)
    register("dnsbl", dnsbl.BlockLists().dnsbl, check=dnsbl.check)
    register("keywords", keywords.keywords, check=keywords.check)
    register("virus", clamav.ClamAV().virus, check=checked("ClamAV"))
    for name, function in rspamd.Rspamd().facts.items():
        register(name, function, check=checked("Rspamd"))
    for name, function in spamassassin.SpamAssassin().facts.items():
        register(name, function, check=checked("SpamAssassin"))
    register("spam", spam.spam)
    register("bayes", bayes.bayes, check=bayes.check)
