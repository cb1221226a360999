"""The JSON that SES writes about a mail (SES Developer Guide, "Notification contents for Amazon SES email receiving"), for mail of any source.

    notification   what an SNS topic gets: mail, receipt and, from an SNS action, content
    lambda_event   what a function gets: the same within Records, without content

Everything is pure: the same mail, recipients and action give the same JSON. What SES leaves out when a mail does not have it is left out.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from inbox.aws.ses_block import block_fields, front, has_block, header_block, ses_id
from inbox.model import isoformat
from inbox.parsing.header import unfold_text

if TYPE_CHECKING:
    from inbox.model import Json, Mail
    from inbox.parsing.addresses import Address
    from inbox.parsing.message import Message

__all__ = [
    "bounce_action",
    "dumps",
    "front",
    "header_block",
    "lambda_action",
    "lambda_event",
    "mail_json",
    "notification",
    "receipt_json",
    "s3_action",
    "ses_id",
    "sns_action",
    "stop_action",
    "workmail_action",
]

Encoding = Literal["base64", "utf8"]
Action = Mapping[str, Any]
Added = Sequence[tuple[str, str]]
"""Header fields that rules added, names and values."""

MOST_HEADERS = 10_240
"""Octets of header fields in JSON; what is beyond is cut (SES: 10 KB)."""

REGION = "us-east-1"
_SPECIAL = re.compile(r'[()<>\[\]:;@\\,."]')
_UNSAID = re.compile("[\ud800-\udfff\ufffe\uffff]")
_VERDICTS = (("spamVerdict", "spam"), ("virusVerdict", "virus"), ("spfVerdict", "spf"), ("dkimVerdict", "dkim"), ("dmarcVerdict", "dmarc"))


def notification(
    mail: Mail,
    message: Message,
    recipients: Sequence[str],
    action: Action,
    *,
    content: bytes | None = None,
    processing_ms: int = 0,
    region: str = REGION,
    added: Added = (),
) -> dict[str, Any]:
    """What SES publishes to a topic. `content`: the mail as octets, with an action of `sns_action`, whose encoding is used; else None."""
    found: dict[str, Any] = {
        "notificationType": "Received",
        "mail": mail_json(mail, message, recipients, region=region, added=added),
        "receipt": receipt_json(mail, recipients, action, processing_ms=processing_ms),
    }
    if content is not None:
        found["content"] = _content(content, action)
    return found


def lambda_event(
    mail: Mail,
    message: Message,
    recipients: Sequence[str],
    action: Action,
    *,
    processing_ms: int = 0,
    region: str = REGION,
    added: Added = (),
) -> dict[str, Any]:
    """What SES invokes a function with."""
    ses = {
        "mail": mail_json(mail, message, recipients, region=region, added=added),
        "receipt": receipt_json(mail, recipients, action, processing_ms=processing_ms),
    }
    return {"Records": [{"eventSource": "aws:ses", "eventVersion": "1.0", "ses": ses}]}


def mail_json(mail: Mail, message: Message, recipients: Sequence[str], *, region: str = REGION, added: Added = ()) -> dict[str, Any]:
    """The part `mail`. `source` is the envelope sender, `<>` for none; `destination` is To and Cc of the header, as SES has it."""
    headers, truncated = _headers(mail, message, next(iter(recipients), ""), region, added)
    return {
        "timestamp": isoformat(mail.received_at),
        "source": mail.envelope.sender or "<>",
        "messageId": ses_id(mail),
        "destination": [party.address for party in (*message.to, *message.cc)],
        "headersTruncated": truncated,
        "headers": headers,
        "commonHeaders": _common(mail, message),
    }


def receipt_json(mail: Mail, recipients: Sequence[str], action: Action, *, processing_ms: int = 0) -> dict[str, Any]:
    """The part `receipt`. What nobody checked is DISABLED; `dmarcPolicy` stands only beside a DMARC that failed."""
    verdicts = mail.envelope.verdicts or {}
    found: dict[str, Any] = {
        "timestamp": isoformat(mail.received_at),
        "processingTimeMillis": max(processing_ms, 0),
        "recipients": list(recipients),
    }
    found |= {key: {"status": verdicts.get(name, "disabled").upper()} for key, name in _VERDICTS}
    if verdicts.get("dmarc") == "fail" and verdicts.get("dmarc_policy"):
        found["dmarcPolicy"] = verdicts["dmarc_policy"].lower()
    return {**found, "action": dict(action)}


def s3_action(bucket: str, key: str, *, prefix: str = "", topic: str | None = None) -> Action:
    """The part `action` of an S3 action; `prefix` as the rule has it, `key` in full."""
    return _action("S3", topic, bucketName=bucket, objectKeyPrefix=prefix, objectKey=key)


def sns_action(topic: str, encoding: Encoding = "base64") -> Action:
    """The part `action` of an SNS action."""
    return _action("SNS", topic, encoding=encoding.upper())


def lambda_action(function: str, invocation: Literal["Event", "RequestResponse"], *, topic: str | None = None) -> Action:
    """The part `action` of a Lambda action."""
    return _action("Lambda", topic, functionArn=function, invocationType=invocation)


def bounce_action(code: str, status: str | None, message: str, sender: str, *, topic: str | None = None) -> Action:
    """The part `action` of a Bounce action; `statusCode` is left out when there is none."""
    enhanced = {"statusCode": status} if status else {}
    return _action("Bounce", topic, smtpReplyCode=code, **enhanced, message=message, sender=sender)


def stop_action(*, topic: str | None = None) -> Action:
    """The part `action` of a Stop action."""
    return _action("Stop", topic)


def workmail_action(organization: str, *, topic: str | None = None) -> Action:
    """The part `action` of a WorkMail action."""
    return _action("WorkMail", topic, organizationArn=organization)


def dumps(data: Mapping[str, Any]) -> str:
    """JSON without blanks, in the letters that SNS and SQS take: half surrogates and non-characters stand as escapes."""
    return _UNSAID.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(data, ensure_ascii=False, separators=(",", ":")))


def _action(kind: str, topic: str | None, **more: str) -> Action:
    return {"type": kind, **({"topicArn": topic} if topic else {}), **more}


def _content(content: bytes, action: Action) -> str:
    """The mail as text: base64 holds every octet, UTF-8 loses those that are none (as SES warns)."""
    if str(action.get("encoding", "")).upper() == "BASE64":
        return base64.b64encode(content).decode()
    return content.decode("utf-8", "replace")


def _headers(mail: Mail, message: Message, recipient: str, region: str, added: Added) -> tuple[list[dict[str, str]], bool]:
    """All fields in order, SES's own first and those that rules added below them, up to 10 KB; and whether some were cut."""
    own = [(header.name, _as_sent(header.raw)) for header in message.headers]
    if has_block(mail, message):
        end = 1 + next((n for n, (name, _) in enumerate(own) if name.lower() == "x-ses-dkim-signature"), -1)
        fields = [*own[:end], *added, *own[end:]]
    else:
        fields = [*block_fields(mail, message, recipient, region), *added, *own]
    kept: list[dict[str, str]] = []
    left = MOST_HEADERS
    for name, folded in fields:
        value = unfold_text(folded)
        left -= len(name) + len(value.encode("utf-8", "replace")) + 4
        if left < 0:
            return kept, True
        kept.append({"name": name, "value": value})
    return kept, False


def _as_sent(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def _common(mail: Mail, message: Message) -> dict[str, Json]:
    """The part `commonHeaders`, decoded; every key is there only if the mail has such a field."""
    lists = {
        "from": message.from_,
        "to": message.to,
        "cc": message.cc,
        "bcc": message.bcc,
        "sender": message.sender,
        "replyTo": message.reply_to,
    }
    found: dict[str, Json] = {"returnPath": mail.envelope.sender or "<>"}
    found |= {key: [_party(party) for party in parties] for key, parties in lists.items() if parties}
    texts = {"date": next(iter(message.header("date")), None), "messageId": message.message_id, "subject": message.subject}
    return {**found, **{key: text for key, text in texts.items() if text is not None}}


def _party(party: Address) -> str:
    if not party.name:
        return party.address
    name = '"' + re.sub(r'(["\\])', r"\\\1", party.name) + '"' if _SPECIAL.search(party.name) else party.name
    return f"{name} <{party.address}>"
