"""The parts of a text: new words, quoted ones, the signature. `quoting.py` finds them."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["text", "quoted", "signature"]
KINDS: tuple[Kind, ...] = ("text", "quoted", "signature")


class ReplyPart(NamedTuple):
    """A piece of the text, as it stands there. `sign`: by what it was told, such as `wrote`, `header`, `marks`, `gmail_quote`; "" for text."""

    kind: Kind
    text: str
    sign: str = ""


class ReplyText(NamedTuple):
    """Three parts of a text, each None when it is empty, and `parts`: all of it in order, so that an answer stands beside its question."""

    text: str | None
    quoted: str | None = None
    signature: str | None = None
    parts: tuple[ReplyPart, ...] = ()

    def to_dict(self) -> dict[str, str | None]:
        return {"text": self.text, "quoted": self.quoted, "signature": self.signature}
