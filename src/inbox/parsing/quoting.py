"""Finds what a person newly wrote, without the mail that is quoted and without the signature. Linear in the length of the text.

A quotation begins where the markup of the HTML says so (`html_marks.py`), at lines in which a mail program says who wrote what follows
(`introductions.py`), or with `>`. When lines with `>` follow, it ends with them: what stands below is new text again. Otherwise it goes to
the end. Forwarded mail is not a quotation: it is what the person sends. Nothing is lost: the parts in order are the whole text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from inbox.parsing import quotation
from inbox.parsing.html_marks import shows_quotation
from inbox.parsing.html_text import render
from inbox.parsing.introductions import introduction
from inbox.parsing.quotation import LOOK
from inbox.parsing.reply import KINDS, Kind, ReplyPart, ReplyText
from inbox.parsing.signatures import signature_start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inbox.parsing.bodies import Texts
    from inbox.parsing.html_text import HtmlLine
    from inbox.parsing.limits import Limits

_UNCLOSED_LINK = re.compile(r"[(<\[]\s*https?://[^\s)>\]]*$")
_LINK_END = re.compile(r"\s{0,8}(?=\S{0,300}[/=&%#?.])[^\s<>()\[]{1,300}[)>\]]|\s{0,8}[(<]{1,2}https?://\S+(?:\s?>)?\s*$")
_HOT = re.compile(r"[:@>0-9_-](?:(?<=[:@>0-9])|(?<=-)(?=-|[^\S\n]*$)|(?<=_)(?=_))", re.MULTILINE)
_INTRODUCES_LINES = 8  # more than any introduction takes
_MARK = re.compile(r"\s{0,20}>")
_NOT_MARK = re.compile(r"[\s>]{0,20}>{2,}[^<]*<{2,}\s*$")
_FORWARD = re.compile(
    r"\s*(?:\[[^\]]{1,60}\]\s*)?(?:fwd?|wg|weitergeleitet|tr|rv|enc|i|inoltro|doorst|vb|vs|vl|pd|továbbítás|přeposláno|пересл|ilet|转发|轉寄|転送|전달)\s?:",
    re.IGNORECASE,
)


class _Piece(NamedTuple):
    kind: Kind
    start: int
    stop: int
    sign: str = ""


class _Body(NamedTuple):
    """`shown`: lines as they stand; `plain`: to be matched; `marked`: 2 quoted by itself, 1 only below an introduction; `signs`: of the markup."""

    shown: list[str]
    plain: list[str]
    marked: list[int]
    signs: list[str]


def read_reply(texts: Texts, limits: Limits, subject: str | None) -> ReplyText:
    """The parts of the text of a mail. Its HTML is asked when the text was made of it, or when only its markup shows a quotation."""
    if texts.text is None:
        return ReplyText(None)
    if texts.lines:
        return split_html(texts.lines, limits, subject)
    found = split_reply(texts.text, limits, subject)
    if found.quoted or not texts.html or not shows_quotation(texts.html):
        return found
    marked = split_html(render(texts.html).lines, limits, subject)
    return marked if marked.quoted and marked.text else found


def split_reply(text: str, limits: Limits, subject: str | None = None) -> ReplyText:
    """Parts of a text with LF line ends. Only its beginning is searched (`limits.reply`); the rest belongs to what it ends with.

    `subject`: a mail that is forwarded by its subject keeps what is below a header.
    """
    every = text.split("\n")
    end = min(text.count("\n", 0, limits.reply) + 1, limits.reply_lines)
    shown = every[:end]
    searched = text if end == len(every) else "\n".join(shown)
    simple = quotation.plain(searched)
    clean = shown.copy() if simple is searched else simple.split("\n")
    marked = [2 if _is_marked(line) else 0 for line in clean] if ">" in simple else [0] * len(clean)
    return _split(_Body(shown, clean, marked, []), every[end:], forward=bool(subject and _FORWARD.match(subject[:100])))


def split_html(lines: Sequence[HtmlLine], limits: Limits, subject: str | None = None) -> ReplyText:
    """As `split_reply`, of the lines of an HTML text and what its markup says of them."""
    used: list[HtmlLine] = []
    size = 0
    for line in lines[: limits.reply_lines]:
        if size > limits.reply:
            break
        used.append(line)
        size += len(line.text) + 1
    clean = [quotation.plain(line.text) for line in used]
    marked = [
        2 if _MARK.match(text) and not _NOT_MARK.match(text[:LOOK]) else _mark_of(line) for line, text in zip(used, clean, strict=True)
    ]
    body = _Body([str(line) for line in used], clean, marked, [line.sign for line in used])
    return _split(body, [str(line) for line in lines[len(used) :]], forward=bool(subject and _FORWARD.match(subject[:100])))


def _is_marked(line: str) -> bool:
    return bool(_MARK.match(line)) and not _NOT_MARK.match(line[:LOOK]) and not line.rstrip().endswith("<")


def _mark_of(line: HtmlLine) -> int:
    """A `blockquote` is a quotation when a mail program introduces it, or when nothing else is quoted; -1: the author put it there by hand."""
    if not line.level:
        return 0
    return -1 if line.sign.startswith("own:") else 1


def _split(body: _Body, rest: list[str], *, forward: bool) -> ReplyText:
    pieces = _separate(body, forward=forward) or [_Piece("text", 0, 0)]
    if 1 in body.marked and all(piece.kind == "text" and not piece.sign for piece in pieces):
        marked = body._replace(marked=[mark * 2 for mark in body.marked])
        quoting = _separate(marked, forward=forward)
        if any(piece.kind == "text" and _filled(body.shown, piece) for piece in quoting):  # else it is an indent, and all there is
            body, pieces = marked, quoting
    if rest:
        body.shown.extend(rest)
        body.plain.extend(rest)
        body.signs.extend([""] * len(rest) if body.signs else [])
        pieces[-1] = pieces[-1]._replace(stop=len(body.shown))
    pieces = _signed(body, pieces)
    if not any(piece.kind == "text" and _filled(body.shown, piece) for piece in pieces) and not _all_quoted(body, pieces):
        pieces = [_Piece("text", 0, len(body.shown))]  # nothing above the quotation: it was sent on, and is what the person sends
    parts = [ReplyPart(piece.kind, _trimmed(body.shown[piece.start : piece.stop]), piece.sign) for piece in pieces]
    if len(parts) == 1 and parts[0].kind == "text":
        return ReplyText(parts[0].text or None, parts=tuple(part for part in parts if part.text))
    text, quoted, signature = (_joined(body, pieces, kind) for kind in KINDS)
    return ReplyText(text, quoted, signature, tuple(part for part in parts if part.text))


def _joined(body: _Body, pieces: list[_Piece], kind: Kind) -> str | None:
    return _trimmed([line for piece in pieces if piece.kind == kind for line in body.shown[piece.start : piece.stop]]) or None


def _separate(body: _Body, *, forward: bool) -> list[_Piece]:
    """New and quoted pieces in order, each line in one of them."""
    pieces: list[_Piece] = []
    at = begun = 0
    end = len(body.plain)
    cold = [*_cold(body), False]
    while at < end:
        if cold[at]:
            at = cold.index(False, at)
            continue
        stop, sign, shared = _quotation(body, at, forward=forward)
        if stop == at:
            at += 1
            continue
        if shared:
            _break_line(body, at, shared)
            cold.insert(at, False)
            at, stop, end = at + 1, stop + 1, end + 1
        if begun < at:
            pieces.append(_Piece("text", begun, at))
        if sign == "forwarded":
            pieces.append(_Piece("text", at, stop, sign))
        else:
            pieces.append(_Piece("quoted", at, stop, sign))
        at = begun = stop
    if begun < end:
        pieces.append(_Piece("text", begun, end))
    return pieces


def _cold(body: _Body) -> list[bool]:
    """Which lines cannot begin a quotation, by a quick look: every introduction has a date, an address, a colon or a rule in its first lines."""
    text = "\n".join(body.plain)
    answers = quotation.may_have_answer_above(text)
    cold = [not mark for mark in body.marked]
    first = _HOT.search(text)
    for n in range(text.count("\n", 0, first.start()) if first else len(cold), len(cold)):
        if _HOT.search(body.plain[n]):
            begin = max(0, n + 1 - _INTRODUCES_LINES)
            cold[begin : n + 1] = [False] * (n + 1 - begin)
    for n, line in enumerate(body.plain):
        if cold[n]:
            seen = quotation.is_forwarded(line[:LOOK]) or (answers and quotation.answer_above(line[:LOOK]))
            cold[n] = not (seen or (body.signs and body.signs[n]))
    return cold


def _quotation(body: _Body, at: int, *, forward: bool) -> tuple[int, str, int]:
    """Where the quotation that begins at `at` ends, its sign, and how much of the first line is text before it. Ends at `at`: there is none."""
    end = len(body.plain)
    line = body.plain[at][:LOOK]
    if quotation.is_forwarded(line):
        return end, "forwarded", 0
    kind, _, name = body.signs[at].partition(":") if body.signs else ("", "", "")
    if kind == "cut":
        return end, "forwarded" if forward else name, 0
    if kind == "quote" and not _is_answer(body, at):
        stop = _marked_up(body, at)
        return (stop, "forwarded", 0) if _forwarded(body, at, stop, forward=forward) else (stop, name, 0)
    if body.marked[at] == 2:
        return _marked_until(body, at), "marks", 0
    found = introduction(body.plain, at, body.marked, name if kind == "hint" else "")
    if not found.length:
        return at, "", 0
    below = at + found.length
    stop = _marked_until(body, below)
    if stop == below:
        return end, "forwarded" if forward and found.sign in ("header", "original") else found.sign, found.shared
    return stop, found.sign, found.shared


def _is_answer(body: _Body, at: int) -> bool:
    """Whether the line stands in Gmail's element for quotations, between or below what is quoted there."""
    if body.marked[at] or not body.signs[at].startswith("quote:gmail_quote"):
        return False
    before = at - 1
    while before >= 0 and not body.plain[before].strip():
        before -= 1
    return before >= 0 and body.signs[before] == body.signs[at]


def _marked_up(body: _Body, at: int) -> int:
    """The end of what the markup says is quoted. An answer that was written between the quotations in it is not."""
    sign, deep = body.signs[at], False
    stop = at
    for n in range(at, len(body.plain)):
        blank = not body.plain[n].strip()
        if body.signs[n] != sign and not (blank and not body.signs[n]):
            if not body.signs[n].startswith("quote:"):
                break
            sign, deep = body.signs[n], False
        if not blank:
            if deep and not body.marked[n] and sign.startswith("quote:gmail_quote"):
                break
            deep = deep or body.marked[n] > 0
            stop = n + 1
    return stop


def _forwarded(body: _Body, at: int, stop: int, *, forward: bool) -> bool:
    """Whether what the markup takes for a quotation is a mail that was sent on."""
    first = [line[:LOOK] for line in body.plain[at : min(stop, at + 4)] if line.strip()]
    return any(quotation.is_forwarded(line) for line in first) or (forward and not any(body.signs[n] == "quote:cite" for n in (at,)))


def _marked_until(body: _Body, at: int) -> int:
    """The end of the marked lines at or after `at`, with blank lines around them and links that were wrapped; `at` if there are none."""
    stop = at
    for n in range(at, len(body.plain)):
        line = body.plain[n]
        if body.marked[n] or (stop > at and not line.strip()):
            stop = n + 1
        elif line.strip() and not (n and n == stop and n > at and _wrapped(body, n)):
            break
        elif line.strip():
            stop = n + 1
    return stop


def _wrapped(body: _Body, n: int) -> bool:
    """Whether a line without a mark is the rest of a link in a quotation, or of a long line that some program broke."""
    before, line = body.plain[n - 1].rstrip(), body.plain[n]
    if _UNCLOSED_LINK.search(before[-LOOK:]):
        return True
    if n + 1 >= len(body.plain) or not body.marked[n + 1]:
        return False
    broken = len(before) > 60 and before[-1] not in ".!?:" and line[:1].islower()
    return broken or (bool(_LINK_END.match(line[:LOOK])) and len(line.split()) < 3)


def _break_line(body: _Body, at: int, where: int) -> None:
    for lines in (body.shown, body.plain):
        lines[at : at + 1] = [lines[at][:where], lines[at][where:]]
    body.marked.insert(at, 0)
    if body.signs:
        body.signs.insert(at, body.signs[at])


def _signed(body: _Body, pieces: list[_Piece]) -> list[_Piece]:
    """The pieces, the signature of each piece of text apart."""
    found: list[_Piece] = []
    for piece in pieces:
        if piece.kind != "text" or piece.sign == "forwarded" or not _filled(body.shown, piece):
            found.append(piece)
            continue
        start, sign = _signature(body, piece)
        found += [_Piece("text", piece.start, start), _Piece("signature", start, piece.stop, sign)] if sign else [piece]
    if any(piece.kind == "text" and _filled(body.shown, piece) for piece in found) or _signs_only(found):
        return [piece for piece in found if piece.start < piece.stop]
    return pieces


def _signature(body: _Body, piece: _Piece) -> tuple[int, str]:
    for n in range(piece.start, piece.stop) if body.signs else ():
        if body.signs[n].startswith("signature:") and not _text_after(body, n, piece.stop):
            return _with_delimiter(body, piece.start, n), body.signs[n].partition(":")[2]
    start, sign = signature_start(body.plain[piece.start : piece.stop])
    return piece.start + start, sign


def _with_delimiter(body: _Body, start: int, at: int) -> int:
    """Where the signature that the markup shows begins, with a delimiter above it."""
    above = at - 1
    while above > start and not body.plain[above].strip():
        above -= 1
    return above if above >= start and body.plain[above].strip() == "--" else at


def _text_after(body: _Body, at: int, stop: int) -> bool:
    """Whether new text stands below a signature."""
    return any(body.plain[n].strip() and not body.signs[n].startswith("signature:") for n in range(at, stop))


def _signs_only(pieces: list[_Piece]) -> bool:
    """Whether what is left of the text is a signature beyond doubt: a closing with a name may be all that somebody wrote, and so may words like small print."""
    return all(piece.sign not in ("closing", "name", "footer") for piece in pieces if piece.kind == "signature")


def _all_quoted(body: _Body, pieces: list[_Piece]) -> bool:
    if any(piece.kind == "signature" for piece in pieces):
        return True
    rest = body.plain[len(body.marked) :]
    return all(mark or not line.strip() for mark, line in zip(body.marked, body.plain, strict=False)) and not any(map(str.strip, rest))


def _filled(lines: list[str], piece: _Piece) -> bool:
    return any(map(str.strip, lines[piece.start : piece.stop]))


def _trimmed(lines: list[str]) -> str:
    """Lines joined, without blank ones at both ends and without blanks at the end."""
    return "\n".join(lines).strip("\n").rstrip()
