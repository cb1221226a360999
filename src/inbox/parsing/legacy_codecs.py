"""Where Python's codecs say something else than the encodings of the web (WHATWG Encoding Standard), and what the web says.

Senders use what browsers understand: Japanese with the rows that NEC and IBM added to JIS X 0208, the full-width signs of Windows, a euro
sign in GBK. Python's own codec is tried first, since it is quick; only text that it refuses is read pair by pair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_WIDE = str.maketrans("\u301c\u2016\u2212\xa2\xa3\xac", "\uff5e\u2225\uff0d\uffe0\uffe1\uffe2")
_OTHER: Mapping[str, Mapping[int, int]] = {
    "euc-jp": _WIDE,
    "iso2022_jp_ext": _WIDE,
    "koi8-u": str.maketrans("\u255d\u256c", "\u045e\u040e"),
    "gb18030": str.maketrans("\ue5e5\ue7c7", "\u3000\u1e3f"),
}
"""Letters of Python's codecs that are other ones on the web."""

_CONTROLS = {0xDC80 + n: 0x80 + n for n in range(0x20)}  # what Windows left empty are control characters on the web
_REPLACED = {0xDC00 + n: 0xFFFD for n in range(0x80, 0x100)}
_ODD: Mapping[str, Mapping[int, int]] = {
    **dict.fromkeys(("cp874", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257", "cp1258"), _REPLACED | _CONTROLS),
    "cp1255": _REPLACED | _CONTROLS | {0xDCCA: 0x05BA},
    "gb18030": _REPLACED | {0xDC80: 0x20AC},
}
"""What octets are that a codec does not know, by the surrogates that Python makes of them."""

_ESCAPE = re.compile(rb"\x1b(\([BJI]|\$[@B]|\$\([@BD])")
_FOREIGN = re.compile(rb"([\x80-\xff](?:[\x80-\xff]|(?<=[\x80-\xff])[@-~])*)")
_PAIR = re.compile(rb"[\xa1-\xfe]{2}")
_BIG5_LETTER = re.compile(rb"[\x81-\xfe][@-~\xa1-\xfe]|.", re.DOTALL)
_EUC_LETTER = re.compile(rb"\x8f[\xa1-\xfe]{2}|\x8e[\xa1-\xdf]|[\xa1-\xfe]{2}|.", re.DOTALL)
_HIGH = bytes(n | 0x80 if 0x20 < n < 0x7F else n for n in range(0x100))
_ROMAN = str.maketrans("\\~", "\xa5\u203e")


def decode_web(octets: bytes, codec: str) -> str:
    """Text of a codec as the web has it; UnicodeError when the octets do not exist in it."""
    if codec == "utf-16" and octets[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16-be" if octets[::2].count(0) > octets[1::2].count(0) else "utf-16-le"
    try:
        text = octets.decode(codec)
    except UnicodeError:
        text = _READERS[codec](octets) if codec in _READERS else "\ufffd"
        if "\ufffd" in text:
            raise
        return text
    other = _OTHER.get(codec)
    return text.translate(other) if other else text


def decode_odd(octets: bytes, codec: str) -> str:
    """What can be had of octets that do not exist in a codec, with U+FFFD for the rest. Never raises."""
    if reader := _READERS.get(codec):
        return reader(octets)
    if known := _ODD.get(codec):
        return octets.decode(codec, "surrogateescape").translate(known)
    return octets.decode(codec, "replace")


class _Letters(dict[bytes, str]):
    """The text of an octet or a few, each looked up once; U+FFFD for what is no letter."""

    def __init__(self, read: Callable[[bytes], str]) -> None:
        self.read = read

    def __missing__(self, octets: bytes) -> str:
        try:
            letter = self.read(octets)
        except UnicodeError:
            letter = "\ufffd"
        self[octets] = letter
        return letter

    def text(self, octets: bytes, letter: re.Pattern[bytes]) -> str:
        """Letter by letter what is not ASCII."""
        out: list[str] = []
        for n, piece in enumerate(_FOREIGN.split(octets)):
            out += map(self.__getitem__, letter.findall(piece)) if n % 2 else [piece.decode("ascii")]
        return "".join(out)


def _big5(octets: bytes) -> str:
    return _Letters(_big5_letter).text(octets, _BIG5_LETTER)


def _big5_letter(octets: bytes) -> str:
    try:
        return octets.decode("big5hkscs")
    except UnicodeError:
        return octets.decode("cp950")


def _euc_jp(octets: bytes) -> str:
    """JIS X 0208 as Windows has it, JIS X 0201, JIS X 0212."""
    return _Letters(lambda code: _of_windows(*code) if len(code) == 2 and code[0] > 0x8E else code.decode("euc-jp")).text(
        octets, _EUC_LETTER
    )


def _of_windows(first: int, second: int) -> str:
    """The letter at a row and a column of JIS X 0208, by way of Shift_JIS (RFC 1468 leaves its rows 9 to 15 empty, Windows does not)."""
    row, column = first - 0xA1, second - 0xA1
    lead = row // 2 + (0x81 if row < 62 else 0xC1)
    trail = column + 0x9F if row % 2 else column + (0x40 if column < 63 else 0x41)
    return bytes((lead, trail)).decode("cp932")


def _iso2022_jp(octets: bytes) -> str:
    """Escape sequences choose the set of what follows (RFC 1468); in text that is not shifted, 8-bit octets are Shift_JIS."""
    out, chosen = [], b"(B"
    for n, piece in enumerate(_ESCAPE.split(octets)):
        if n % 2:
            chosen = piece
        elif chosen in (b"(B", b"(J"):
            text = piece.decode("cp932", "replace")
            out.append(text.translate(_ROMAN) if chosen == b"(J" else text)
        elif chosen == b"(I":
            out.append(piece.translate(_HIGH).decode("cp932", "replace"))
        else:
            high = piece.translate(_HIGH)
            out.append(_euc_jp(_PAIR.sub(rb"\x8f\g<0>", high) if chosen == b"$(D" else high))
    return "".join(out)


_READERS: Mapping[str, Callable[[bytes], str]] = {"big5hkscs": _big5, "euc-jp": _euc_jp, "iso2022_jp_ext": _iso2022_jp}
