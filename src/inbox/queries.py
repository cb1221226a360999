"""The language of searches: words, "phrases", fields (`from: to: subject: has: rule: label: state: before: larger: …`), `-` and `OR`. Pure.

    from:jane subject:"order 4711" has:attachment -label:done
    rule:refunds OR rule:returns after:2026-11-01 larger:1M

Terms that stand beside each other must all hold. `OR` binds the two terms around it; brackets group. A word with a colon that is no field is
text, unless it looks like a field that is misspelt.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from inbox.errors import InboxError
from inbox.findable import STATES

_HAS = ("attachment",)
_TOKEN = re.compile(r'\s*(?:(-?\(|\))|(-?)(?:([A-Za-z_]+):)?(?:"((?:[^"\\]|\\.)*)"|([^\s()"]*)))')
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)i?b?", re.IGNORECASE)
_AGE = re.compile(r"(\d{1,5})([hdwmy])", re.IGNORECASE)
_DAY = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2}))?Z?")
_HOURS = {"h": 1, "d": 24, "w": 168, "m": 720, "y": 8760}
_POWERS = {"": 0, "k": 10, "m": 20, "g": 30}
_MOST_TERMS, _DEEPEST = 64, 10


class QueryError(InboxError):
    """A search that cannot be meant so; the text says what would be right."""


@dataclass(frozen=True, slots=True)
class Text:
    """Findable that stand beside each other, in one part of a mail or anywhere (`where` None)."""

    words: str
    where: Literal["from", "to", "subject", "file"] | None = None


@dataclass(frozen=True, slots=True)
class Is:
    """A mail's state, rule, label, source or identity is this; `has` something."""

    field: Literal["state", "rule", "label", "source", "id", "has"]
    value: str


@dataclass(frozen=True, slots=True)
class Since:
    """It came in at this time or later (`later`), or before it."""

    at: datetime
    later: bool


@dataclass(frozen=True, slots=True)
class Size:
    """It has more octets than this, or fewer."""

    octets: int
    larger: bool


@dataclass(frozen=True, slots=True)
class Not:
    term: Query


@dataclass(frozen=True, slots=True)
class All:
    """Every term holds; no term: every mail."""

    terms: tuple[Query, ...] = ()


@dataclass(frozen=True, slots=True)
class Any:
    """One of the terms holds."""

    terms: tuple[Query, ...]


Query = Text | Is | Since | Size | Not | All | Any


def read_query(text: str, now: datetime | None = None) -> All:
    """What a search asks for. `now`: what ages (`newer:7d`) count from. QueryError."""
    reader = _Reader(_tokens(text), now or datetime.now(UTC))
    found = reader.terms(0)
    if reader.left:
        raise QueryError("a bracket is closed that was not opened; put ) in quotes to search for it")
    return found


@dataclass(frozen=True, slots=True)
class _Token:
    """`(`, `-(`, `)`, or a term: negated, its field, its value, and whether that stood in quotes."""

    bracket: str | None = None
    negated: bool = False
    field: str | None = None
    value: str = ""
    quoted: bool = False

    @property
    def is_or(self) -> bool:
        return self.value == "OR" and not (self.quoted or self.negated or self.field)


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    text = text.replace("\0", " ").rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.end() == at:
            raise QueryError('a quotation mark is not closed; write "two words", or leave it out')
        at = match.end()
        bracket, minus, field, phrase, word = match.groups()
        if bracket:
            found.append(_Token(bracket))
        elif phrase is not None:
            found.append(_Token(None, bool(minus), field, re.sub(r"\\(.)", r"\1", phrase), quoted=True))
        elif field or word:
            found.append(_Token(None, bool(minus), field, word))
        elif minus:
            found.append(_Token(value=minus))
        if len(found) > _MOST_TERMS:
            raise QueryError(f"a search has {_MOST_TERMS} terms at most")
    return found


class _Reader:
    """Terms from tokens, by descent; brackets nest ten deep at most."""

    def __init__(self, tokens: list[_Token], now: datetime) -> None:
        self._tokens, self._now = tokens[::-1], now

    @property
    def left(self) -> bool:
        return bool(self._tokens)

    def terms(self, depth: int) -> All:
        """Terms up to the closing bracket, or the end."""
        if depth > _DEEPEST:
            raise QueryError(f"brackets nest {_DEEPEST} deep at most")
        found: list[Query] = []
        while self._tokens and self._tokens[-1].bracket != ")":
            if self._tokens[-1].is_or:
                found.append(self._either(found, depth))
            else:
                found.append(self._one(depth))
        return All(tuple(found))

    def _either(self, found: list[Query], depth: int) -> Query:
        """What stands on both sides of OR, joined with an OR before it."""
        self._tokens.pop()
        if not found or not self._tokens or self._tokens[-1].bracket == ")" or self._tokens[-1].is_or:
            raise QueryError('OR stands between two terms; write "OR" in quotes to search for the word')
        before, after = found.pop(), self._one(depth)
        return Any((*before.terms, after)) if isinstance(before, Any) else Any((before, after))

    def _one(self, depth: int) -> Query:
        token = self._tokens.pop()
        if token.bracket:
            inside = self.terms(depth + 1)
            if not self._tokens:
                raise QueryError("a bracket is not closed")
            self._tokens.pop()
            return Not(inside) if token.bracket == "-(" else inside
        term = _term(token, self._now)
        return Not(term) if token.negated else term


def _term(token: _Token, now: datetime) -> Query:
    name = (token.field or "").lower()
    make = _FIELDS.get(name)
    if make is None:
        return Text(_literal(token))
    if not token.value.strip():
        raise QueryError(f"{name}: needs a value behind the colon, without a blank between")
    return make(token.value.strip(), now)


def _literal(token: _Token) -> str:
    """A term without a field; what looks like a field that is misspelt is a mistake, `http://…` and `Re:` are text."""
    if token.field is None:
        return token.value
    near = difflib.get_close_matches(token.field.lower(), _FIELDS, 1, 0.7)
    if near and token.value and not token.value.startswith("/"):
        raise QueryError(f"there is no field {token.field}:, perhaps {near[0]}: is meant; the fields are {', '.join(sorted(_FIELDS))}")
    return f"{token.field}:{token.value}"


def _one_of(field: Literal["state", "has"], known: tuple[str, ...]) -> Callable[[str, datetime], Query]:
    def make(value: str, _now: datetime) -> Query:
        if value.lower() not in known:
            raise QueryError(f"{field}:{value} is unknown; write one of {', '.join(known)}")
        return Is(field, value.lower())

    return make


def _size(value: str, *, larger: bool) -> Size:
    found = _SIZE.fullmatch(value)
    if not found:
        raise QueryError(f"{value!r} is no size; write octets, or 500K, 10M")
    return Size(int(float(found[1]) * (1 << _POWERS[found[2].lower()])), larger)


def _time(value: str, now: datetime, *, later: bool) -> Since:
    """A day (UTC), a minute, or how long ago."""
    if age := _AGE.fullmatch(value):
        return Since(now - timedelta(hours=int(age[1]) * _HOURS[age[2].lower()]), later)
    day = _DAY.fullmatch(value)
    try:
        if day:
            year, month, date, hour, minute = (int(part or 0) for part in day.groups())
            return Since(datetime(year, month, date, hour, minute, tzinfo=UTC), later)
    except ValueError:
        pass
    raise QueryError(f"{value!r} is no time; write 2026-11-24, 2026-11-24T15:00, or how long ago: 12h, 7d, 2w")


_FIELDS: Mapping[str, Callable[[str, datetime], Query]] = {
    "from": lambda value, _: Text(value, "from"),
    "to": lambda value, _: Text(value, "to"),
    "subject": lambda value, _: Text(value, "subject"),
    "file": lambda value, _: Text(value, "file"),
    "rule": lambda value, _: Is("rule", value),
    "label": lambda value, _: Is("label", value),
    "source": lambda value, _: Is("source", value.lower()),
    "id": lambda value, _: Is("id", value.lower()),
    "state": _one_of("state", STATES),
    "is": _one_of("state", STATES),
    "has": _one_of("has", _HAS),
    "before": lambda value, now: _time(value, now, later=False),
    "older": lambda value, now: _time(value, now, later=False),
    "after": lambda value, now: _time(value, now, later=True),
    "newer": lambda value, now: _time(value, now, later=True),
    "larger": lambda value, _: _size(value, larger=True),
    "smaller": lambda value, _: _size(value, larger=False),
}
FIELDS = tuple(sorted(_FIELDS))
