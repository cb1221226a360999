"""The search where atheris is not installed: inputs cut, joined and changed at random. `python -m fuzz` calls it."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any


def search(target: Any, seconds: float, longest: int, folder: Path) -> tuple[int, list[str]]:
    """How many inputs were tried, and what was found; the first finding ends it, and its input is kept."""
    rng, seeds, tried = random.Random(), list(target.seeds()), 0  # noqa: S311  nothing is secret here
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        octets = changed(rng, seeds, target.TOKENS)[:longest]
        tried += 1
        try:
            target.check(octets)
        except Exception as error:
            kept = folder / f"found-{tried}"
            kept.write_bytes(octets)
            return tried, [f"{type(error).__name__}: {error}", str(kept)]
    return tried, []


def changed(rng: random.Random, seeds: list[bytes], tokens: tuple[bytes, ...]) -> bytes:
    """A seed with a few places cut out, doubled, or filled with a word, with noise or with a part of another seed."""
    octets = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(octets) + 1)
        stop = min(len(octets), at + rng.choice([0, 1, 1, 4, 40]))
        other = rng.choice(seeds)
        cut = rng.randrange(len(other) + 1)
        part = other[cut : cut + rng.choice([1, 10, 100])]
        octets[at:stop] = rng.choice([b"", rng.choice(tokens), rng.randbytes(rng.randint(1, 4)), part, bytes(octets[at:stop]) * 2])
    return bytes(octets)
