"""The texts of a mail: which parts are what the sender wrote, and their characters."""

from __future__ import annotations

import re
from io import IncrementalNewlineDecoder
from typing import TYPE_CHECKING, NamedTuple

from inbox.parsing.charsets import codec_of, decode, guess_codec, is_mislabelled, is_utf8
from inbox.parsing.defects import Defects
from inbox.parsing.limits import Limits
from inbox.parsing.media import Media
from inbox.parsing.structure import Part
from inbox.parsing.transfer import Transferred

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inbox.parsing.html_text import HtmlLine

_TEXTS = ("text/plain", "text/html")
_SAMPLE, _SAMPLES = 4096, 5
AMP = "text/x-amp-html"
_TEXTS_AND_AMP = (*_TEXTS, AMP)
_TEXT_NAME = re.compile(r"[^.]*|.*\.(?:txt|text|html?|md)", re.IGNORECASE)
_RETURNS = re.compile(rb"\r+\n")


class Texts(NamedTuple):
    """`text` for people and rules, `html` as sent; None where there is none. `lines`: those of `text` when all of it was made of one HTML."""

    text: str | None
    html: str | None
    lines: tuple[HtmlLine, ...] = ()


def is_body(part: Part) -> bool:
    """Whether a leaf is something the sender wrote: plain, HTML or AMP text that is neither named, nor attached, nor within a message.

    The name of a text (`mail.txt`) does not count where there is nothing else to read: in a mail without other parts, and of an alternative.
    """
    if part.container or part.within or part.media.value not in _TEXTS_AND_AMP:
        return False
    if "content-disposition" not in part.index:
        return not _named(part.media, part)
    return part.disposition.value != "attachment" and not (_named(part.media, part) or _named(part.disposition, part))


def _named(media: Media, part: Part) -> bool:
    names = [value for name, value in media.parameters.items() if name.startswith(("name", "filename"))] if media.parameters else []
    alone = part.parent is None or part.parent.media.value == "multipart/alternative"
    return any(name and not (alone and _TEXT_NAME.fullmatch(name)) for name in names)


def read_texts(parts: list[Part], limits: Limits, defects: Defects) -> Texts:
    """Plain leaves in order; HTML leaves are turned into text where no plain one says the same (RFC 2046 section 5.1.4)."""
    leaves = [(part, decode_text_part(part, limits, defects)) for part in parts if part.media.value in _TEXTS and is_body(part)]
    said = {alternative(part) for part, text in leaves if part.media.value == "text/plain" and text.strip()} - {None}
    texts: list[str] = []
    lines: tuple[HtmlLine, ...] = ()
    for part, text in leaves:
        if part.media.value == "text/plain":
            texts.append(text)
        elif alternative(part) not in said:
            lines = tuple(_lines(text, part, defects))
            texts.append("\n".join(map(str, lines)))
    htmls = [text for part, text in leaves if part.media.value == "text/html"]
    whole = [text for text in texts if text.strip()] or texts[:1]
    of_html = len(htmls) == 1 and not any(part.media.value == "text/plain" and text.strip() for part, text in leaves)
    return Texts("\n".join(_ended(whole)) if whole else None, "\n".join(htmls) if htmls else None, lines if of_html else ())


def decode_text_part(part: Part, limits: Limits, defects: Defects) -> str:
    """The characters of a text part: LF line ends, no NUL, at most `limits.text` octets of it, without the files that stand within it."""
    octets, cut = _octets(part, limits, defects)
    if b"\r\r\n" in octets:
        octets = _RETURNS.sub(b"\r\n", octets)
    charset = part.media.get("charset")
    found = decode(octets, charset)
    if found.code == "charset-invalid" and charset and is_mislabelled(octets, charset):
        found = found._replace(text=decode(octets, None).text)
    if found.code and not (cut and found.code == "charset-invalid"):
        defects.add(found.code, part.where, found.detail)
    text = plain_lines(found.text.removeprefix("\ufeff"))
    if b"\0" in octets and "\0" in text:
        defects.add("nul", part.where)
        text = text.replace("\0", "\ufffd")
    return text


def plain_lines(text: str) -> str:
    """The text with LF for CRLF and for CR."""
    return IncrementalNewlineDecoder(None, translate=True).decode(text, final=True)


def _octets(part: Part, limits: Limits, defects: Defects) -> tuple[bytes, bool]:
    """The octets of a text, and whether there were more."""
    sent = part.transferred(limits.text * 2) if part.rest is None else Transferred(part.rest)
    more = part.rest is None and part.end - part.body > limits.text * 2
    if sent.code and not more:
        defects.add(sent.code, part.where, sent.detail)
    if not more and len(sent.octets) <= limits.text:
        return sent.octets, False
    defects.add("text-cut", part.where, f"{limits.text} octets read")
    return sent.octets[: limits.text], True


def _lines(text: str, part: Part, defects: Defects) -> list[HtmlLine]:
    from inbox.parsing.html_text import render  # noqa: PLC0415 (most mail has a plain text)

    rendered = render(text)
    if rendered.hidden:
        defects.add("hidden-text", part.where, rendered.hidden)
    return rendered.lines


def alternative(part: Part) -> Part | None:
    """The innermost multipart/alternative around a part, or None."""
    above = part.parent
    while above and above.media.value != "multipart/alternative":
        above = above.parent
    return above


def charset_hint(parts: list[Part]) -> str | None:
    """The charset of the mail's texts: the first that one declares and that says more than ASCII, else the likeliest of the first 8-bit one."""
    texts = [part for part in parts if part.media.value in _TEXTS]
    for part in texts:
        charset = part.media.get("charset")
        if charset and codec_of(charset) not in (None, "ascii", "utf-8"):
            return charset
    samples = (part.transferred(_SAMPLE).octets for part in texts[:_SAMPLES])
    return next((guess_codec(sample) for sample in samples if not is_utf8(sample)), None)


def _ended(texts: list[str]) -> Iterator[str]:
    """Texts that are joined get one line end between them, however they end."""
    for n, text in enumerate(texts):
        yield text.rstrip("\n") if n < len(texts) - 1 else text
