"""The normalized model of a mail: what its octets say. Everything is derived when it is first asked for, and once.

    octets -> structure (parts, fields) -> header | addresses | texts | attachments | what kind of mail it is

Each derivation keeps its own defects, so that `defects` is the same whatever was asked for before.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

from inbox.parsing.addresses import Address, OddAddresses, read_addresses
from inbox.parsing.attachments import Attachment, read_attachments
from inbox.parsing.automatic import Automatic, MayReply, may_reply, read_automatic
from inbox.parsing.bodies import AMP, Texts, decode_text_part, plain_lines, read_texts
from inbox.parsing.charsets import decode
from inbox.parsing.contents import with_contents
from inbox.parsing.defects import Defect, Defects, once
from inbox.parsing.header import Header
from inbox.parsing.hint import CharsetHint
from inbox.parsing.identifiers import read_id, read_ids
from inbox.parsing.lazy import lazy
from inbox.parsing.limits import Limits
from inbox.parsing.lookalikes import note_lookalikes, note_text
from inbox.parsing.mailing_list import MailingList, read_list
from inbox.parsing.reply import ReplyText
from inbox.parsing.reports import Bounce, Complaint, read_bounce, read_complaint
from inbox.parsing.security import Security, read_security
from inbox.parsing.structure import Part, outside, read_head, read_structure

if TYPE_CHECKING:
    from collections.abc import Callable, KeysView
    from datetime import datetime

    from inbox.model import Envelope, Json
    from inbox.parsing.threads import Conversation

T = TypeVar("T")
Parts = list[Part]
Addresses = list[Address]
ADDRESS_FIELDS = ("from", "sender", "reply-to", "to", "cc", "bcc")
_ONCE = (*ADDRESS_FIELDS[1:], "subject", "date", "message-id", "in-reply-to", "references", "mime-version")
_CALENDARS = ("text/calendar", "application/ics")


class Message:
    """One mail. No property raises, whatever the octets are; what could not be read is absent and has a defect."""

    def __init__(self, raw: bytes, limits: Limits) -> None:
        self.raw = raw
        self.limits = limits
        self._hint = CharsetHint(raw, limits)
        self._defects: dict[str, Defects] = {}

    @property
    def size(self) -> int:
        """Octets of the whole mail."""
        return len(self.raw)

    @lazy
    def sha256(self) -> str:
        """SHA-256 of the whole mail, hexadecimal."""
        return hashlib.sha256(self.raw).hexdigest()

    @lazy
    def headers(self) -> tuple[Header, ...]:
        """All fields in order, repeated ones too."""
        return tuple(self._head.fields)

    def header(self, name: str) -> tuple[str, ...]:
        """The decoded values of every field of that name, in order; the name's case does not matter."""
        found = self._head.index.get(name.lower())
        return tuple([header.value for header in found]) if found else ()

    @property
    def names(self) -> KeysView[str]:
        """The names of all fields, in lower case, each once."""
        return self._head.index.keys()

    @lazy
    def from_(self) -> tuple[Address, ...]:
        """Every author that can be read, of every From field."""
        return self._addresses("from")

    @lazy
    def sender(self) -> tuple[Address, ...]:
        return self._addresses("sender")

    @lazy
    def reply_to(self) -> tuple[Address, ...]:
        return self._addresses("reply-to")

    @lazy
    def to(self) -> tuple[Address, ...]:
        return self._addresses("to")

    @lazy
    def cc(self) -> tuple[Address, ...]:
        return self._addresses("cc")

    @lazy
    def bcc(self) -> tuple[Address, ...]:
        return self._addresses("bcc")

    @property
    def ambiguous_from(self) -> bool:
        """Whether nobody can say who the author is: two From fields, several authors without Sender (RFC 5322 section 3.6.2), or one beside others that cannot be read."""
        _ = self.from_
        return any(defect.code == "ambiguous-from" for defect in self._defects["from"])

    @property
    def subject(self) -> str | None:
        return next(iter(self.header("subject")), None)

    @lazy
    def date(self) -> datetime | None:
        """The Date field with its offset as written; None when it is missing or cannot be read."""
        return self._noting("date", self._date)

    @lazy
    def message_id(self) -> str | None:
        """Message-ID with its angle brackets."""
        return next((read_id(value) for value in self.header("message-id")), None)

    @lazy
    def in_reply_to(self) -> tuple[str, ...]:
        return read_ids(" ".join(self.header("in-reply-to")))

    @lazy
    def references(self) -> tuple[str, ...]:
        return read_ids(" ".join(self.header("references")))

    @property
    def thread(self) -> str | None:
        """What the mails of one conversation share, as far as one mail alone can tell: the identifier of the first one, if it is named."""
        for ids in (self.references, self.in_reply_to):
            if ids:
                return ids[0]
        subject = self.subject or ""
        if self.message_id and ":" not in subject and subject.isascii() and not self.header("thread-index"):
            return self.message_id  # without a colon it is no answer that names nothing
        return self.conversation.key

    @lazy
    def conversation(self) -> Conversation:
        """All that the mail says about the conversation it belongs to, and the evidence for `thread`."""
        from inbox.parsing.threads import read_conversation  # noqa: PLC0415 (marks of many languages, which most mails do not need)

        return read_conversation(self)

    @property
    def text(self) -> str | None:
        """The text with LF line ends; made of the HTML where no plain text says the same."""
        return self._texts.text

    @property
    def html(self) -> str | None:
        """The HTML as sent: not cleaned."""
        return self._texts.html

    def clean_html(self, *, images: bool = False) -> str | None:
        """The HTML to be shown: no programs, forms or frames, and no pictures from the web unless `images`; None when there is none."""
        from inbox.parsing.sanitise import clean_html  # noqa: PLC0415 (only who shows mail needs it)

        return clean_html(self.html, images=images) if self.html is not None else None

    @property
    def preamble(self) -> str | None:
        """What stands before the first part of a multipart: words for readers without MIME, if anything."""
        return self._beside(before=True)

    @property
    def epilogue(self) -> str | None:
        """What stands behind the last part of a multipart, if anything."""
        return self._beside(before=False)

    @lazy
    def reply(self) -> ReplyText:
        """What the sender newly wrote, what is quoted, and the signature."""
        from inbox.parsing.quoting import read_reply  # noqa: PLC0415 (its patterns in many languages take long to compile)

        return read_reply(self._texts, self.limits, self.subject)

    @lazy
    def attachments(self) -> tuple[Attachment, ...]:
        """Every part that is not the text of the mail."""
        return self._noting("attachments", lambda found: read_attachments(self._parts, found, self._hint, self.limits))

    @lazy
    def calendar(self) -> str | None:
        """The first calendar object (RFC 5545), as text."""
        return self._noting("calendar", lambda found: self._first_text(_CALENDARS, found))

    @lazy
    def amp(self) -> str | None:
        """The AMP alternative of the HTML as sent (text/x-amp-html), or None."""
        return self._noting("amp", lambda found: self._first_text((AMP,), found))

    @lazy
    def language(self) -> str | None:
        """The language of what the author newly wrote (`de`), None when that does not tell."""
        from inbox.parsing.natural_language import detect  # noqa: PLC0415 (rules seldom ask for it)

        return detect(self.reply.text or "")

    @lazy
    def security(self) -> Security | None:
        """How it says that it is signed or encrypted, or None."""
        return read_security(self._parts, self.text)

    @lazy
    def list(self) -> MailingList | None:
        """The mailing list that sent it, or None."""
        return read_list(self)

    @lazy
    def automatic(self) -> Automatic | None:
        """What kind of program wrote it, or None for a person."""
        return read_automatic(self)

    def may_reply(self, envelope: Envelope | None = None) -> MayReply:
        """Whether a program may answer, and why not (RFC 3834)."""
        return may_reply(self, envelope)

    @lazy
    def bounce(self) -> Bounce | None:
        """The delivery report it is, or None (RFC 3464)."""
        return read_bounce(self)

    @lazy
    def complaint(self) -> Complaint | None:
        """The complaint it is, or None (RFC 5965)."""
        return read_complaint(self)

    @property
    def media(self) -> str:
        """The Content-Type of the whole mail, lower case, without parameters."""
        return self._head.media.value

    @property
    def parts(self) -> Parts:
        """Every part, the mail itself first (not part of the contract with plugins)."""
        return self._parts

    @property
    def report_type(self) -> str | None:
        """The report-type of a multipart/report, lower case, or None (RFC 6522)."""
        media = self._head.media
        return (media.get("report-type") or "").lower() or None if media.value == "multipart/report" else None

    @property
    def hops(self) -> int:
        """Number of Received fields."""
        return len(self._head.index.get("received", ()))

    @property
    def loops(self) -> tuple[str, ...]:
        """The values of our own loop header."""
        return self.header("x-inbox-loop")

    @lazy
    def defects(self) -> tuple[Defect, ...]:
        """All that is odd, in a fixed order: structure, header, addresses, date, texts, attachments. Reads everything."""
        _ = self._parts, self.from_, self.sender, self.reply_to, self.to, self.cc, self.bcc
        _ = self.date, self._texts, self.calendar, self.amp, self.attachments
        found = [*self._defects["head"], *self._defects["structure"], *self._header_defects()]
        found += [defect for name in (*ADDRESS_FIELDS, "date", "texts", "calendar", "amp", "attachments") for defect in self._defects[name]]
        found += [defect for attachment in self.attachments for defect in attachment.defects]
        return once(found, self.limits.defects)

    def to_dict(self, envelope: Envelope | None = None) -> dict[str, Json]:
        """The mail as JSON: every key is there, absent is None."""
        from inbox.parsing.printing import message_dict  # noqa: PLC0415 (who only reads fields does not need it)

        return message_dict(self, envelope)

    def __repr__(self) -> str:
        return f"<Message {self.message_id or self.sha256[:12]}>"

    @lazy
    def _head(self) -> Part:
        """The mail's own header; its body is not looked at yet."""
        return self._noting("head", lambda found: read_head(self.raw, self.limits, found, self._hint))

    @lazy
    def _parts(self) -> Parts:
        return self._noting("structure", self._read_parts)

    @lazy
    def _texts(self) -> Texts:
        return self._noting("texts", lambda found: read_texts(self._parts, self.limits, found))

    @lazy
    def _odd(self) -> OddAddresses:
        return OddAddresses(self.limits.odd_addresses)

    def _read_parts(self, found: Defects) -> Parts:
        return with_contents(read_structure(self._head, self.limits, found, self._hint), self.limits, found)

    def _noting(self, name: str, read: Callable[[Defects], T]) -> T:
        return read(self._defects.setdefault(name, Defects()))

    def _addresses(self, name: str) -> tuple[Address, ...]:
        if name not in self._head.index:
            self._defects.setdefault(name, Defects())
            return ()
        return self._noting(name, lambda found: self._read_addresses(name, found))

    def _read_addresses(self, name: str, found: Defects) -> tuple[Address, ...]:
        fields = self._head.index.get(name, ())
        addresses: Addresses = []
        unreadable = 0
        for field in fields:
            members = read_addresses(field.raw, self.limits.addresses - len(addresses), self._odd, self._hint, cut=field.cut)
            addresses += members.addresses
            unreadable += len(members.unreadable)
            for member in members.unreadable:
                found.add("address-invalid", name, member)
            if members.capped:
                found.add("addresses-capped", name, f"{self.limits.addresses} read")
        authors = len(addresses) + unreadable
        if name == "from" and (len(fields) > 1 or (authors > 1 and (unreadable or not self._head.index.get("sender")))):
            found.add("ambiguous-from", name, f"{len(fields)} fields, {authors} authors")
        note_lookalikes(name, addresses, found)
        return tuple(addresses)

    def _date(self, found: Defects) -> datetime | None:
        from inbox.parsing.dates import read_date  # noqa: PLC0415 (rules seldom ask for it)

        for value in self.header("date")[:1]:
            date = read_date(value)
            if date is None:
                found.add("date-invalid", "date", value)
            return date
        return None

    def _beside(self, *, before: bool) -> str | None:
        start, end = outside(self._parts[0], before=before)
        octets = self.raw[start : min(end, start + self.limits.text)].rstrip(b"\r")
        return plain_lines(decode(octets, None).text) or None

    def _first_text(self, kinds: tuple[str, ...], found: Defects) -> str | None:
        part = next((part for part in self._parts if part.media.value in kinds and not part.within and not part.container), None)
        return decode_text_part(part, self.limits, found) if part else None

    def _header_defects(self) -> Defects:
        found = Defects()
        for header in self.headers:
            for code, detail in header.decoded.odd:
                found.add(code, header.name.lower(), detail)
        index = self._head.index
        if len(index) < len(self.headers):
            for name in _ONCE:
                if len(index.get(name, ())) > 1:
                    found.add("duplicate-header", name, f"{len(index[name])} times")
        note_text("subject", self.subject or "", found)
        return found
