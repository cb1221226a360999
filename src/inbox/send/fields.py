"""Header fields of a mail that is about to leave, as octets: look at them, leave some out. Nothing is decoded."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)(?:\r?\n|\Z)", re.MULTILINE)
_END = re.compile(rb"\r?\n\r?\n|\A\r?\n")


def split(raw: bytes) -> tuple[bytes, bytes]:
    """The header block, each field with its line end, and what follows it: the blank line and the body."""
    found = _END.search(raw)
    if not found:
        return raw, b""
    if not found.start() and not raw[:2].strip():
        return b"", raw
    line = 2 if found[0].startswith(b"\r\n") else 1
    return raw[: found.start() + line], raw[found.start() + line :]


def fields_of(raw: bytes, name: str) -> Iterator[str]:
    """The values of all fields of a name (in lower case), unfolded, as Latin-1."""
    wanted = name.encode("ascii")
    for found in _FIELD.finditer(split(raw)[0]):
        if found[1].lower() == wanted:
            yield re.sub(r"\r?\n(?=[ \t])", "", found[2].decode("latin-1")).strip()


def field_of(raw: bytes, name: str) -> str | None:
    """The first of them, or None."""
    return next(fields_of(raw, name), None)


def without(raw: bytes, names: Collection[str]) -> bytes:
    """The mail without the fields of these names (in lower case); everything else stays octet for octet."""
    head, rest = split(raw)
    left_out = {name.encode("ascii") for name in names}
    return _FIELD.sub(lambda found: b"" if found[1].lower() in left_out else found[0], head) + rest
