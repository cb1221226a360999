"""Domains of addresses in one normal form: lower case, A-labels (RFC 5890), no final dot. And what looks like another one."""

from __future__ import annotations

import re
import unicodedata

_ASCII = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.ASCII)
_LITERAL = re.compile(r"\[(?:IPv6:[0-9a-f:.]{2,45}|\d{1,3}(?:\.\d{1,3}){3})\]", re.IGNORECASE | re.ASCII)
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
_JOINED = ({"HIRAGANA", "KATAKANA", "CJK", "LATIN", "BOPOMOFO"}, {"HANGUL", "CJK", "LATIN"})
"""Scripts that are written together (UTS 39 section 5.1)."""
_LATIN_SHAPES = frozenset(
    "\u0430\u0441\u0501\u0435\u04bb\u0456\u0458\u04cf\u043e\u0440\u051b\u0455\u051d\u0445\u0443\u044a\u044c\u0475\u0461\u04bd\u0433\u043f"  # Cyrillic
    "\u03b1\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03b3\u03c9"  # Greek
    "\u0570\u0578\u057d\u0581\u0585\u0566\u0563\u0575"  # Armenian
)
"""Letters that look like Latin ones (UTS 39, confusables; those that browsers look for)."""


def normal_domain(text: str) -> str | None:
    """The compare form of a domain or of an address literal, or None when it is neither."""
    plain = text.lower().removesuffix(".")
    if not plain.isascii():
        try:
            plain = ".".join(_a_label(label) for label in unicodedata.normalize("NFKC", plain.translate(_DOTS)).lower().split("."))
        except UnicodeError:
            return None
    if len(plain) <= 253 and _ASCII.fullmatch(plain):
        return plain
    return plain if _LITERAL.fullmatch(plain) else None


def readable_domain(domain: str) -> str:
    """The U-label form, for people and for a look at its letters; a label that cannot be decoded stays."""
    return ".".join(_u_label(label) for label in domain.split("."))


def mixes_scripts(domain: str) -> bool:
    """Whether a label of the domain (in either form) mixes alphabets that nobody writes together."""
    readable = readable_domain(domain) if "xn--" in domain else domain
    return not readable.isascii() and any(_mixed(label) for label in readable.split("."))


def reads_as_latin(domain: str) -> bool:
    """Whether a whole label is of another alphabet's letters that look like Latin ones, below a Latin top level: `\u0430\u0440\u0440\u04cf\u0435.com`."""
    *labels, top = readable_domain(domain).split(".")
    return top.isascii() and not top.startswith("xn--") and any(_latin_shapes(label) for label in labels)


def _latin_shapes(label: str) -> bool:
    letters = {c for c in label if c.isalpha()}
    return not label.isascii() and bool(letters) and letters <= _LATIN_SHAPES


def _mixed(label: str) -> bool:
    scripts = {unicodedata.name(c, "UNKNOWN").split(" ")[0].split("-")[0] for c in label if c.isalpha()}
    return len(scripts) > 1 and not any(scripts <= joined for joined in _JOINED)


def _a_label(label: str) -> str:
    """UnicodeError when the label has characters that no domain has."""
    if label.isascii():
        return label
    if len(label) > 63 or not all(c.isalnum() or c in "-\u00b7\u200c\u200d" or unicodedata.category(c)[0] == "M" for c in label):
        raise UnicodeError(label)
    return "xn--" + label.encode("punycode").decode("ascii")


def _u_label(label: str) -> str:
    if not label.startswith("xn--") or len(label) > 63:
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label
