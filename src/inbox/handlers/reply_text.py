"""The text of a reply: which template, in which language and variant, and what its names mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inbox.errors import Deferred, Failed

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Step
    from inbox.ports import Facts

DEFAULT = "default"
_TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
_RANGE = re.compile(r"\s*([A-Za-z*][A-Za-z0-9*-]*)\s*(?:;\s*q\s*=\s*([0-9.]{1,5})\s*)?")
_MOST_RANGES = 20


Choices = str | Mapping[str, str]
"""One text or path, or a mapping of them by language."""


@dataclass(frozen=True)
class Words:
    """The text of one reply, its HTML version, and the name of the template and variant that they are of."""

    text: str
    html: str | None
    template: str | None
    variant: str | None


def write(
    facts: Facts, message: Message, step: Step, template: Choices | None, text: Choices | None, html: Choices | None, key: str
) -> Words:
    """Choose and render. `key`: who with the same key gets the same variant. Failed: a template is wrong, or was stopped."""
    value_of = _values(facts, step)
    path = in_language(template, facts, message) if template else None
    variant, source = choose(read(path) if path else in_language(text or "", facts, message), key)
    shown = rendered(in_language(html, facts, message), value_of, html=True) if html else None
    return Words(rendered(source, value_of), shown, Path(path).name if path else None, variant)


def in_language(choices: Choices, facts: Facts, message: Message) -> str:
    """What stands under the language of the mail: of its text, else of Content-Language, else of Accept-Language, else under `default`."""
    if isinstance(choices, str):
        return choices
    for language in languages(facts, message):
        for tag in (language, language.partition("-")[0]):
            if tag in choices:
                return choices[tag]
    return choices[DEFAULT]


def languages(facts: Facts, message: Message) -> Iterator[str]:
    """Languages that the author reads, best first: tags of BCP 47 in lower case."""
    known = facts.get("language")
    declared = [tag for name in ("content-language", "accept-language") for tag in _ranges(message.header(name))]
    if isinstance(known, str):
        yield from (tag for tag in declared if tag.partition("-")[0] == known)  # `pt-br` says more than `pt`
        yield known
    yield from declared


def _ranges(values: tuple[str, ...]) -> list[str]:
    """Language ranges by their weights (RFC 9110 section 12.5.4, as RFC 3282 has it for mail)."""
    found = [match for value in values for part in value.split(",")[:_MOST_RANGES] if (match := _RANGE.fullmatch(part))]
    weighed = [(_weight(match[2]), match[1].lower()) for match in found if match[1] != "*"]
    return [tag for weight, tag in sorted(weighed, key=lambda one: -one[0]) if weight > 0]


def _weight(text: str | None) -> float:
    try:
        return float(text or 1)
    except ValueError:
        return 0.0


def choose(source: str, key: str) -> tuple[str | None, str]:  # noqa: ARG001
    """The variant of a template that `key` gets, and its text; None where there are no variants."""
    return None, source


def _values(facts: Facts, step: Step) -> Callable[[str], Any]:
    """What names in the template mean: captures and set values first, then what the rule is for, then facts."""
    known: dict[str, Any] = {"recipient": step.recipients[0] if step.recipients else None, "recipients": step.recipients, **step.values}

    def value_of(name: str) -> Any:
        name = name.removeprefix("set.") if name.removeprefix("set.") in step.values else name
        if name in known:
            return known[name]
        value = facts.get(name)
        if value is None and facts.note(name) == "there is no such fact":
            raise LookupError(f"there is no fact, capture or set value {name!r}")
        return value

    return value_of


def read(path: str) -> str:
    """The text of a template file. Deferred: it cannot be read now; Failed: it is not UTF-8."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise Deferred(f"template {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Failed(f"template {path} is not UTF-8") from None


def rendered(source: str, value_of: Callable[[str], Any], *, html: bool = False) -> str:
    from inbox.handlers.template import render  # noqa: PLC0415  Jinja is loaded when something is rendered

    return render(source, value_of, html=html)


def problems(options: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with texts and templates, found at load."""
    from inbox.handlers.template import problems as of_template  # noqa: PLC0415

    for option in ("template", "text", "html"):
        choices = options.get(option)
        yield from _language_problems(option, choices)
        for source in choices.values() if isinstance(choices, Mapping) else [choices] if choices else []:
            if option != "template":
                yield from (f"{option}: {problem}" for problem in of_template(source))
            elif Path(source).is_file():
                yield from (f"{source}: {problem}" for problem in of_template(Path(source).read_text(encoding="utf-8", errors="replace")))


def _language_problems(option: str, choices: object) -> Iterator[str]:
    if not isinstance(choices, Mapping):
        return
    if DEFAULT not in choices:
        yield f"{option}: a mapping of languages needs {DEFAULT!r}, for mail in any other"
    for tag in choices:
        if tag != DEFAULT and not _TAG.fullmatch(tag):
            yield f"{option}: {tag!r} is no language; write de, en, pt-br in lower case, or {DEFAULT}"
