"""The base of a subject: without what mail programs of many languages put in front of it (RFC 5256 section 2.1, and practice).

    Re[2]: AW: [Gardeners] Fwd: Ivy (fwd)   ->   [gardeners] ivy

Tags of mailing lists are kept, once, since two lists can have two conversations of one name; tags of mail gateways (`[EXTERNAL]`) go, since
only one side sees them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ANSWERS = (
    "re aw antw antwort sv svar vs vast v\xe1 odp odg ynt yan\u0131t rif r res resp ref rsp r\u0103sp atb ats bls bales tl nota "
    "\u043e\u0442\u0432\u0435\u0442 \u043e\u0442\u0432 \u043e\u0442\u0433 \u043d\u0430 \u0432\u0456\u0434\u043f \u03b1\u03c0 \u03b1\u03c0\u03ac\u03bd\u03c4 \u03c3\u03c7\u03b5\u03c4 "
    "\u05d4\u05e9\u05d1 \u05ea\u05d2\u05d5\u05d1\u05d4 \u0631\u062f \u067e\u0627\u0633\u062e "
    "\u56de\u590d \u56de\u8986 \u56de\u5fa9 \u7b54\u590d \u7b54\u8986 \u7b54\u5fa9 \u8fd4\u4fe1 \u56de \ud68c\uc2e0 \ub2f5\uc7a5"
)
_FORWARDS = (
    "fw fwd wg tr rv enc vb vl vd doorst i pd ilt i\u0307lt fs tov tov\xe1bb\xedt\xe1s transf reenv rvs prosl "
    "\u043f\u0435\u0440\u0435\u0441\u043b \u043f\u0435\u0440\u0435\u0441\u044b\u043b\u043a\u0430 \u043f\u0440\u0435\u043f \u03c0\u03c1\u03b8 \u03c0\u03c1\u03bf\u03ce\u03b8 "
    "\u05d4\u05d5\u05e2\u05d1\u05e8 \u0625\u0639\u0627\u062f\u0629\\s\u062a\u0648\u062c\u064a\u0647 "
    "\u8f6c\u53d1 \u8f49\u5bc4 \u8f49\u767c \u8ee2\u9001 \u8f6c \uc804\ub2ec"
)
_COUNTER = r"(?:\s?[\[(*^]{1,2}\s?\d{1,3}\s?[\])]?)?"
_COLON = r"\s{0,4}[:\uff1a]\s*"
_MARK = re.compile(rf"(?:(?P<answer>{'|'.join(_ANSWERS.split())})|{'|'.join(_FORWARDS.split())}){_COUNTER}{_COLON}", re.IGNORECASE)
_GATEWAY = re.compile(r"\s*(?:\[(?:ext|external|extern|externe|e?xternal e-?mail)\]\s*:?|external\s*:)\s*", re.IGNORECASE)
_TAG = re.compile(r"\s*(\[[^\[\]]{1,60}\])\s*")
_WRAPPED = re.compile(r"\[\s*(?:fwd?|wg)\s*:\s*(.*)\]", re.IGNORECASE | re.DOTALL)
_TRAILER = re.compile(r"(?:\s*\(fwd?\))+$", re.IGNORECASE)
_LONGEST = 2000


class Subject(NamedTuple):
    """`base`: in one case, with single blanks. `answer`: a mark says that it answers another mail."""

    base: str
    answer: bool


def read_subject(text: str) -> Subject:
    """Base and mark of a subject; only its first 2,000 characters are looked at."""
    text = " ".join(text[:_LONGEST].split())
    answer, tags, at = False, [], 0
    while True:
        if match := _MARK.match(text, at):
            answer = answer or match["answer"] is not None
        elif not (match := _GATEWAY.match(text, at)):
            match = _TAG.match(text, at)
            if not match or not _marked_behind(text, match.end()):
                break
            tags.append(match[1])
        at = match.end()
    rest = _TRAILER.sub("", text[at:]).strip()
    if wrapped := _WRAPPED.fullmatch(rest):
        inner = read_subject(wrapped[1])
        rest, answer = inner.base, answer or inner.answer
    kept = [tag for tag in dict.fromkeys(tags) if not rest.startswith(tag)]
    return Subject(" ".join((*kept, rest)).strip().casefold(), answer)


def _marked_behind(text: str, at: int) -> bool:
    """Whether a mark follows behind further tags: `[list] [other] Re: ...`."""
    while tag := _TAG.match(text, at):
        at = tag.end()
    return bool(_MARK.match(text, at))
