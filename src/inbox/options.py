"""Kinds of options that handlers and facts can ask for by annotation, and the checks that come with them.

`Seconds`: a number, or text such as `90s`, `5m`, `2h`, `7d`. `Secret`: `env:NAME` or `file:PATH`; the handler gets the value, and nothing
else ever sees it. `Template`: the path of a file beside rules.yaml; the handler gets the absolute path. `Jinja`: a text in Jinja's language,
which the handler renders itself: no `{name}` is filled in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic.fields import FieldInfo

from inbox.errors import Deferred

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")


def seconds(value: Any) -> float:
    """Seconds from a number or from `90s`, `5m`, `2h`, `7d`; ValueError says the form."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    found = _DURATION.fullmatch(str(value).strip())
    if not found:
        raise ValueError(f"{value!r} is no duration; write seconds, or 90s, 5m, 2h, 7d")
    return float(found[1]) * _UNITS[found[2]]


class Mark:
    """A word in an annotation that says what an option is for."""

    def __init__(self, name: str) -> None:
        self.name = name


_SECRET, _TEMPLATE, _JINJA = Mark("secret"), Mark("template"), Mark("jinja")

Seconds = Annotated[
    float, BeforeValidator(seconds), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d+(\.\d+)?[smhd]?$"}]})
]
Secret = Annotated[str, _SECRET]
Template = Annotated[str, _TEMPLATE]
Jinja = Annotated[str, _JINJA]


def is_secret(option: FieldInfo) -> bool:
    """Whether this option holds a secret."""
    return _has(option, _SECRET)


def is_template(option: FieldInfo) -> bool:
    """Whether this option names a template file."""
    return _has(option, _TEMPLATE)


def is_jinja(option: FieldInfo) -> bool:
    """Whether this option is a Jinja text, so that its braces are its own."""
    return _has(option, _JINJA)


def _has(option: FieldInfo, mark: Mark) -> bool:
    """pydantic keeps a bare mark in the metadata, and one inside a union (`Secret | None`) in the annotation."""
    return mark in option.metadata or _within(option.annotation, mark)


def _within(annotation: Any, mark: Mark) -> bool:
    return annotation is mark or any(_within(part, mark) for part in get_args(annotation))


def resolve_secret(reference: str, inline: Mapping[str, str]) -> str:
    """The value behind `env:NAME`, `file:PATH` or `inline:HASH` (a secret that stands in rules.yaml itself: `inline` holds those).

    Raises Deferred when it cannot be had now: whoever runs the program can mend that, and the step is tried again.
    """
    kind, _, name = reference.partition(":")
    if kind == "env" and name in os.environ:
        return os.environ[name]
    if kind == "file":
        try:
            return Path(name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Deferred(f"secret file {name} cannot be read: {error.strerror}") from None
    if kind == "inline" and reference in inline:
        return inline[reference]
    raise Deferred(f"secret {reference} is not set here; set it, and it is looked up again")


def with_secrets(options: Mapping[str, Any], names: frozenset[str], inline: Mapping[str, str]) -> dict[str, Any]:
    """The options with the values of those called `names` in place of the references that plans and rules hold. Deferred."""
    return {name: resolve_secret(str(value), inline) if name in names and value is not None else value for name, value in options.items()}


def _reference(text: str) -> str:
    """ValueError, which does not repeat the text, unless it is a reference to a secret."""
    if not re.fullmatch(r"env:\w+|file:.+", text):
        raise ValueError("write env:NAME or file:PATH instead of the secret itself")
    return text


Reference = Annotated[str, AfterValidator(_reference)]
"""A setting that says where a secret is; the secret itself is refused when settings are loaded, before it is printed anywhere."""
