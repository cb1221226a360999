"""The reader of DATA against the slow one: strict and mending, with room and without, in every cut of two and octet by octet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from fuzz.memory import cut, octets, whole
from fuzz.reference import Read, read
from fuzz.sessions import read_scripts
from inbox.sources.smtp.data import Body

TOKENS = (b"\r\n.\r\n", b"\r\n..", b"\r\n", b"\r", b"\n", b".", b"\0", b"\r\r\n", b"\n.\n", b"\r.\r")
_NOWHERE = Path("/nonexistent/spool")  # nothing here is big enough for a file
_CUTS = 32  # a longer input is cut in two at so many places only
_MEND, _NARROW = 1, 2


def check(data: bytes) -> None:
    """The first octet is the mode; the others are the stream."""
    if not data:
        return
    mode, stream = data[0], data[1:]
    mend, limit = bool(mode & _MEND), 40 if mode & _NARROW else 1 << 20
    wanted = read(stream, limit=limit, mend=mend)
    step = max(1, len(stream) // _CUTS)
    for pieces in (whole, octets, *(cut(place) for place in range(1, len(stream), step))):
        found = _fed(stream, pieces, limit=limit, mend=mend)
        if wanted is None or found is None:
            assert found is wanted, f"{stream!r}: the reference says {wanted}, the reader {found}"
            continue
        assert found.rest == wanted.rest
        assert found.reasons <= wanted.reasons
        assert bool(found.reasons) == bool(wanted.reasons), (
            f"{stream!r}: refused for {set(wanted.reasons)}, by the reader for {set(found.reasons)}"
        )
        assert found.reasons or found.octets == wanted.octets, f"{stream!r}: kept as {found.octets!r}, not {wanted.octets!r}"


def _fed(stream: bytes, pieces: object, *, limit: int, mend: bool) -> Read | None:
    body, fed = Body(limit, mend=mend, folder=_NOWHERE), 0
    for piece in pieces(stream):  # type: ignore[operator]
        fed += len(piece)
        if (rest := body.feed(piece)) is None:
            continue
        if body.problem:
            return Read(b"", frozenset([body.reason]), rest + stream[fed:])
        raw = body.content()
        octets_ = raw.read()
        assert (raw.size, raw.sha256) == (len(octets_), hashlib.sha256(octets_).hexdigest())
        return Read(octets_, frozenset(), rest + stream[fed:])
    return None


def seeds() -> Iterator[bytes]:
    """What the sessions say behind DATA, in every mode."""
    for script in read_scripts():
        mail = script.sent.partition(b"DATA\r\n")[2]
        if mail:
            yield from (bytes([mode]) + mail for mode in range(4))
