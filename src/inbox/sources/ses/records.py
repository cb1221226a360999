"""What an event of SES says, as frozen data. Addresses, ids and words stand as AWS wrote them; only the null sender is None."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from inbox.sources.ses.errors import SesError


@dataclass(frozen=True, slots=True)
class Place:
    """Where S3 has an object. `size` in octets, `etag` and `version` as the event says; None: it does not say."""

    bucket: str
    key: str
    version: str | None = None
    etag: str | None = None
    size: int | None = None

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Received:
    """SES received a mail (one receipt: of one rule, for the recipients that it matched).

    `sender`: envelope sender, None for the null sender; `recipients`: envelope recipients, all, as written; `verdicts`: spam, virus, spf,
    dkim, dmarc, dmarc_policy in lower case, those that are there; `action`: S3, SNS, Lambda …; the mail is at `place`, or is `content`
    (an SNS action), or neither (`ignore`: `setup`, `alert`; or a Lambda event when the settings name no bucket). `lossy`: the content came
    as text, so octets that are not UTF-8 are lost. `disposition`: SES waits for the function's answer.
    """

    message_id: str
    sender: str | None
    recipients: tuple[str, ...]
    verdicts: Mapping[str, str]
    action: str
    place: Place | None = None
    content: bytes | None = field(default=None, repr=False)
    lossy: bool = False
    disposition: bool = False
    ignore: str | None = None
    at: datetime | None = None
    topic: str | None = None
    original: Mapping[str, Any] = field(default_factory=dict, repr=False)
    kind: ClassVar[str] = "received"

    @property
    def dedupe(self) -> str:
        """The source key of the mail: the same by whatever road it came."""
        return f"ses:{self.message_id}"


@dataclass(frozen=True, slots=True)
class Object:
    """S3 has a new object. Whose mail it is stands in the object. `message_id`: the last part of the key, where it looks like one.

    `ignore`: `s3-test`, `setup`, `not-created`.
    """

    place: Place | None
    message_id: str | None = None
    ignore: str | None = None
    at: datetime | None = None
    topic: str | None = None
    original: Mapping[str, Any] = field(default_factory=dict, repr=False)
    kind: ClassVar[str] = "object"

    @property
    def dedupe(self) -> str | None:
        """Names this version of the object; the mail is `ses:<id>` once the object was read."""
        return f"s3:{self.place}@{self.place.version or self.place.etag or ''}" if self.place else None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What became of a mail that was sent (notification of an identity, or event of a configuration set).

    `feedback`: bounce, complaint, delivery, delay, send, reject, open, click, rendering-failure, subscription, unknown; `word`: as SES
    spells it; `recipients`: those that are meant, None when it does not say. `bounce_type`, `bounce_subtype`, `complaint`,
    `complaint_subtype`, `delay`: words of SES. `message_id`: SES's; `own_message_id`: of the header, when headers are included.
    """

    feedback: str
    word: str
    message_id: str | None
    recipients: tuple[str, ...] | None
    bounce_type: str | None = None
    bounce_subtype: str | None = None
    permanent: bool | None = None
    complaint: str | None = None
    complaint_subtype: str | None = None
    delay: str | None = None
    feedback_id: str | None = None
    own_message_id: str | None = None
    at: datetime | None = None
    topic: str | None = None
    original: Mapping[str, Any] = field(default_factory=dict, repr=False)
    kind: ClassVar[str] = "feedback"
    ignore: ClassVar[None] = None

    @property
    def dedupe(self) -> str:
        """SES sends at least once: this is the same each time."""
        when = self.at.isoformat() if self.at else ""
        return f"feedback:{self.feedback_id}" if self.feedback_id else f"feedback:{self.message_id}:{self.word}:{when}"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """SNS asks whether this endpoint wants a topic (all checks passed: visit `url` once), or says that it was taken off (`unsubscribed`)."""

    topic: str
    url: str | None
    ignore: str | None = None
    kind: ClassVar[str] = "confirmation"
    dedupe: ClassVar[None] = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message in which there is nothing to keep, counted and answered with success. `ignore`: `not-json`, `setup`."""

    ignore: str
    topic: str | None = None
    detail: str = ""
    kind: ClassVar[str] = "unknown"
    dedupe: ClassVar[None] = None


Record = Received | Object | Feedback | Confirmation | Ignored


@dataclass(frozen=True, slots=True)
class Item:
    """One message of a batch: its records, and the error when something in it cannot be taken (the records are those that can).

    Of SQS: `id` its message id, `handle` its receipt handle, `receives` how often it was received, as far as SQS knows.
    """

    records: tuple[Record, ...] = ()
    error: SesError | None = None
    id: str | None = None
    handle: str | None = None
    receives: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """An event, read. `queue`: it came from SQS, so that messages fail one by one (`failures`); `signature`: version of SNS's, if it was checked."""

    items: tuple[Item, ...]
    queue: bool = False
    signature: str | None = None

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(record for item in self.items for record in item.records)

    @property
    def errors(self) -> tuple[SesError, ...]:
        return tuple(item.error for item in self.items if item.error is not None)

    @property
    def failures(self) -> tuple[str, ...]:
        """SQS ids of the messages that cannot be taken as they are."""
        return tuple(item.id for item in self.items if item.error is not None and item.id is not None)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)
