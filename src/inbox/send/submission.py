"""Mail that somebody wants to send: what it is to say, checked, and made into octets. Pure but for files that are attached."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, TypedDict

from inbox.errors import ConfigError
from inbox.send import headers as guard
from inbox.send.attachments import Attachment
from inbox.send.compose import Draft, compose, crlf, on_top
from inbox.send.fields import field_of, fields_of, without

MOST_RECIPIENTS = 100
"""Of one mail (RFC 5321 section 4.5.3.1.8 lets servers take no more): for many there is one mail each."""

_PARTY = re.compile(r"\s*(?:(?P<name>[^<>]*?)\s*<(?P<angle>[^<>]+)>|(?P<bare>[^<>]+?))\s*")
_OWN = frozenset(
    ("from", "to", "cc", "bcc", "subject", "date", "message-id", "sender", "return-path", "received", "dkim-signature", "mime-version")
)
_OWN_PREFIX = ("content-", "resent-", "arc-")
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_URL = re.compile(r"(https://|mailto:)[!#-;=?-~]{1,800}")
ONE_CLICK = "List-Unsubscribe=One-Click"

Party = tuple[str, str]
"""Display name and address."""


Addresses = str | Party | Sequence[str | Party]
"""One address or several, each as text (`Name <user@example.com>`) or as a pair of name and address."""


class Words(TypedDict, total=False):
    """What `Inbox.send` takes: the fields of `Submission`, as they are at hand in a program.

    `attachments`: paths, or triples of name, octets and media type. `template`: path of a file, with front matter (docs/sending.md).
    """

    to: Addresses
    cc: Addresses
    bcc: Addresses
    from_: str | Party
    reply_to: Addresses
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    attachments: Sequence[str | Path | tuple[str, bytes, str | None]]
    template: str | Path
    data: Mapping[str, Any]
    raw: bytes
    identity: str
    unsubscribe: str | bool
    idempotency_key: str


def submission(words: Words) -> Submission:
    """The submission that these words describe. ConfigError for files that cannot be read and addresses that are none."""
    given: dict[str, Any] = dict(words)
    for name in ("to", "cc", "bcc", "reply_to"):
        if name in given:
            given[name] = _several(given[name])
    if "attachments" in given:
        given["attachments"] = tuple(
            Attachment(*one) if isinstance(one, tuple) else Attachment.of(Path(one)) for one in given["attachments"]
        )
    if given.get("template") is not None:
        given["template"] = Path(given["template"])
    return Submission(**given)


def _several(parties: Addresses) -> tuple[str | Party, ...]:
    """One or several; a pair whose first part is no address is one."""
    if isinstance(parties, str):
        return (parties,)
    if isinstance(parties, tuple) and len(parties) == 2 and isinstance(parties[0], str) and "@" not in parties[0]:
        return (parties,)  # type: ignore[return-value]
    return tuple(parties)


@dataclass(frozen=True)
class Submission:
    """One mail as somebody asks for it. `raw`: its octets, instead of subject, text and the rest; `data`: for the template; `unsubscribe`: where a
    recipient can unsubscribe, https: (one click, RFC 8058) or mailto:, or True for the endpoint that `unsubscribe_url` names.
    """

    to: tuple[str | Party, ...] = ()
    from_: str | Party | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    cc: tuple[str | Party, ...] = ()
    bcc: tuple[str | Party, ...] = ()
    reply_to: tuple[str | Party, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    template: Path | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes | None = None
    identity: str | None = None
    unsubscribe: str | bool | None = None
    idempotency_key: str | None = None

    def recipients(self) -> tuple[str, ...]:
        """Addresses of the envelope, each once. ConfigError when there is none, one is no address, or there are too many."""
        found = tuple(dict.fromkeys(party(text, "a recipient")[1] for text in (*self.to, *self.cc, *self.bcc)))
        if not found:
            raise ConfigError("there is no recipient; say whom the mail is for: --to ADDR")
        if len(found) > MOST_RECIPIENTS:
            raise ConfigError(f"{len(found)} recipients; a mail has at most {MOST_RECIPIENTS}: send each one of their own (--each)")
        return found


def party(text: str | Party, what: str) -> Party:
    """Display name and address of `Name <user@example.com>`, `user@example.com` or a pair. ConfigError: it is no address, or more than one line."""
    if not isinstance(text, str):
        return text[0], party(text[1], what)[1]
    found = _PARTY.fullmatch(text) if guard.clean(text) == text.strip() else None
    if not found:
        raise ConfigError(f"{text!r} is no address for {what}; write user@example.com or Name <user@example.com>")
    name = (found["name"] or "").strip()
    if name[:1] == name[-1:] == '"' and len(name) > 1:
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    try:
        return name, guard.check_address((found["angle"] or found["bare"]).strip())
    except ValueError:
        raise ConfigError(f"{text!r} is no address for {what}; write user@example.com or Name <user@example.com>") from None


def octets(wanted: Submission, author: Party, message_id: str, unsubscribe: str | None, now: datetime) -> bytes:
    """The mail as it leaves, without a signature. ConfigError says what of it cannot be."""
    fields = (*_checked_headers(wanted.headers), *_unsubscribe_fields(unsubscribe))
    if wanted.raw is not None:
        return _completed(wanted.raw, author, message_id, fields, now)
    if wanted.text is None and wanted.html is None and not wanted.attachments:
        raise ConfigError(
            "the mail says nothing; give its text: --text FILE, - for standard input (or --html, --template, --attach, --raw)"
        )
    draft = Draft(
        from_=author,
        to=_parties(wanted.to),
        subject=wanted.subject or "",
        text=wanted.text if wanted.text is not None else _as_text(wanted.html),
        message_id=message_id,
        date=now,
        html=wanted.html,
        cc=_parties(wanted.cc),
        reply_to=_parties(wanted.reply_to),
        attachments=wanted.attachments,
    )
    try:
        return on_top_of_mime(compose(draft), fields)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def on_top_of_mime(raw: bytes, fields: Sequence[bytes]) -> bytes:
    """A composed mail with further fields before MIME-Version."""
    before, mime, after = raw.partition(b"MIME-Version: 1.0\r\n")
    return b"".join((before, *fields, mime, after))


def from_header(wanted: Submission) -> Submission:
    """A raw mail for those that its header names, where nobody else was named (as sendmail -t does it)."""
    if wanted.raw is None or wanted.to or wanted.cc or wanted.bcc:
        return wanted
    from inbox.parsing import parse  # noqa: PLC0415

    message = parse(wanted.raw)
    groups = [tuple(one.address for one in group) for group in (message.to, message.cc, message.bcc)]
    return replace(wanted, to=groups[0], cc=groups[1], bcc=groups[2])


_RAW_SAYS = ("template", "subject", "text", "html", "attachments", "reply_to")
_TEMPLATE_SAYS = ("text", "html")


def check_one_source(wanted: Submission) -> None:
    """ConfigError for words that would be left out: a raw mail says all of it, a template has text and HTML."""
    sources = (("raw", wanted.raw is not None, _RAW_SAYS), ("template", wanted.template is not None, _TEMPLATE_SAYS))
    for source, given, others in sources:
        for name in others if given else ():
            if getattr(wanted, name) not in (None, ()):
                raise ConfigError(f"{source} and {name} were given, and {source} says it already; leave one of the two out")


def author_of(wanted: Submission) -> Party:
    """Whom the mail is from: as asked for, else as the raw mail says."""
    if wanted.from_:
        return party(wanted.from_, "From")
    if wanted.raw is not None and field_of(wanted.raw, "from"):
        from inbox.parsing import parse  # noqa: PLC0415

        if authors := parse(wanted.raw).from_:
            return authors[0].name or "", authors[0].address
    raise ConfigError("nobody is named as author; say whom the mail is from: --from ADDR")


def _completed(raw: bytes, author: Party, message_id: str, fields: Sequence[bytes], now: datetime) -> bytes:
    """A raw mail with CRLF only, without Bcc, and with the fields that every mail has."""
    mail = without(crlf(raw), ("bcc", "resent-bcc", "return-path"))
    _check_raw(mail)
    missing = []
    if field_of(mail, "from") is None:
        missing.append(guard.addresses("From", [author]))
    if field_of(mail, "date") is None:
        missing.append(guard.field("Date", format_datetime(now.astimezone(UTC))))
    if field_of(mail, "message-id") is None:
        missing.append(guard.tokens("Message-ID", [message_id]))
    return on_top(mail, [*missing, *fields])


def _check_raw(mail: bytes) -> None:
    """ConfigError for what is no mail, such as a text, and for two authors' fields, of which each server would believe another one."""
    if not _FIELD.match(mail):
        line = mail[:60].partition(b"\r\n")[0].decode("ascii", "backslashreplace")
        raise ConfigError(f"the raw mail does not begin with a header field, but with {line!r}; give a text as --text FILE")
    if len(list(fields_of(mail, "from"))) > 1:
        raise ConfigError("the raw mail has more than one field From; leave one")


def _checked_headers(headers: Mapping[str, str]) -> list[bytes]:
    found = []
    for name, value in headers.items():
        if name.lower() in _OWN or name.lower().startswith(_OWN_PREFIX):
            raise ConfigError(f"the header field {name} is ours to write; use the option for it")
        try:
            found.append(guard.field(name, str(value)))
        except ValueError as error:
            raise ConfigError(str(error)) from None
    return found


def _unsubscribe_fields(url: str | None) -> list[bytes]:
    """List-Unsubscribe (RFC 2369) and, for https, List-Unsubscribe-Post (RFC 8058)."""
    if url is None:
        return []
    if not _URL.fullmatch(url):
        raise ConfigError(f"{url!r} is nowhere to unsubscribe; write https://... or mailto:..., in plain ASCII without blanks")
    fields = [guard.tokens("List-Unsubscribe", [f"<{url}>"])]
    return [*fields, guard.field("List-Unsubscribe-Post", ONE_CLICK)] if url.startswith("https://") else fields


def _parties(texts: Sequence[str | Party]) -> tuple[Party, ...]:
    return tuple(party(text, "a recipient") for text in texts)


def _as_text(html: str | None) -> str:
    if html is None:
        return ""
    from inbox.parsing.html_text import html_to_text  # noqa: PLC0415

    return html_to_text(html)
