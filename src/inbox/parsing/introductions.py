"""Finds the lines with which a mail program introduces a quotation: `On DATE, NAME wrote:`, `-----Original Message-----`, a quoted header.

Each function looks at a bounded number of lines from where it stands, so that all of it is linear in the text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from inbox.parsing import quotation
from inbox.parsing.quotation import LOOK

_MOST_LINES = 5
_HEADER_LINES = 18


class Introduction(NamedTuple):
    """How many lines it takes, 0 for none; by what it was told; how much of the first line is text before it."""

    length: int = 0
    sign: str = ""
    shared: int = 0


_NONE = Introduction()
_GOES_ON = re.compile(r"(.{10,250}?<[^<>\s@]{1,80}@[^<>\s]{1,200}>[^<>:]{0,40}:)\s{2,}\S")
"""Yahoo's programs for telephones put the quoted mail into the same line."""


def introduction(lines: list[str], at: int, marked: list[int], hint: str) -> Introduction:
    """What introduces a quotation at `at`. `lines` are plain ones; `marked[n]`: whether line n is quoted by itself; `hint`: what the markup says."""
    line = lines[at][:LOOK]
    if not line.strip():
        return _NONE
    if quotation.BEGINS.match(line) and (length := _wrote(lines, at, marked)):
        return Introduction(length, "wrote")
    if (found := _GOES_ON.match(line)) and _is_wrote(found[1].strip().lower(), before_quote=False):
        return Introduction(1, "wrote")
    if ("--" in line or "__" in line or line.rstrip()[-1:] in "e:*" or not line.isascii()) and (titled := _titled(lines, at, line)):
        return titled
    if ":" in line and (length := _header(lines, at, lax=bool(hint))):
        return Introduction(length, "header")
    if shared := _shared(lines, at, line):
        return shared
    if line.rstrip().endswith((":", "-", ">")) and _somebody_wrote(line, _next_marked(lines, at + 1, marked)):
        return Introduction(1, "wrote")
    if len(line) < 120 and quotation.answer_above(line):
        return Introduction(1, "answer-above")
    return _NONE


def _titled(lines: list[str], at: int, line: str) -> Introduction | None:
    """`-----Original Message-----`, or a title or rule in any language with a header below it."""
    dashed = "--" in line or "__" in line
    if dashed and quotation.is_original(line):
        return Introduction(1, "original")
    below = _filled(lines, at + 1)
    if dashed and (quotation.RULE.match(line) or quotation.SOME_TITLE.match(line)):
        length = _header(lines, below, lax=True)
        return Introduction(below + length - at, "header") if length else None
    if not dashed and quotation.is_original(line, bare=True) and _header(lines, below):
        return Introduction(1, "original")
    return None


def _wrote(lines: list[str], at: int, marked: list[int]) -> int:
    """The lines of `On DATE, NAME wrote:`, or 0. Only a line with a date, or an open `<`, may be parted from the next by a blank one."""
    joined, filled = "", 0
    for n in range(at, min(at + _MOST_LINES + 2, len(lines))):
        line = lines[n][:LOOK].strip()
        is_open = joined.count("<") > joined.count(">")
        if not line and (is_open or (filled == 1 and _may_go_on(joined))):
            continue
        if not line or (n > at and marked[n] and not is_open) or len(joined) > 500 or filled == _MOST_LINES:
            return 0
        joined, filled = joined + line + " ", filled + 1
        ends = line[-1:].isalpha() or quotation.ENDS.search(line)
        if ends and _is_wrote(joined.strip().lower(), _next_marked(lines, n + 1, marked)):
            return n - at + 1
    return 0


def _may_go_on(line: str) -> bool:
    return bool(quotation.DATE.search(line.lower())) and line.rstrip()[-1:] not in ".!?:>"


def _is_wrote(text: str, before_quote: bool) -> bool:
    """Whether lines joined and in lower case say who wrote what follows, and when."""
    if quotation.OLD_GMAIL.match(text) and quotation.OLD_GMAIL_END.search(text):
        return True
    addressed = "@" in text and bool(quotation.ADDRESS.search(text))
    if not (addressed or quotation.DATE.search(text)):
        return False
    last = text.rstrip("*_ ")[-1:]
    if quotation.WROTE.search(text[-80:]):
        return last in ":>-)" or addressed or before_quote
    if last != ":":
        return False
    if not quotation.DATE.search(text):
        return False
    return bool(before_quote or quotation.ADDRESS_AT_END.search(text) or quotation.WROTE_BEFORE_NAME.search(text))


def _somebody_wrote(line: str, before_quote: bool) -> bool:
    """`NAME <address> wrote:`, `NAME on DATE wrote:`, `---- NAME wrote ----`, and before a quotation `NAME wrote:` alone."""
    text = line.strip().lower()
    addressed = "@" in text and bool(quotation.ADDRESS.search(text))
    if quotation.QUOTING.match(text):
        return before_quote or addressed
    if quotation.WROTE.search(text[-80:]):
        if text.endswith("-"):
            return text.startswith("--")
        return before_quote or (len(text) < 200 and (addressed or " via " in text or bool(quotation.MOMENT.search(text))))
    if not text.endswith(":") or not quotation.DATE.search(text):
        return False
    if quotation.WROTE_BEFORE_NAME.search(text):
        return before_quote or addressed or bool(quotation.MOMENT.search(text))
    return before_quote and (addressed or bool(quotation.ADDRESS_AT_END.search(text)))


def _header(lines: list[str], at: int, *, lax: bool = False) -> int:
    """The lines of a quoted header at `at`, or 0. `lax`: the fields may be named in any language."""
    if at >= len(lines) or not _role(lines[at], lax=lax):
        return 0
    last = at
    roles = [_role(lines[at], lax=lax)]
    for n in range(at + 1, min(at + _HEADER_LINES, len(lines))):
        if role := _role(lines[n], lax=lax):
            last = n
            roles.append(role)
        elif n - last > 3 or (not lines[n].strip() and not _goes_on(lines, n + 1)):
            break
    return last - at + 1 if _is_header([line[:LOOK] for line in lines[at : last + 1]], roles, lax=lax) else 0


def _role(line: str, *, lax: bool) -> str:
    return quotation.field_role(line[:LOOK]) or ("some" if lax and quotation.SOME_FIELD.match(line[:LOOK]) else "")


def _goes_on(lines: list[str], at: int) -> bool:
    """Whether the header goes on after one empty line, as it does where each line was a paragraph."""
    return at < len(lines) and bool(quotation.field_role(lines[at][:LOOK]))


def _is_header(lines: list[str], roles: list[str], *, lax: bool) -> bool:
    """Whether so many fields are the header of a mail and not a list of the author's own: with an address, or with all that a header has."""
    addressed = any("@" in line for line in lines)
    if len(roles) == 1:
        alone = lines[0].strip()
        whole = quotation.ONE_MAILBOX.search(alone) or (quotation.ANOTHER_FIELD.search(alone) and quotation.DATE.search(alone.lower()))
        return addressed and roles[0] == "author" and bool(whole)
    dated = any(quotation.DATE.search(line.lower()) for line in lines)
    if lax and len(roles) > 2 and (addressed or dated):
        return True
    if len(roles) == 2:
        return addressed and dated and ("author" in roles or "date" in roles)
    return ("author" in roles or ("date" in roles and dated)) and (addressed or "subject" in roles)


def _shared(lines: list[str], at: int, line: str) -> Introduction | None:
    """An introduction in one line with the text before it, perhaps over three lines."""
    if "---" in line and (found := quotation.SHARED_TITLE.match(line)) and quotation.is_original_title(found["title"]):
        return Introduction(1, "original", found.end("before"))
    if "on " not in line.lower():
        return None
    joined = ""
    for n in range(at, min(at + 3, len(lines))):
        joined += (" " if joined else "") + lines[n][:LOOK].rstrip()
        if len(joined) > 520 or not lines[n].strip():
            break
        if joined.endswith(":") and (found := quotation.SHARED.match(joined)) and found.end("before") < len(line):
            return Introduction(n - at + 1, "wrote", found.end("before"))
    return None


def _filled(lines: list[str], at: int) -> int:
    """The first line at `at` or just after it that is not blank."""
    for n in range(at, min(at + 3, len(lines))):
        if lines[n].strip():
            return n
    return len(lines)


def _next_marked(lines: list[str], at: int, marked: list[int]) -> bool:
    """Whether the next line that is not blank is quoted by itself."""
    n = _filled(lines, at)
    return n < len(lines) and marked[n] > 0
