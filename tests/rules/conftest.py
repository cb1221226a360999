"""A small installation for the rules: its own plugin with facts and handlers of every kind, and facts handed in as a mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import pytest

from inbox import plugins as plugins_module
from inbox.hookspecs import hookimpl
from inbox.model import Plan
from inbox.options import Seconds, Secret, Template
from inbox.plugins import Plugins
from inbox.rules import Rules, check, decide, load


def sender(envelope):
    """The envelope sender."""


def ip(envelope):
    """The address of the client."""


def subject(message):
    """The subject."""


def header(message, part):
    """A header field."""


def earlier(memory):
    """Whether a mail like this came before."""


def keywords(message, **labels: list[str]):
    """The first label one of whose words stands in the text."""


def store(mail, *, table: str = "mails", values: dict[str, str | int | list[str]] | None = None):
    """Write a row."""


def forward(mail, *, to: str | list[str], from_: str = "", srs: bool = True, arc: bool = True, mode: Literal["whole", "inline"] = "whole"):
    """Send the mail on."""


def reply(mail, *, text: str | None = None, template: Template | None = None):
    """Answer the sender."""


def webhook(mail, *, url: str, secret: Secret | None = None, timeout_after: Seconds = 10, tries: int = 1):
    """Post the mail to a URL."""


def nothing(mail):
    """Do nothing."""


def post(mail, *, channel: str, text: str = "{subject}"):
    """Post one line."""


def forwards_to_itself(options: Mapping[str, object], recipients: tuple[str, ...], settings: Mapping[str, object]) -> Iterable[str]:
    if options["to"] in recipients:
        yield f"forward to {options['to']}, a recipient of the same rule, would go round for ever; forward to another address"
    if settings.get("closed"):
        yield "forward is closed by the settings"


TEXT_FACTS = (
    *("text", "dmarc", "automatic", "list.id", "attachment.type", "from", "from.domain", "hour", "date"),
    *("size", "spam.score", "verified.domain", "may_reply", "virus"),
)


class Plugin:
    """The plugin under which all of this is registered."""

    __name__ = "rules-test"

    @hookimpl
    def register_facts(self, register):
        for function in (sender, ip, subject, earlier, keywords):
            register(function.__name__, function)
        register("header.*", header)
        for name in TEXT_FACTS:
            register(name, subject)

    @hookimpl
    def register_handlers(self, register):
        register("store", store)
        register("forward", forward, check=forwards_to_itself, sends=True)
        register("reply", reply, sends=True)
        register("webhook", webhook, acts=True)
        register("nothing", nothing)
        register("post", post, acts=True)


class Given:
    """Facts from a mapping (`inbox.ports.Facts`) that remember what they were asked for."""

    def __init__(self, values: Mapping[str, object], notes: Mapping[str, str] | None = None) -> None:
        self.values, self.notes, self.asked = dict(values), dict(notes or {}), []

    def get(self, name):
        self.asked.append(name)
        return self.values.get(name)

    def note(self, name):
        return self.notes.get(name)


HEAD = "version: 1\ndomains: [corp.test, .corp.test]\n"


class Desk:
    """Writes rules files, loads them, and judges facts by them."""

    def __init__(self, folder: Path, plugins: Plugins) -> None:
        self.folder, self.plugins = folder, plugins

    def write(self, text: str, name: str = "rules.yaml") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def whole(self, rules: str, head: str = HEAD, default: str = "default: [store]") -> str:
        between = " " if rules == "[]" else "\n"
        return f"{head}rules:{between}{rules}\n{default}\n"

    def load(self, rules: str, **parts: str) -> Rules:
        return load(self.write(self.whole(rules, **parts)), self.plugins)

    def problems(self, text: str) -> list[str]:
        """Every problem of a file, without its folder."""
        _, found = check(self.write(text), self.plugins)
        return [str(problem).removeprefix(f"{self.folder}/") for problem in found]

    def plan(self, rules: str, values: Mapping[str, object], to: Iterable[str] = ("u@corp.test",), **parts: str) -> Plan:
        return decide(self.load(rules, **parts), Given(values), list(to))


@pytest.fixture(scope="session")
def test_plugins() -> Plugins:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins_module, "BUILTINS", ())
        return Plugins(modules=[Plugin()], entry_points=False)


@pytest.fixture
def desk(tmp_path: Path, test_plugins: Plugins) -> Desk:
    return Desk(tmp_path, test_plugins)


@pytest.fixture
def given():
    return Given
