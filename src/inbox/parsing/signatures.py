"""Where the signature under a text begins: delimiters, lines of telephones, closings with a name, disclaimers, footers of lists."""

from __future__ import annotations

import re

from inbox.parsing.quotation import any_word

_MOST = 30
"""Lines that a signature may have."""
_MOST_PARAGRAPH = 500

_DELIMITER = re.compile(r"\s{0,3}(?:-{2,60}|_{2,80}|\+{2,60}|={3,60}|~{2,60}|\*{3,60}|-)\s*$")
_LIST = re.compile(
    r"mailing list|mailman/listinfo|to unsubscribe|unsubscribe from this|listinfo|\S+@lists?\.|you received this (?:message|e-?mail) because|you are receiving this|"
    r"groups\.google\.com|to post to this group|view this (?:message|discussion)|abmelden|se désabonner",
    re.IGNORECASE,
)
_LINK = re.compile(r"https?://|www\.|\S@\S")
"""Where to leave a list; a person who wants to be off it writes none."""
_THINGS = r"(?:iphone|ipad|ipod|android|samsung|galaxy|blackberry|htc|nokia|huawei|xiaomi|lg|pixel|nexus|motorola|windows|mobile|phone|smartphone|tablet|cell|handheld|outlook|mail|gmail|yahoo|proton\S*|mailbox|airmail|sparrow|mailbird|thunderbird|aol|hotmail|verizon|at&t|t-mobile|mac\S*|watch|spark|newton|superhuman|k-9|device|pc|laptop|ti-85|inbox)"
_DEVICE = re.compile(
    rf"[\s(<\[*_]{{0,6}}(?:(?:sent|send|written|posted|typed) (?:from|via|with|using|by|on|through) (?:my |a |an |the |our )?(?:[^\s.,;:!?]{{1,20}} ){{0,3}}{_THINGS}\b|"
    rf"sent (?:from|via|with) (?:my |a )?[^.!?,]{{1,40}}$|"
    rf"(?:\w{{2,20}} )?from (?:my )?mobile\W*$|from my {_THINGS}\b.{{0,20}}$|{any_word('device')})",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.,;!?]\s+(?!please|pls|excuse|sorry|apolog|pardon|forgive|http)\w+ \w+ \w+", re.IGNORECASE)
_DISCLAIMER = re.compile(
    r"[\s*_=-]{0,10}(?:disclaimer|confidential(?:ity)?(?: notice| note| information)?\s*[:-]|(?:this|the information (?:contained )?in this|the contents of this) (?:e-?mail|message|communication)"
    r"(?=.{0,200}(?:confidential|intended|privileged|virus|legally|recipient))|(?:important|legal) notice(?=.{0,200}(?:confidential|intended|privileged|virus|legally|recipient))|privileged (?:and|or|&) |"
    r"please consider the environment|(?:think )?before printing(?=.{0,80}(?:environment|tree|planet|paper))|this (?:e-?mail|message) (?:has been|was) (?:scanned|checked|sent from)|(?:virus-free|virenfrei)\b\W{0,3}(?:www|http|$)|avast\W{0,3}(?:logo|anti-?virus|$)|diese e-?mail (?:wurde von avast|enthält vertrauliche|ist vertraulich|kann vertrauliche)|"
    r"der inhalt dieser e-?mail|(?:ce|cet) (?:message|e-?mail|courriel)(?=.{0,200}confidenti)|este (?:mensaje|correo|e-?mail)(?=.{0,200}confiden)|esta mensagem(?=.{0,200}confiden)|"
    r"questo messaggio(?=.{0,200}(?:riservat|confiden))|(?:dit|deze) (?:bericht|e-?mail)(?=.{0,200}vertrouwelijk)|l'absence de virus|garanti sans virus|libre de virus|privo di virus|virusvrij)",
    re.IGNORECASE,
)
_NAME = r"[^\W\d_][\w'.-]{0,25}(?: [^\W\d_][\w'.-]{0,25}){0,3}"
_CLOSING = re.compile(
    rf"\s{{0,8}}[*_]{{0,2}}(?:{any_word('closing').replace('ı', 'i')})(?:[\s,.!*_-]{{0,6}}$|(?P<name>(?:,|\s*[-/])\s?{_NAME}[.,]?\s*$))"
)
_DASHED_NAME = re.compile(r"\s{0,3}(?:-{1,2}|~|/)\s?[^\W\d_a-zà-öø-ÿ][\w'.-]{0,25}(?:[ -][^\W\d_][\w'.-]{0,25}){0,2}\s*$")
_BULLET = re.compile(r"\s{0,8}[-~/*•]")
_POSTSCRIPT = re.compile(r"\s{0,8}p\.?\s?s\.?\b|\s{0,8}n\.?b\.?:", re.IGNORECASE)


def signature_start(lines: list[str]) -> tuple[int, str]:
    """The index of the first line of the signature and the sign by which it was told; `len(lines)` and "" when there is none.

    `lines` as `quotation.plain` gives them. Found from the end upwards: a footer stands under a disclaimer under a signature.
    """
    end, sign = _last(lines, len(lines)), ""
    for _ in range(6):
        for name, rule in _RULES:
            start = rule(lines, end)
            if start < end:
                end, sign = _last(lines, start), name
                break
        else:
            break
    return (end, sign) if sign else (len(lines), "")


def _last(lines: list[str], end: int) -> int:
    """`end` without blank lines before it."""
    while end and not lines[end - 1].strip():
        end -= 1
    return end


def _paragraph(lines: list[str], end: int) -> int:
    """Where the last paragraph before `end` begins; `end` when that is too far above."""
    start, most = end, max(0, end - _MOST_PARAGRAPH)
    while start > most and lines[start - 1].strip():
        start -= 1
    return start if start > most or not start else end


def _delimiter(lines: list[str], end: int) -> int:
    """`-- ` (RFC 3676 section 4.3); other lines of signs when what follows is short and looks like a signature."""
    for at in range(max(0, end - _MOST), end - 1):
        if lines[at].startswith("--") and not lines[at][2:].strip():
            return at
    for at in range(max(0, end - 8), end - 1):
        if _DELIMITER.match(lines[at]):
            after = [line for line in lines[at + 1 : end] if line.strip()]
            short = all(len(line) < 80 for line in after) and not _BULLET.match(after[0]) and "?" not in "".join(after)
            if short or any(_LIST.search(line[:200]) for line in after):
                return at
    return end - 1 if end and _DELIMITER.match(lines[end - 1]) else end


def _device(lines: list[str], end: int) -> int:
    line = lines[end - 1].strip() if end else ""
    return end - 1 if line and len(line) < 160 and _DEVICE.match(line) and not _SENTENCE.search(line) else end


def _small_print(lines: list[str], end: int) -> int:
    start = _paragraph(lines, end)
    text = " ".join(lines[start : min(end, start + 6)])[:600]
    if start < end and _DISCLAIMER.match(text):
        return start
    return (
        start
        if start < end and end - start <= 8 and start and _LIST.search(text) and _LINK.search(text) and not _BULLET.match(lines[start])
        else end
    )


def _closing(lines: list[str], end: int) -> int:
    """A closing in a line of its own, with at least a name below it or behind it."""
    filled = 0
    for at in range(end - 1, max(0, end - 16) - 1, -1):
        line = lines[at]
        bare = line.strip()
        if not bare:
            continue
        if len(line) > 100 or bare[-1] == "?" or (bare[0] in "pPnN" and _POSTSCRIPT.match(line)) or filled > 9:
            return end
        found = _CLOSING.match(_folded(line))
        if found and (filled if found["name"] is None else not line[found.start("name") :].strip(" ,-/")[:1].islower()):
            return at
        filled += 1
    return end


def _folded(line: str) -> str:
    """In lower case and as long as before, also with the two letters i of Turkish."""
    low = line.lower()
    return low if low.isascii() else low.replace("i\u0307", "i").replace("ı", "i")


def _dashed_name(lines: list[str], end: int) -> int:
    if not end or not _DASHED_NAME.match(lines[end - 1]):
        return end
    above = _last(lines, end - 1)
    return end if not above or _BULLET.match(lines[above - 1]) else end - 1


_RULES = (("footer", _small_print), ("device", _device), ("delimiter", _delimiter), ("closing", _closing), ("name", _dashed_name))
