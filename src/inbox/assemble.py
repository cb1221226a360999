"""Put the parts together: an Inbox with plugins, rules and settings, over a store and a relay."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from inbox import perform
from inbox.app import Inbox, words_of
from inbox.books import Books
from inbox.errors import ConfigError, Problem, RulesError
from inbox.parsing import parse
from inbox.plugins import Plugins
from inbox.ports import NOTHING, Ledger, Queue
from inbox.rules import Rules, Translated, check, load, load_text
from inbox.sending import About, plan_to_send
from inbox.store.inline import InlineQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inbox.config import Settings
    from inbox.model import Receipt
    from inbox.ports import Counter
    from inbox.send.outbound import Outbound
    from inbox.send.sender import Sender
    from inbox.send.submission import Submission
    from inbox.store import SqliteStore
    from inbox.store.inline import InlineStore


IN_FORCE = "rules in force"
"""The name under which the store remembers the version of the rules that were last loaded without a mistake."""


def open_inbox(settings: Settings, store: InlineStore | None = None, counter: Counter | None = None, *, last_good: bool = False) -> Inbox:
    """The Inbox that the settings describe. Without a store it knows no other mail.

    `last_good`: when the rules file is broken now, the rules that were in force before it broke (a worker may have to start just then).
    Raises RulesError, PluginError, ConfigError.
    """
    plugins = Plugins(settings.plugins_dir)
    _check_notifications(settings, plugins, store)
    return Inbox(
        _rules(settings, plugins, store if last_good else None),
        plugins=plugins,
        settings=settings,
        memory=store.memory() if store else None,
        peek=store.memory(read_only=True) if store else None,
        outbox=LateOutbox(partial(open_outbox, settings, store, counter)),
        queue=queue_of(store),
        ledger=ledger_of(settings, store, counter),
        counter=counter,
        read=lambda: load_rules(settings, plugins),
    )


def _check_notifications(settings: Settings, plugins: Plugins, store: InlineStore | None) -> None:
    """ConfigError for notifications that the handler notify could not carry out, or that this store cannot keep."""
    if not settings.notifications:
        return
    from inbox.send import notices  # noqa: PLC0415  few want them

    check = plugins.handlers.entries["notify"].check
    wanted = {name: notices.options(one, None, settings.hostname) for name, one in settings.notifications.items()}
    found = [
        f"notifications.{name}: {text}" for name, one in wanted.items() for text in (check(one, (), settings.of("notify")) if check else ())
    ]
    if wanted and store is not None and not isinstance(store, notices.Keeping):
        found.append("notifications: this store cannot keep them; let SES publish events to a topic, or run a daemon, whose folder can")
    if found:
        raise ConfigError("\n".join(found))


def ledger_of(settings: Settings, store: InlineStore | None, counter: Counter | None = None) -> Ledger | None:
    """What became of mail that left, with its consequences."""
    return Books(store, settings, counter) if isinstance(store, Ledger) else None


class LateOutbox:
    """The way out, opened when the first mail leaves: whoever only reads and judges does not wait for the tools of sending."""

    def __init__(self, open_: Callable[[], Outbound]) -> None:
        self._open = open_

    @cached_property
    def _outbox(self) -> Outbound:
        return self._open()

    def send(self, sender: str | None, recipients: Sequence[str], raw: bytes, *, about: About = NOTHING) -> str:
        """As `Outbound.send`."""
        return self._outbox.send(sender, recipients, raw, about=about)


def open_outbox(settings: Settings, store: InlineStore | None = None, counter: Counter | None = None) -> Outbound:
    """The way out that the settings describe; with a store, what becomes of each recipient is noted there."""
    from inbox.send.identities import Identities  # noqa: PLC0415  as LateOutbox
    from inbox.send.outbound import Outbound  # noqa: PLC0415
    from inbox.send.transports import open_transport  # noqa: PLC0415

    return Outbound(settings, Identities(settings), lambda url: open_transport(url, settings), ledger_of(settings, store, counter))


def open_sender(settings: Settings, store: InlineStore) -> Sender:
    """What takes mail that is made here; no rules are needed for that."""
    from inbox.send.identities import Identities  # noqa: PLC0415  as LateOutbox
    from inbox.send.sender import Sender  # noqa: PLC0415

    return Sender(settings, Identities(settings), queue_of(store), ledger_of(settings, store))


def open_dry_sender(settings: Settings) -> Sender:
    """The same without a store: what it prepares is kept nowhere."""
    from inbox.send.identities import Identities  # noqa: PLC0415  as LateOutbox
    from inbox.send.sender import Sender  # noqa: PLC0415

    return Sender(settings, Identities(settings))


def send_here(settings: Settings, store: SqliteStore, wanted: Submission) -> Receipt:
    """Keep a mail that is made here and try each recipient once, here and now, while no worker takes it; what is deferred is left to workers."""
    from inbox.handlers.deliver import deliver  # noqa: PLC0415
    from inbox.store.leases import hand_lease  # noqa: PLC0415

    prepared, outbox = open_sender(settings, store).prepare(wanted), open_outbox(settings, store)
    lease = hand_lease()
    with store.by_hand(lease):
        id_ = store.keep_all([(prepared.mail, prepared.plan)], lease=lease)[0]
        if id_ == prepared.mail.id:  # else its key was known
            mail = store.mail(id_)  # for those of its recipients who are new under its key
            plan = store.planned(mail, plan_to_send(mail, prepared.plan.steps[0].options))
            run = perform.Run(mail, plan, store)
            while step := run.next():
                call = partial(deliver, mail, step, outbox, **step.options)
                run.add_all(perform.attempt(step, call, 1, mail.received_at, settings.work, settings.work.send_timeout, mail.id))
            store.finish(mail, plan, words_of(parse(mail.raw), mail.envelope))
    return store.receipt(id_)


def queue_of(store: InlineStore | None) -> Queue | None:
    """Where mail waits that is to leave: the store itself, or for one without workers a queue for whoever comes by the clock."""
    return store if store is None or isinstance(store, Queue) else InlineQueue(store)


def load_rules(settings: Settings, plugins: Plugins) -> Rules:
    """The rules that the settings name: a rules.yaml, or receipt rules of SES. Raises RulesError."""
    if settings.ses.rules:
        from inbox.receipt_rules.serving import load as receipt_rules  # noqa: PLC0415  few need it

        return receipt_rules(settings, plugins)
    return load(settings.rules, plugins, settings)


def check_rules(settings: Settings, plugins: Plugins) -> tuple[Rules | None, tuple[Problem, ...]]:
    """The same, or None, and all mistakes and warnings; of receipt rules also what they do otherwise here."""
    if not settings.ses.rules:
        return check(settings.rules, plugins, settings)
    try:
        rules = load_rules(settings, plugins)
    except RulesError as error:
        return None, error.problems
    notes = rules.translated.notes if rules.translated else ()
    return rules, tuple(Problem(str(rules.path), 0, 0, note, "note") for note in notes)


def _rules(settings: Settings, plugins: Plugins, store: InlineStore | None) -> Rules:
    try:
        return load_rules(settings, plugins)
    except RulesError:
        version = store and store.memory(read_only=True).load(IN_FORCE)
        if not store or not version:
            raise
        kept, files = version.decode(), settings.ses.rules or (settings.rules,)
        found = load_text(store.rules_text(kept), files[0], plugins, settings)
        return replace(found, version=kept, files=files, translated=Translated() if settings.ses.rules else None)


def remember(store: InlineStore, rules: Rules) -> None:
    """Keep the text of the rules that are in force now, for receipts and for workers that start later."""
    store.remember_rules(rules.version, rules.source)
    store.save_model(IN_FORCE, rules.version.encode())
