"""What a file is by its first octets, and whether that is what its sender says. A closed table; nothing is ever unpacked."""

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
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", "application/onenote"),
    (b"conectix", "application/x-vhd"),
    (b"vhdxfile", "application/x-vhdx"),
    (b"\0asm", "application/wasm"),
    (b"\0\0\x01\0", "image/vnd.microsoft.icon"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
)
_ZIPPED: tuple[tuple[bytes, str], ...] = (
    (b"word/document.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/workbook.", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/presentation.xml", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (b"AndroidManifest.xml", "application/vnd.android.package-archive"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
)
_STORED: tuple[tuple[bytes, str], ...] = tuple(
    (name.encode("utf-16-le"), kind)
    for name, kind in (
        ("WordDocument", "application/msword"),
        ("PowerPoint Document", "application/vnd.ms-powerpoint"),
        ("Workbook", "application/vnd.ms-excel"),
        ("__substg1.0_", "application/vnd.ms-outlook"),
        ("MsiSummary", "application/x-msi"),
    )
)
"""Names in the directory of a compound file (MS-CFB section 2.6.1)."""
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
            if kind == "application/x-ole-storage":
                return next((known for name, known in _STORED if name in octets), kind)
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
    if head[257:262] == b"ustar":
        return "application/x-tar"
    if head[32_769:32_774] == b"CD001":
        return "application/x-iso9660-image"
    return "image/bmp" if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" else None


def _text(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _HTML.match(text):
        return "text/html"
    return "image/svg+xml" if text[:4].lower() == b"<svg" else None


_GENERIC = (
    "",
    "application/octet-stream",
    "application/binary",
    "application/x-download",
    "application/force-download",
    "application/unknown",
)
_FAMILIES = {
    "office": "application/msword application/vnd.ms-excel application/vnd.ms-powerpoint application/vnd.ms-outlook application/x-ole-storage "
    "application/rtf text/rtf application/excel application/vnd.msexcel application/mspowerpoint",
    "zip": "application/zip application/x-zip application/x-zip-compressed multipart/x-zip application/zip-compressed application/epub+zip",
    "gzip": "application/gzip application/x-gzip application/x-tgz application/x-compressed application/x-compressed-tar application/x-gtar "
    "application/x-gtar-compressed application/tar+gzip",
    "program": "application/x-msdownload application/x-msdos-program application/x-dosexec application/x-ms-dos-executable application/exe "
    "application/vnd.microsoft.portable-executable application/x-exe application/x-winexe",
    "xml": "application/xml text/xml image/svg+xml application/xhtml+xml application/rss+xml application/atom+xml application/gpx+xml",
    "html": "text/html application/xhtml+xml",
    "jpeg": "image/jpeg image/jpg image/pjpeg image/jfif",
    "png": "image/png image/x-png image/apng",
    "bmp": "image/bmp image/x-ms-bmp image/x-bmp image/x-windows-bmp",
    "icon": "image/vnd.microsoft.icon image/x-icon image/ico",
    "calendar": "text/calendar application/ics text/x-vcalendar application/calendar",
    "vcard": "text/vcard text/x-vcard text/directory",
    "pdf": "application/pdf application/x-pdf application/acrobat",
    "mp4": "video/mp4 audio/mp4 audio/x-m4a audio/m4a video/quicktime video/3gpp audio/3gpp video/x-m4v",
    "mp3": "audio/mpeg audio/mp3 audio/x-mp3 audio/mpeg3",
    "ogg": "application/ogg audio/ogg video/ogg audio/opus",
    "wav": "audio/wav audio/x-wav audio/wave audio/vnd.wave",
    "avi": "video/x-msvideo video/avi video/msvideo",
    "rar": "application/vnd.rar application/x-rar application/x-rar-compressed application/rar",
    "pgp": "application/pgp-signature application/pgp-encrypted application/pgp-keys application/pgp",
    "postscript": "application/postscript application/ps image/x-eps",
    "heif": "image/heic image/heif image/heic-sequence",
    "bzip2": "application/x-bzip2 application/x-bzip application/bzip2",
    "tnef": "application/ms-tnef application/vnd.ms-tnef",
}
_FAMILY = {kind: family for family, kinds in _FAMILIES.items() for kind in kinds.split()}
_BY_EXTENSION = {
    "pdf": "application/pdf", "doc": "application/msword", "docx": "application/msword", "xls": "application/msword", "xlsx": "application/msword",
    "ppt": "application/msword", "pptx": "application/msword", "rtf": "application/rtf", "txt": "text/plain", "csv": "text/csv", "zip": "application/zip",
    "gz": "application/gzip", "tgz": "application/gzip", "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif",
    "webp": "image/webp", "bmp": "image/bmp", "tif": "image/tiff", "tiff": "image/tiff", "mp3": "audio/mpeg", "mp4": "video/mp4", "wav": "audio/wav",
    "ics": "text/calendar", "vcf": "text/vcard", "xml": "application/xml", "svg": "image/svg+xml", "html": "text/html", "htm": "text/html",
    "json": "application/json", "odt": "application/vnd.oasis.opendocument.text", "ods": "application/vnd.oasis.opendocument.spreadsheet",
}  # fmt: skip


def contradicts(declared: str, name: str, detected: str | None) -> bool:
    """Whether the octets are something else than the declared type or the extension of the name says. What is not known contradicts nothing."""
    if detected is None:
        return False
    claims = [declared] if declared not in _GENERIC else []
    if known := _BY_EXTENSION.get(name.rpartition(".")[2].lower()):
        claims.append(known)
    return any(not _same(claim, detected) for claim in claims)


def _same(claim: str, detected: str) -> bool:
    one, other = _family(claim), _family(detected)
    if detected == "text/x-script":
        return claim.startswith(("text/", "application/x-")) or "script" in claim
    return one == other or {one, other} in ({"xml", "html"}, {"office", "zip"})


def _family(kind: str) -> str:
    """Types that mean one thing to people: an Excel sheet that is declared as Word document is no deceit."""
    if kind.startswith("application/vnd.openxmlformats-officedocument.") or (
        kind.startswith("application/vnd.ms-") and "macroenabled" in kind
    ):
        return "office"
    if kind.startswith("application/vnd.oasis.opendocument."):
        return "zip"
    if kind.endswith("+xml"):
        return "xml"
    return _FAMILY.get(kind) or kind.replace("/x-", "/")
