"""Message-ID, In-Reply-To, References and the thread they make (RFC 5322 section 3.6.4)."""

from __future__ import annotations

import re

_ID = re.compile(r"<([^<>]{1,998})>")
_BLANK = re.compile(r"\s+")
_PREFIX = re.compile(
    r"(?:(?:re|aw|antw|antwort|sv|vs|ref|rif|r|odp|ynt|res|tr|wg|fw|fwd|doorst|vb|vl|rv|enc|i|pd|\u56de\u590d|\u7b54\u590d|\u8f6c\u53d1|\u8fd4\u4fe1)"
    r"(?:\s*\[\d{1,3}\]|\s*\(\d{1,3}\)|\^\d{1,3})?\s*[:\uff1a]\s*|\[[^\[\]]{1,40}\]\s*(?=(?:re|aw|sv|fwd?)\s*:))",
    re.IGNORECASE,
)
_MOST = 1000


def read_ids(text: str) -> tuple[str, ...]:
    """Every identifier of a field, with its angle brackets, each once, in order. Blanks within one come from folding and go."""
    found = (f"<{_BLANK.sub('', match[1])}>" for match in _ID.finditer(text))
    return tuple(dict.fromkeys(one for one in found if one != "<>"))[:_MOST]


def read_id(text: str) -> str | None:
    """The first identifier; what stands there without brackets gets them."""
    if ids := read_ids(text):
        return ids[0]
    bare = _BLANK.sub("", text).strip("<>")
    return f"<{bare}>" if bare else None


def normal_subject(text: str) -> str:
    """The subject without reply and forward marks of several languages, in one case, with single blanks."""
    text = text.strip()
    while match := _PREFIX.match(text):
        text = text[match.end() :]
    return _BLANK.sub(" ", text).strip().casefold()


def thread_key(references: tuple[str, ...], in_reply_to: tuple[str, ...], message_id: str | None, subject: str | None) -> str | None:
    """What the mails of one conversation share: the first mail's identifier, else the normal subject, else None."""
    for ids in (references, in_reply_to):
        if ids:
            return ids[0]
    if message_id:
        return message_id
    plain = normal_subject(subject or "")
    return f"subject:{plain}" if plain else None
