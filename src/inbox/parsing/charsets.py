"""Octets -> text by the labels of the web (WHATWG Encoding Standard), and only with real text codecs.

A label is looked up in a closed table: a mail cannot choose `punycode`, `idna` or `zip`. UTF-7 is not in it on purpose.
"""

from __future__ import annotations

from typing import NamedTuple

from inbox.parsing.legacy_codecs import decode_odd, decode_web

_CODECS: dict[str, str] = {
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8 utf-8-sig cp65001 utf8mb4",
    "utf-16-le": "utf-16le",
    "utf-16-be": "utf-16be unicodefffe",
    "utf-16": "utf-16 unicode ucs-2 iso-10646-ucs-2 csunicode unicodefeff",
    "utf-32": "utf-32 ucs-4 utf-32le utf-32be",
    "ascii": "us-ascii ascii ansi_x3.4-1968 iso646-us iso-ir-6 csascii us 646 default unknown-8bit x-unknown unknown x-user-defined",
    "cp1252": "iso-8859-1 iso8859-1 iso88591 iso_8859-1 latin1 latin-1 l1 cp819 ibm819 csisolatin1 iso-ir-100 "
    "iso_8859-1:1987 windows-1252 cp1252 x-cp1252 ansi",
    "iso8859-2": "iso-8859-2 iso8859-2 iso88592 iso_8859-2 latin2 latin-2 l2 csisolatin2 iso-ir-101 iso_8859-2:1987",
    "iso8859-3": "iso-8859-3 iso8859-3 iso88593 iso_8859-3 latin3 l3 csisolatin3 iso-ir-109 iso_8859-3:1988",
    "iso8859-4": "iso-8859-4 iso8859-4 iso88594 iso_8859-4 latin4 l4 csisolatin4 iso-ir-110 iso_8859-4:1988",
    "iso8859-5": "iso-8859-5 iso8859-5 iso88595 iso_8859-5 cyrillic csisolatincyrillic iso-ir-144 iso_8859-5:1988",
    "iso8859-6": "iso-8859-6 iso8859-6 iso88596 iso_8859-6 arabic ecma-114 asmo-708 csisolatinarabic iso-8859-6-i iso-8859-6-e csiso88596e csiso88596i iso-ir-127 iso_8859-6:1987",
    "iso8859-7": "iso-8859-7 iso8859-7 iso88597 iso_8859-7 greek greek8 ecma-118 elot_928 sun_eu_greek csisolatingreek iso-ir-126 iso_8859-7:1987",
    "iso8859-8": "iso-8859-8 iso8859-8 iso88598 iso_8859-8 hebrew visual iso-8859-8-i iso-8859-8-e logical csisolatinhebrew csiso88598e csiso88598i iso-ir-138 iso_8859-8:1988",
    "cp1254": "iso-8859-9 iso8859-9 iso88599 iso_8859-9 latin5 l5 csisolatin5 iso-ir-148 windows-1254 cp1254 x-cp1254 iso_8859-9:1989",
    "iso8859-10": "iso-8859-10 iso8859-10 iso885910 latin6 l6 csisolatin6 iso-ir-157",
    "cp874": "iso-8859-11 iso8859-11 iso885911 tis-620 tis620 dos-874 windows-874 cp874",
    "iso8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859-15": "iso-8859-15 iso8859-15 iso885915 iso_8859-15 latin9 latin-9 l9 csisolatin9",
    "iso8859-16": "iso-8859-16 iso8859-16",
    "cp1250": "windows-1250 cp1250 x-cp1250",
    "cp1251": "windows-1251 cp1251 x-cp1251",
    "cp1253": "windows-1253 cp1253 x-cp1253",
    "cp1255": "windows-1255 cp1255 x-cp1255",
    "cp1256": "windows-1256 cp1256 x-cp1256",
    "cp1257": "windows-1257 cp1257 x-cp1257",
    "cp1258": "windows-1258 cp1258 x-cp1258",
    "koi8-r": "koi8-r koi8_r koi8 koi cskoi8r",
    "koi8-u": "koi8-u koi8-ru",
    "mac-roman": "macintosh mac x-mac-roman csmacintosh",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "gb18030": "gb18030 gbk gb2312 gb_2312 gb_2312-80 chinese csgb2312 csiso58gb231280 iso-ir-58 x-gbk cp936 ms936 windows-936 euc-cn",
    "hz": "hz-gb-2312 hz",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5 cp950 ms950",
    "cp932": "shift_jis shift-jis sjis x-sjis ms_kanji csshiftjis ms932 windows-31j cp932",
    "euc-jp": "euc-jp eucjp x-euc-jp cseucpkdfmtjapanese",
    "iso2022_jp_ext": "iso-2022-jp csiso2022jp iso-2022-jp-1 iso-2022-jp-ms cp50220 cp50221 cp50222",
    "iso2022_jp_2": "iso-2022-jp-2",
    "iso2022_kr": "iso-2022-kr csiso2022kr",
    "cp949": "euc-kr ks_c_5601-1987 ks_c_5601-1989 ks_c_5601 ksc5601 ksc_5601 korean cseuckr csksc56011987 iso-ir-149 windows-949 cp949 uhc",
    "johab": "johab cp1361",
    "cp437": "cp437 ibm437",
    "cp850": "cp850 ibm850",
    "cp852": "cp852 ibm852",
    "cp866": "ibm866 cp866 866 csibm866",
}
_BY_LABEL = {label: codec for codec, labels in _CODECS.items() for label in (codec, *labels.split())}

_GUESS_OCTETS = 4096
_BOM = b"\xef\xbb\xbf"


class Decoded(NamedTuple):
    """Text and, when something was odd, the code of the defect and its detail."""

    text: str
    code: str | None = None
    detail: str = ""


def codec_of(label: str) -> str | None:
    """The Python codec of a charset label, or None when it is no text encoding of the web."""
    plain = label.strip(" \t\r\n\"'").partition(" ")[0].lower()
    return _BY_LABEL.get(plain) or _BY_LABEL.get(plain.replace("_", "-"))


def decode(octets: bytes, label: str | None, hint: str | None = None) -> Decoded:
    """Text of `octets`. `label`: the declared charset; `hint`: the one that is used elsewhere in the mail, for what is not declared.

    A byte order mark is believed before any label, as browsers do. Octets that do not exist in the declared charset and are UTF-8 are UTF-8.
    """
    codec = codec_of(label) if label else "ascii"
    if octets[:3] == _BOM:
        codec, octets = "utf-8", octets[3:]
    if codec is None:
        return Decoded(_utf8(octets) or octets.decode("ascii", "replace"), "charset-unknown", label or "")
    if codec == "ascii":
        return _undeclared(octets, hint, declared=bool(label))
    try:
        return Decoded(decode_web(octets, codec))
    except UnicodeError:
        return Decoded(_utf8(octets) or decode_odd(octets, codec), "charset-invalid", label or "")


def _undeclared(octets: bytes, hint: str | None, *, declared: bool) -> Decoded:
    if octets.isascii():
        return Decoded(octets.decode("ascii"))
    text = _utf8(octets)
    if text is not None:
        return Decoded(text, "charset-invalid", "us-ascii") if declared else Decoded(text)
    codec = codec_of(hint or "") or "ascii"
    if codec in ("ascii", "utf-8"):
        codec = guess_codec(octets)
    return Decoded(_strictly(octets, codec) or decode_odd(octets, codec), "charset-guessed", codec)


def is_utf8(octets: bytes) -> bool:
    """Whether octets are ASCII or UTF-8, but for a last character that is cut."""
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


def is_mislabelled(octets: bytes, label: str) -> bool:
    """Whether a text says that it is UTF-8 and not one letter of it is: then the label is the mistake, not the letters."""
    return codec_of(label) == "utf-8" and not is_utf8(octets) and octets.decode("utf-8", "ignore").isascii()


def _utf8(octets: bytes) -> str | None:
    return _strictly(octets, "utf-8")


def _strictly(octets: bytes, codec: str) -> str | None:
    try:
        return decode_web(octets, codec)
    except UnicodeError:
        return None


def guess_codec(octets: bytes) -> str:
    """The codec of 8-bit text that nobody declared: the likeliest that a detector proposes, whatever its confidence; else cp1252."""
    sample = octets[:_GUESS_OCTETS]
    return next((codec for codec in ("euc-jp", "cp932") if _is_kana(sample, codec)), None) or _detected(sample) or "cp1252"


def _is_kana(octets: bytes, codec: str) -> bool:
    """Whether half of the letters would be kana: a short Japanese text that detectors take for something else."""
    letters = [c for c in _strictly(octets[: len(octets) // 2 * 2], codec) or "" if c > "\x7f"]
    return sum("\u3041" <= c <= "\u30fe" for c in letters) * 2 > len(letters)


def _detected(octets: bytes) -> str | None:
    """The first proposal that is an encoding of the web and in which the octets exist."""
    try:
        import chardet  # noqa: PLC0415 (0.16 s and 37 MB: only for the few mails that need it)

        found = [codec_of(proposal["encoding"] or "") for proposal in chardet.detect_all(octets, ignore_threshold=True)]
    except Exception:  # a detector of others: whatever it raises, there is a text
        return None
    known = [codec for codec in found if codec and codec != "ascii"]
    return next((codec for codec in known if _strictly(octets, codec) is not None), known[0] if known else None)
