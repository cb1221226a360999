"""Message-ID, In-Reply-To and References (RFC 5322 section 3.6.4)."""

from __future__ import annotations

import re

_ID = re.compile(r"<([^<>]{1,998})>")
_BARE = re.compile(r"[^<>\"(),;@]{1,500}@[^<>\"(),;@]{1,498}")
_BLANK = re.compile(r"\s+")
_MOST = 1000


def read_ids(text: str) -> tuple[str, ...]:
    """Every identifier of a field, with its angle brackets, each once, in order. Blanks within one come from folding and go."""
    if not text:
        return ()
    if "<" not in text:  # some mailers leave the brackets out
        text = " ".join(f"<{word}>" for word in text.split() if _BARE.fullmatch(word))
    found = dict.fromkeys(["<" + "".join(one.split()) + ">" for one in _ID.findall(text)])
    found.pop("<>", None)
    return tuple(found)[:_MOST]


def read_id(text: str) -> str | None:
    """The first identifier; what stands there without brackets gets them."""
    if ids := read_ids(text):
        return ids[0]
    bare = _BLANK.sub("", text).strip("<>")
    return f"<{bare}>" if bare else None
