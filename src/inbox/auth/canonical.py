"""A mail as it is signed: its header fields, octet by octet, and the two canonical forms of header and body (RFC 6376 section 3.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(?:[^\r\n]++|\r\n[ \t]|\r(?!\n)|\n[ \t])*+(?:\r\n|\n|\Z)")
_MANY = b"\r\n" * 4096
_HEADER = 1 << 20


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: its name in lower case, its octets up to and with its CRLF."""

    name: bytes
    raw: bytes

    def canonical(self, form: str) -> bytes:
        """The field in the form `simple` or `relaxed`, with CRLF."""
        if form == "simple":
            return self.raw
        value = self.raw.partition(b":")[2].replace(b"\r\n", b"")
        return self.name + b":" + _one_blank(value).strip() + b"\r\n"

    @property
    def value(self) -> str:
        """What stands behind the colon, unfolded; octets beyond ASCII as Latin-1."""
        return self.raw.partition(b":")[2].replace(b"\r\n", b"").decode("latin-1").strip()


class Signed:
    """A mail to be verified or signed. Lines that end with LF alone are taken as if they ended with CRLF.

    Of a header only 1 MiB is looked at: what proves something stands within it, and each of 50 seals covers all that stands before it.
    """

    def __init__(self, raw: bytes) -> None:
        if b"\r\n" not in raw:
            raw = raw.replace(b"\n", b"\r\n")
        self.fields: list[Field] = []
        at = 0
        while at < _HEADER and (found := _FIELD.match(raw, at)):
            self.fields.append(Field(found[1].lower(), found[0] if found[0].endswith(b"\n") else found[0] + b"\r\n"))
            at = found.end()
        self.body = raw[at + 2 :] if raw[at : at + 2] == b"\r\n" else raw[at:]

    @cached_property
    def simple(self) -> bytes:
        """The body, without empty lines at its end, but with one CRLF."""
        return _without_empty_lines(self.body) + b"\r\n"

    @cached_property
    def relaxed(self) -> bytes:
        """The same, with runs of blanks as one, and none at the ends of lines; nothing at all for a body of empty lines."""
        body = _without_empty_lines(_one_blank(self.body).replace(b" \r\n", b"\r\n").removesuffix(b" "))
        return body + b"\r\n" if body else b""

    def chosen(self, names: list[bytes], without: Field | None = None) -> list[Field]:
        """The fields that a list of names means: for each name the lowest one that was not taken yet (RFC 6376 section 5.4.2)."""
        left: dict[bytes, list[Field]] = {}
        for field in self.fields:
            if field is not without:
                left.setdefault(field.name, []).append(field)
        return [left[name].pop() for name in names if left.get(name)]


def _one_blank(octets: bytes) -> bytes:
    """Every run of blanks and tabs as one blank; each turn halves the longest run."""
    octets = octets.replace(b"\t", b" ")
    while b"  " in octets:
        octets = octets.replace(b"  ", b" ")
    return octets


def _without_empty_lines(body: bytes) -> bytes:
    """The body without any CRLF at its end."""
    end = len(body)
    while body.endswith(_MANY, 0, end):
        end -= len(_MANY)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[:end]
