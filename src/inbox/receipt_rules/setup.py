"""What SES writes once when a rule is made: an object in the bucket, a message to the topic, so that its owner sees that they can be reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from inbox.aws import AwsError, calling, client
from inbox.aws.ses_json import dumps, sns_action
from inbox.model import isoformat
from inbox.receipt_rules.model import ReceiptRuleSet, S3Action, SNSAction

ID = "AMAZON_SES_SETUP_NOTIFICATION"
SUBJECT = "Amazon SES Setup Notification"
_SENDER, _RECIPIENT = "no-reply-aws@amazon.com", "recipient@example.com"


def announce(rule_set: ReceiptRuleSet, settings: Mapping[str, Any]) -> Iterator[str]:
    """Write the setup object of every S3 action, unless it is there, and publish the setup notification of every SNS action; yields what was done.

    `settings`: region and endpoint of AWS. Raises AwsError when a bucket or topic cannot be reached.
    """
    now = datetime.now(UTC)
    actions = dict.fromkeys(action for rule in rule_set.rules if rule.enabled for action in rule.actions)
    for action in actions:
        if isinstance(action, S3Action):
            yield _object(action, settings, now)
        elif isinstance(action, SNSAction):
            yield _message(action, settings, now)


def _object(action: S3Action, settings: Mapping[str, Any], now: datetime) -> str:
    key = f"{action.prefix}{ID}"
    try:
        with calling(f"s3:PutObject {action.bucket_name}/{key}"):
            client("s3", settings).put_object(Bucket=action.bucket_name, Key=key, Body=mail(now, "S3 bucket"), IfNoneMatch="*")
    except AwsError as error:
        if error.code not in ("PreconditionFailed", "412"):
            raise
        return f"s3://{action.bucket_name}/{key} was there already"
    return f"s3://{action.bucket_name}/{key}"


def _message(action: SNSAction, settings: Mapping[str, Any], now: datetime) -> str:
    with calling(f"sns:Publish {action.topic_arn}"):
        client("sns", settings).publish(TopicArn=action.topic_arn, Subject=SUBJECT, Message=dumps(notification(action, now)))
    return f"published to {action.topic_arn}"


def mail(now: datetime, what: str) -> bytes:
    """The mail that SES writes."""
    lines = (
        f"Date: {format_datetime(now)}",
        f"To: {_RECIPIENT}",
        f"From: Amazon Web Services <{_SENDER}>",
        f"Subject: {SUBJECT}",
        "",
        "Hello,",
        "",
        f"You received this message because you attempted to set up Amazon SES to deliver emails to this {what}.",
        "",
    )
    return "\r\n".join(lines).encode()


def notification(action: SNSAction, now: datetime) -> dict[str, Any]:
    """The notification that SES publishes; it has no header fields, and all verdicts pass."""
    passed = {f"{name}Verdict": {"status": "PASS"} for name in ("spam", "virus", "spf", "dkim", "dmarc")}
    return {
        "notificationType": "Received",
        "mail": {
            "timestamp": isoformat(now),
            "source": _SENDER,
            "messageId": ID,
            "destination": [_RECIPIENT],
            "headersTruncated": False,
            "headers": [],
            "commonHeaders": {},
        },
        "receipt": {
            "timestamp": isoformat(now),
            "processingTimeMillis": 0,
            "recipients": [_RECIPIENT],
            **passed,
            "action": dict(sns_action(action.topic_arn, "utf8")),
        },
        "content": mail(now, "SNS topic").decode(),
    }
