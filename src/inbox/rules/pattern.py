"""RE2 patterns that cannot hang, whatever a mail holds: one at a time, and thousands in one pass.

Whether a pattern is found is always asked of RE2's automaton, which is linear in the text and does not depend on the number of groups.
Groups are then read from the first `CAPTURED` octets only: that search is linear too, but its cost grows with the pattern.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import re2

LONGEST = 2_000
"""The most characters in one pattern."""
LARGEST = 20_000
"""The most instructions that one pattern may compile to."""
CAPTURED = 65_536
SET_MEMORY = 128 << 20


class Pattern:
    """One compiled pattern; ValueError says why it cannot be used."""

    def __init__(self, text: str, *, case: bool = False) -> None:
        if len(text) > LONGEST:
            raise ValueError(f"the pattern has {len(text)} characters; {LONGEST} are allowed")
        self.text, self.case = text, case
        try:
            self._search = re2.compile(text, _options(case=case, never_capture=True))
        except re2.error as error:
            raise ValueError(_reason(error)) from None
        if self._search.programsize > LARGEST:
            raise ValueError("the pattern is too large for RE2; shorten its repetitions")
        self.names: tuple[str, ...] = tuple(self._search.groupindex)

    @cached_property
    def _set(self) -> PatternSet:
        return PatternSet([self.source])

    @cached_property
    def _capturing(self) -> Any:
        return re2.compile(self.text, _options(case=self.case))

    @property
    def source(self) -> str:
        """The pattern as a member of a `PatternSet`."""
        return self.text if self.case else f"(?i:{self.text})"

    def found(self, octets: bytes) -> bool:
        """Whether the pattern is found in this UTF-8 text."""
        if self.names and not self._set.unusable and (found := self._set.found(octets)) is not None:
            return bool(found)
        return self._search.search(octets) is not None

    def captures(self, octets: bytes) -> dict[str, str]:
        """The texts of the named groups, "" for a group that took no part."""
        if not self.names:
            return {}
        match = self._capturing.search(octets[:CAPTURED])
        groups = match.groupdict() if match else {}
        return {name: (groups.get(name) or b"").decode("utf-8", "replace") for name in self.names}


class PatternSet:
    """Many patterns that are searched for in one pass over the text."""

    def __init__(self, sources: Iterable[str]) -> None:
        self._set = re2.Set.SearchSet(_options(case=True, max_mem=SET_MEMORY))
        self.unusable: set[int] = set()
        self._numbers: list[int] = []
        for number, source in enumerate(sources):
            self._add(number, source)
        self._sentinel = self._set.Add(r"\A")
        try:
            self._set.Compile()
        except re2.error:
            self._set = None

    def _add(self, number: int, source: str) -> None:
        try:
            self._set.Add(source)
            self._numbers.append(number)
        except re2.error:
            self.unusable.add(number)

    def found(self, octets: bytes) -> list[int] | None:
        """Numbers of the patterns that are found, in the order they were given; None when RE2 had no memory for the answer.

        The empty pattern in every set is always found: when it is missing, RE2 gave up, which it does not say otherwise.
        """
        found = self._set.Match(octets) if self._set else None
        if not found or self._sentinel not in found:
            return None
        return [self._numbers[index] for index in found if index != self._sentinel]


def literal(text: str) -> str:
    """The pattern that finds this text."""
    return str(re2.escape(text))


def glob(text: str) -> str:
    """The pattern of a glob that must match as a whole: `*` is any text, `?` one character."""
    return "(?s)\\A" + "".join(_glob_parts(text)) + "\\z"


def _glob_parts(text: str) -> Iterator[str]:
    for character in text:
        yield {"*": ".*", "?": "."}.get(character) or literal(character)


def octets(text: str) -> bytes:
    """Text as RE2 reads it; what is no Unicode (a lone surrogate) becomes a question mark."""
    return text.encode("utf-8", "replace")


def _options(*, case: bool, never_capture: bool = False, max_mem: int | None = None) -> Any:
    options = re2.Options()
    options.case_sensitive, options.never_capture, options.log_errors = case, never_capture, False
    if max_mem:
        options.max_mem = max_mem
    return options


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else "it is no pattern"
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
