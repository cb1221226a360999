"""A mail in seven bits, for servers that take no others: bodies in quoted-printable or base64, header text in encoded words (RFC 6152 section 3).

Only what is not plain is touched; all else stays octet for octet. Lines of more than 998 octets (RFC 5322 section 2.1.1) are mended on the way.
Whatever a conversion would break is not converted: a part that is signed (multipart/signed), a message/* that may not be encoded (RFC 2045
section 6.4), an address that is not ASCII. Who converts a mail breaks signatures over all of it (DKIM): ask before, or sign after.
"""

from __future__ import annotations

import base64
import binascii
import re

from inbox.parsing.media import Media, read_type
from inbox.parsing.transfer import decode_transfer, encoding_of
from inbox.send.ascii_fields import Impossible, ascii_field, folded

LONGEST_LINE = 998
_LONG = re.compile(rb"[^\r\n]{999}")
_FIELD = re.compile(rb"[^\r\n]*+\r\n(?:[ \t][^\r\n]*+\r\n)*+")
_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")
_DEEPEST = 30
_BARE = ("message/rfc822", "message/news")
_TEXT = Media("text/plain", {})
_MESSAGE = Media("message/rfc822", {})


def is_plain(octets: bytes) -> bool:
    """Whether these octets can go to every server: seven bits, no line over 998 octets."""
    return octets.isascii() and not has_long_lines(octets)


def has_long_lines(octets: bytes) -> bool:
    """Whether a line has more than 998 octets."""
    return _LONG.search(octets) is not None


def downgrade(raw: bytes, *, bodies: bool = True) -> bytes | None:
    """The same mail in seven bits (the octets themselves when it is so already); None when that would break something. `raw`: CRLF only.

    `bodies`: False converts header fields alone, for servers that take 8-bit bodies (RFC 6152) and no UTF-8 in headers (RFC 6531).
    """
    try:
        return _entity(raw, _TEXT, bodies, 0)
    except Impossible:
        return None


def _entity(octets: bytes, default: Media, bodies: bool, depth: int) -> bytes:
    """One header and its body. Raises Impossible."""
    if is_plain(octets):
        return octets
    if depth > _DEEPEST:
        raise Impossible(f"parts within parts, {_DEEPEST} deep")
    fields, blank, body = _split(octets)
    said = {_name(field): field for field in reversed(fields)}
    media = read_type(_value(said[b"content-type"])) if b"content-type" in said else default
    encoding = encoding_of(_value(said[b"content-transfer-encoding"]) if b"content-transfer-encoding" in said else None)
    fields = [
        field if is_plain(field) else ascii_field(*field.split(b":", 1)) if not field.isascii() else folded(field) for field in fields
    ]
    if bodies and not is_plain(body):
        before = body
        body, now = _body(body, media, encoding, depth)
        fields = _declared(fields, now, root=not depth, text=before)
    elif not bodies and media.value.startswith(("multipart/", "message/")):
        body, _ = _body(body, media, encoding, depth, bodies=False)
    return b"".join(fields) + blank + body


def _split(octets: bytes) -> tuple[list[bytes], bytes, bytes]:
    """Fields with their CRLF, the empty line, and the body."""
    fields, at = [], 0
    while not octets.startswith(b"\r\n", at) and at < len(octets):
        found = _FIELD.match(octets, at)
        if not found or not _NAME.match(found[0]):
            raise Impossible("the header is not well made")
        fields.append(found[0])
        at = found.end()
    return fields, octets[at : at + 2], octets[at + 2 :]


def _name(field: bytes) -> bytes:
    return field.partition(b":")[0].strip().lower()


def _value(field: bytes) -> str:
    return field.partition(b":")[2].decode("latin-1")


def _body(body: bytes, media: Media, encoding: str, depth: int, *, bodies: bool = True) -> tuple[bytes, str]:
    """A body, and its transfer encoding from now on."""
    kind = media.value
    if kind.startswith("multipart/"):
        return _multipart(body, media, bodies, depth), "7bit"
    if kind in _BARE and encoding in ("7bit", "8bit", "binary"):
        return _entity(body, _TEXT, bodies, depth + 1), "7bit"
    if not bodies:
        return body, encoding
    if kind.startswith("message/") and not kind.startswith("message/global"):
        raise Impossible(f"{kind} may not be encoded")
    return _leaf(body, kind, encoding)


def _multipart(body: bytes, media: Media, bodies: bool, depth: int) -> bytes:
    boundary = (media.get("boundary") or "").encode("latin-1").rstrip()
    if media.value == "multipart/signed" or not boundary:
        raise Impossible("it is signed" if boundary else "a multipart has no boundary")
    delimiter = re.compile(rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r\n|\Z)")
    pieces, at = [], 0
    default = _MESSAGE if media.value == "multipart/digest" else _TEXT
    inside = False
    for found in delimiter.finditer(body):
        if found.start() < at:
            continue
        pieces += [_between(body[at : found.start()], default, bodies, depth, inside=inside), found[0]]
        at, inside = found.end(), found[1] is None
        if not inside:
            break
    return b"".join((*pieces, _between(body[at:], default, bodies, depth, inside=inside)))


def _between(octets: bytes, default: Media, bodies: bool, depth: int, *, inside: bool) -> bytes:
    """A part; or the preamble or epilogue, which nobody reads and which cannot be encoded."""
    if inside:
        return _entity(octets, default, bodies, depth + 1)
    if bodies and not is_plain(octets):
        raise Impossible("there is 8-bit text outside of all parts")
    return octets


def _leaf(body: bytes, kind: str, encoding: str) -> tuple[bytes, str]:
    """Text in quoted-printable, all else in base64, whatever it was before."""
    if encoding in ("quoted-printable", "base64"):
        body = decode_transfer(body, encoding).octets
    elif encoding not in ("7bit", "8bit", "binary"):
        raise Impossible(f"nobody knows the transfer encoding {encoding}")
    if kind.startswith("text/") and encoding != "base64":
        lines = body.replace(b"\r\n", b"\n")
        if b"\r" not in lines and b"\0" not in lines:
            return binascii.b2a_qp(lines, istext=True).replace(b"\n", b"\r\n"), "quoted-printable"
    return base64.encodebytes(body).replace(b"\n", b"\r\n"), "base64"


def _declared(fields: list[bytes], encoding: str, *, root: bool, text: bytes) -> list[bytes]:
    """The fields with the transfer encoding that holds now; a mail that had no MIME header gets one (RFC 2045 section 4)."""
    kept = [field for field in fields if _name(field) != b"content-transfer-encoding"]
    names = {_name(field) for field in kept}
    if root and b"mime-version" not in names:
        kept.append(b"MIME-Version: 1.0\r\n")
    if encoding != "7bit" and b"content-type" not in names:
        kept.append(b"Content-Type: text/plain; charset=" + _charset(text) + b"\r\n")
    if encoding != "7bit":
        kept.append(b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n")
    return kept


def _charset(text: bytes) -> bytes:
    """What undeclared text is in: UTF-8 if it can be, else nobody knows (RFC 1428)."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return b"unknown-8bit"
    return b"us-ascii" if text.isascii() else b"utf-8"
