"""What a bounce says to people: whom it is about, and why. Read by its shape: lists of addresses, labels, sentences, transcripts of SMTP.

    This is the mail system of mx.example.org.                   |
    The following addresses failed:                              |  the notice
      <bob@example.org>:                    a recipient          |
        550 5.1.1 user unknown              his block            |
    ------ This is a copy of your message ------                 a marker
    Return-Path: ...                                             |  the returned mail, whose addresses are not meant

Whether it is a bounce at all is decided in `bounce_signs.py`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from inbox.parsing.bounce_phrases import CONTACT, FAILED, RETURNED
from inbox.parsing.bounce_reasons import tells

_MOST_CHARACTERS = 32 << 10
_MOST_LINES = 1000
_LONGEST_LINE = 1000
_MOST_RECIPIENTS = 1000
_BLOCK_LINES = 12
_LOCAL = r"[\w!#$%&*+/?^`{|}~.=-]"
_ADDRESS = rf"(?<!{_LOCAL})((?:{_LOCAL}|'(?=\w)){{1,80}}@(?:[^\W_]|-){{1,63}}(?:\.(?:[^\W_]|-){{1,63}}){{0,12}})(?![\w@-])"
_ANY = re.compile(_ADDRESS)
_LISTED = re.compile(
    rf"""[\s>*\u2022\u00b7|_-]{{0,60}}(?:\d{{1,3}}[.)][ ]|\[\d+\][ ])?(?:"[^"@]{{0,100}}"[ ]*)?(?:'[^'@]{{0,100}}'[ ]*)?[<\["'(]{{0,3}}(?:smtp:|mailto:|rfc822;)?[ ]?{_ADDRESS}"""
    r"""[>\]"')]{0,3}[ \t]*(?P<rest>.*)""",
    re.IGNORECASE,
)
_LABELLED = re.compile(rf"""(?P<label>[^@:\uff1a\n]{{1,80}})[:\uff1a]\s*["'<(\[]{{0,3}}(?:smtp:|mailto:|rfc822;)?\s*{_ADDRESS}[>\])"']{{0,3}}\s*(?P<rest>.*)""", re.IGNORECASE)  # fmt: skip
_NOT_FAILED = re.compile(
    r"\W*(?:[\w ]{0,20}\b(?:from|sender)\W*$|from|sender|reply-?to|return-?path|subject|date|sent|to|cc|bcc|message-?id|received|x-[\w-]+|list-[\w-]+|authentication-results|errors-to|in-reply-to|von|de|an|"
    r"remote host said|host|mail from|\W*mail from|data|ehlo|helo|auth|originator|absender|exp\u00e9diteur|remitente|mittente|\u53d1\u4ef6\u4eba|\u5dee\u51fa\u4eba)(?:\b|\W)",
    re.IGNORECASE,
)
_RCPT = re.compile(rf"rcpt to:[ ]?<{_ADDRESS}>", re.IGNORECASE)
_FROM_OTHERS = re.compile(
    rf"(?:expanded from|generated from|originally addressed to|original recipient|forwarded from|alias for)[: ]{{1,3}}<?{_ADDRESS}",
    re.IGNORECASE,
)
_IN_WORDS = re.compile(
    r"(?:\bto|\bfor|\baddress(?:ed)?(?: to)?,?|\brecipients?|\busers?|\bmailbox|\baccount|\bmember|full:?|\ban|\bdestinataire|\bpara|\bpour|\ba|\baan|\btill|\btil|\bdo|"
    r"\u0434\u043b\u044f|\u0430\u0434\u0440\u0435\u0441\w*|\u5730\u5740|\u7528\u6237|\u5b9b)"
    rf"[ :,]{{0,3}}['\"<(\[]{{0,2}}(?:smtp:)?{_ADDRESS}",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?\u3002]['\")]?[ \n]|\n\n|\n(?=[<\d])")
_REPLY_LINE = re.compile(r"(?<![\w.:/-])[45][0-57]\d(?:[ -]|:? ?#?[45]\.\d)")
_SAID_WHY = re.compile(
    r"(?i)\s*(?:the )?(?:error|reason|because|cause|grund|raison|motivo|fehler|problem|details?|explanation|diagnos\w+|\u539f\u56e0|\u7406\u7531)\b[^:\uff1a]{0,40}[:\uff1a]"
)
_ROW = re.compile(r"([=*_#~-])\1{4}")
_BARE = re.compile(r"[ \t]+([A-Za-z0-9][\w.+-]{0,63})(?:[ \t]{2,}.*|[ \t]*)")
_NAMED_FOR = re.compile(r"e-?mail(?:ing)?(?: to)? NAME@([\w-]+(?:\.[\w-]+)+)")
_NOBODY = re.compile(r"(?i)(?:postmaster|mailer-daemon|abuse|hostmaster|webmaster|root|helpdesk|support|admin)@")
_DOTS = ("...", "\u2026")


class Notice(NamedTuple):
    """`words`: what the server says; `returned`: what follows the marker of the returned mail, "" when none is there."""

    words: str
    returned: str


class Mentioned(NamedTuple):
    """An address that did not get the mail, with what is said about it, or None."""

    address: str
    diagnostic: str | None


def split_notice(text: str) -> Notice:
    """Cut at the first marker that has words of the server before it."""
    text = text[: 2 * _MOST_CHARACTERS]
    for found in RETURNED.finditer(text):
        if text[: found.start()].strip():
            return Notice(text[: min(found.start(), _MOST_CHARACTERS)], text[found.start() :])
    return Notice(text[:_MOST_CHARACTERS], "")


def one_line(text: str) -> str:
    """Single blanks, lower case: how phrases are searched."""
    return " ".join(text.split()).lower()


def address_in(text: str) -> str | None:
    """The first address in a text that somebody can have."""
    return next((found for match in _ANY.finditer(text[:_LONGEST_LINE]) if (found := usable(match[1]))), None)


def usable(address: str) -> str | None:
    """The address without what is stuck to it; None for one that was made unreadable (`dave...@example.org`)."""
    address = address.lstrip("'*=|{`").rstrip(".-'")
    lowered = address.lower()
    for prefix in ("smtp=", "smtp:", "mailto:", "rfc822="):
        if prefix in lowered:
            address = address[lowered.rindex(prefix) + len(prefix) :]
            lowered = address.lower()
    local, _, domain = address.rpartition("@")
    return None if not local or not domain or local.endswith(_DOTS) or domain.startswith("-") or domain.endswith("-") else address


def mentioned(words: str, own: frozenset[str], daemon_domain: str) -> list[Mentioned]:
    """Whom a notice is about. `own`: addresses that it went to, which are only meant where they are listed."""
    lines = [line[:_LONGEST_LINE] for line in words.splitlines()[:_MOST_LINES]]
    listed = _listed(lines)
    found = dict.fromkeys(listed)
    found |= dict.fromkeys(_from_others(lines, bool(listed)))
    if not listed:
        found |= dict.fromkeys(_in_words(words, own))
    if not found:
        found = dict.fromkeys(_bare(words, daemon_domain) or _only(words, own))
    addresses = _once(list(found))[:_MOST_RECIPIENTS]
    return [Mentioned(address, _diagnostic(address, lines, listed, alone=len(addresses) == 1)) for address in addresses]


def words_about(address: str, words: str) -> str | None:
    """What a notice says about an address that is known from elsewhere."""
    lines = [line[:_LONGEST_LINE] for line in words.splitlines()[:_MOST_LINES]]
    return _diagnostic(address, lines, _listed(lines), alone=False)


def _once(addresses: list[str]) -> list[str]:
    seen: dict[str, str] = {}
    for address in addresses:
        seen.setdefault(address.lower(), address)
    return list(seen.values())


def _listed(lines: list[str]) -> dict[str, int]:
    """Addresses that begin a line, or end one behind a label; with the line's number."""
    found: dict[str, int] = {}
    asking = False
    for n, line in enumerate(lines):
        if "@" in line:
            address = None if asking else _begins(line) or _labelled(line)
            if address:
                found.setdefault(address, n)
        asking = bool(line.strip()) and bool(CONTACT.search(line)) and not line.rstrip().endswith(":")
    return found


def _begins(line: str) -> str | None:
    found = _LISTED.match(line)
    if not found or not _ends_there(line, found["rest"]):
        return None
    address = usable(found[1])
    if address and _NOBODY.match(address) and found["rest"].strip(" :.") and CONTACT.search(found["rest"]):
        return None
    return address


def _ends_there(line: str, rest: str) -> bool:
    """Whether the address stands for itself and is not the first word of a sentence of somebody else (`a@b.c wrote:`)."""
    if not rest or rest[0] in ":;,.([<-=\u2026\uff1a|*" or line.lstrip()[:1] in '<["*':
        return not rest.startswith("(mailto") and not re.match(r"[^:]{0,40}\bwrote:", rest)
    return bool(re.match(r"(?i)(?:on|at) \w{3,9}|\d{3}\b|\.\.\.|\S+ {2,}", rest)) or tells(rest) or bool(FAILED.search(one_line(rest)))


def _labelled(line: str) -> str | None:
    found = _LABELLED.match(line)
    if not found or _NOT_FAILED.match(found["label"]) or CONTACT.search(found["label"]):
        return None
    rest = found["rest"].strip()
    return usable(found[2]) if not rest or rest[0] in "-.,:;([<" or tells(rest) else None


def _from_others(lines: list[str], listed: bool) -> list[str]:
    """`(expanded from: <a@b.c>)` stands beside the address that failed; `(generated from a@b.c)` counts where that one is hidden."""
    found = []
    for line in lines:
        match = _FROM_OTHERS.search(line) if "@" in line else None
        if match and (not listed or "expanded" in match[0].lower()) and (address := usable(match[1])):
            found.append(address)
    return found


def _in_words(words: str, own: frozenset[str]) -> list[str]:
    """Addresses in sentences that say that something failed, and in transcripts."""
    found = [address for match in _RCPT.finditer(words) if (address := usable(match[1]))]
    for sentence in _SENTENCE.split(words):
        flat = " ".join(sentence.split())
        if "@" not in flat or not (FAILED.search(flat.lower()) or _REPLY_LINE.search(flat) or tells(flat)):
            continue
        near = [address for match in _IN_WORDS.finditer(flat[:2000]) if (address := usable(match[1]))]
        found += [address for address in near if address.lower() not in own and not _NOBODY.match(address)]
    return found


def _bare(words: str, domain: str) -> list[str]:
    """Names without a domain below a line that says that something failed: they are of the server's domain, or of those it names."""
    lines = words.splitlines()[:_MOST_LINES]
    domains = _NAMED_FOR.findall(words) or [domain]
    found: list[str] = []
    below = False
    for line in lines:
        flat = line.strip()
        if flat.endswith((":", "=")):
            below = bool(FAILED.search(one_line(words[: words.find(line) + len(line)][-300:])))
        elif below and flat:
            match = _BARE.fullmatch(line)
            if not match:
                below = False
            elif domain:
                found += [f"{match[1]}@{name}" for name in domains]
    return found


def _only(words: str, own: frozenset[str]) -> list[str]:
    """The one address that is named at all, when there is just one."""
    named = {address.lower(): address for match in _ANY.finditer(words) if (address := usable(match[1]))}
    others = [address for key, address in named.items() if key not in own and not _NOBODY.match(address)]
    return others if len(others) == 1 else []


def _diagnostic(address: str, lines: list[str], listed: dict[str, int], *, alone: bool) -> str | None:
    """What is said about one address: its own block, else a paragraph that names it, else the only words of a server."""
    block = _block(lines, listed, address)
    if block and _REPLY_LINE.search(block):
        return block
    key = address.lower()
    paragraphs = [paragraph for paragraph in "\n".join(lines).split("\n\n") if tells(paragraph)]
    named = [paragraph for paragraph in paragraphs if key in paragraph.lower()]
    replies = [paragraph for paragraph in named if _REPLY_LINE.search(paragraph)]
    if replies or (named and not (block and tells(block))):
        return _telling_lines((replies or named)[0], key)
    if block and tells(block):
        return block
    if alone or len(listed) <= 1 or not block:
        replies = [paragraph for paragraph in paragraphs if _REPLY_LINE.search(paragraph)] or paragraphs
        if replies:
            return _telling_lines(replies[0], key)
    return block or _below(lines, key)


def _below(lines: list[str], key: str) -> str | None:
    """The lines below the one that names the address and ends with a colon."""
    for n, line in enumerate(lines):
        if key in line.lower() and line.rstrip().endswith(":"):
            return " ".join(" ".join(lines[n + 1 : n + 1 + _BLOCK_LINES]).split()) or None
    return None


def _block(lines: list[str], listed: dict[str, int], address: str) -> str:
    """The rest of the line with the address, and the lines below it up to an empty one or the next address."""
    start = listed.get(address)
    if start is None:
        return ""
    found = _LISTED.match(lines[start]) or _LABELLED.match(lines[start])
    rest = found["rest"].strip(" :-.\t(") if found else ""
    block = [rest] if rest else []
    others = set(listed.values())
    for n in range(start + 1, min(start + 1 + _BLOCK_LINES, len(lines))):
        line = lines[n].strip()
        if not line and n > start + 1 and not block and not lines[n - 1].strip():
            break
        if n in others or _ROW.match(line) or (not line and block and not block[-1].endswith(":")):
            break
        if line and not _FROM_OTHERS.search(line):
            block.append(line)
    words = _bare_words(" ".join(block))
    return words if re.search(r"\w", _ANY.sub("", words)) else ""


def _bare_words(text: str) -> str:
    """On one line, without a label (`because:`, `(reason: ...)`) in front."""
    text = " ".join(text.split()).strip("(; ")
    found = _SAID_WHY.match(text)
    return text[found.end() :].strip(" )") if found and text[found.end() :].strip(" )") else text


def _telling_lines(paragraph: str, key: str) -> str:
    """A paragraph from the first line that tells why, or that has the address, on."""
    lines = paragraph.splitlines()
    named = [key in line.lower() for line in lines]
    looks = (
        lambda n: named[n] and _REPLY_LINE.search(lines[n]),
        lambda n: _REPLY_LINE.search(lines[n]),
        lambda n: tells(lines[n]),
        lambda n: named[n],
    )
    at = next((n for look in looks for n in range(len(lines)) if look(n)), 0)
    return _bare_words(" ".join(lines[at : at + _BLOCK_LINES]))
