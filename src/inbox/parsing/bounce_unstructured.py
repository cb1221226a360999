"""Bounces without a delivery status, and what the words for people add to one that has it: the text is read, as a person would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inbox.parsing.bounce_notice import Mentioned, Notice, address_in, mentioned, one_line, split_notice, words_about
from inbox.parsing.bounce_phrases import DELAYED, GIVEN_UP
from inbox.parsing.bounce_reasons import best_status, reason_of
from inbox.parsing.bounce_signs import is_bounce, read_body, read_head
from inbox.parsing.delivery_status import status_parts
from inbox.parsing.reports import DELIVERED, Bounce, BounceRecipient, in_time, of_status, with_words
from inbox.parsing.returned import original_id, returned_parts

if TYPE_CHECKING:
    from inbox.parsing.message import Message

_MOST_DIAGNOSTIC = 1000
_MOST_OCTETS = 1 << 20
_REFUSED = ("deleted", "denied", "failed")
_VAGUE = (None, "unknown", "other")


def read_unstructured(message: Message) -> Bounce | None:
    """The bounce that a suspect is, by its words, or None."""
    head, notice = read_head(message), _notice(message)
    found = _mentioned(message, notice)
    returned = bool(notice.returned.strip()) or bool(returned_parts(message.parts))
    own = _own(message)
    body = read_body(notice.words, addresses=bool(found), others=any(one.address.lower() not in own for one in found), returned=returned)
    if message.report_type == "disposition-notification" and not _refused(message, notice):
        return None
    if head.daemon and not found and (wrapped := _wrapped(message)):
        return wrapped
    if not is_bounce(head, body, notice.words):
        return None
    return Bounce(_recipients(message, notice, found), original_of(message))


def _wrapped(message: Message) -> Bounce | None:
    """A report that a gateway put into another mail, to write something above it: the outer one, from a daemon too, names nobody itself."""
    for part in returned_parts(message.parts):
        inner = type(message)(part.transferred(_MOST_OCTETS).octets, message.limits)
        if inner.media == "multipart/report" and read_head(inner).daemon and (found := status_parts(inner.parts)):
            return of_status(inner, found)
    return None


def read_recipients(message: Message) -> tuple[BounceRecipient, ...]:
    """Whom the words of a report are about, for one whose fields name nobody."""
    notice = _notice(message)
    return _recipients(message, notice, _mentioned(message, notice))


def complete(message: Message, recipient: BounceRecipient) -> BounceRecipient:
    """With the words of the notice, where the fields give no reason that is worth it."""
    if recipient.action in DELIVERED or recipient.reason not in _VAGUE:
        return recipient
    notice = _notice(message)
    return with_words(recipient, words_about(recipient.final_recipient or recipient.address, notice.words), notice.words[:2000])


def original_of(message: Message) -> str | None:
    """Message-ID of the mail that a report is about, or None."""
    others = tuple(
        value for name in ("original-message-id", "x-original-message-id", "in-reply-to", "references") for value in message.header(name)
    )
    text = "" if returned_parts(message.parts) else _notice(message).returned
    return original_id(message.parts, text, others)


def _notice(message: Message) -> Notice:
    return split_notice(message.text or "")


def _own(message: Message) -> frozenset[str]:
    return frozenset(address.address.lower() for address in (*message.to, *message.cc, *message.from_) if address.address)


def _mentioned(message: Message, notice: Notice) -> list[Mentioned]:
    own = _own(message)
    domain = next((address.address.rpartition("@")[2] for address in message.from_ if address.address), "")
    found = mentioned(notice.words, own, domain.lower())
    named = [address for value in message.header("x-failed-recipients") for one in value.split(",") if (address := address_in(one))]
    known = {one.address.lower(): one for one in found}
    if named:
        return [known.get(address.lower()) or Mentioned(address, words_about(address, notice.words)) for address in dict.fromkeys(named)]
    return found


def _refused(message: Message, notice: Notice) -> bool:
    """Whether a disposition notification says that the mail was refused (RFC 5429 section 2.2) and not that it was seen."""
    from inbox.parsing.delivery_status import first, groups  # noqa: PLC0415 (as above)

    parts = [part for part in message.parts if part.media.value == "message/disposition-notification" and not part.within]
    said = " ".join(first(group, "disposition") for part in parts for group in groups(part.transferred(1 << 16).octets)).lower()
    return any(word in said for word in _REFUSED) and any(word in one_line(notice.words) for word in ("rejected", "refused", "blocked"))


def _recipients(message: Message, notice: Notice, found: list[Mentioned]) -> tuple[BounceRecipient, ...]:
    action = "delayed" if _delayed(message, notice) else "failed"
    return tuple(_recipient(one, action, notice) for one in found)


def _recipient(one: Mentioned, action: str, notice: Notice) -> BounceRecipient:
    diagnostic = one.diagnostic[:_MOST_DIAGNOSTIC] if one.diagnostic else None
    status = best_status(None, diagnostic)
    reason = in_time(action, reason_of(status, diagnostic, notice.words[:2000]))
    return BounceRecipient(one.address, action, status, reason, action == "failed", diagnostic)


def _delayed(message: Message, notice: Notice) -> bool:
    words = one_line(f"{message.subject or ''}\n{notice.words[:4000]}")
    return bool(DELAYED.search(words)) and not GIVEN_UP.search(words.replace("eventually the mail delivery software will give up", ""))
