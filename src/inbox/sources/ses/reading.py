"""What may arrive, decided by its keys (ses.md section 9): one function for events of Lambda, bodies of SNS and messages of SQS."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from inbox.sources.ses import objects, received
from inbox.sources.ses.errors import Refused, SesError, Unreadable
from inbox.sources.ses.feedback import feedback
from inbox.sources.ses.fields import mapping, number, text
from inbox.sources.ses.records import Batch, Ignored, Item, Record
from inbox.sources.ses.sns import Certificate, verified, verified_body

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.tables import Ses

_DEPTH = 4
"""Envelopes within each other: SQS, SNS, and an event of S3 make three."""


class _Reader(NamedTuple):
    """What is the same for every record of an event."""

    topics: Collection[str]
    settings: Ses | None


def read(
    payload: Mapping[str, Any] | bytes | str,
    *,
    topics: Collection[str] | None = None,
    certificate: Certificate | None = None,
    settings: Settings | None = None,
) -> Batch:
    """What an event says, whatever AWS service hands it over; nothing is fetched but the certificate of a signed message.

    A mapping is an event of Lambda, an answer of SQS's ReceiveMessage, or one message, parsed; what has SNS's envelope at the top must be
    signed. Octets or text are the body of an HTTP request: only SNS's signed envelope is taken (`read_http`).
    `topics`: ARNs that are listened to (default: `[ses] topics`); `certificate`: gives the PEM for a SigningCertURL.
    Raises a SesError when nothing in it can be taken; but messages of SQS fail one by one, in their items.
    """
    if not isinstance(payload, (Mapping, bytes, str)):
        raise Unreadable("unknown", f"an event is a JSON object; this is of type {type(payload).__name__}")
    if not isinstance(payload, Mapping):
        return read_http(payload, topics=topics, certificate=certificate, settings=settings)
    reader = _reader(topics, settings)
    if "Type" in payload and "TopicArn" in payload:
        return _signed(payload, certificate, reader)
    batch = _batch(payload, reader)
    errors = batch.errors
    if errors and not batch.queue and not batch.records:
        raise errors[0]
    return batch


def read_http(
    body: bytes | str,
    *,
    topics: Collection[str] | None = None,
    certificate: Certificate | None = None,
    settings: Settings | None = None,
) -> Batch:
    """What SNS has posted (ses.md section 8). Raises a SesError for whatever is not signed by SNS for a listed topic."""
    return _signed(verified_body(body), certificate, _reader(topics, settings))


def _reader(topics: Collection[str] | None, settings: Settings | None) -> _Reader:
    own = settings.ses if settings else None
    return _Reader((own.topics if own else ()) if topics is None else topics, own)


def _signed(message: Mapping[str, Any], certificate: Certificate | None, reader: _Reader) -> Batch:
    confirmation = verified(message, reader.topics, certificate, reader.settings)
    signature = text(message, "SignatureVersion")
    if confirmation is not None:
        return Batch((Item((confirmation,)),), signature=signature)
    item = _item(_message(message, reader, 1))
    if item.error and not item.records:
        raise item.error
    return Batch((item,), signature=signature)


def _batch(payload: Mapping[str, Any], reader: _Reader) -> Batch:
    polled, records = payload.get("Messages"), payload.get("Records")
    if isinstance(polled, list):
        return Batch(tuple(_polled(message, reader) for message in polled), queue=True)
    if isinstance(records, list) and records and all(text(record, "eventSource") == "aws:sqs" for record in records):
        return Batch(tuple(_queued(record, reader) for record in records), queue=True)
    if isinstance(records, list) and records:
        return Batch(tuple(_item(_record(record, reader, None, 1)) for record in records))
    return Batch((_item(_event(payload, reader, None, 1)),))


def _item(found: Iterator[Record], **about: Any) -> Item:
    """Read one message as far as it goes."""
    records: list[Record] = []
    try:
        for record in found:
            records.append(record)  # noqa: PERF402  those before an error count
    except SesError as error:
        return Item(tuple(records), error, **about)
    return Item(tuple(records), **about)


def _polled(message: Any, reader: _Reader) -> Item:
    """A message of ReceiveMessage."""
    about = {"id": text(message, "MessageId"), "handle": text(message, "ReceiptHandle")}
    receives = number(mapping(message, "Attributes"), "ApproximateReceiveCount")
    return _item(_body(text(message, "Body"), reader, 1), receives=receives, **about)


def _queued(record: Any, reader: _Reader) -> Item:
    """A message of SQS as Lambda gets it."""
    about = {"id": text(record, "messageId"), "handle": text(record, "receiptHandle")}
    receives = number(mapping(record, "attributes"), "ApproximateReceiveCount")
    return _item(_body(text(record, "body"), reader, 1), receives=receives, **about)


def _body(body: str | None, reader: _Reader, depth: int) -> Iterator[Record]:
    event = _parsed(body or "", "the body of the message")
    yield from _event(event, reader, None, depth + 1)


def _event(event: Mapping[str, Any], reader: _Reader, topic: str | None, depth: int) -> Iterator[Record]:
    """Anything that may be within SQS or SNS, or come by itself."""
    if depth > _DEPTH:
        raise Unreadable("unknown", f"more than {_DEPTH} messages within each other; SES, S3, SNS and SQS make three at most")
    records = event.get("Records")
    if text(event, "Event") == "s3:TestEvent":
        yield objects.TEST
    elif text(event, "source") == "aws.s3" and "detail-type" in event:
        yield objects.eventbridge(event, topic)
    elif text(event, "Type") == "Notification" and "TopicArn" in event and topic is None:
        yield from _message(event, reader, depth)
    elif isinstance(records, list) and records:
        yield from _each(records, reader, topic, depth)
    elif text(event, "notificationType") == "Received":
        yield received.notification(event, topic)
    elif text(event, "notificationType") or text(event, "eventType"):
        yield feedback(event, topic)
    else:
        raise Unreadable("unknown", f"{_keys(event)}: nothing that SES, SNS, SQS, S3 or EventBridge sends", topic=topic)


def _each(records: list[Any], reader: _Reader, topic: str | None, depth: int) -> Iterator[Record]:
    """All records that can be read, then the first error of the others."""
    items = [_item(_record(record, reader, topic, depth)) for record in records]
    for item in items:
        yield from item.records
    for item in items:
        if item.error:
            raise item.error


def _record(record: Any, reader: _Reader, topic: str | None, depth: int) -> Iterator[Record]:
    """One of `Records`; SNS spells the name of its source in another way."""
    source = text(record, "eventSource", "EventSource")
    if source == "aws:ses":
        yield received.function_event(mapping(record, "ses"), reader.settings)
    elif source == "aws:s3":
        yield objects.s3_record(record, topic)
    elif source == "aws:sns" and topic is None:
        yield from _message(mapping(record, "Sns"), reader, depth)
    elif source == "aws:sqs":
        yield from _body(text(record, "body"), reader, depth)
    else:
        raise Unreadable("unknown", f"a record of {source!r}; there are aws:ses, aws:s3, aws:sns, aws:sqs", topic=topic)


def _message(message: Mapping[str, Any], reader: _Reader, depth: int) -> Iterator[Record]:
    """What is within SNS's envelope. AWS vouches for it (or the signature was checked); which topic it is must still be listed."""
    topic = text(message, "TopicArn")
    if topic not in reader.topics:
        raise Refused("topic", f"topic {topic} is not listed; add it to [ses] topics if it is yours", topic=topic)
    inner = text(message, "Message") or ""
    try:
        event = _parsed(inner, "Message")
    except Unreadable:
        if inner.lstrip().startswith(("{", "[")):
            raise
        yield Ignored("not-json", topic, inner[:200])
        return
    yield from _event(event, reader, topic, depth + 1)


def _parsed(words: str, what: str) -> Mapping[str, Any]:
    try:
        found = json.loads(words)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not-json", f"{what} is no JSON: {error}; it begins with {words[:60]!r}") from None
    if not isinstance(found, Mapping):
        raise Unreadable("not-json", f"{what} is JSON, but no object; it begins with {words[:60]!r}")
    return found


def _keys(event: Mapping[str, Any]) -> str:
    names = ", ".join(sorted(map(str, event))[:12])
    return f"an event with the keys {names}" if names else "an event without keys"
