"""Files that go with a mail, as parts of it (RFC 2183, RFC 2231, RFC 2045), and parts put together."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from inbox.errors import ConfigError
from inbox.send.headers import clean

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 !#$&'()+,.=@^_`{}~-]+")
_WHOLE = ("message/", "multipart/")
"""Types that may not be encoded (RFC 2045 section 6.4): such a file is sent as octets."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file: its name, its octets, and its media type (None: by its name)."""

    name: str
    content: bytes
    type: str | None = None

    @classmethod
    def of(cls, path: Path) -> Attachment:
        """The file at a path; ConfigError when it cannot be read."""
        try:
            return cls(path.name, path.read_bytes())
        except OSError as error:
            raise ConfigError(f"attachment {path} cannot be read: {error.strerror}") from None

    def part(self) -> bytes:
        """The file as a part of a mail. ValueError for a type that is none."""
        kind = self.type or mimetypes.guess_type(self.name)[0] or "application/octet-stream"
        if not _TYPE.fullmatch(kind):
            raise ValueError(f"{kind!r} is no media type; write application/pdf")
        if kind.lower().startswith(_WHOLE):
            kind = "application/octet-stream"
        encoded = base64.b64encode(self.content)
        lines = (encoded[at : at + 76] for at in range(0, len(encoded), 76))
        head = (
            f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;{_filename(self.name)}\r\n\r\n"
        )
        return head.encode("ascii") + b"".join(line + b"\r\n" for line in lines)


def _filename(name: str) -> str:
    """The parameter filename; what is not plain ASCII as RFC 2231 has it, in pieces that fit on a line."""
    shown = clean(Path(name.replace("\\", "/")).name)[:200] or "attachment"
    if _PLAIN_NAME.fullmatch(shown) and len(shown) <= 60:
        return f'\r\n filename="{shown}"'
    encoded = "utf-8''" + quote(shown, safe="")
    pieces = re.findall(r"(?:%..|[^%]){1,20}", encoded)
    if len(pieces) == 1:
        return f"\r\n filename*={encoded}"
    return ";".join(f"\r\n filename*{number}*={piece}" for number, piece in enumerate(pieces))


def multipart(subtype: str, parts: Sequence[bytes]) -> bytes:
    """Parts put together, with a boundary that none of them holds: the same parts give the same octets."""
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()
    boundary = b"=_" + digest[:32].encode()
    opening = b"Content-Type: multipart/" + subtype.encode() + b'; boundary="' + boundary + b'"\r\n\r\n'
    return opening + b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
