"""Content-Type and Content-Disposition: value and parameters (RFC 2045 section 5.1, RFC 2183, RFC 2231).

Mended on the way: a missing `;`, values with blanks that are not quoted, comments, parameters that stand twice (the first counts).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from inbox.parsing.charsets import decode
from inbox.parsing.words import Hint, decode_text, no_hint, unfold

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPE = re.compile(r"[\s;]*([\w!#$&^.+-]+)\s*/\s*([\w!#$&^.+-]+)")
_TOKEN = re.compile(r"[\s;]*([\w!#$&^.+-]+)")
_PARAMETER = re.compile(r"([^\s=;,\"]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^;]*+))|[^\s;,]++|[\s;,]++", re.DOTALL)
_SECTION = re.compile(r"(?:\*(\d{1,4}))?(\*)?")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MOST_PARAMETERS = 200


class Media(NamedTuple):
    """A value in lower case (`text/plain`, `attachment`; empty when it cannot be read) and its parameters as they came (Latin-1)."""

    value: str
    parameters: Mapping[str, str]
    twice: tuple[str, ...] = ()

    def get(self, name: str) -> str | None:
        """A simple parameter (charset, boundary, report-type) without comment, or None."""
        found = self.parameters.get(name)
        if found is None:
            return self.text(name) or self._strayed(name)
        return found.partition(" (")[0].strip()

    def _strayed(self, name: str) -> str | None:
        """A parameter that stands within the value before it, because a `;` is missing."""
        for value in self.parameters.values():
            _, found, rest = value.partition(f" {name}=")
            if found:
                return rest.split(" ")[0].strip('"')
        return None

    def text(self, name: str, hint: Hint = no_hint) -> str | None:
        """A parameter as text: the extended form (RFC 2231) before the plain one, whose encoded words are decoded too."""
        sections = _sections(self.parameters, name)
        if sections:
            return _join(sections)
        plain = self.parameters.get(name)
        return decode_text(plain.encode("latin-1"), hint).text if plain is not None else None


def read_type(raw: bytes) -> Media:
    """`type/subtype` and parameters."""
    text = unfold(raw).decode("latin-1")
    found = _TYPE.match(text)
    if not found:
        return Media("", {})
    parameters, twice = _parameters(text, found.end())
    return Media(f"{found[1]}/{found[2]}".lower(), parameters, twice)


def read_disposition(raw: bytes) -> Media:
    """`inline`, `attachment` or another word, and parameters."""
    text = unfold(raw).decode("latin-1")
    found = _TOKEN.match(text)
    if not found or text[found.end() : found.end() + 1] == "=":
        parameters, twice = _parameters(text, 0)
        return Media("", parameters, twice)
    parameters, twice = _parameters(text, found.end())
    return Media(found[1].lower(), parameters, twice)


def _parameters(text: str, start: int) -> tuple[Mapping[str, str], tuple[str, ...]]:
    found: dict[str, str] = {}
    twice = []
    for count, match in enumerate(_PARAMETER.finditer(text, start)):
        if count >= _MOST_PARAMETERS:
            break
        if match[1] is None:
            continue
        name = match[1].lower()
        value = match[3].strip() if match[2] is None else _ESCAPED.sub(r"\1", match[2]) if "\\" in match[2] else match[2]
        if name in found:
            twice.append(name)
        found.setdefault(name, value)
    return found, tuple(twice)


def _sections(parameters: Mapping[str, str], name: str) -> list[tuple[int, bool, str]]:
    """(number, encoded, value) of `name*`, `name*0`, `name*0*` and so on, in order, up to the first gap (RFC 2231 section 3)."""
    found = []
    for key, value in parameters.items():
        if key.startswith(name + "*") and (match := _SECTION.fullmatch(key, len(name))):
            found.append((int(match[1] or 0), bool(match[2]), value))
    found.sort(key=lambda section: (section[0], not section[1]))
    return [section for n, section in enumerate(found) if section[0] == n or section is found[0]]


def _join(sections: list[tuple[int, bool, str]]) -> str:
    charset = None
    octets = b""
    for n, (_, encoded, value) in enumerate(sections):
        text = value
        if n == 0 and encoded and value.count("'") >= 2:
            charset, _, text = value.split("'", 2)  # charset'language'value (RFC 2231 section 4)
        part = text.encode("latin-1")
        octets += _PERCENT.sub(lambda match: bytes([int(match[1], 16)]), part) if encoded else part
    return decode(octets, charset or None).text
