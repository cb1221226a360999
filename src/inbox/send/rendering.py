"""Templates of mail that leaves: Jinja2 in its sandbox, strict (what is missing is an error), HTML escaped, files only from the template's folder.

These templates are the user's own, and their data may be nested (`order.items`), so they have the language as a whole; templates of rules, which
read strangers' mail, have a small part of it (`inbox.handlers.template`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from inbox.errors import InboxError
from inbox.send.variants import Template, Variant

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment


class RenderingFailed(InboxError):
    """A template cannot be filled in with the data at hand: nothing is sent."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a mail made of a template says."""

    subject: str | None
    text: str
    html: str | None
    from_: str | None
    reply_to: str | None


def render(template: Template, variant: Variant, data: Mapping[str, Any]) -> Rendered:
    """The words of a variant with the data in them; text is made of the HTML where there is none. RenderingFailed names template and variable."""
    values = _plain(data)

    def fill(part: str, source: str | None, *, html: bool = False) -> str | None:
        return None if source is None else _filled(template.name, part, source, values, html=html)

    html = fill("html", variant.html, html=True)
    text = fill("text", variant.text) or ""
    if html is not None and not text.strip():
        from inbox.parsing.html_text import html_to_text  # noqa: PLC0415

        text = html_to_text(html)
    return Rendered(fill("subject", variant.subject), text, html, fill("from", template.from_), fill("reply_to", template.reply_to))


def _filled(name: str, part: str, source: str, values: Mapping[str, Any], *, html: bool) -> str:
    from jinja2.exceptions import TemplateError, UndefinedError  # noqa: PLC0415  Jinja is loaded when something is rendered

    try:
        return _environment(html).from_string(source).render(values)
    except UndefinedError as error:
        raise RenderingFailed(
            f"template {name}: {part}: {error.message}; give it a value (--data), or say what stands in for it: default('')"
        ) from None
    except TemplateError as error:
        line = f", line {error.lineno}" if getattr(error, "lineno", None) else ""  # type: ignore[attr-defined]
        raise RenderingFailed(f"template {name}: {part}{line}: {error.message or type(error).__name__}") from None
    except Exception as error:  # whatever an expression of the template raises: 1/0, a filter that gets a list
        raise RenderingFailed(f"template {name}: {part}: {type(error).__name__}: {error}") from None


@lru_cache(maxsize=2)
def _environment(html: bool) -> SandboxedEnvironment:
    from jinja2 import StrictUndefined  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    class Environment(ImmutableSandboxedEnvironment):
        """Of a mapping there are its keys and nothing else: `order.items` is what the data has under that name."""

        def getitem(self, obj: Any, argument: Any) -> Any:
            if isinstance(obj, Mapping):
                return obj[argument] if argument in obj else self.undefined(obj=obj, name=argument)
            return super().getitem(obj, argument)

        def getattr(self, obj: Any, attribute: str) -> Any:
            return self.getitem(obj, attribute) if isinstance(obj, Mapping) else super().getattr(obj, attribute)

    return Environment(
        autoescape=html, undefined=StrictUndefined, keep_trailing_newline=True, finalize=lambda value: "" if value is None else value
    )


def _plain(value: Any) -> Any:
    """Data as JSON has it: no object of the program gets into a template. RenderingFailed for anything else."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise RenderingFailed(
        f"data may hold texts, numbers, lists and mappings; this is {type(value).__name__}: {str(value)[:80]!r}; make it text"
    )
