"""Inspect: the facts of one mail, computed when a rule asks for them, each at most once, never raising."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inbox.deadline import TimeUp, time_limit
from inbox.errors import Deferred
from inbox.model import EMPTY, Envelope, Mail, Value
from inbox.options import with_secrets
from inbox.ports import Counter, Facts, Memory, Noted, Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from inbox.config import Settings
    from inbox.model import Step
    from inbox.parsing.message import Message
    from inbox.plugins import Extension, Plugins

_LOG = logging.getLogger("inbox.inspect")


@dataclass(frozen=True)
class NamedFact:
    """A fact of the `facts:` section: an extension with options, under a name of the user's."""

    extension: Extension
    part: str | None
    options: Mapping[str, Any]


@dataclass
class Materials:
    """What a fact or a handler can want to see; `read` parses the mail when the first of them asks for the message, and once."""

    mail: Mail
    read: Callable[[], Message]
    memory: Memory
    settings: Mapping[str, Any] = field(default_factory=dict)
    facts: Facts | None = None
    part: str | None = None
    step: Step | None = None
    outbox: Outbox | None = None
    earlier: tuple[Step, ...] = ()
    copy: Callable[[], bytes] | None = None
    counter: Counter | None = None
    forwarder: Any = None  # an inbox.send.forwarder.Forwarder, which stands above this floor

    @property
    def envelope(self) -> Envelope:
        return self.mail.envelope

    @property
    def message(self) -> Message:
        return self.read()


class MailFacts:
    """The facts of one mail (`inbox.ports.Facts`). `failed`: those that could not be had, through no doing of the mail.

    `later`: those that must be had before anything is decided: they raised Deferred, or failed and are told `on_error: defer` (or `closed`) by
    their options or settings. They are absent, and whoever judges judges again later. With `acting` they raise Deferred instead: a handler
    that asks for one is tried again.
    """

    def __init__(
        self, materials: Materials, plugins: Plugins, named: Mapping[str, NamedFact], settings: Settings, secrets: Mapping[str, str] = EMPTY
    ) -> None:
        self.materials = materials
        materials.facts = self
        self._plugins, self._named, self._settings, self._secrets = plugins, named, settings, secrets
        self.failed: set[str] = set()
        self.later: dict[str, Deferred] = {}
        self.acting = False
        self._left: float = settings.work.judge_timeout
        self._values: dict[str, Value] = {}
        self._notes: dict[str, str] = {}

    def get(self, name: str) -> Value:
        if name not in self._values:
            self._values[name] = self._compute(name)
        if self.acting and name in self.later:
            del self._values[name]
            raise self.later.pop(name)
        return self._values[name]

    def note(self, name: str) -> str | None:
        return self._notes.get(name)

    def _compute(self, name: str) -> Value:
        self._values[name] = None  # a fact that asks for itself sees itself absent
        fact = self._named.get(name) or self._plain(name)
        if fact is None:
            self._notes[name] = "there is no such fact"
            return None
        own = False
        try:
            if fact.extension.trivial:
                return self._noted(name, self._call(fact))
            with self._limit() as own:
                return self._noted(name, self._call(fact))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a fact of a stranger may raise anything; the mail goes on without it
            if isinstance(error, TimeUp) and not own:
                raise  # the limit of the step, or of the fact that asks for this one
            self._failed(name, fact, error)
            return None

    def _failed(self, name: str, fact: NamedFact, error: BaseException) -> None:
        about = {"fact": name, "mail": self.materials.mail.id}
        if isinstance(error, Deferred):
            self.later[name] = error
            self._notes[name] = f"deferred: {error}"
            _LOG.info("fact deferred", extra={**about, "why": str(error)})
            return
        self._notes[name] = f"fact failed: {type(error).__name__}: {error}"
        if (fact.options.get("on_error") or self._settings.of(fact.extension.name).get("on_error")) in ("defer", "closed"):
            self.later[name] = Deferred(self._notes[name])
        else:
            self.failed.add(name)
        _LOG.warning("fact failed", exc_info=error, extra=about)

    def _noted(self, name: str, found: object) -> Value:
        if not isinstance(found, Noted):
            return _value(found)
        self._notes[name] = found.note
        if found.fault:
            self.failed.add(name)
        return _value(found.value)

    @contextmanager
    def _limit(self) -> Iterator[bool]:
        """The time of one fact, taken from the time of all: facts that hang together cost no more than `judge_timeout`."""
        seconds = min(self._settings.work.fact_timeout, self._left)
        if seconds <= 0:
            raise TimeoutError("no time left: other facts of this mail took it")
        began = time.monotonic()
        with time_limit(seconds) as own:
            try:
                yield own
            finally:
                self._left -= time.monotonic() - began if own else 0

    def _plain(self, name: str) -> NamedFact | None:
        found = self._plugins.facts.find(name)
        return NamedFact(found[0], found[1], EMPTY) if found else None

    def _call(self, fact: NamedFact) -> object:
        """Call with the settings and the part of this fact; facts may ask for other facts, so what was there is put back."""
        materials = self.materials
        before = materials.part, materials.settings
        materials.part, materials.settings = fact.part, self._settings.of(fact.extension.name)
        try:
            return fact.extension.call(materials, with_secrets(fact.options, fact.extension.secrets, self._secrets))
        finally:
            materials.part, materials.settings = before


def _value(found: object) -> Value:
    """A fact's answer in the form that conditions read; TypeError says what a fact may be."""
    if found is None or isinstance(found, (bool, int, float, str)):
        return found
    if isinstance(found, (list, tuple, set, frozenset)):
        items = tuple(sorted(found, key=str) if isinstance(found, (set, frozenset)) else found)
        if all(isinstance(item, (bool, int, float, str)) for item in items):
            return items or None
    raise TypeError(f"a fact is text, a number, true or false, None, or a list of these; this one is {type(found).__name__}")
