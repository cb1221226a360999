"""The texts of a mail: which parts are what the sender wrote, and their characters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from inbox.parsing.charsets import decode
from inbox.parsing.defects import Defects
from inbox.parsing.limits import Limits
from inbox.parsing.structure import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXTS = ("text/plain", "text/html")


class Texts(NamedTuple):
    """`text` for people and rules, `html` as sent; None where there is none. `of_html`: all of `text` was made of it."""

    text: str | None
    html: str | None
    of_html: bool = False


def is_body(part: Part) -> bool:
    """Whether a leaf is something the sender wrote: plain or HTML text that is neither named, nor attached, nor within a message."""
    return (
        not part.container
        and not part.within
        and part.media.value in _TEXTS
        and part.disposition.value != "attachment"
        and "filename" not in part.disposition.parameters
        and not any(name.startswith(("name", "filename*")) for name in (*part.media.parameters, *part.disposition.parameters))
    )


def read_texts(parts: list[Part], limits: Limits, defects: Defects) -> Texts:
    """Plain leaves in order; HTML leaves are turned into text where no plain one says the same (RFC 2046 section 5.1.4)."""
    leaves = [(part, decode_text_part(part, limits, defects)) for part in parts if is_body(part)]
    said = {alternative(part) for part, text in leaves if part.media.value == "text/plain" and text.strip()} - {None}
    texts = []
    for part, text in leaves:
        if part.media.value == "text/plain":
            texts.append(text)
        elif alternative(part) not in said:
            texts.append(_of_html(text, part, defects))
    htmls = [text for part, text in leaves if part.media.value == "text/html"]
    whole = [text for text in texts if text.strip()] or texts[:1]
    of_html = bool(htmls) and not any(part.media.value == "text/plain" and text.strip() for part, text in leaves)
    return Texts("\n".join(_ended(whole)) if whole else None, "\n".join(htmls) if htmls else None, of_html)


def decode_text_part(part: Part, limits: Limits, defects: Defects) -> str:
    """The characters of a text part: LF line ends, no NUL, at most `limits.text` octets of it."""
    sent = part.transferred(limits.text * 2)
    if sent.code and part.end - part.body <= limits.text * 2:
        defects.add(sent.code, part.where, sent.detail)
    octets = sent.octets
    cut = len(octets) > limits.text or part.end - part.body > limits.text * 2
    if cut:
        defects.add("text-cut", part.where, f"{limits.text} octets read")
        octets = octets[: limits.text]
    found = decode(octets, part.media.get("charset"))
    if found.code and not (cut and found.code == "charset-invalid"):
        defects.add(found.code, part.where, found.detail)
    text = found.text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        defects.add("nul", part.where)
        text = text.replace("\0", "\ufffd")
    return text


def _of_html(text: str, part: Part, defects: Defects) -> str:
    from inbox.parsing.html_text import render  # noqa: PLC0415 (most mail has a plain text)

    rendered = render(text)
    if rendered.hidden:
        defects.add("hidden-text", part.where, rendered.hidden)
    return str(rendered)


def alternative(part: Part) -> Part | None:
    """The innermost multipart/alternative around a part, or None."""
    above = part.parent
    while above and above.media.value != "multipart/alternative":
        above = above.parent
    return above


def charset_hint(parts: list[Part]) -> str | None:
    """The charset that the mail declares for its first text that declares one."""
    return next((charset for part in parts if part.media.value in _TEXTS and (charset := part.media.get("charset"))), None)


def _ended(texts: list[str]) -> Iterator[str]:
    """Texts that are joined get one line end between them, however they end."""
    for n, text in enumerate(texts):
        yield text.rstrip("\n") if n < len(texts) - 1 else text
