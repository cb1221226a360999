"""What a file is by its first octets. A closed table; nothing is ever unpacked."""

from __future__ import annotations

import re

_HEAD = 40_000
_TAIL = 65_536
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"MZ", "application/x-msdownload"),
    (b"\x7fELF", "application/x-executable"),
    (b"\xca\xfe\xba\xbe", "application/java-vm"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F", "application/x-ms-shortcut"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"MSCF", "application/vnd.ms-cab-compressed"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"\x78\x9f\x3e\x22", "application/ms-tnef"),
    (b"ITSF", "application/vnd.ms-htmlhelp"),
    (b"BEGIN:VCALENDAR", "text/calendar"),
    (b"BEGIN:VCARD", "text/vcard"),
    (b"-----BEGIN PGP SIGNATURE", "application/pgp-signature"),
    (b"-----BEGIN PGP MESSAGE", "application/pgp-encrypted"),
    (b"-----BEGIN PGP PUBLIC KEY", "application/pgp-keys"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "application/ogg"),
    (b"fLaC", "audio/flac"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"%!PS", "application/postscript"),
    (b"#!", "text/x-script"),
    (b"<?xml", "application/xml"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
)
_ZIPPED: tuple[tuple[bytes, str], ...] = (
    (b"word/document.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/workbook.", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/presentation.xml", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (b"AndroidManifest.xml", "application/vnd.android.package-archive"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
)
_INNER = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_HTML = re.compile(rb"(?:<!--.{0,500}?-->\s*)?<(?:!doctype\s+html|html|head|body|script)\b", re.IGNORECASE | re.DOTALL)
_OPEN_DOCUMENT = re.compile(rb"mimetype(application/[\w.+-]{1,80})(?=PK)")


def detect_type(octets: bytes) -> str | None:
    """The media type that the octets show, or None when the table does not know them."""
    head = octets[:_HEAD]
    if head.startswith(b"PK\x03\x04"):
        return _zipped(octets, head)
    for start, kind in _STARTS:
        if head.startswith(start):
            return "image/svg+xml" if kind == "application/xml" and b"<svg" in head else kind
    return _by_offset(head) or _text(head)


def _zipped(octets: bytes, head: bytes) -> str:
    """Office documents are zip archives; the list of their members stands at the end, not packed."""
    if found := _OPEN_DOCUMENT.search(head):
        return found[1].decode("ascii")
    names = head + octets[-_TAIL:]
    return next((kind for name, kind in _ZIPPED if name in names), "application/zip")


def _by_offset(head: bytes) -> str | None:
    if head.startswith(b"RIFF"):
        return _INNER.get(head[8:12])
    if head[4:8] == b"ftyp":
        return {b"heic": "image/heic", b"avif": "image/avif", b"qt  ": "video/quicktime"}.get(head[8:12], "video/mp4")
    if head[32_769:32_774] == b"CD001":
        return "application/x-iso9660-image"
    return "image/bmp" if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" else None


def _text(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _HTML.match(text):
        return "text/html"
    return "image/svg+xml" if text[:4].lower() == b"<svg" else None
