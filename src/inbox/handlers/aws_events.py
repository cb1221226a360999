"""The handler eventbridge: put an event about a mail on a bus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inbox.aws import AwsError, calling, client, ses_json
from inbox.errors import Failed
from inbox.handlers import aws_mail, aws_names

if TYPE_CHECKING:
    from inbox import Message
    from inbox.model import Mail, Step

_HOPELESS = ("MalformedDetail", "InvalidArgument", "NotAuthorizedForSourceException", "NotAuthorizedForDetailTypeException")


def eventbridge(
    mail: Mail,
    message: Message,
    step: Step,
    earlier: tuple[Step, ...],
    settings: Mapping[str, Any],
    *,
    bus: str = "default",
    source: str = "inbox",
    detail_type: str = "Mail Received",
    detail: dict[str, Any] | None = None,
) -> str:
    """Put an event on a bus of EventBridge.

    bus: its name or ARN. source: who says it, not `aws.…`. detail_type: what kind of event it is. detail: a mapping, `{order: "{order}"}`; by default
    `mail` and `receipt` of SES's notification, `rule` and `values`. An event that the bus refuses for a while is put again later; the bus may then get it twice, with the same
    `messageId` in it.
    """
    view = aws_mail.shown(mail, message, step, earlier, settings)
    text = ses_json.dumps(detail) if detail is not None else ses_json.dumps(view.about())
    size = len(text.encode()) + len(source.encode()) + len(detail_type.encode()) + 14
    if size > aws_mail.MOST_IN_MESSAGE:
        raise Failed(f"an event of {size} octets; 256 KB is the most that EventBridge takes: put less into detail")
    entry = {"Time": mail.received_at, "Source": source, "DetailType": detail_type[:128], "Detail": text, "EventBusName": bus}
    call = f"events:PutEvents {bus}"
    with calling(call):
        answer = client("events", settings).put_events(Entries=[entry])
    (found,) = answer["Entries"]
    if answer.get("FailedEntryCount"):
        _refused(call, str(found.get("ErrorCode")), str(found.get("ErrorMessage")))
    return f"event {found.get('EventId')}"


def _refused(call: str, code: str, words: str) -> None:
    if code in _HOPELESS:
        raise Failed(f"{call}: {code}: {words}")
    raise AwsError(call, code, words)


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options: a bus that is none, a source that is AWS's own."""
    yield from aws_names.problems("bus", options["bus"])
    source, kind = options["source"], options["detail_type"]
    if source.startswith("aws.") or not 0 < len(source) <= 256 or "{" in source:
        yield "source: 1 to 256 characters, fixed, and not aws.…, which is AWS's own"
    if not 0 < len(kind) <= 128:
        yield "detail_type: 1 to 128 characters"
