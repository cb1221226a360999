"""How much of a mail is looked at. What lies beyond a limit stays in the raw bytes; the model says so with a defect."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in octets, the rest are counts. Reaching one never raises: the result is partial and has a defect.

    `depth`: containers (multipart, message) within each other. `parts`: parts in all. `headers` and `header_block`: fields and their
    octets, of the mail and of each part. `header`: octets of one field. `text`: octets of one text that are decoded. `addresses`: of
    one field. `odd_addresses`: how many of a mail are handed to the slow address parser. `reply` and `reply_lines`: how much text is
    searched for quotes. `defects`: how many are listed. `archive_members`: how many of an archive are listed; beyond `archive_octets` unpacked, or
    `archive_ratio` times what was sent, it is a bomb.
    """

    depth: int = 100
    parts: int = 1000
    headers: int = 2000
    header_block: int = 1 << 20
    header: int = 64 << 10
    text: int = 2 << 20
    addresses: int = 1000
    odd_addresses: int = 50
    reply: int = 64 << 10
    reply_lines: int = 5000
    defects: int = 100
    archive_members: int = 1000
    archive_octets: int = 100 << 20
    archive_ratio: int = 100


DEFAULT = Limits()
