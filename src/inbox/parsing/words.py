"""Encoded words in header fields (RFC 2047) and the decoded value of a field.

Words that stand side by side are joined as octets before their charset is decoded: senders cut characters in two. All of it is linear:
the search for the end of a word never goes back.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import NamedTuple

from inbox.parsing.charsets import Decoded, decode

_START = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,40})?\?([bBqQ])\?")
_FOLD = re.compile(rb"[ \t]*\r*\n[ \t]*")
_LINE_BREAKS = re.compile("[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")

Hint = Callable[[], str | None]
"""Gives the charset to try for octets that nobody declared; asked only when there are any."""


class Value(NamedTuple):
    """A decoded field value and what was odd: pairs of code and detail."""

    text: str
    odd: tuple[tuple[str, str], ...] = ()


class _Word(NamedTuple):
    start: int
    end: int
    charset: str
    octets: bytes | None


def no_hint() -> str | None:
    return None


def decode_value(raw: bytes, hint: Hint = no_hint) -> Value:
    """The value of a field as text: unfolded, decoded, trimmed, without CR, LF, NUL or any other line break."""
    octets = unfold(raw)
    value = decode_text(octets, hint)
    return value if value.text.isprintable() else Value(*_clean(*value))


def unfold(raw: bytes) -> bytes:
    """One line of octets, trimmed: every fold becomes one blank (RFC 5322 section 2.2.3)."""
    return (_FOLD.sub(b" ", raw) if b"\n" in raw else raw).strip()


def decode_text(octets: bytes, hint: Hint = no_hint) -> Value:
    """Text of unfolded octets: raw 8-bit characters and encoded words are both decoded; line breaks stay."""
    if octets.isascii() and b"=?" not in octets:
        return Value(octets.decode("ascii"))
    found = Decoded(octets.decode("ascii")) if octets.isascii() else decode(octets, None, hint_for(octets, hint))
    odd = [(found.code, found.detail)] if found.code else []
    if "=?" not in found.text:
        return Value(found.text, tuple(odd))
    text = _decode_words(found.text, odd)
    return Value(text, tuple(odd))


def decode_phrase(octets: bytes, hint: Hint = no_hint) -> Value:
    """As `decode_text`, and as clean as a field value: for display names and file names."""
    return Value(*_clean(*decode_text(octets, hint)))


def hint_for(octets: bytes, hint: Hint) -> str | None:
    """The hint for octets that are not UTF-8; None for those that are."""
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return hint()
    return None


def _clean(text: str, odd: tuple[tuple[str, str], ...]) -> tuple[str, tuple[tuple[str, str], ...]]:
    if "\0" in text:
        text, odd = text.replace("\0", "\ufffd"), (*odd, ("nul", ""))
    return _LINE_BREAKS.sub(" ", text).strip(), odd


def _decode_words(text: str, odd: list[tuple[str, str]]) -> str:
    out: list[str] = []
    run: list[_Word] = []
    done = 0
    for word in _words(text):
        between = text[done : word.start]
        adjacent = bool(run) and not between.strip(" \t")
        if run and not (adjacent and run[-1].charset.lower() == word.charset.lower()):
            out.append(_joined(text, run, odd))
            run = []
        if not adjacent:
            out.append(between)
        run.append(word)
        done = word.end
    out.append(_joined(text, run, odd))
    out.append(text[done:])
    return "".join(out)


def _joined(text: str, run: list[_Word], odd: list[tuple[str, str]]) -> str:
    """The text of words of one charset that stand side by side; as written when they cannot be decoded."""
    if not run:
        return ""
    written = text[run[0].start : run[-1].end]
    if any(word.octets is None for word in run):
        odd.append(("encoded-word-invalid", written[:80]))
        return written
    found = decode(b"".join(word.octets or b"" for word in run), run[0].charset)
    if found.code:
        odd.append((found.code, found.detail))
    return found.text


def _words(text: str) -> list[_Word]:
    """Every encoded word. A start without an end, or with another start before its end, is plain text."""
    words = []
    at = end = 0
    while match := _START.search(text, at):
        begin = match.end()
        if end < begin:
            end = text.find("?=", begin)
            if end < 0:
                break
        if text.find("=?", begin, end) >= 0:
            at = match.start() + 2
            continue
        octets = _decode_b(text[begin:end]) if match[2] in "bB" else _decode_q(text[begin:end])
        words.append(_Word(match.start(), end + 2, match[1], octets))
        at = end + 2
    return words


def _decode_b(text: str) -> bytes | None:
    octets = text.encode("ascii", "ignore")
    try:
        return binascii.a2b_base64(octets)
    except binascii.Error:
        pass
    bare = re.sub(rb"[^A-Za-z0-9+/]", b"", octets)
    bare = bare[: len(bare) - (len(bare) % 4 == 1)]
    return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4)) if bare else None


def _decode_q(text: str) -> bytes:
    return binascii.a2b_qp(text.encode("utf-8", "replace"), header=True)
