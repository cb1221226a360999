"""The part of a report that programs read: groups of fields (RFC 3464, RFC 6533, RFC 5965), also where servers write them wrongly.

Groups are parted by empty lines; what has a second Final-Recipient begins a new one, so a missing empty line loses nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inbox.parsing.words import decode_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inbox.parsing.structure import Part

STATUS_PARTS = ("message/delivery-status", "message/global-delivery-status")
_MOST_OCTETS = 1 << 20
_MOST_GROUPS = 2000
_BLANKS = re.compile(rb"\n[ \t]*\r?\n")
_FOLDS = re.compile(rb"\r?\n[ \t]+")
_STATUS_FIELDS = re.compile(rb"(?im)^[ \t]*(?:reporting-mta|final-recipient|original-recipient|x-actual-recipient)[ \t]*:")
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_TEXTS = ("text/plain", "message/delivery-notification", "application/octet-stream", "message/delivery-report", "text/delivery-status")
Group = dict[str, list[str]]


def status_parts(parts: list[Part]) -> list[Part]:
    """The parts with a delivery status: those that say so, else leaves that look like one. Not those within an attached message."""
    own = [part for part in parts if not part.within and not part.container]
    found = [part for part in own if part.media.value in STATUS_PARTS]
    return found or [part for part in own if part.media.value in _TEXTS and _looks_like_one(part)]


def _looks_like_one(part: Part) -> bool:
    octets = part.transferred(8192).octets
    first = octets.lstrip()[:400].lower()
    return first.startswith((b"reporting-mta", b"final-recipient", b"original-recipient")) and bool(_STATUS_FIELDS.search(octets))


def groups(octets: bytes) -> Iterator[Group]:
    """Fields of each group, names in lower case (RFC 3464 section 2.1.1)."""
    for block in _BLANKS.split(octets[:_MOST_OCTETS], _MOST_GROUPS):
        group: Group = {}
        for line in _FOLDS.sub(b" ", block).splitlines():
            name, colon, value = line.partition(b":")
            if not colon:
                continue
            key = name.strip().decode("ascii", "replace").lower()
            if key in group and key in ("final-recipient", "action"):
                yield group
                group = {}
            group.setdefault(key, []).append(decode_value(value).text)
        if group:
            yield group


def joined(found: list[Group]) -> list[Group]:
    """Groups of one recipient that an empty line tore apart, put together: one that names nobody belongs to the one before."""
    whole: list[Group] = []
    for group in found:
        torn = whole and not named_in(group) and ("action" in group or "status" in group or "diagnostic-code" in group)
        if torn and named_in(whole[-1]) and not set(group) & set(whole[-1]) & {"action", "status", "diagnostic-code"}:
            for name, values in group.items():
                whole[-1].setdefault(name, []).extend(values)
        else:
            whole.append(group)
    return whole


def named_in(group: Group) -> bool:
    return any(name in group for name in ("final-recipient", "original-recipient", "x-actual-recipient"))


def address_of(value: str) -> str | None:
    """`rfc822; user@example.org` -> `user@example.org`, also without the type and in brackets, with escapes undone (RFC 6533 section 3);
    None for what is no address.
    """
    from inbox.parsing.bounce_notice import usable  # noqa: PLC0415 (its patterns: only for reports)

    kind, semicolon, rest = value.partition(";")
    found = (rest if semicolon and "@" not in kind else value).strip()
    if "<" in found and "@" in found:
        found = found[found.rindex("<") + 1 :].partition(">")[0]
    found = found.partition(" (")[0].strip().strip("<>\"'").strip()
    found = _ESCAPED.sub(_character, found)
    quoted = found.startswith('"') or '"@' in found
    if "@" not in found or len(found) > 320 or (" " in found and not quoted):
        return None
    return found if quoted else usable(found)


def _character(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if 0x20 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else found[0]


def first(group: Group, *names: str) -> str:
    return next((values[0] for name in names if (values := group.get(name))), "")


def word(value: str) -> str | None:
    """The first word, lower case: `Failed (permanent)` -> `failed`."""
    found = re.search(r"[a-z-]+", value.lower())
    return found[0] if found else None
