"""The classifier `keywords`: which topics are spoken of, by words and phrases.

One pass over the words of subject and text, whatever the number of topics: phrases are looked up by their first word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inbox import Message

Phrase = tuple[str, ...]
Index = Mapping[str, tuple[tuple[Phrase, str], ...]]
_WORD = re.compile(r"\w+")


def keywords(message: Message, **topics: list[str]) -> tuple[str, ...]:
    """Topics whose words or phrases occur in the subject or the text: `keywords: {invoice: [invoice, amount due]}`.

    Whole words count, upper and lower case are the same, and what stands between the words of a phrase does not matter.
    """
    index = _index(tuple((topic, tuple(phrases)) for topic, phrases in topics.items()))
    found = set(_found(_words(f"{message.subject or ''}\n{message.text or ''}"), index))
    return tuple(topic for topic in topics if topic in found)


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options: no topic at all, or a phrase without a word."""
    if not options:
        yield "keywords needs at least one topic with its words: {invoice: [invoice, amount due]}"
    for topic, phrases in options.items():
        for phrase in phrases:
            if not _words(phrase):
                yield f"topic {topic!r}: {phrase!r} holds no word"


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


@lru_cache(maxsize=64)
def _index(topics: tuple[tuple[str, tuple[str, ...]], ...]) -> Index:
    index: dict[str, list[tuple[Phrase, str]]] = {}
    for topic, phrases in topics:
        for words in (tuple(_words(phrase)) for phrase in phrases):
            if words:
                index.setdefault(words[0], []).append((words, topic))
    return {first: tuple(entries) for first, entries in index.items()}


def _found(words: list[str], index: Index) -> Iterable[str]:
    for at, word in enumerate(words):
        for phrase, topic in index.get(word, ()):
            if len(phrase) == 1 or tuple(words[at : at + len(phrase)]) == phrase:
                yield topic
