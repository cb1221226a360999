"""Content-Type and Content-Disposition: value and parameters (RFC 2045 section 5.1, RFC 2183, RFC 2231).

Mended on the way: a missing `;`, values with blanks that are not quoted, comments, parameters that stand twice (the first counts).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from inbox.parsing.charsets import codec_of, decode
from inbox.parsing.header import unfold_text
from inbox.parsing.words import Hint, decode_text, hint_for, no_hint

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMENTS = r"(?:\s*+\((?:[^()\\]|\\.)*+\))*+"
_TYPE = re.compile(_COMMENTS + r"[\s;]*([\w!#$&^.+-]+)\s*/\s*([\w!#$&^.+-]+)" + _COMMENTS)
_TOKEN = re.compile(_COMMENTS + r"[\s;]*([\w!#$&^.+-]+)" + _COMMENTS)
_PARAMETER = re.compile(
    r"([^\s=;,\"]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^;\s]*+(?:\s++(?![^\s=;,\"]++\s*+=)[^;\s]++)*+))|[^\s;,]++|[\s;,]++", re.DOTALL
)
_PLAIN_PARAMETERS = re.compile(r"((?:\s*;\s*[\w*-]+=(?:[^\s;,=\"()\\]++|\"[^\"\\]*+\"))*+)\s*;?\s*")
_PLAIN_PARAMETER = re.compile(r";\s*([\w*-]+)=(?:\"([^\"]*)\"|([^\s;]*))")
_SECTION = re.compile(r"(?:\*(\d{1,4}))?(\*)?")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PATH = re.compile(r"[A-Za-z]:\\[^\\\"]|\\\\[^\\\"]")
_LONGEST_LANGUAGE = 35
_MOST_PARAMETERS = 200
_SHORT = 2000
_COMMON = 60


class Media(NamedTuple):
    """A value in lower case (`text/plain`, `attachment`; empty when it cannot be read) and its parameters as they came (Latin-1)."""

    value: str
    parameters: Mapping[str, str]
    twice: tuple[str, ...] = ()

    def get(self, name: str) -> str | None:
        """A simple parameter (charset, boundary, report-type) without comment, or None."""
        found = self.parameters.get(name)
        if found is None:
            return self.text(name)
        return found.partition(" (")[0].strip()

    def text(self, name: str, hint: Hint = no_hint) -> str | None:
        """A parameter as text: the extended form (RFC 2231) before the plain one, whose encoded words are decoded too."""
        sections = _sections(self.parameters, name)
        if sections:
            return _join(sections, hint)
        plain = self.parameters.get(name)
        return decode_text(plain.encode("latin-1"), hint).text if plain is not None else None


def read_type(text: str) -> Media:
    """`type/subtype` and parameters, from the octets of the field as Latin-1 text."""
    return _short_type(text) if len(text) < _COMMON else _type(text)


def _type(text: str) -> Media:
    line = unfold_text(text)
    found = _TYPE.match(line)
    if not found:
        return Media("", {})
    parameters, twice = _parameters(line, found.end())
    both = tuple(name for name in ("boundary", "charset") if name in parameters and _sections(parameters, name))
    return Media(f"{found[1]}/{found[2]}".lower(), parameters, twice + both)


_short_type = lru_cache(maxsize=256)(_type)  # `text/plain; charset=utf-8` and a few others are most of what there is


def read_disposition(text: str) -> Media:
    """`inline`, `attachment` or another word, and parameters, from the octets of the field as Latin-1 text."""
    line = unfold_text(text)
    found = _TOKEN.match(line)
    if not found or line[found.end() : found.end() + 1] == "=":
        parameters, twice = _parameters(line, 0)
        return Media("", parameters, twice)
    parameters, twice = _parameters(line, found.end())
    return Media(found[1].lower(), parameters, twice)


def _parameters(text: str, start: int) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Well-made parameters are found at once; where more than blanks and `;` is left between them, each is looked at with care."""
    if start == len(text):
        return {}, ()
    plain = _PLAIN_PARAMETERS.fullmatch(text, start) if len(text) < _SHORT else None
    if plain:
        pairs = [(name.lower(), value or quoted) for name, value, quoted in _PLAIN_PARAMETER.findall(plain[1])]
        found = dict(pairs)
        if len(found) == len(pairs):
            return found, ()
    return _odd_parameters(text, start)


def _odd_parameters(text: str, start: int) -> tuple[Mapping[str, str], tuple[str, ...]]:
    found: dict[str, str] = {}
    twice = []
    for count, match in enumerate(_PARAMETER.finditer(text, start)):
        if count >= _MOST_PARAMETERS:
            break
        if match[1] is None:
            continue
        name = match[1].lower()
        value = match[3].strip().removeprefix('"') if match[2] is None else _unescaped(match[2])
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
    each = list({number: (number, encoded, value) for number, encoded, value in reversed(found)}.values())[::-1]
    return [section for n, section in enumerate(each) if section[0] == each[0][0] + n]


def _join(sections: list[tuple[int, bool, str]], hint: Hint) -> str:
    charset, first = "", sections[0][2]
    if sections[0][1]:
        charset, first = _charset_apart(first)
    octets = b""
    for (_, encoded, _), text in zip(sections, [first, *(value for _, _, value in sections[1:])], strict=True):
        part = text.encode("latin-1")
        octets += _PERCENT.sub(lambda match: bytes([int(match[1], 16)]), part) if encoded else part
    if not charset and b"=?" in octets:
        return decode_text(octets, hint).text  # an encoded word that was cut in pieces, which RFC 2231 forbids
    return decode(octets, charset or None, None if charset else hint_for(octets, hint)).text


def _charset_apart(text: str) -> tuple[str, str]:
    """charset'language'value (RFC 2231 section 4), also without the language."""
    charset, first, rest = text.partition("'")
    language, second, value = rest.partition("'")
    if second and (not charset or len(language) <= _LONGEST_LANGUAGE):
        return charset, value
    return (charset, rest) if first and codec_of(charset) else ("", text)


def _unescaped(text: str) -> str:
    """Quoted pairs undone (RFC 5322 section 3.2.1), but for the path of a file, which Windows writes as it is."""
    return text if "\\" not in text or _PATH.match(text) else _ESCAPED.sub(r"\1", text)
