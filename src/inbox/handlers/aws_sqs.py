"""The handler sqs: send a mail, or where it is, to a queue."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from inbox.aws import calling, client, ses_json
from inbox.handlers import aws_mail, aws_names, aws_s3, aws_sns, webhook

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step


def sqs(
    mail: Mail,
    message: Message,
    step: Step,
    earlier: tuple[Step, ...],
    settings: Mapping[str, Any],
    *,
    queue: str,
    body: Literal["notification", "json", "raw"] = "notification",
    group: str | None = None,
    overflow: dict[str, str] | None = None,
) -> str:
    """Send the mail to a queue of SQS.

    queue: its name, URL or ARN. body: notification, what a queue behind SES and SNS gets with raw delivery, the mail as base64 in it; json, as webhook
    posts it; or raw, the octets as base64. group: message group of a FIFO queue, `{sender.domain}` for example; a repeat has the same deduplication id
    there, other queues may get a message twice. overflow: `{bucket, key}`, also sse, kms_key and storage_class, as in s3: a mail too large for a message
    (150 KB) is stored there as SES stores it, and the message says where; without it such a step fails and the mail is kept.
    """
    view = aws_mail.shown(mail, message, step, earlier, settings)
    where, text = _text(view, queue, body, overflow, settings)
    service = client("sqs", settings)
    url = _url(service, queue)
    with calling(f"sqs:SendMessage {queue}"):
        answer = service.send_message(QueueUrl=url, MessageBody=text, **aws_sns.fifo(view, queue, group))
    return f"sent {answer.get('MessageId')}{where}"


def _url(service: Any, queue: str) -> str:
    if "://" in queue:
        return queue
    name, owner = (queue.rpartition(":")[2], {"QueueOwnerAWSAccountId": queue.split(":")[4]}) if queue.startswith("arn:") else (queue, {})
    with calling(f"sqs:GetQueueUrl {queue}"):
        url: str = service.get_queue_url(QueueName=name, **owner)["QueueUrl"]
    return url


def _text(view: aws_mail.Shown, queue: str, body: str, overflow: Mapping[str, str] | None, settings: Mapping[str, Any]) -> tuple[str, str]:
    """Where the mail was put instead, if anywhere, and the body."""
    size = view.size()
    if size <= aws_mail.MOST_IN_SNS:
        text = _body(view, queue, body)
        if len(text.encode()) <= aws_mail.MOST_IN_MESSAGE:
            return "", text
    what = f"a mail of {size} octets does not go into a message of SQS (150 KB, 256 KB with what is around it)"
    if body == "notification":
        return aws_sns.pointer(view, overflow, settings, queue, what)
    place = aws_s3.overflow(view, overflow, settings, what)
    stored = {"mail": view.mail.to_dict(), "stored": {"bucket": place.bucket, "key": place.key}}
    about = {"rule": view.step.rule, "recipients": list(view.step.recipients), "values": dict(view.step.values)}
    return f", mail in s3://{place}", aws_sns.fitting(ses_json.dumps({**stored, **about}))


def _body(view: aws_mail.Shown, queue: str, body: str) -> str:
    if body == "notification":
        return view.notification(ses_json.sns_action(queue), view.octets())
    if body == "raw":
        return base64.b64encode(view.mail.raw).decode()
    return ses_json.dumps(json.loads(webhook.payload(view.mail, view.message, view.step)))


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options: no queue, a FIFO queue without a group, a place for large mail that is none."""
    yield from aws_names.problems("queue", options["queue"])
    yield from aws_names.overflow_problems(options.get("overflow"))
    yield from aws_sns.fifo_problems(options["queue"], options.get("group"))
