"""The classifier `bayes`: labels learned from examples, offline, without a dependency, the same answer every time.

Method: Robinson and Fisher's (as SpamBayes uses it), one label against the rest. A model counts, for each label, in how many mails a token
occurred; tokens are hashed into 2**18 cells. For each label the tokens that say most are combined by Fisher's chi-square test into a number
from 0 (surely not) over 0.5 (cannot say) to 1 (surely). Counts are compared as rates, so it does not matter which label had more examples.

Model file: the magic, the number of labels, and for each the length of its name, its name, its number of mails, and its 2**18 counts as
little-endian 32-bit numbers; all but the magic compressed with zlib.
"""

from __future__ import annotations

import math
import re
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inbox import Message
    from inbox.ports import Memory

_CELLS = 1 << 18
_MAGIC = b"inbox-bayes-1\n"
_STRENGTH, _UNKNOWN = 0.45, 0.5  # how much weight the prior has against the counts, and what it says (Robinson)
_TELLING, _LEAST = 150, 0.1  # tokens that are combined, and how far from 0.5 they must be
_TEXT = 200_000  # characters of text that are read
_WORD = re.compile(r"[^\W_]{2,40}|[$€£!]+")


def bayes(message: Message, memory: Memory, *, model: str = "default", minimum: float = 0.9) -> str | None:
    """Label that a trained model gives the mail, absent below the minimum.

    model: name under which the model was trained. minimum: least probability, from 0 to 1.
    """
    data = memory.load(model)
    if data is None:
        return None
    label, probability = classify(data, message)
    return label if probability >= minimum else None


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options: a probability outside of 0 to 1."""
    if not 0 <= options.get("minimum", 0.9) <= 1:
        yield "minimum is a probability from 0 to 1"


def train(model: bytes | None, label: str, texts: Iterable[Message]) -> bytes:
    """The model after it has also seen these messages under this label; None begins a new model. ValueError: not a model of ours."""
    learned = _read(model) if model else _Model()
    counts = learned.counts.get(label) or array("I", bytes(4 * _CELLS))
    counts = array("I", counts)  # models that were read are shared, so a copy is changed
    mails = learned.mails.get(label, 0)
    for message in texts:
        mails += 1
        for cell in _cells(message):
            counts[cell] += 1
    return _write(_Model({**learned.mails, label: mails}, {**learned.counts, label: counts}))


def classify(model: bytes, message: Message) -> tuple[str | None, float]:
    """The likeliest label and its probability (0.5: cannot say); (None, 0.0) for a model without examples. ValueError: not a model."""
    learned = _read(model)
    cells = sorted(_cells(message))
    totals = [sum(found) for found in zip(*(map(counts.__getitem__, cells) for counts in learned.counts.values()), strict=True)]
    scores = [(_score(learned, label, cells, totals), label) for label in sorted(learned.mails) if learned.mails[label]]
    if not scores:
        return None, 0.0
    best, label = max(scores, key=lambda found: found[0])
    return label, best


def labels(model: bytes) -> dict[str, int]:
    """The labels of a model, each with the number of mails that it was shown. ValueError: not a model of ours."""
    return dict(_read(model).mails)


@dataclass(frozen=True)
class _Model:
    """Number of mails and counts of tokens, by label."""

    mails: dict[str, int] = field(default_factory=dict)
    counts: dict[str, array[int]] = field(default_factory=dict)


def _cells(message: Message) -> set[int]:
    return {zlib.crc32(token.encode("utf-8", "surrogatepass")) & (_CELLS - 1) for token in _tokens(message)}


def _tokens(message: Message) -> Iterator[str]:
    """Words and pairs of words of the text, words of the subject, and who and what the mail is."""
    words = _WORD.findall((message.text or message.html or "")[:_TEXT].casefold())
    yield from words
    yield from (f"{first} {second}" for first, second in pairwise(words))
    yield from (f"subject:{word}" for word in _WORD.findall((message.subject or "").casefold()))
    yield from (f"from:{address.domain}" for address in message.from_ if address.domain)
    yield from (f"attachment:{item.type}" for item in message.attachments)
    yield f"list:{message.list.id}" if message.list else "no list"


def _score(model: _Model, label: str, cells: list[int], totals: list[int]) -> float:
    """Robinson and Fisher: 0.5 when nothing is known, near 1 when the tokens belong to the label."""
    found = _shares(model, label, cells, totals)
    telling = sorted((p for p in found if abs(p - 0.5) >= _LEAST), key=lambda p: -abs(p - 0.5))[:_TELLING]
    if not telling:
        return 0.5
    for_it = _chi2(-2 * sum(math.log(1 - p) for p in telling), 2 * len(telling))
    against = _chi2(-2 * sum(math.log(p) for p in telling), 2 * len(telling))
    return (1 + against - for_it) / 2


def _shares(model: _Model, label: str, cells: list[int], totals: list[int]) -> Iterator[float]:
    """How far each token speaks for a label: its rate there against its rate elsewhere, drawn to 0.5 while it is rare.

    `totals`: the counts of the cells under all labels together. Tokens that were never seen say nothing and are left out.
    """
    counts, mails = model.counts[label], model.mails[label]
    others = sum(model.mails.values()) - mails
    for cell, total in zip(cells, totals, strict=True):
        if total:
            here = counts[cell] / mails
            rest = (total - counts[cell]) / others if others else 0.0
            yield (_STRENGTH * _UNKNOWN + total * here / (here + rest)) / (_STRENGTH + total)


def _chi2(value: float, freedom: int) -> float:
    """Probability that chi-square with an even number of degrees of freedom is at least `value`."""
    half = value / 2
    term = total = math.exp(-half) if half < 700 else 0.0
    if total == 0.0:
        return _chi2_tail(half, freedom)
    for i in range(1, freedom // 2):
        term *= half / i
        total += term
    return min(total, 1.0)


def _chi2_tail(half: float, freedom: int) -> float:
    """The same by logarithms, where exp(-half) is too small for a float."""
    logs = [i * math.log(half) - math.lgamma(i + 1) - half for i in range(freedom // 2)]
    return min(sum(math.exp(value) for value in logs), 1.0)


def _write(model: _Model) -> bytes:
    parts = [struct.pack("<I", len(model.mails))]
    for label in sorted(model.mails):
        name = label.encode()
        parts += [struct.pack("<II", len(name), model.mails[label]), name, _little(model.counts[label]).tobytes()]
    return _MAGIC + zlib.compress(b"".join(parts), 1)


@lru_cache(maxsize=4)
def _read(data: bytes) -> _Model:
    if not data.startswith(_MAGIC):
        raise ValueError("not a model of the bayes classifier; train it anew")
    body = memoryview(zlib.decompress(data[len(_MAGIC) :]))
    (labels,), at = struct.unpack_from("<I", body), 4
    model = _Model()
    for _ in range(labels):
        length, mails = struct.unpack_from("<II", body, at)
        name = bytes(body[at + 8 : at + 8 + length]).decode()
        at += 8 + length
        model.mails[name] = mails
        model.counts[name] = _little(array("I", bytes(body[at : at + 4 * _CELLS])))
        at += 4 * _CELLS
    return model


def _little(counts: array[int]) -> array[int]:
    """The counts in little-endian order (and back)."""
    if sys.byteorder == "little":
        return counts
    swapped = array("I", counts)
    swapped.byteswap()
    return swapped
