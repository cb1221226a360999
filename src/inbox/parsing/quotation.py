"""The lines that mail programs put around the mail they quote, as patterns made of `languages.py`. Every pattern is used on a short text
that has no line end and no odd blanks or dashes (`plain`), and none can be slow on it.
"""

from __future__ import annotations

import re

from inbox.parsing.languages import LANGUAGES

LOOK = 300
"""Characters of a line that are looked at."""

_ODD = dict.fromkeys([0xAD, 0x034F, 0x061C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF])
_ODD |= dict.fromkeys([0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " ") | dict.fromkeys(
    [*range(0x2010, 0x2016), 0x2212, 0xFF0D], "-"
)
_ODD |= {0x2019: "'", 0x02BC: "'", 0xFF1A: ":", 0xFF1C: "<", 0xFF1E: ">", 0x0456: "\u0456"}


_OPTIONAL = re.compile(r"\(\?:([^()]*)\)\?")
_SOME_ODD = re.compile("[" + "".join(map(re.escape, map(chr, _ODD))) + "]")


def plain(text: str) -> str:
    """The text with simple blanks, dashes and colons, without characters that are not seen; as many lines as before."""
    return text.translate(_ODD) if not text.isascii() and _SOME_ODD.search(text) else text


def any_word(role: str) -> str:
    """Every word that some language has for it, long ones first. `(?:a)?` as `(?:a|)`, which says the same and costs half."""
    found = {word for words in LANGUAGES.values() for word in _split(getattr(words, role))}
    return _OPTIONAL.sub(r"(?:\1|)", "|".join(sorted(found, key=lambda word: (-len(word), word))))


def _words(role: str) -> frozenset[str]:
    """Every plain word that some language has for it."""
    return frozenset(word for words in LANGUAGES.values() for word in getattr(words, role).split("|") if word)


def _split(words: str) -> list[str]:
    """Alternatives at the top level: a `|` in parentheses does not count, nor a parenthesis after a backslash."""
    found, depth = [""], 0
    for sign in re.findall(r"\\.|.", words):
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and not depth:
            found.append("")
        else:
            found[-1] += sign
    return [word for word in found if word]


_WROTE = rf"(?:(?<![^\W\d_])(?:{any_word('wrote')})(?![^\W\d_])|写道|寫道|写到|寫到|のメール|のメッセージ|작성|書きました)"

ADDRESS = re.compile(r"[^\s<>@]@[^\W_]")
DATE = re.compile(r"\d{1,2}[:.h]\d\d(?!\d)|(?<!\d)(?:19|20)\d\d(?!\d)|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d ?[年月日년월일]")

MOMENT = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d).{1,40}?\d{1,2}[:.h]\d\d(?!\d)|\d{1,2}[:.h]\d\d(?!\d).{1,60}?(?<!\d)(?:19|20)\d\d(?!\d)")
"""A year and a time."""

BEGINS = re.compile(
    rf"[ \t>*_-]{{0,20}}(?:(?:{any_word('starts')})(?:[ ,:]|(?=\d))|[\[(\"']?\d|[^\W\d_]{{1,14}}[.,]{{0,2}} (?:den |the |de |d\\. ?)?\d{{1,2}}\b"
    r"|[^\W\d_]{2,14}\.?,? [^\W\d_]{3,12}\.? \d{1,2}\b)",
    re.IGNORECASE,
)
"""A line that may begin "On DATE, NAME wrote:", in whatever order the language has it."""

ENDS = re.compile(r"[:>)-]\s*[*_]{0,2}$")
WROTE = re.compile(rf"{_WROTE}[\s:.>*_-]{{0,30}}$")
_VERB_FIRST = (
    "|".join(LANGUAGES[language].wrote for language in ("de", "nl", "sv", "da", "nb", "is", "et")) + "|a écrit|escribió|wrote(?= on )"
)
WROTE_BEFORE_NAME = re.compile(rf"(?<![^\W\d_])(?:{_VERB_FIRST})(?=[\s:,\"'<])[^\n]{{1,200}}:\s*[*_]{{0,2}}$")
ADDRESS_AT_END = re.compile(r"@[^\s<>@]{1,200}[\s>)\]\"'*]{0,12}(?:<mailto:[^\s<>]{1,200}>{1,2})?\s?:\s*[*_]{0,2}$")
"""Ends of an introduction in lower case, its lines joined: `wrote:`, `schrieb NAME:`, `<address>:`."""

OLD_GMAIL = re.compile(r"[ \t*]{0,20}(?:19|20)\d\d[-/.]\d\d?[-/.]\d\d?\b")
OLD_GMAIL_END = re.compile(r"[<(]\s?[^\s<>@()]{1,200}@[^\s<>@()]{1,200}\s?[>)]\s?:?\s*$|gmt[+-]\d\d:\d\d [^\d:<>]{2,60}:?\s*$")
"""`2014-10-17 11:28 GMT+03:00 Name <address>`, the colon often missing."""

QUOTING = re.compile(r"[ \t]{0,20}(?:quoting|zitat von|zitiere|citando a?|citerar|quotando|citát|selon|цитирую)\s", re.IGNORECASE)

SHARED = re.compile(
    r"(?P<before>.{1,250}?\S)[ \t]*(?P<intro>(?:-{2,}\s*)?(?<![^\W\d_])(?-i:On)\s(?:mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|\d)"
    r".{10,250}?(?:wrote|writes|said|sent|a écrit|schrieb|escribió)\s*:\s*)$",
    re.IGNORECASE,
)
"""Text and introduction in one line."""

_TITLE = re.compile(r"[\s>*_=]{0,20}(?:-{2,60}|_{4,60})[\s*_]{0,4}(?P<title>[^\s*_-][^\n]{1,80}?)[\s*_:]{0,4}[-_]{0,60}[\s*>]{0,10}$")
_AROUND = " \t*_>:"
SHARED_TITLE = re.compile(r"(?P<before>[^\n]{1,250}?[^\s-])\s{0,8}-{3,60}\s?(?P<title>[^\s-][^\n-]{2,40}?)\s?-{3,60}")
SOME_TITLE = re.compile(r"[\s>*_]{0,10}-{3,60}[^-\n]{3,60}-{3,60}\s*$")
"""Some title between dashes: of a quotation, when a header follows."""

_ORIGINALS, _FORWARDS = _words("original"), tuple(_words("forwarded"))
_BEGINS_FORWARDED = frozenset(
    [
        "begin forwarded message",
        "begin forwarded mail",
        "anfang der weitergeleiteten nachricht",
        "anfang der weitergeleiteten e-mail",
        "anfang der weitergeleiteten email",
        "début du message transféré",
        "début du message réexpédié",
        "inizio messaggio inoltrato",
        "inizio del messaggio inoltrato",
        "inicio del mensaje reenviado",
        "início da mensagem encaminhada",
        "início da mensagem reencaminhada",
        "begin doorgestuurd bericht",
        "vidarebefordrat brev",
        "start på videresendt besked",
        "begynnelse på videresendt melding",
        "välitetty viesti alkaa",
        "początek przekazywanej wiadomości",
        "начало переадресованного сообщения",
        "転送されたメッセージ",
        "下面是被转发的邮件",
        "開始轉寄的郵件",
        "전달된 메시지 시작",
    ]
)

_LONGEST_BEGIN = max(map(len, _BEGINS_FORWARDED))


def is_original(line: str, *, bare: bool = False) -> bool:
    """`-----Original Message-----`; `bare`: without the dashes."""
    if bare:
        return line.strip(_AROUND).lower() in _ORIGINALS
    found = _TITLE.match(line)
    return bool(found) and found["title"].lower() in _ORIGINALS if found else False


def is_original_title(title: str) -> bool:
    return title.lower() in _ORIGINALS


def is_forwarded(line: str) -> bool:
    """`---------- Forwarded message ---------`, `Begin forwarded message:`: what follows was sent on, on purpose."""
    if "--" in line and (found := _TITLE.match(line)) and found["title"].lower().startswith(_FORWARDS):
        return True
    bare = line.strip(_AROUND)
    return len(bare) <= _LONGEST_BEGIN and bare.lower() in _BEGINS_FORWARDED


_NAMED = re.compile(r"[ \t>|]{0,20}[*_]{0,3}(?P<name>[^\W\d_][^:\n*]{0,30}?)\s?[*_]{0,3}\s?:[*_]{0,3}")
SOME_FIELD = re.compile(r"[ \t>|]{0,20}[*_]{0,3}[^\W\d_][^:\n]{0,24}?\s?[*_]{0,3}\s?:[*_]{0,3}(?:\s|$)")
"""A line of a quoted header, also in bold (`*From:*`), and one in a language that is not known."""

_ROLES = {word: role for role in ("to", "date", "subject", "author") for word in _words(role)}
ANOTHER_FIELD = re.compile(
    r"\s[*_]{0,3}(?:date|sent|subject|datum|gesendet|betreff|envoyé|objet|fecha|asunto|data|inviato|oggetto)\s?[*_]{0,3}\s?:", re.IGNORECASE
)


def field_role(line: str) -> str:
    """`author`, `date`, `to` or `subject` when it is a field of a quoted header: `From:`, `Gesendet:`, `件名:`; else ""."""
    found = _NAMED.match(line)
    return _ROLES.get(found["name"].lower(), "") if found else ""


ONE_MAILBOX = re.compile(r"[:*\s][<\[(]{0,2}[^\s<>@]{1,100}@[^\s<>@]{1,200}[>\])]{1,2}$|:\s?[^\s<>@]{1,100}@[^\s<>@]{1,200}$")

RULE = re.compile(r"[\s>]{0,10}_{10,80}\s*$")

_ANSWER = re.compile(
    r"\b(?:reply|replies|response|answer|type|write|respond|antwort\w*|schreib\w*|répon\w*|respon\w*|escrib\w*|rispo\w*|scriv\w*|antwoord\w*|svar\w*|skriv\w*)\b",
    re.IGNORECASE,
)
_OVER = re.compile(
    r"\b(?:above|below|über|oberhalb|unterhalb|dessus|dessous|encima|arriba|acima|sopra|boven|ovan\w*|ovenfor)\b", re.IGNORECASE
)
_BORDER = re.compile(r"\b(?:line|text|message|e-?mail|linie|zeile|ligne|línea|linea|linha|riga|lijn|regel|linje\w*)\b", re.IGNORECASE)


_OVER_HINTS = [hint.encode() for hint in ["bov", "elow", "über", "Über", "rhalb", "dess", "cima", "rriba", "sopra", "oven", "ovan"]]


def may_have_answer_above(text: str) -> bool:
    """A quick look: without one of these words `answer_above` says no to every line of the text."""
    low = text.encode("utf-8", "replace").lower()  # octets are searched sooner than letters
    return any(hint in low for hint in _OVER_HINTS)


def answer_above(line: str) -> bool:
    """Whether it is the line of a ticket system above which an answer is to be written: `## Please type your reply above this line ##`."""
    if len(line) > 120:
        return False
    answer = _ANSWER.search(line[:60])
    over = _OVER.search(line, answer.end()) if answer else None
    return bool(over and _BORDER.search(line, over.end()))
