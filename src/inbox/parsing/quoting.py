"""Finds what a person newly wrote, without the mail that is quoted and without the signature. Linear in the length of the text.

A quotation begins at a line in which a mail program says who wrote what follows (`quotation.py`), or with `>`. When lines with `>` follow,
it ends with them: what stands below is new text again. Otherwise it goes to the end. Forwarded mail is not a quotation.
"""

from __future__ import annotations

import re

from inbox.parsing import quotation
from inbox.parsing.limits import Limits
from inbox.parsing.reply import ReplyText

_LOOK = 300
_UNCLOSED_LINK = re.compile(r"[(<\[]\s*https?://[^\s)>\]]*$")
_MARK = re.compile(r"\s{0,20}>")
_RULE = re.compile(r"\s*_{10,}\s*")


def split_reply(text: str, limits: Limits) -> ReplyText:
    """Parts of a text with LF line ends. Only its beginning is searched (`limits.reply`); the rest belongs to what it ends with."""
    every = text.split("\n")
    lines = every[: min(text.count("\n", 0, limits.reply) + 1, limits.reply_lines)]
    kept, quoted, open_quote = _separate(lines)
    (quoted if open_quote else kept).extend(every[len(lines) :])
    new = _trimmed(kept)
    if not new and not all(_MARK.match(line) for line in lines if line.strip()):
        new, quoted = _trimmed(every), []  # nothing above the quotation: it was sent on, and is what the person sends
    body, signature = _signed_apart(new)
    return ReplyText(body or None, _trimmed(quoted) or None, signature or None)


def _separate(lines: list[str]) -> tuple[list[str], list[str], bool]:
    """New lines, quoted lines, and whether the text ends within a quotation."""
    kept: list[str] = []
    quoted: list[str] = []
    at, end = 0, len(lines)
    while at < end:
        line = lines[at]
        if quotation.FORWARDED.match(line[:_LOOK]):
            kept += lines[at:]
            return kept, quoted, False
        if _marked(line):
            stop = _marked_until(lines, at)
        elif length := _introduction(lines, at):
            kept += _text_before(line)
            stop = _marked_until(lines, at + length)
            stop = end if stop == at + length else stop
        else:
            kept.append(line)
            at += 1
            continue
        quoted += lines[at:stop]
        at = stop
    return kept, quoted, bool(lines) and (not kept or kept[-1] is not lines[-1])


def _marked(line: str) -> bool:
    return bool(_MARK.match(line)) and not line.rstrip().endswith("<")


def _marked_until(lines: list[str], at: int) -> int:
    """The end of the lines with `>` at or after `at`, with blank lines around them and links that were wrapped; `at` if there are none."""
    stop = at
    for n in range(at, len(lines)):
        line = lines[n]
        if _marked(line) or (stop > at and not line.strip()):
            stop = n + 1
        elif line.strip() and not (n and n == stop and n > at and _UNCLOSED_LINK.search(lines[n - 1][-_LOOK:])):
            break
    return stop


def _introduction(lines: list[str], at: int) -> int:
    """How many lines at `at` introduce a quotation; 0 when they do not."""
    line = lines[at][:_LOOK]
    if not ("--" in line or "__" in line or ">" in line or quotation.MAY_BEGIN.match(line)):
        return 0
    if _RULE.fullmatch(line) and at + 1 < len(lines):
        following = _quoted_header(lines, at + 1)
        return following + 1 if following else 0
    if quotation.ORIGINAL.fullmatch(line) or quotation.SHARED_LINE.search(line) or quotation.SOMEBODY_WROTE.fullmatch(line):
        return 1
    return _somebody_wrote(lines, at) or _quoted_header(lines, at)


def _somebody_wrote(lines: list[str], at: int) -> int:
    """`On DATE, NAME wrote:` or `DATE NAME <address>:` over up to four lines, with a digit or an address in it."""
    dated = lines[at][:5].strip()[:4].isdigit()
    if not dated and not quotation.STARTS.match(lines[at][:_LOOK]):
        return 0
    joined, filled = "", 0
    for n, line in enumerate(lines[at : at + 6], 1):
        joined += line[:_LOOK].strip() + " "
        filled += bool(line.strip())
        if filled > 4:
            break
        if dated and quotation.DATED.fullmatch(joined):
            return n
        if quotation.ENDS.search(line[-_LOOK:]) and quotation.WROTE.fullmatch(joined) and re.search(r"[\d@]", joined):
            return n
    return 0


def _quoted_header(lines: list[str], at: int) -> int:
    """The lines of a quoted header at `at`: at least two fields, and three or an address; 0 when there are fewer."""
    if not quotation.FIELD_FIRST.match(lines[at][:_LOOK]):
        return 0
    last, fields = at, 1
    for n in range(at + 1, min(at + 16, len(lines))):
        if quotation.FIELD_NEXT.match(lines[n][:_LOOK]):
            last, fields = n, fields + 1
        elif n - last > 2 or not lines[n].strip():
            break
    addressed = any("@" in line[:_LOOK] for line in lines[at : last + 1])
    return last - at + 1 if fields > 2 or (fields == 2 and addressed) else 0


def _text_before(line: str) -> list[str]:
    """What stands before an introduction in the same line, if anything does."""
    found = quotation.SHARED_LINE.search(line[:_LOOK])
    return [line[: found.start()]] if found and found.start() else []


def _signed_apart(text: str) -> tuple[str, str]:
    """Text and signature: what follows a line `-- ` (RFC 3676 section 4.3), or the last line when a telephone wrote it."""
    lines = text.split("\n")
    for n, line in enumerate(lines):
        if line in ("-- ", "--") and len(lines) - n <= 30 and any(after.strip() for after in lines[n + 1 :]):
            return _trimmed(lines[:n]), _trimmed(lines[n + 1 :])
    last = lines[-1].strip() if lines else ""
    if len(last) < 100 and quotation.MOBILE.match(last) and len(lines) > 1:
        return _trimmed(lines[:-1]), last
    return text, ""


def _trimmed(lines: list[str]) -> str:
    """Lines joined, without blank ones at both ends and without blanks at the end."""
    return "\n".join(lines).strip("\n").rstrip() if any(line.strip() for line in lines) else ""
