"""Finding mails: a search (`inbox.queries`) as SQL. Newest first, a page at a time; words are looked up in the full-text index."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import Any

from inbox.queries import All, Is, Not, Query, Since, Size, Text
from inbox.queries import Any as AnyOf
from inbox.store.base import FILE_MARK, Base
from inbox.store.values import SUMMARY_COLUMNS, Summary, micros, summary_of, text

_SEARCH = "inbox_mails.seq in (select rowid from inbox_search where inbox_search match ?)"
_TAG = "exists (select 1 from inbox_tags where kind = ? and name = ? and inbox_tags.seq = inbox_mails.seq)"
_COLUMNS = {"from": "senders", "to": "recipients", "subject": "subject", "file": "files"}


class Finding(Base):
    """Searches of the store."""

    def find(self, query: All, limit: int = 50, before: str | None = None) -> list[Summary]:
        """Mails that a search asks for, newest first; `before`: older than the mail with this id. NotFound: there is no such mail."""
        driver, rest = _driver(query)
        condition, values = _Condition().of(rest)
        sql = f"select {SUMMARY_COLUMNS}{driver.columns} from {driver.tables} where {driver.condition} and {condition}"  # noqa: S608  constants
        values = [*driver.values, *values]
        with self._connections.snapshot() as db:
            if before is not None:
                sql, values = f"{sql} and {driver.seq} < ?", [*values, self._seq(db, before)]
            rows = db.execute(f"{sql} order by {driver.seq} desc limit ?", [*values, limit]).fetchall()
        return [summary_of(row, row["snippet"] if driver.columns else None) for row in rows]


class _Driver:
    """The table that mails are walked by, in their order: the full-text index, the tags of one rule or label, or all mails."""

    def __init__(
        self, tables: str = "inbox_mails", seq: str = "inbox_mails.seq", condition: str = "1", *values: Any, columns: str = ""
    ) -> None:
        self.tables, self.seq, self.condition, self.values, self.columns = tables, seq, condition, values, columns


def _driver(query: All) -> tuple[_Driver, All]:
    """What drives a search, and the terms that are left."""
    words = [term for term in query.terms if isinstance(term, Text) and phrase(term)]
    if words:
        rest = All(tuple(term for term in query.terms if not isinstance(term, Text)))
        match = " AND ".join(filter(None, map(phrase, words)))
        snippet = ", snippet(inbox_search, -1, '', '', ' ... ', 12) as snippet"
        joined = "inbox_search join inbox_mails on inbox_mails.seq = inbox_search.rowid"
        return _Driver(joined, "inbox_search.rowid", "inbox_search match ?", match, columns=snippet), rest
    for term in query.terms:
        if isinstance(term, Is) and term.field in ("rule", "label"):
            rest = All(tuple(other for other in query.terms if other is not term))
            tables = "inbox_tags cross join inbox_mails on inbox_mails.seq = inbox_tags.seq"
            return _Driver(tables, "inbox_tags.seq", "inbox_tags.kind = ? and inbox_tags.name = ?", term.field, text(term.value)), rest
    return _Driver(), query


def phrase(term: Text) -> str:
    """An FTS5 query for words beside each other, taken literally; empty when there is no letter or digit in them."""
    words = (text(term.words) or "").replace("\0", " ").replace('"', " ")
    if not any(letter.isalnum() for letter in words):
        return ""
    return f'{_COLUMNS[term.where]} : "{words}"' if term.where else f'"{words}"'


class _Condition:
    """A term as a condition on `inbox_mails`, with its values."""

    @singledispatchmethod
    def of(self, term: Query) -> tuple[str, list[Any]]:
        raise TypeError(f"{term!r} is no term of a search")

    @of.register
    def _(self, term: All) -> tuple[str, list[Any]]:
        return self._joined(term.terms, " and ", "1")

    @of.register
    def _(self, term: AnyOf) -> tuple[str, list[Any]]:
        return self._joined(term.terms, " or ", "0")

    def _joined(self, terms: tuple[Query, ...], word: str, none: str) -> tuple[str, list[Any]]:
        parts = [self.of(term) for term in terms]
        return f"({word.join(condition for condition, _ in parts) or none})", [value for _, values in parts for value in values]

    @of.register
    def _(self, term: Not) -> tuple[str, list[Any]]:
        condition, values = self.of(term.term)
        return f"not {condition}", values

    @of.register
    def _(self, term: Text) -> tuple[str, list[Any]]:
        found = phrase(term)
        return (_SEARCH, [found]) if found else ("1", [])

    @of.register
    def _(self, term: Is) -> tuple[str, list[Any]]:
        if term.field == "has":
            return _SEARCH, [f'files : "{FILE_MARK}"']
        if term.field in ("rule", "label"):
            return _TAG, [term.field, text(term.value)]
        if term.field == "source":
            return "json_extract(envelope, '$.source') = ?", [text(term.value)]
        return f"inbox_mails.{term.field} = ?", [text(term.value)]

    @of.register
    def _(self, term: Since) -> tuple[str, list[Any]]:
        return f"received_at {'>=' if term.later else '<'} ?", [micros(term.at)]

    @of.register
    def _(self, term: Size) -> tuple[str, list[Any]]:
        return f"size {'>' if term.larger else '<'} ?", [term.octets]
