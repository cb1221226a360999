"""Ask one fact about one mail, through the plugin registry and as the path of a mail does."""

from __future__ import annotations

from functools import cache

import pytest

import inbox
from inbox.config import Settings
from inbox.inspect import MailFacts, Materials, NamedFact
from inbox.plugins import Plugins
from inbox.testing import MemoryNotes, make_mail

PLUGINS = Plugins(entry_points=False)


def facts_of(mail, memory=None, named=None):
    return MailFacts(Materials(mail, cache(lambda: inbox.parse(mail.raw)), memory or MemoryNotes()), PLUGINS, named or {}, Settings())


@pytest.fixture
def value():
    """`value("subject", mail)`, with options `value("hour", mail, timezone="Europe/Berlin")`; a fact that failed fails the test."""

    def ask(name, mail=None, *, memory=None, **options):
        entry, part = PLUGINS.facts.find(name)
        options = entry.options.model_validate(options).model_dump() if options else {}
        facts = facts_of(mail or make_mail(), memory, {name: NamedFact(entry, part, options)})
        found = facts.get(name)
        assert facts.note(name) is None, facts.note(name)
        return found

    return ask


@pytest.fixture
def all_facts():
    """The names of all built-in facts that can be asked without options, families left out."""
    required = {entry.name for entry in PLUGINS.facts if any(field.is_required() for field in entry.options.model_fields.values())}
    return [entry.name for entry in PLUGINS.facts if not entry.name.endswith("*") and entry.name not in required]


@pytest.fixture
def facts():
    return facts_of


@pytest.fixture
def plugins():
    return PLUGINS
