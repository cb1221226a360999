"""The public test kit: make mails, run rules on them, look at what would have left. Nothing here is faked but the two ends.

    def test_refunds_are_forwarded(inbox_for, outbox):
        box = inbox_for("rules.yaml", outbox=outbox)
        receipt = box.process(make_mail(subject="refund, please", recipients=["support@example.com"]))
        assert receipt.state == "settled"
        assert outbox.sent[0].recipients == ("team@corp.test",)

pytest finds the fixtures `inbox_for` and `outbox` by itself; the rest needs no pytest.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inbox.errors import Deferred, Failed
from inbox.model import Envelope, Mail, Outcome, Plan, Row
from inbox.ports import NOTHING, Budget
from inbox.sending import About

if TYPE_CHECKING:
    from inbox.app import Inbox
    from inbox.ports import Memory

Attachment = tuple[str, str, bytes]
"""File name, media type, content."""


def make_mail(
    raw: bytes | None = None,
    *,
    sender: str | None = "alice@example.org",
    recipients: Sequence[str] = ("bob@example.com",),
    ip: str | None = None,
    helo: str | None = None,
    subject: str | None = "Hello",
    text: str = "Hello Bob\n",
    html: str | None = None,
    headers: Mapping[str, str] | None = None,
    attachments: Iterable[Attachment] = (),
    received_at: datetime | None = None,
) -> Mail:
    """A mail that has just arrived: with these raw octets, or built of subject, text, headers and attachments.

    `sender` None is the null sender. A header that is given replaces the one that would be made (From, To, Date, Message-ID).
    """
    content = raw if raw is not None else _build(sender, recipients, subject, text, html, headers or {}, attachments)
    mail = Mail.of(content, Envelope(sender, tuple(recipients), helo=helo, ip=ip, source="test"))
    return replace(mail, received_at=received_at) if received_at else mail


def _build(
    sender: str | None,
    recipients: Sequence[str],
    subject: str | None,
    text: str,
    html: str | None,
    headers: Mapping[str, str],
    attachments: Iterable[Attachment],
) -> bytes:
    message = EmailMessage(policy=SMTP)
    usual = {"From": sender or "MAILER-DAEMON@example.org", "To": ", ".join(recipients), "Subject": subject}
    usual |= {"Date": "Tue, 24 Nov 2026 06:09:38 +0000", "Message-ID": "<test@example.org>"}
    given = {name.lower() for name in headers}
    for name, value in [*((name, value) for name, value in usual.items() if name.lower() not in given), *headers.items()]:
        if value is not None:
            message[name] = value
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    for filename, media_type, content in attachments:
        maintype, _, subtype = media_type.partition("/")
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=filename)
    return message.as_bytes()


@dataclass(frozen=True)
class Sent:
    """One mail that was handed to the outbox."""

    sender: str | None
    recipients: tuple[str, ...]
    raw: bytes
    about: About = NOTHING


@dataclass
class Outbox:
    """The way out, in memory (`inbox.ports.Outbox`): `sent` holds what was handed over.

    `answer` is what the next hop says: set it to "451 4.3.0 busy" or "550 5.1.1 no such user" to see what becomes of the step.
    """

    answer: str = "250 2.0.0 taken"
    sent: list[Sent] = field(default_factory=list)

    def send(self, sender: str | None, recipients: Sequence[str], raw: bytes, *, about: About = NOTHING) -> str:
        if self.answer.startswith("4"):
            raise Deferred(self.answer)
        if not self.answer.startswith("2"):
            raise Failed(self.answer)
        self.sent.append(Sent(sender, tuple(recipients), raw, about))
        return self.answer


@dataclass
class MemoryNotes:
    """What is known of other mails, in memory (`inbox.ports.Memory`); `models` holds trained models by name, `senders` those of mails by id."""

    models: dict[str, bytes] = field(default_factory=dict)
    notes: dict[tuple[str, str], list[tuple[str, datetime]]] = field(default_factory=dict)
    taken: dict[str, list[datetime]] = field(default_factory=dict)
    took: set[tuple[str, int]] = field(default_factory=set)
    senders: dict[str, str | None] = field(default_factory=dict)

    def earlier(self, kind: str, key: str, mail: Mail, window: timedelta) -> int:
        noted = self.notes.setdefault((kind, key), [])
        if mail.id not in [other for other, _ in noted]:
            noted.append((mail.id, mail.received_at))
        before = noted[: [other for other, _ in noted].index(mail.id)]
        return sum(1 for _, at in before if mail.received_at - at <= window)

    def take(self, mail: Mail, n: int, budgets: Sequence[Budget]) -> Budget | None:
        if (mail.id, n) in self.took:
            return None
        spent = {budget: self.taken.setdefault(budget.name, []) for budget in budgets}
        for budget, times in spent.items():
            since = mail.received_at - timedelta(seconds=budget.seconds)
            if sum(1 for at in times if at > since) >= budget.number:
                return budget
        for times in spent.values():
            times.append(mail.received_at)
        self.took.add((mail.id, n))
        return None

    def load(self, name: str) -> bytes | None:
        return self.models.get(name)

    def sender_of(self, mail_id: str) -> str | None:
        return self.senders.get(mail_id)


@dataclass
class Journal:
    """Plans and outcomes, in memory (`inbox.ports.Journal`), by mail id."""

    plans: dict[str, Plan] = field(default_factory=dict)
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def planned(self, mail: Mail, plan: Plan) -> Plan:
        return self.plans.setdefault(mail.id, plan)

    def settled(self, mail: Mail, outcome: Outcome, row: Row | None = None, due_at: datetime | None = None) -> None:  # noqa: ARG002
        self.outcomes.setdefault(mail.id, []).append(outcome)
        if row:
            self.rows.append(row)


def inbox_for(
    rules: str | Path,
    *,
    modules: Iterable[object] = (),
    plugins_dir: Path | None = None,
    outbox: Outbox | None = None,
    memory: Memory | None = None,
    **settings: Any,
) -> Inbox:
    """An Inbox under these rules: the path of a rules file, or its text (anything with a line break).

    `modules`: further plugins (modules or objects with hooks). `settings`: as in inbox.toml, `handlers={"webhook": {"allow": ["127.0.0.1"]}}`.
    Raises RulesError, PluginError, ConfigError.
    """
    from inbox.app import Inbox  # noqa: PLC0415  mails can be made without loading all of the program
    from inbox.config import validate  # noqa: PLC0415
    from inbox.plugins import Plugins  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="inbox-rules-"))
    known, way_out = memory or MemoryNotes(), outbox or Outbox()
    try:
        path = Path(rules)
        if isinstance(rules, str) and "\n" in rules:
            path = folder / "rules.yaml"
            path.write_text(rules, encoding="utf-8")
        checked = validate({"dir": folder / "inbox-data", **settings})
        box = Inbox(path, plugins=Plugins(plugins_dir, modules), settings=checked, memory=known, outbox=way_out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(box, shutil.rmtree, folder, ignore_errors=True)
    return box


try:
    import pytest
except ImportError:  # programs use the kit without pytest
    pass
else:

    @pytest.fixture(name="outbox")
    def _outbox() -> Outbox:
        """An empty outbox in memory."""
        return Outbox()

    @pytest.fixture(name="inbox_for")
    def _inbox_for(outbox: Outbox, tmp_path: Path) -> Callable[..., Inbox]:
        """`inbox.testing.inbox_for`, with the fixture `outbox` as the way out and the rules file in the test's own folder."""

        def make(rules: str | Path, **more: Any) -> Inbox:
            if isinstance(rules, str) and "\n" in rules:
                path = tmp_path / "rules.yaml"
                path.write_text(rules, encoding="utf-8")
                rules = path
            return inbox_for(rules, **{"outbox": outbox, **more})

        return make
