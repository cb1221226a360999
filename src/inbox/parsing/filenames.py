"""File names of attachments: the name as sent, made safe for every system."""

from __future__ import annotations

import re
import unicodedata

_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(?:\.|$)", re.IGNORECASE
)
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_HARMLESS = dict.fromkeys([0x061C, 0x200C, 0x200D, 0x200E, 0x200F])
"""What words are written with in Arabic, Hebrew, Persian and India, and emoji are made of: it goes without saying."""
_MOST_OCTETS = 255
_EXTENSIONS = {
    "application/pdf": "pdf", "application/zip": "zip", "application/json": "json", "application/xml": "xml", "application/gzip": "gz",
    "application/msword": "doc", "application/vnd.ms-excel": "xls", "application/vnd.ms-powerpoint": "ppt", "application/rtf": "rtf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/pgp-signature": "asc", "application/pgp-encrypted": "asc", "application/pkcs7-signature": "p7s",
    "application/x-pkcs7-signature": "p7s", "application/pkcs7-mime": "p7m", "application/x-pkcs7-mime": "p7m", "application/ms-tnef": "dat",
    "application/ics": "ics", "text/calendar": "ics", "text/plain": "txt", "text/html": "html", "text/csv": "csv", "text/vcard": "vcf",
    "text/x-vcard": "vcf", "text/rfc822-headers": "txt", "message/rfc822": "eml", "message/global": "eml", "message/delivery-status": "txt",
    "message/feedback-report": "txt", "message/disposition-notification": "txt", "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif",
    "image/webp": "webp", "image/svg+xml": "svg", "image/tiff": "tif", "image/bmp": "bmp", "audio/mpeg": "mp3", "video/mp4": "mp4",
}  # fmt: skip


def safe_name(sent: str) -> str | None:
    """The last segment of a name without anything that some system obeys, at most 255 octets; None when nothing is left of it.

    Removed: folders, control characters, direction marks, blanks and dots at both ends. Replaced by `_`: `<>:"|?*` and a dash in front.
    Names that Windows keeps for devices get a `_` in front.
    """
    name = re.split(r"[/\\]", sent.replace("\0", ""))[-1]
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if not (name.isascii() and name.isprintable()):
        name = "".join(c for c in name if unicodedata.category(c) not in _UNSEEN and c != "\ufffd")
    name = " ".join(_FORBIDDEN.sub("_", name).split()).strip(" .")
    if not name:
        return None
    if name.startswith("-"):
        name = "_" + name[1:]
    if _RESERVED.match(name):
        name = "_" + name
    return _shortened(name)


def harmless(sent: str) -> str:
    """A name as sent in the form in which `safe_name` differs from it only when it was not safe: one form of accents and blanks, no joiners and marks."""
    return " ".join(unicodedata.normalize("NFC", sent).translate(_HARMLESS).split())


def default_name(number: int, kind: str) -> str:
    """The name of an attachment that has none: its number in the mail and the extension of its type."""
    return f"attachment-{number}.{_EXTENSIONS.get(kind, 'bin')}"


def _shortened(name: str) -> str:
    octets = name.encode("utf-8", "replace")
    if len(octets) <= _MOST_OCTETS:
        return octets.decode()
    stem, dot, extension = name.rpartition(".")
    tail = (dot + extension).encode("utf-8", "replace")
    if not stem or len(tail) > 32:
        stem, tail = name, b""
    return stem.encode("utf-8", "replace")[: _MOST_OCTETS - len(tail)].decode("utf-8", "ignore").rstrip(" .") + tail.decode()
