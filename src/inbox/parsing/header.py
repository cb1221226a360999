"""One header field: as it came, and decoded when its value is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from inbox.parsing.charsets import guess_codec, is_utf8
from inbox.parsing.words import Hint, Value, decode_value, no_hint

_UNKNOWN = re.compile(r"=\?(?:(?:x-)?(?:unknown|user-defined)[^?]{0,10}|default)?\?[bq]\?", re.IGNORECASE)
_SAMPLE = 4096
_BLANKS = " \t\r\n\v\f"


class Header:
    """`name` as written; `text`: the octets behind the colon as Latin-1, folded as they came; `cut`: some of them are missing."""

    __slots__ = ("_decoded", "_hint", "cut", "name", "text")

    def __init__(self, name: str, text: str, hint: Hint = no_hint, *, cut: bool = False) -> None:
        self.name = name
        self.text = text
        self.cut = cut
        self._hint = hint
        self._decoded: Value | None = None

    @property
    def raw(self) -> bytes:
        """The octets behind the colon, without the last line end."""
        return self.text.encode("latin-1").rstrip(b"\r\n")

    @property
    def value(self) -> str:
        """Decoded, on one line, without CR, LF and NUL."""
        return self.decoded.text

    @property
    def decoded(self) -> Value:
        """The value and what was odd about it."""
        if self._decoded is None:
            self._decoded = _decode(self.text, self._hint)
        return self._decoded

    def to_dict(self) -> dict[str, str]:
        return {"name": self.name, "value": self.decoded.text}

    def __repr__(self) -> str:
        return f"Header({self.name!r}, {self.value!r})"


def header_charset(fields: Iterable[Header]) -> str:
    """The likeliest charset of all octets that are not UTF-8 and that no field declares: one alone is often too short to tell."""
    sample = b""
    for field in fields:
        octets = _undeclared(field)
        if octets and not is_utf8(octets):
            sample += octets + b"\n"
        if len(sample) > _SAMPLE:
            break
    return guess_codec(sample) if sample else "cp1252"


def _undeclared(field: Header) -> bytes:
    """Raw 8-bit octets, and those of encoded words that say that nobody knows their charset (RFC 1428)."""
    if not field.text.isascii():
        return field.raw
    if not _UNKNOWN.search(field.text):
        return b""
    return decode_value(field.raw, lambda: "cp1252").text.encode("cp1252", "ignore")


def unfold_text(text: str) -> str:
    """One line, trimmed: every fold becomes one blank (RFC 5322 section 2.2.3)."""
    if "\n" in text:
        text = " ".join([line.strip(" \t\r") for line in text.split("\n")])
    return text.strip(_BLANKS)


def _decode(text: str, hint: Hint) -> Value:
    """Plain text, which most fields are, without a detour over octets."""
    plain = unfold_text(text)
    if plain.isascii() and plain.isprintable() and "=?" not in plain:
        return Value(plain)
    return decode_value(text.encode("latin-1"), hint)
