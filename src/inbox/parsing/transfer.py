"""Content-Transfer-Encoding: octets as sent -> octets as meant (RFC 2045 section 6), whole or piece by piece.

A large part is decoded in windows, so that never more than one window of it is held twice. Foreign characters in base64 show by the length:
each one that was skipped is missing from the result.
"""

from __future__ import annotations

import binascii
import re
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from inbox.parsing.embedded import decode_uu, decode_yenc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WINDOW = 1 << 17  # larger pieces cost more: the memory of each is given back to the system
_SMALL = 1000
_TOKEN = re.compile(r"(?:\s*+\([^()]*+\))*+\s*+\"?([\w-]+)", re.ASCII)
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/]+")
_TEXTS = re.compile(rb"([^=]*+)(=*+)")
_MOST_TEXTS = 200_000
_UNCHANGED = ("7bit", "8bit", "binary")
_BY_LINES: dict[str, Callable[[bytes], bytes]] = {
    "x-uuencode": decode_uu,
    "uuencode": decode_uu,
    "x-uue": decode_uu,
    "uue": decode_uu,
    "x-yenc": decode_yenc,
    "x-yencode": decode_yenc,
    "yenc": decode_yenc,
}


class Transferred(NamedTuple):
    """Decoded octets and, when something was odd, the code of the defect and its detail."""

    octets: bytes
    code: str | None = None
    detail: str = ""


def encoding_of(text: str | None) -> str:
    """The encoding's name in lower case, behind comments; `7bit` when there is none; what is no name as it stands."""
    found = _TOKEN.match(text) if text else None
    return found[1].lower() if found else (text or "").strip()[:80] or "7bit"


def decode_transfer(octets: bytes, encoding: str) -> Transferred:
    """Never raises: what decodes is given, and a defect says what did not."""
    if encoding in _UNCHANGED:
        return Transferred(octets)
    if encoding == "quoted-printable":
        return Transferred(binascii.a2b_qp(octets))
    decoding = Decoding(octets, 0, len(octets), encoding)
    return Transferred(decoding.whole(), decoding.code, decoding.detail)


class Decoding:
    """The decoded octets of `raw[start:end]`, piece by piece. `code` and `detail` say what was odd, once all pieces were taken."""

    def __init__(self, raw: bytes, start: int, end: int, encoding: str) -> None:
        self.raw, self.start, self.end, self.encoding = raw, start, end, encoding
        self.code: str | None = None
        self.detail = ""
        self.texts = 0
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        if self.encoding in _UNCHANGED:
            return self._plain()
        if self.encoding == "base64":
            return self._base64()
        if self.encoding == "quoted-printable":
            return (binascii.a2b_qp(self.raw[at:stop]) for at, stop in self._windows(b"\n", b"="))
        if self.encoding in _BY_LINES:
            return iter([_BY_LINES[self.encoding](self.raw[self.start : self.end])])
        self.code, self.detail = "transfer-encoding-unknown", self.encoding
        return self._plain()

    def whole(self) -> bytes:
        """All pieces as one. Sound base64 is decoded where it stands, so that nothing is held twice."""
        if self.encoding == "base64" and self.end - self.start > _WINDOW:
            others = sum(self.raw.count(octet, self.start, self.end) for octet in (b"\n", b"\r", b"="))
            digits = self.end - self.start - others
            decoded = _decoded(memoryview(self.raw)[self.start : self.end])
            if len(decoded) == digits * 3 // 4 and digits % 4 != 1:
                return decoded
            del decoded
        return b"".join(self)

    def _windows(self, *ends: bytes) -> Iterator[tuple[int, int]]:
        """Offsets of windows: each ends behind a line end if there is one in it, else before the last `=`."""
        at = self.start
        while at < self.end:
            stop = at + _WINDOW
            if stop >= self.end:
                stop = self.end
            elif (line := self.raw.rfind(ends[0], at, stop)) >= 0:
                stop = line + 1
            elif len(ends) > 1 and (sign := self.raw.rfind(ends[1], stop - 3, stop)) >= 0:
                stop = sign
            yield at, stop
            at = stop

    def _plain(self) -> Iterator[bytes]:
        if self.end - self.start <= _WINDOW:
            yield self.raw[self.start : self.end]
            return
        for at in range(self.start, self.end, _WINDOW):
            yield self.raw[at : min(at + _WINDOW, self.end)]

    def _base64(self) -> Iterator[bytes]:
        """A window whose digits are no multiple of four hands the last of them on to the next one."""
        rest = b""
        for at, stop in self._windows(b"\n"):
            octets = rest + self.raw[at:stop] if rest else self.raw[at:stop]
            rest = b""
            digits = _digits(octets)
            if stop < self.end and digits % 4:
                bare = octets.translate(None, b" \t\r\n")
                octets, rest = bare[: -(digits % 4)], bare[-(digits % 4) :]
                digits = len(octets) - octets.count(b"=")
            decoded = _decoded(octets)
            if len(decoded) != digits * 3 // 4 or digits % 4 == 1:
                decoded = self._mended(octets)
            yield decoded
            if self.ended:
                return

    def _mended(self, octets: bytes) -> bytes:
        """What decodes without the foreign characters. Behind a padding only what is clearly base64 again counts: lists add words there."""
        if not self.code:
            self.code, self.detail = "base64-invalid", str(octets[:40], "ascii", "replace")
        texts = _TEXTS.findall(octets)
        decoded = [_padded(_FOREIGN.sub(b"", texts[0][0]))]
        self.texts += len(texts)
        if self.texts > _MOST_TEXTS:
            self.ended = True
        for digits, padding in texts[1:]:
            bare = digits.translate(None, b"\r\n")
            if (len(bare) + len(padding)) % 4 or _FOREIGN.search(bare):
                self.ended = True
                break
            decoded.append(_padded(bare))
        return b"".join(decoded)


def _decoded(octets: bytes | memoryview) -> bytes:
    try:
        if isinstance(octets, bytes) and len(octets) > _SMALL and (decode := _quick_decoder()):
            return decode(_one_line(octets))
    except binascii.Error:
        pass  # not sound as it stands
    try:
        return binascii.a2b_base64(octets)
    except binascii.Error:
        return b""


@cache
def _quick_decoder() -> Callable[[bytearray | bytes], bytes] | None:
    """pybase64 is ten times as fast as binascii, and optional. It raises binascii.Error where a single character is foreign."""
    try:
        from pybase64 import b64decode  # noqa: PLC0415 (optional)
    except ImportError:
        return None
    return partial(b64decode, validate=True)


def _one_line(octets: bytes) -> bytearray | bytes:
    """Without line ends. Those of lines of one length are cut out by their places."""
    line = bytearray(octets.rstrip(b"\r\n"))
    first = line.find(b"\n")
    for end, octet in ((first, b"\n"), (first - 1, b"\r")):
        if end > 0 and octet in line[end : end + 1]:
            every = line[end :: end + 1]
            if every.count(octet) < len(every):
                return octets.translate(None, b"\r\n")
            del line[end :: end + 1]
    return line


def _padded(digits: bytes) -> bytes:
    whole = digits[: len(digits) - (len(digits) % 4 == 1)]
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def _digits(octets: bytes) -> int:
    """How many octets are neither line ends nor padding. Lines of one length are counted by looking at their ends alone."""
    first = octets.find(b"\n")
    ends = octets[first :: first + 1] if first >= 0 else b""
    if len(ends) < 3 or ends.count(b"\n") != len(ends):
        return len(octets) - octets.count(b"\n") - octets.count(b"\r") - octets.count(b"=")
    returns = octets[first - 1 :: first + 1] if first else b""
    tail = octets[first + (len(ends) - 1) * (first + 1) + 1 :]
    others = tail.count(b"\n") + tail.count(b"\r") + octets[-8:].count(b"=")
    return len(octets) - len(ends) - returns[: len(ends)].count(b"\r") - others
