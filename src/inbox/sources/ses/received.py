"""A receipt of SES: the notification of a topic, or the event of a Lambda action (ses.md sections 5 and 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inbox.sources.ses.errors import Incomplete
from inbox.sources.ses.fields import SETUP, address, is_message_id, mapping, moment, octets, text, texts
from inbox.sources.ses.records import Place, Received

if TYPE_CHECKING:
    from inbox.tables import Ses

_VERDICTS = {"spam": "spamVerdict", "virus": "virusVerdict", "spf": "spfVerdict", "dkim": "dkimVerdict", "dmarc": "dmarcVerdict"}
_HAS_MAIL = ("S3", "SNS")


def notification(event: Mapping[str, Any], topic: str | None) -> Received:
    """What SES publishes on a topic: the mail is an object or the content; alerts of other actions carry none. Raises Incomplete."""
    found = _received(event, topic, None if _action(event) in _HAS_MAIL else "alert")
    if found.ignore:
        return found
    _check_recipients(found)
    action = mapping(mapping(event, "receipt"), "action")
    if found.action == "S3":
        return replace(found, place=_place(action, found))
    content, lossy = _content(event, action, found)
    return replace(found, content=content, lossy=lossy)


def function_event(event: Mapping[str, Any], settings: Ses | None) -> Received:
    """What SES hands to a function: it does not say where the mail is, the settings do. Raises Incomplete."""
    found = _received(event, None, None)
    if found.ignore:
        return found
    _check_recipients(found)
    return replace(found, place=stored_place(found.message_id, settings))


def stored_place(message_id: str, settings: Ses | None) -> Place | None:
    """Where the S3 action before a Lambda action has put a mail: the first bucket of `[ses] buckets`, with its prefix or `[ses] prefix`."""
    if settings is None or not settings.buckets:
        return None
    bucket, _, listed = settings.buckets[0].partition("/")
    return Place(bucket, key_of(listed if settings.prefix is None else settings.prefix, message_id))


def key_of(prefix: str, message_id: str) -> str:
    """The key that SES forms: a prefix without a slash at its end gets one."""
    return f"{prefix.removesuffix('/')}/{message_id}" if prefix else message_id


def _action(event: Mapping[str, Any]) -> str:
    return text(mapping(mapping(event, "receipt"), "action"), "type") or ""


def _received(event: Mapping[str, Any], topic: str | None, ignore: str | None) -> Received:
    mail, receipt = mapping(event, "mail"), mapping(event, "receipt")
    message_id = text(mail, "messageId") or ""
    if not is_message_id(message_id):
        known = "an id of SES is letters and digits, like o3vrnil0e2ic28trm7df…"
        raise Incomplete("message-id", f"mail.messageId is {message_id!r}; {known}", topic=topic)
    return Received(
        message_id,
        address(text(mail, "source")),
        texts(receipt, "recipients"),
        _verdicts(receipt),
        _action(event),
        disposition=text(mapping(receipt, "action"), "invocationType") == "RequestResponse",
        ignore="setup" if message_id == SETUP else ignore,
        at=moment(mail, "timestamp") or moment(receipt, "timestamp"),
        topic=topic,
        original=event,
    )


def _check_recipients(found: Received) -> None:
    if not found.recipients:
        raise _incomplete("no-recipients", found, "has no receipt.recipients; they say whom it is for")


def _place(action: Mapping[str, Any], found: Received) -> Place:
    bucket = text(action, "bucketName")
    if not bucket:
        raise _incomplete("no-content", found, "was stored by an S3 action that names no bucketName; it says where the mail is")
    return Place(bucket, text(action, "objectKey") or key_of(text(action, "objectKeyPrefix") or "", found.message_id))


def _content(event: Mapping[str, Any], action: Mapping[str, Any], found: Received) -> tuple[bytes, bool]:
    """(the mail, whether octets may be lost). The encoding has three spellings: Base64, BASE64; UTF-8, UTF8; or it is missing: text."""
    content = text(event, "content")
    if not content:
        raise _incomplete("no-content", found, "came by an SNS action without content; an S3 action takes mails of every size")
    if (text(action, "encoding") or "").upper() != "BASE64":
        return content.encode("utf-8", "replace"), True
    try:
        return octets(content), False
    except ValueError:
        raise _incomplete("content", found, "has content that is said to be base64 and is not") from None


def _incomplete(code: str, found: Received, words: str) -> Incomplete:
    return Incomplete(code, f"mail {found.message_id} {words}", topic=found.topic, about=found)


def _verdicts(receipt: Mapping[str, Any]) -> dict[str, str]:
    """In lower case; `dmarcPolicy` is a string or an object with a status."""
    found = {name: text(mapping(receipt, key), "status") for name, key in _VERDICTS.items()}
    found["dmarc_policy"] = text(receipt, "dmarcPolicy") or text(mapping(receipt, "dmarcPolicy"), "status")
    return {name: word.lower() for name, word in found.items() if word}
