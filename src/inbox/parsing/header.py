"""One header field of the model, decoded when its value is asked for."""

from __future__ import annotations

from inbox.parsing.fields import Field
from inbox.parsing.lazy import lazy
from inbox.parsing.words import Hint, Value, decode_value


class Header:
    """`name` as written; `raw`: the octets behind the colon, folded as they came; `value`: decoded, on one line, without CR, LF and NUL."""

    def __init__(self, field: Field, hint: Hint) -> None:
        self.name, self.raw, self.cut = field
        self._hint = hint

    @property
    def value(self) -> str:
        return self.decoded.text

    @lazy
    def decoded(self) -> Value:
        """The value and what was odd about it."""
        return decode_value(self.raw, self._hint)

    def to_dict(self) -> dict[str, str]:
        return {"name": self.name, "value": self.value}

    def __repr__(self) -> str:
        return f"Header({self.name!r}, {self.value!r})"
