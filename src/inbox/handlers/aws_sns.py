"""The handler sns: publish SES's notification about a mail, with the mail in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from inbox.aws import calling, client, ses_json
from inbox.errors import Failed
from inbox.handlers import aws_mail, aws_names, aws_s3
from inbox.send.headers import clean

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step

SUBJECT = "Amazon SES Email Receipt Notification"


def sns(
    mail: Mail,
    message: Message,
    step: Step,
    earlier: tuple[Step, ...],
    settings: Mapping[str, Any],
    *,
    topic: str,
    encoding: Literal["base64", "utf8", "Base64", "UTF-8"] = "base64",
    content: Literal["full", "none"] = "full",
    action: dict[str, str] | None = None,
    scan: bool = False,
    subject: str = SUBJECT,
    overflow: dict[str, str] | None = None,
    group: str | None = None,
) -> str:
    """Publish the mail to a topic of SNS, as the notification that SES would send.

    topic: its ARN. encoding: of the mail in it: base64, which is always right, or utf8, which loses octets that are no UTF-8; SES's
    spellings are taken too. content: full, or none for
    the notification alone. action: with `none`, what it says was done, in SES's words: `{type: S3, bucketName: NAME, objectKeyPrefix: mail}`, whose
    objectKey is made as SES makes it. scan: say what scanners say, of which there are none here: spam and virus are GRAY, and FAIL for the test
    files GTUBE and EICAR, in place of DISABLED. subject: of the SNS message. overflow: `{bucket, key}`, also sse, kms_key and storage_class, as in s3: a mail over 150 KB, which
    SNS does not take, is stored there as SES stores it and the notification says where, as that of an S3 action; without it such a step fails and the mail
    is kept. group: message group of a FIFO topic; a repeat has the same deduplication id there, other topics may get a message twice.
    """
    view = aws_mail.shown(mail, message, step, earlier, settings, scan=scan)
    if action:
        where, text = "", fitting(view.notification(_action(action, topic, mail)))
    else:
        where, text = _text(view, topic, encoding, content, overflow, settings)
    arguments = {"TopicArn": topic, "Subject": clean(subject)[:99] or SUBJECT, "Message": text, **fifo(view, topic, group)}
    with calling(f"sns:Publish {topic}"):
        answer = client("sns", settings).publish(**arguments)
    return f"published {answer.get('MessageId')}{where}"


def _action(action: Mapping[str, str], topic: str, mail: Mail) -> dict[str, str]:
    """What a notification says was done: with the topic, and the key of an object where SES makes it."""
    kind, rest = action["type"], {name: value for name, value in action.items() if name != "type"}
    if kind != "S3" or "objectKey" in rest:
        return {"type": kind, "topicArn": topic, **rest}
    prefix = rest.get("objectKeyPrefix", "")
    slash = "/" if prefix and not prefix.endswith("/") else ""
    return {"type": kind, "topicArn": topic, **rest, "objectKey": f"{prefix}{slash}{ses_json.ses_id(mail)}"}


def fifo(view: aws_mail.Shown, name: str, group: str | None) -> dict[str, str]:
    """What a FIFO topic or queue wants: the group, and an id by which it knows a repeat."""
    if not name.endswith(".fifo"):
        return {}
    letters = "".join(letter if "!" <= letter <= "~" else "_" for letter in group or view.step.rule)
    return {"MessageGroupId": letters[:128] or "_", "MessageDeduplicationId": view.key}


def _text(
    view: aws_mail.Shown, topic: str, encoding: str, content: str, overflow: Mapping[str, str] | None, settings: Mapping[str, Any]
) -> tuple[str, str]:
    """Where the mail was put instead, if anywhere, and the message."""
    action = ses_json.sns_action(topic, "base64" if encoding.lower() == "base64" else "utf8")
    if content == "none":
        return "", fitting(view.notification(action))
    size = view.size()
    if size <= aws_mail.MOST_IN_SNS:
        text = view.notification(action, view.octets())
        if _octets(text) <= aws_mail.MOST_IN_MESSAGE:
            return "", text
    return pointer(view, overflow, settings, topic, f"a mail of {size} octets does not go into a message of SNS (150 KB, 256 KB as JSON)")


def pointer(
    view: aws_mail.Shown, overflow: Mapping[str, str] | None, settings: Mapping[str, Any], topic: str, what: str
) -> tuple[str, str]:
    """Store the mail first, and then the notification of an S3 action that says where it is."""
    place = aws_s3.overflow(view, overflow, settings, what)
    return f", mail in s3://{place}", fitting(view.notification(ses_json.s3_action(place.bucket, place.key, topic=topic)))


def fitting(text: str) -> str:
    """The message itself; Failed when nothing can carry it."""
    if _octets(text) > aws_mail.MOST_IN_MESSAGE:
        raise Failed(f"its header alone makes a message of {_octets(text)} octets; 256 KB is the most: use s3")
    return text


def _octets(text: str) -> int:
    return len(text.encode())


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options: no topic, a place for large mail that is none."""
    yield from aws_names.problems("topic", options["topic"])
    yield from aws_names.overflow_problems(options.get("overflow"))
    if options.get("action") is not None and (options["content"] != "none" or "type" not in options["action"]):
        yield "action: {type: S3, bucketName: NAME, objectKeyPrefix: mail}, and the like, with content: none"
    if "{" not in options["subject"] and (clean(options["subject"]) != options["subject"] or not 0 < len(options["subject"]) < 100):
        yield "subject: one line of at most 99 characters"
    yield from fifo_problems(options["topic"], options.get("group"))


def fifo_problems(name: str, group: str | None) -> Iterator[str]:
    """What is wrong with the group of a topic or queue."""
    if bool(group) is not name.endswith(".fifo"):
        yield "group: a FIFO topic or queue, whose name ends in .fifo, needs one, and no other has any; what has the same group stays in order"
