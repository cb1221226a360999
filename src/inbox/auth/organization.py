"""The organizational domain: what one owner registered, below a public suffix (publicsuffix.org; RFC 7489 section 3.2)."""

from __future__ import annotations

from functools import cache
from typing import Any


def organizational_domain(name: str) -> str | None:
    """`mail.example.co.uk` -> `example.co.uk`; None for a public suffix itself, or for what is no name. Unicode or A-labels, as given, in lower case."""
    text = name.lower().removesuffix(".")
    if not text or text.startswith(".") or ".." in text:
        return None
    found: str | None = _public_suffixes().privatesuffix(text)
    return found


@cache
def _public_suffixes() -> Any:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415  reads a list of 300 KB

    return PublicSuffixList()
