"""Facts of the header and of the text: what the mail says about itself.

An author is compared by address, never by display name: the name is free text of a stranger. With two From fields, or two authors in
one, the author is ambiguous and absent, so that no rule on the author matches; `from.count` tells (RFC 5322 section 3.6.2 allows several
authors, practice does not).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox import Address, Message
    from inbox.model import Mail


def _author(message: Message) -> Address | None:
    sole = len(message.from_) == 1 and len(message.header("from")) == 1 and not message.ambiguous_from
    return message.from_[0] if sole else None


def size(mail: Mail) -> int:
    """Size of the whole mail in octets."""
    return mail.size


def from_(message: Message) -> str | None:
    """Address of the author (From); absent when there is not exactly one author."""
    author = _author(message)
    return (author.address or None) if author else None


def from_name(message: Message) -> str | None:
    """Display name of the author: free text, proves nothing."""
    author = _author(message)
    return (author.name or None) if author else None


def from_domain(message: Message) -> str | None:
    """Domain of the author, lower case, A-labels."""
    author = _author(message)
    return (author.domain or None) if author else None


def from_tag(message: Message) -> str | None:
    """Tag of the author: `x` in `user+x@example.org`."""
    author = _author(message)
    return (author.tag or None) if author else None


def from_count(message: Message) -> int:
    """How many authors there are: more than one is ambiguous."""
    return max(len(message.from_), len(message.header("from")))


def to(message: Message) -> tuple[str, ...]:
    """Addresses of the To field; for whom the mail really is says `recipient`."""
    return _each(message.to, "address")


def to_name(message: Message) -> tuple[str, ...]:
    """Display names of the To field."""
    return _each(message.to, "name")


def to_domain(message: Message) -> tuple[str, ...]:
    """Domains of the To field."""
    return _each(message.to, "domain")


def to_tag(message: Message) -> tuple[str, ...]:
    """Tags of the To field."""
    return _each(message.to, "tag")


def cc(message: Message) -> tuple[str, ...]:
    """Addresses of the Cc field."""
    return _each(message.cc, "address")


def cc_name(message: Message) -> tuple[str, ...]:
    """Display names of the Cc field."""
    return _each(message.cc, "name")


def cc_domain(message: Message) -> tuple[str, ...]:
    """Domains of the Cc field."""
    return _each(message.cc, "domain")


def cc_tag(message: Message) -> tuple[str, ...]:
    """Tags of the Cc field."""
    return _each(message.cc, "tag")


def reply_to(message: Message) -> tuple[str, ...]:
    """Addresses of the Reply-To field."""
    return _each(message.reply_to, "address")


def reply_to_name(message: Message) -> tuple[str, ...]:
    """Display names of the Reply-To field."""
    return _each(message.reply_to, "name")


def reply_to_domain(message: Message) -> tuple[str, ...]:
    """Domains of the Reply-To field."""
    return _each(message.reply_to, "domain")


def reply_to_tag(message: Message) -> tuple[str, ...]:
    """Tags of the Reply-To field."""
    return _each(message.reply_to, "tag")


def _each(addresses: tuple[Address, ...], part: str) -> tuple[str, ...]:
    return tuple(value for address in addresses if (value := getattr(address, part)))


def language(message: Message) -> str | None:
    """Language of what the author newly wrote, `de` (ISO 639-1), by its script and small words; absent when that does not tell."""
    return message.language


def subject(message: Message) -> str | None:
    """Subject, decoded."""
    return message.subject


def header(message: Message, part: str) -> str | tuple[str, ...] | None:
    """Any header field: `header.X-Spam-Flag`; a list when the field occurs more than once."""
    values = message.header(part)
    return values[0] if len(values) == 1 else values or None


def text(message: Message) -> str | None:
    """Text of the mail."""
    return message.text


def html(message: Message) -> str | None:
    """HTML of the mail, as it was sent."""
    return message.html


def reply(message: Message) -> str | None:
    """What the author newly wrote: the text without quotations and signature."""
    return message.reply.text or None


def message_id(message: Message) -> str | None:
    """Message-ID; it can be forged and repeated."""
    return message.message_id


def thread(message: Message) -> str | None:
    """What the mails of one conversation share: Message-ID of the mail that began it, where that is known."""
    return message.thread


def thread_evidence(message: Message) -> str | None:
    """Where `thread` is from: references, in-reply-to, thread-index, subject, or message-id for the first mail of a conversation."""
    return message.conversation.evidence


def thread_subject(message: Message) -> str | None:
    """Subject without `Re:`, `AW:`, `Fwd:` and the like of many languages, in lower case."""
    return message.conversation.subject or None


def hops(message: Message) -> int:
    """Number of Received fields: servers that the mail came through."""
    return message.hops


def defects(message: Message) -> tuple[str, ...]:
    """Codes of what is odd about the mail, as `inbox parse` lists them."""
    return tuple(dict.fromkeys(defect.code for defect in message.defects))


FACTS: Mapping[str, Callable[..., object]] = {
    "size": size,
    "from": from_,
    "from.address": from_,
    "from.name": from_name,
    "from.domain": from_domain,
    "from.tag": from_tag,
    "from.count": from_count,
    "to": to,
    "to.address": to,
    "to.name": to_name,
    "to.domain": to_domain,
    "to.tag": to_tag,
    "cc": cc,
    "cc.address": cc,
    "cc.name": cc_name,
    "cc.domain": cc_domain,
    "cc.tag": cc_tag,
    "reply_to": reply_to,
    "reply_to.address": reply_to,
    "reply_to.name": reply_to_name,
    "reply_to.domain": reply_to_domain,
    "reply_to.tag": reply_to_tag,
    "subject": subject,
    "language": language,
    "header.*": header,
    "text": text,
    "html": html,
    "reply": reply,
    "message_id": message_id,
    "thread": thread,
    "thread.evidence": thread_evidence,
    "thread.subject": thread_subject,
    "hops": hops,
    "defects": defects,
}
