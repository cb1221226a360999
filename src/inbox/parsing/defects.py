"""What is odd about a mail: a code, where it is, and a detail for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CODES = {
    "addresses-capped": "more addresses in one field than are read",
    "address-invalid": "what stands in an address field is no address",
    "ambiguous-from": "two From fields, several authors without Sender, or one that cannot be read: nobody can say who wrote it",
    "base64-invalid": "base64 with foreign characters or a wrong length; what decodes is kept",
    "bidi-control": "embeddings, overrides or isolates turn the direction of writing, which hides what is really there; the marks of Hebrew and Arabic do not",
    "bom": "a byte order mark stands before the first header field",
    "boundary-guessed": "the boundary parameter is missing or wrong; the one that the delimiter lines have is used",
    "boundary-missing": "multipart without a boundary parameter; read as one text",
    "boundary-not-found": "multipart whose boundary never comes; read as one text",
    "boundary-unclosed": "the end boundary of a multipart is missing",
    "charset-guessed": "8-bit text without a declared charset that is not UTF-8",
    "charset-invalid": "octets that do not exist in the declared charset; a text called UTF-8 that has none of it is guessed",
    "charset-unknown": "a charset that is no text encoding of the web",
    "content-type-invalid": "Content-Type that cannot be read; text/plain is assumed",
    "date-invalid": "Date cannot be read",
    "duplicate-header": "a field that may stand once stands twice; the first one counts",
    "encoded-word-invalid": "an encoded word (RFC 2047) that cannot be decoded, or that hides a line break",
    "external-body": "a part whose content is elsewhere (message/external-body); it is not fetched",
    "filename-unsafe": "the file name as sent is not safe; another one is given",
    "header-block-cut": "the header is longer than what is read of it",
    "header-cut": "a field is longer than what is read of it",
    "hidden-text": "text of the HTML that a reader does not see; left out of the text",
    "header-malformed": "a line of the header is no field",
    "headers-capped": "more header fields than are read",
    "header-end-missing": "the header ends without an empty line; the text begins at the first line that is no field",
    "line-ends": "lines end with a bare CR, or one stands within a header, where some programs take it for the end of a line",
    "homograph": "a domain of another alphabet whose letters look like Latin ones",
    "invisible-character": "characters that nobody sees, in a subject, a name or an address",
    "mixed-script": "a domain, or a word of a name, mixes alphabets that look alike",
    "name-is-address": "the display name of an author shows an address of another domain",
    "nesting": "parts lie deeper within each other than is read",
    "nul": "a NUL octet, replaced by U+FFFD",
    "parameter-duplicate": "a parameter stands twice and the first one counts, or a file has another name with another extension",
    "partial": "one fragment of a mail that was sent in several (message/partial); they are not joined",
    "parts-behind-end": "a part stands behind the end boundary; it is not read, and some programs show it",
    "parts-capped": "more parts than are read",
    "text-cut": "a text is longer than what is decoded of it",
    "tnef-invalid": "a winmail.dat that cannot be read",
    "type-mismatch": "a file is something else than its declared type or the extension of its name says",
    "transfer-encoding-unknown": "an unknown Content-Transfer-Encoding; the octets are taken as they are",
}
"""Every code that exists, and what it means."""


_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Defect:
    """`where`: a field's name in lower case, `part 1.2`, or `body`; `detail`: the words or octets in question, shortened."""

    code: str
    where: str
    detail: str

    def to_dict(self) -> dict[str, str]:
        return {"code": self.code, "where": self.where, "detail": self.detail}


class Defects(list[Defect]):
    """A list of defects that is being written."""

    def add(self, code: str, where: str, detail: object = "") -> None:
        """`detail` is shortened, and what cannot be printed is escaped: it ends up in logs and on terminals."""
        text = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
        self.append(Defect(code, where, _printable(text.strip()[:_LONGEST])))


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def once(found: Iterable[Defect], limit: int) -> tuple[Defect, ...]:
    """The first of each (code, where), in order, at most `limit`."""
    first: dict[tuple[str, str], Defect] = {}
    for defect in found:
        first.setdefault((defect.code, defect.where), defect)
    return tuple(first.values())[:limit]
