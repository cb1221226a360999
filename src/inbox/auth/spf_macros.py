"""Macros of SPF records (RFC 7208 section 7): what `%{ir}.%{v}._spf.%{d2}` stands for."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

_MACRO = re.compile(r"%(?:\{([A-Za-z])(\d*)(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)
_TEXT = re.compile(r"(?:[\x21-\x24\x26-\x7e]|%\{[slodiphvcrt]\d*r?[.\-+,/_=]*\}|%[%_-])*", re.IGNORECASE)
_EXPLANATION = re.compile(r"(?:[\x20-\x24\x26-\x7e]|%\{[slodiphvcrt]\d*r?[.\-+,/_=]*\}|%[%_-])*", re.IGNORECASE)
_PLAIN = {"%": "%", "_": " ", "-": "%20"}
_LONGEST = 253


class BadMacro(ValueError):
    """Text that is no macro string."""


@dataclass(frozen=True, slots=True)
class Session:
    """What macros may speak of. `validated` gives the name of the client (`%{p}`), asked only if it is used; `receiver` is who checks."""

    ip: IPv4Address | IPv6Address
    sender: str
    helo: str
    validated: Callable[[str], str]
    receiver: str = "unknown"

    def value(self, letter: str, domain: str) -> str:
        """What a letter stands for, in a record of `domain`."""
        local, _, own = self.sender.rpartition("@")
        of: dict[str, Callable[[], str]] = {
            "s": lambda: self.sender,
            "l": lambda: local,
            "o": lambda: own,
            "d": lambda: domain,
            "i": lambda: ".".join(self.ip.exploded.replace(":", "")) if self.ip.version == 6 else str(self.ip),
            "p": lambda: self.validated(domain),
            "v": lambda: "ip6" if self.ip.version == 6 else "in-addr",
            "h": lambda: self.helo,
            "c": lambda: str(self.ip),
            "r": lambda: self.receiver,
            "t": lambda: str(int(time.time())),
        }
        return of[letter]()


def check(text: str, *, explanation: bool = False) -> None:
    """BadMacro for text that the grammar does not allow; `c`, `r` and `t` are for explanations only."""
    if not (_EXPLANATION if explanation else _TEXT).fullmatch(text):
        raise BadMacro(f"{text!r} is no macro string; a macro is %{{letter}}, and % alone is %%")
    for letter, digits, *_ in _MACRO.findall(text):
        if digits and not int(digits):
            raise BadMacro(f"{text!r}: a macro keeps one label at least")
        if not explanation and letter.lower() in ("c", "r", "t"):
            raise BadMacro(f"{text!r}: %{{{letter}}} is for explanations only")


def expand(text: str, session: Session, domain: str, *, explanation: bool = False) -> str:
    """The text with what its macros stand for. Raises BadMacro."""
    check(text, explanation=explanation)
    return _MACRO.sub(lambda found: _expanded(found, session, domain), text)


def expand_domain(text: str, session: Session, domain: str) -> str:
    """As `expand`, for a domain: labels are taken away on the left until it has 253 characters; without a last dot."""
    name = expand(text, session, domain).removesuffix(".")
    if len(name) > _LONGEST:
        _, dot, rest = name[-_LONGEST - 1 :].partition(".")
        return rest if dot else name
    return name


def _expanded(found: re.Match[str], session: Session, domain: str) -> str:
    letter, digits, reverse, delimiters, plain = found.groups()
    if plain:
        return _PLAIN[plain]
    value = session.value(letter.lower(), domain)
    if digits or reverse or delimiters:
        parts = re.split(f"[{re.escape(delimiters or '.')}]", value)
        if reverse:
            parts.reverse()
        value = ".".join(parts[-int(digits) :] if digits else parts)
    return quote(value, safe="-._~") if letter.isupper() else value
