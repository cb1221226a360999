"""Sending mail that is made here: check who it is from, fill the template in, compose it, and keep it in the queue with its plan.

Nothing is sent at once: workers deliver, one step for each recipient. The rules have no say in such a mail.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from inbox.errors import ConfigError
from inbox.model import Envelope, Json, Mail, Plan, Raw, new_id
from inbox.send.secret import return_path_secrets
from inbox.send.submission import Party, Submission, author_of, check_one_source, from_header, octets
from inbox.send.unsubscribe import Subscriber, address_of
from inbox.sending import SENT, SendingEvent, message_id_of, plan_to_send

if TYPE_CHECKING:
    from pathlib import Path

    from inbox.config import Settings
    from inbox.ports import Ledger, Queue
    from inbox.send.identities import Identities, Identity
    from inbox.send.variants import Template

_LOG = logging.getLogger("inbox.send")


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail that is kept to be sent: its id (that of the mail before it, where the idempotency key was known), and whom it is for."""

    id: str
    recipients: tuple[str, ...]
    message_id: str

    def to_dict(self) -> dict[str, Json]:
        return {"id": self.id, "recipients": list(self.recipients), "message_id": self.message_id}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A mail ready to be kept: with its plan."""

    mail: Mail
    plan: Plan
    message_id: str


class Sender:
    """Takes submissions. `queue`: where they wait; `ledger`: where a template that cannot be filled in is told of."""

    def __init__(self, settings: Settings, identities: Identities, queue: Queue | None = None, ledger: Ledger | None = None) -> None:
        self._settings, self._identities, self._queue, self._ledger = settings, identities, queue, ledger
        self._warned: set[str] = set()
        self._templates: dict[Path, Template] = {}

    def send(self, wanted: Submission) -> Sent:
        """Keep one mail. ConfigError: it cannot be as it is asked for; RenderingFailed; StoreError: it was not kept."""
        return self.send_all([self.prepare(wanted)])[0]

    def send_all(self, ready: Sequence[Prepared]) -> list[Sent]:
        """Keep mails that are prepared, in one transaction."""
        if self._queue is None:
            raise ConfigError("there is no store here to keep mail in until it is sent; open the Inbox with one")
        ids = self._queue.keep_all([(one.mail, one.plan) for one in ready])
        return [
            Sent(id_, one.mail.envelope.recipients, one.message_id.replace(one.mail.id, id_)) for id_, one in zip(ids, ready, strict=True)
        ]

    def signed(self, wanted: Submission) -> bytes:
        """The octets that would leave, with the signature of the identity; nothing is kept."""
        return self.signed_octets(self.prepare(wanted))

    def signed_octets(self, ready: Prepared) -> bytes:
        """The octets of a prepared mail with the signature of its identity."""
        identity = self._identities.of(ready.plan.steps[0].options.get("identity") or "")
        return identity.sign(ready.mail.raw) if identity else ready.mail.raw

    def prepare(self, wanted: Submission) -> Prepared:
        """The mail with its plan, ready to be kept. ConfigError, RenderingFailed."""
        check_one_source(wanted)
        wanted, id_ = from_header(wanted), new_id()
        recipients = wanted.recipients()
        wanted, made_of = self._rendered(wanted, id_, recipients)
        author = author_of(wanted)
        identity = self._identity(wanted, author)
        domain = identity.domain if identity else author[1].rpartition("@")[2]
        message_id = message_id_of(id_, 0, domain)
        raw = octets(wanted, author, message_id, self._unsubscribe(wanted, id_, recipients, domain), datetime.now(UTC))
        key = f"{SENT}:{wanted.idempotency_key}" if wanted.idempotency_key else None
        mail = Mail(id_, Envelope(author[1], recipients, source=SENT), Raw.of(raw), datetime.now(UTC), key)
        return Prepared(mail, plan_to_send(mail, {"identity": domain, **made_of}), message_id)

    def _identity(self, wanted: Submission, author: Party) -> Identity | None:
        """The identity of From; ConfigError for a domain that is none, where there are any."""
        domain = author[1].rpartition("@")[2]
        if wanted.identity and not self._identities.of(wanted.identity):
            raise ConfigError(f"{wanted.identity} is no identity; make it one: inbox identity add {wanted.identity}")
        if found := self._identities.of(wanted.identity or author[1]):
            return found
        if any(True for _ in self._identities):
            raise ConfigError(f"From is {author[1]}, and {domain} is no identity; make it one: inbox identity add {domain}")
        if domain not in self._warned:
            self._warned.add(domain)
            _LOG.warning("mail is sent without a DKIM signature: there is no identity", extra={"remedy": f"inbox identity add {domain}"})
        return None

    def _rendered(self, wanted: Submission, id_: str, recipients: tuple[str, ...]) -> tuple[Submission, dict[str, str]]:
        """The submission with the words of its template, and what events say of that; the first recipient decides the variant for all of a mail."""
        if wanted.template is None:
            return wanted, {}
        from inbox.send.front_matter import load_template  # noqa: PLC0415  Jinja and YAML are loaded when something is rendered
        from inbox.send.rendering import RenderingFailed, render  # noqa: PLC0415
        from inbox.send.variants import choose  # noqa: PLC0415

        if (template := self._templates.get(wanted.template)) is None:
            template = self._templates[wanted.template] = load_template(wanted.template)
        variant = choose(template, recipients[0])
        try:
            words = render(template, variant, wanted.data)
        except RenderingFailed as error:
            self._note_failure(id_, recipients, template.name, variant.name, str(error))
            raise
        tested = {"variant": variant.name, "experiment": template.experiment} if variant.name else {}
        said = replace(
            wanted,
            subject=wanted.subject or words.subject,
            text=words.text,
            html=words.html,
            from_=wanted.from_ or words.from_,
            reply_to=wanted.reply_to or ((words.reply_to,) if words.reply_to else ()),
        )
        return said, {"template": template.name, **tested}

    def _note_failure(self, id_: str, recipients: tuple[str, ...], template: str, variant: str | None, why: str) -> None:
        now = datetime.now(UTC)
        if self._ledger:
            self._ledger.note(
                [
                    SendingEvent(
                        f"{id_}.0:{one}:rendering_failure",
                        "rendering_failure",
                        now,
                        id_,
                        one,
                        template=template,
                        variant=variant,
                        detail=why,
                    )
                    for one in recipients
                ]
            )

    def _unsubscribe(self, wanted: Submission, id_: str, recipients: tuple[str, ...], domain: str) -> str | None:
        """Where the recipient unsubscribes: as it was given, or an address of our endpoint for this one."""
        if not wanted.unsubscribe or isinstance(wanted.unsubscribe, str):
            return wanted.unsubscribe or None
        base, secret = self._settings.sending.unsubscribe_url, self._settings.sending.secret
        if base is None:
            raise ConfigError("there is no unsubscribe_url in [sending]; set it, or give an address: https://... or mailto:...")
        if len(recipients) > 1:
            raise ConfigError("each recipient unsubscribes at an address of its own: send each one a mail of its own (--each)")
        newest = return_path_secrets(secret, self._settings.dir)[0]
        return address_of(base, newest, Subscriber(domain, id_, recipients[0]))
