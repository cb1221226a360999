"""One header field: as it came, and decoded when its value is asked for."""

from __future__ import annotations

from inbox.parsing.words import Hint, Value, decode_value, no_hint

_BLANKS = " \t\r\n\v\f"


class Header:
    """`name` as written; `text`: the octets behind the colon as Latin-1, folded as they came; `cut`: some of them are missing."""

    __slots__ = ("_decoded", "_hint", "cut", "name", "text")

    def __init__(self, name: str, text: str, hint: Hint = no_hint, *, cut: bool = False) -> None:
        self.name, self.text, self.cut, self._hint = name, text, cut, hint
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
