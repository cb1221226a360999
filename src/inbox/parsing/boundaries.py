"""Boundaries (RFC 2046 section 5.1.1), and what can be done where the delimiter lines are not what was announced."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_BARE_RETURN = re.compile(rb"\r(?!\n)")
_MARKS = [bytes([octet]) for octet in (*range(1, 9), *range(14, 32), *range(127, 256))]
_DELIMITER_BEFORE_FIELD = re.compile(rb"(?:\A|(?<=\n))--([^\s][^\r\n]{0,200}?)[ \t]*\r?\n(?=content-[a-z-]{1,40}[ \t]*:)", re.IGNORECASE)


def common_start(boundaries: Collection[bytes]) -> bytes:
    """What all begin with: that is what the first and the last in order have in common."""
    if not boundaries:
        return b""
    first, last = min(boundaries), max(boundaries)
    if first == last:
        return first
    same = next((n for n, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:same]


def squeezed(line: bytes) -> bytes:
    """A boundary without its blanks: gateways add and drop them."""
    return b"".join(line.split())


def guess_boundary(octets: bytes, start: int) -> bytes:
    """The boundary of the first line that can only be a delimiter: a Content- field follows it. Empty when there is none."""
    found = _DELIMITER_BEFORE_FIELD.search(octets, start)
    return found[1] if found else b""


def ends_with_returns(octets: bytes, start: int) -> bool:
    """Whether the lines of the header end with a bare CR: an empty one comes before any LF does, or there is no LF at all."""
    feed = octets.find(b"\n", start)
    empty = octets.find(b"\r\r", start, feed if feed >= 0 else len(octets))
    if empty >= 0 and octets[empty + 2 : empty + 3] not in (b"\r", b"\n"):
        return True
    return feed < 0 and octets.find(b"\r", start) >= 0


def with_feeds(octets: bytes) -> bytes:
    """The octets with LF for every bare CR: all offsets stay what they are. An octet that does not occur holds the place of the others."""
    pairs = octets.count(b"\r\n")
    if pairs == octets.count(b"\r"):
        return octets
    if not pairs:
        return octets.replace(b"\r", b"\n")
    free = next((mark for mark in _MARKS if mark not in octets), None)
    if free is None:
        return _BARE_RETURN.sub(b"\n", octets)
    return octets.replace(b"\r\n", free + b"\n").replace(b"\r", b"\n").replace(free, b"\r")
