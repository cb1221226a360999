"""The parts of a text: new words, quoted ones, the signature. `quoting.py` finds them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReplyText:
    """Three parts of a text, each None when it is empty."""

    text: str | None
    quoted: str | None = None
    signature: str | None = None

    def to_dict(self) -> dict[str, str | None]:
        return {"text": self.text, "quoted": self.quoted, "signature": self.signature}
