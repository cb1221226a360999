"""The charset of what a mail does not declare: one guess for the whole mail, made when it is first needed."""

from __future__ import annotations

from inbox.parsing.bodies import charset_hint
from inbox.parsing.defects import Defects
from inbox.parsing.header import header_charset
from inbox.parsing.limits import Limits
from inbox.parsing.structure import read_head, read_structure


class CharsetHint:
    """Holds the octets and nothing that is made of them: so a mail is freed the moment that nobody wants it, without a garbage collection."""

    __slots__ = ("_asked", "_found", "_limits", "_raw")

    def __init__(self, raw: bytes, limits: Limits) -> None:
        self._raw, self._limits = raw, limits
        self._asked, self._found = False, ""

    def __call__(self) -> str:
        if not self._asked:
            self._asked = True
            head = read_head(self._raw, self._limits, Defects())
            self._found = charset_hint(read_structure(head, self._limits, Defects())) or header_charset(head.fields)
        return self._found
