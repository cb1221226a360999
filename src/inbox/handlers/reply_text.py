"""The text of a reply: which template, in which language and variant, and what its names mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inbox.errors import Deferred, Failed, TemplateError
from inbox.send.front_matter import load_template, read_template
from inbox.send.variants import Template as TemplateOfMail
from inbox.send.variants import choose

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
    """What one reply says; `from_` and `reply_to` are None unless the template gives them. Then the names of template, variant and experiment."""

    text: str
    html: str | None = None
    subject: str | None = None
    from_: str | None = None
    reply_to: str | None = None
    template: str | None = None
    variant: str | None = None
    experiment: str | None = None


def write(
    facts: Facts, message: Message, step: Step, template: Choices | None, text: Choices | None, html: Choices | None, key: str
) -> Words:
    """Choose and render. `key`: who with the same key gets the same variant. Failed: a template is wrong, or was stopped."""
    value_of = _values(facts, step)
    shown = in_language(html, facts, message) if html else None
    if template is None:
        source = in_language(text or "", facts, message)
        return Words(_rendered(source, value_of), _rendered(shown, value_of, html=True) if shown else None)
    path = Path(in_language(template, facts, message))
    found = _template(path)
    variant = choose(found, key)
    shown = shown or variant.html
    return Words(
        text=_rendered(variant.text, value_of),
        html=_rendered(shown, value_of, html=True) if shown else None,
        subject=_rendered(variant.subject, value_of) if variant.subject else None,
        from_=found.from_,
        reply_to=found.reply_to,
        template=found.name,
        variant=variant.name,
        experiment=found.experiment if variant.name else None,
    )


def _template(path: Path) -> TemplateOfMail:
    """The template of a file. Deferred: it cannot be read now; Failed: it is wrong."""
    text = read(path)
    try:
        return read_template(text, path.stem, file=str(path), read_file=lambda name: (path.parent / name).read_text(encoding="utf-8-sig"))
    except TemplateError as error:
        raise Failed(f"template: {error}") from None


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
    """Languages that the author reads, best first: tags of BCP 47 in lower case. What Content-Language says counts unless the text says otherwise."""
    known = facts.get("language")
    content, accepted = _ranges(message.header("content-language")), _ranges(message.header("accept-language"))
    if isinstance(known, str):
        yield from (tag for tag in (*content, *accepted) if tag.partition("-")[0] == known)  # `pt-br` says more than `pt`
        yield known
    else:
        yield from content
    yield from accepted


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


def read(path: Path) -> str:
    """The text of a template file. Deferred: it cannot be read now; Failed: it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Deferred(f"template {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Failed(f"template {path} is not UTF-8") from None


def _rendered(source: str, value_of: Callable[[str], Any], *, html: bool = False) -> str:
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
                yield from _file_problems(Path(source), of_template)


def _file_problems(path: Path, of_template: Callable[[str], Iterator[str]]) -> Iterator[str]:
    """Of a template file: of its front matter, or else of each of its texts, once."""
    try:
        found = load_template(path)
    except TemplateError as error:
        yield str(error)
        return
    parts = {part for variant in found.variants for part in (variant.subject, variant.text, variant.html) if part}
    yield from dict.fromkeys(f"{path}: {problem}" for part in sorted(parts) for problem in of_template(part))


def _language_problems(option: str, choices: object) -> Iterator[str]:
    if not isinstance(choices, Mapping):
        return
    if DEFAULT not in choices:
        yield f"{option}: a mapping of languages needs {DEFAULT!r}, for mail in any other"
    for tag in choices:
        if tag != DEFAULT and not _TAG.fullmatch(tag):
            yield f"{option}: {tag!r} is no language; write de, en, pt-br in lower case, or {DEFAULT}"
