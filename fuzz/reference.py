"""The octets behind DATA, read slowly and obviously: line by line. What the fast reader must agree with, however its input is cut."""

from __future__ import annotations

import re
from typing import NamedTuple

_BARE = re.compile(rb"[\r\n]")
_ENDING = re.compile(rb"\r\n|\r|\n")


class Read(NamedTuple):
    """What became of a mail: its octets, why it may be refused (both can be true), and what came behind the final dot."""

    octets: bytes
    reasons: frozenset[str]
    rest: bytes


def read(stream: bytes, *, limit: int, mend: bool) -> Read | None:
    """One mail; None when it has no end. A line ends with CRLF and nothing else; the line that is one dot ends the mail."""
    kept, reasons, begins = b"", set(), 0
    while (ends := stream.find(b"\r\n", begins)) >= 0:
        line, begins = stream[begins:ends], ends + 2
        if line == b".":
            if len(kept) > limit:
                reasons.add("size")
            return Read(kept, frozenset(reasons), stream[begins:])
        if not mend and (_BARE.search(line) or b"\0" in line):
            reasons.add("line endings")
        if line.startswith(b"."):  # RFC 5321 section 4.5.2
            line = line[1:]
        kept += _ENDING.sub(b"\r\n", line) + b"\r\n"
    return None
