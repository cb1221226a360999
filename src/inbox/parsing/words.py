"""Encoded words in header fields (RFC 2047) and the decoded value of a field.

Words that stand side by side are joined as octets before their charset is decoded: senders cut characters in two. All of it is linear:
the search for the end of a word never goes back.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from itertools import zip_longest
from typing import NamedTuple

from inbox.parsing.charsets import Decoded, codec_of, decode

_START = re.compile(r"=\?([^?\s*]{0,60})(?:\*[^?\s]{0,40})?\?([bBqQ])\?")
_NO_DIGIT = re.compile(rb"[^A-Za-z0-9+/]")
_PLAIN_WORD = re.compile(r"=\?([^?\s*]{1,60})\?([bBqQ])\?([^?\s]*+)\?=")
_SOUND_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_MOST_PLAIN_WORDS = 100
_FOLD = re.compile(rb"[ \t]*\r*\n[ \t]*")
_LINE_BREAKS = re.compile("[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")

Hint = Callable[[], str | None]
"""Gives the charset to try for octets that nobody declared; asked only when there are any."""


class Value(NamedTuple):
    """A decoded field value and what was odd: pairs of code and detail."""

    text: str
    odd: tuple[tuple[str, str], ...] = ()


class _Word(NamedTuple):
    """Offsets of a word, its charset, and its octets; for base64 they are still encoded, since senders cut in the middle of four digits."""

    start: int
    end: int
    charset: str
    base64: bool
    octets: bytes


def no_hint() -> str | None:
    return None


def decode_value(raw: bytes, hint: Hint = no_hint) -> Value:
    """The value of a field as text: unfolded, decoded, trimmed, without CR, LF, NUL or any other line break."""
    octets = unfold(raw)
    value = decode_text(octets, hint)
    return value if value.text.isprintable() else Value(*_clean(*value))


def unfold(raw: bytes) -> bytes:
    """One line of octets, trimmed: every fold becomes one blank (RFC 5322 section 2.2.3)."""
    raw = raw.strip()
    if b"\n" not in raw:
        return raw
    if raw.count(b"\r") == raw.count(b"\r\n"):
        return b" ".join([line.strip(b" \t\r") for line in raw.split(b"\n")]).strip()
    return _FOLD.sub(b" ", raw).strip()


def decode_text(octets: bytes, hint: Hint = no_hint) -> Value:
    """Text of unfolded octets: raw 8-bit characters and encoded words are both decoded; line breaks stay."""
    if octets.isascii() and b"=?" not in octets:
        return Value(octets.decode("ascii"))
    found = Decoded(octets.decode("ascii")) if octets.isascii() else decode(octets, None, hint_for(octets, hint))
    odd = [(found.code, found.detail)] if found.code else []
    if "=?" not in found.text:
        return Value(found.text, tuple(odd))
    text = _decode_words(found.text, hint, odd)
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
    if "\n" in text:  # folds are gone: only an encoded word can hold one
        odd = (*odd, ("encoded-word-invalid", text))
    return _LINE_BREAKS.sub(" ", text).strip(), odd


def _decode_words(text: str, hint: Hint, odd: list[tuple[str, str]]) -> str:
    plain = _decode_plain_words(text)
    if plain is not None:
        return plain
    out: list[str] = []
    run: list[_Word] = []
    done = 0
    for word in _words(text):
        between = text[done : word.start]
        adjacent = bool(run) and not between.strip(" \t")
        if run and not (adjacent and run[-1].charset.lower() == word.charset.lower()):
            out.append(_joined(text, run, hint, odd))
            run = []
        if not adjacent:
            out.append(between)
        run.append(word)
        done = word.end
    if run:
        out.append(_joined(text, run, hint, odd))
    out.append(text[done:])
    return "".join(out)


def _decode_plain_words(text: str) -> str | None:
    """One word, or a run of quoted-printable ones in one charset, which is what most senders write; None for all that takes more care."""
    between, *pieces = _PLAIN_WORD.split(text, _MOST_PLAIN_WORDS)
    charsets, encodings, written, gaps = pieces[::4], pieces[1::4], pieces[2::4], pieces[3:-1:4]
    if not written or text.count("=?") != len(written) or len({*map(str.lower, charsets)}) > 1 or "".join(gaps).strip(" \t"):
        return None
    if len(written) > 1 and (set(encodings) - {"q", "Q"} or any("=" in word[-2:] for word in written)):
        return None
    if codec_of(charsets[0]) in (None, "ascii"):
        return None
    word = "".join(written)
    if encodings[0] in "bB" and not _SOUND_BASE64.fullmatch(word):
        return None
    found = decode(binascii.a2b_base64(word) if encodings[0] in "bB" else _decode_q(word), charsets[0])
    return None if found.code else f"{between}{found.text}{pieces[-1]}"


def _joined(text: str, run: list[_Word], hint: Hint, odd: list[tuple[str, str]]) -> str:
    """The text of words of one charset that stand side by side; as written when they cannot be decoded."""
    found = _decoded(run, hint)
    if found is None and len(run) > 1:
        return "".join(_joined(text, [word], hint, odd) for word in run)  # only the one that is wrong stays as it is
    if found is None:
        written = text[run[0].start : run[0].end]
        odd.append(("encoded-word-invalid", written[:80]))
        return written
    if found.code:
        odd.append((found.code, found.detail))
    return found.text


def _decoded(run: list[_Word], hint: Hint) -> Decoded | None:
    """Words without padding are either cut or not padded: what gives sound text is right."""
    octets = _octets(run, joined=True)
    if octets is None:
        return None
    charset = run[0].charset
    declared = codec_of(charset or "us-ascii") != "ascii"
    found = decode(octets, charset, None if declared else hint_for(octets, hint))
    if found.code and len(run) > 1 and (apart := _octets(run, joined=False)) not in (None, octets):
        other = decode(apart or b"", charset)
        return found if other.code else other
    return found


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
        base64 = match[2] in "bB"
        octets = text[begin:end].encode("ascii", "ignore") if base64 else _decode_q(text[begin:end])
        words.append(_Word(match.start(), end + 2, match[1], base64, octets))
        at = end + 2
    return words


def _octets(run: list[_Word], *, joined: bool) -> bytes | None:
    """The octets of all words. `joined`: base64 that stops within four digits goes on in the next word. None when base64 holds no digit."""
    out: list[bytes] = []
    rest = b""
    for word, after in zip_longest(run, run[1:]):
        if not word.base64:
            out.append(word.octets)
            continue
        *whole, last = (_NO_DIGIT.sub(b"", piece) for piece in word.octets.split(b"="))
        goes_on = joined and after is not None and after.base64
        cut = len(rest + last) // 4 * 4 if goes_on and not whole else len(rest + last)
        if word.octets.strip() and not any((*whole, last)):
            return None
        pieces = [rest + whole[0], *whole[1:], last] if whole else [(rest + last)[:cut]]
        out += map(_decode_b, pieces)
        rest = (rest + last)[cut:] if not whole else b""
    return b"".join(out)


def _decode_b(digits: bytes) -> bytes:
    """Base64 digits, with what padding is missing; a single last digit says nothing."""
    whole = digits[: len(digits) - (len(digits) % 4 == 1)]
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def _decode_q(text: str) -> bytes:
    return binascii.a2b_qp(text.encode("utf-8", "replace"), header=True)
