"""ClamAV: the virus that clamd finds in a mail (clamd(8), command INSTREAM, over TCP or a local socket).

The same octets are looked at once within ten minutes, whoever sent them to whomever: then signatures may be newer.
"""

from __future__ import annotations

import re
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from inbox.facts.scanning import Garbled, Scans, TooLarge

if TYPE_CHECKING:
    from inbox.model import Mail, Value
    from inbox.ports import Noted
    from inbox.send.http import Limited

_CHUNK = 1 << 16
_ANSWER = re.compile(rb"stream: (?:(?P<clean>OK)|(?P<virus>[^\0\r\n]+) FOUND)\0")
_REMEMBERED, _SECONDS = 1024, 600.0


class ClamAV:
    """The fact, and what it remembers: by the SHA-256 of a mail, the virus (None: clean) and when clamd said so."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._scans = Scans("ClamAV", self._ask)
        self._seen: OrderedDict[str, tuple[str | None, float]] = OrderedDict()
        self._clock = clock

    def virus(self, mail: Mail, settings: Mapping[str, Any]) -> Value | Noted:
        """Name of the virus that ClamAV found, absent when it found none; `error` when it did not answer and `on_error` is closed."""
        known, at = self._seen.get(mail.content.sha256, (None, -_SECONDS))
        if self._clock() - at < _SECONDS:
            return known
        return self._scans.fact(mail, settings, lambda found: found, "error")

    def _ask(self, mail: Mail, _settings: Mapping[str, Any], connection: Limited) -> str | None:
        answer, whole = _stream(mail.raw, connection)
        found = read_answer(answer)
        if found is None and not whole:
            raise Garbled("OK, said of a mail of which it has not read all")
        self._seen[mail.content.sha256] = found, self._clock()
        self._seen.move_to_end(mail.content.sha256)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return found


def chunks(octets: bytes) -> Iterator[bytes]:
    """The octets as INSTREAM wants them: each piece behind its length in four octets, big-endian; a length of 0 ends it."""
    for start in range(0, len(octets), _CHUNK):
        piece = octets[start : start + _CHUNK]
        yield struct.pack(">I", len(piece)) + piece
    yield struct.pack(">I", 0)


def read_answer(answer: bytes) -> str | None:
    """The virus that an answer names; None for a clean mail. TooLarge, Garbled."""
    if answer.startswith(b"INSTREAM size limit exceeded"):
        raise TooLarge("the mail is larger than clamd takes (StreamMaxLength in clamd.conf)")
    if not (found := _ANSWER.fullmatch(answer)):
        raise Garbled(answer)
    return None if found["clean"] else found["virus"].decode("utf-8", "replace")


def _stream(octets: bytes, connection: Limited) -> tuple[bytes, bool]:
    """Hand the octets over: the answer as far as its NUL, and whether all of them went. A clamd that has read enough answers before the end."""
    whole = False
    try:
        connection.sendall(b"zINSTREAM\0")
        for chunk in chunks(octets):
            connection.sendall(chunk)
        whole = True
    except (BrokenPipeError, ConnectionResetError):
        pass  # the answer says why, if one came
    reader = connection.makefile("rb")
    answer = b""
    for octet in iter(partial(reader.read, 1), b""):
        answer += octet
        if octet == b"\0" or len(answer) > 4096:
            break
    return answer, whole
