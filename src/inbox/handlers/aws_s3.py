"""The handler s3: store a mail as an object, once."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from inbox.aws import AwsError, AwsMissing, calling, client
from inbox.errors import Failed
from inbox.handlers import aws_mail, aws_names

if TYPE_CHECKING:
    from inbox.model import Mail, Step

MARK = "inbox-mail"
"""Name of the metadata that says which mail an object is."""
_OF_AWS = (".amazonaws.com", ".amazonaws.com.cn")
_IS_THERE = ("PreconditionFailed", "412")
_WITHOUT_CONDITIONS = ("NotImplemented", "501", "MethodNotAllowed", "XNotImplemented")


@dataclass(frozen=True)
class Place:
    """Where an object goes, and how it is kept there."""

    bucket: str
    key: str
    sse: str | None = None
    kms_key: str | None = None
    storage_class: str | None = None
    if_exists: Literal["fail", "keep", "replace"] = "fail"

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key}"

    def arguments(self, mail: Mail) -> dict[str, Any]:
        """What PutObject wants besides the octets."""
        wishes = {"ServerSideEncryption": self.sse, "SSEKMSKeyId": self.kms_key, "StorageClass": self.storage_class}
        return {
            "Bucket": self.bucket,
            "Key": self.key,
            "ContentType": "message/rfc822",
            "Metadata": {MARK: mail.id},
            **{name: value for name, value in wishes.items() if value},
        }


def s3(
    mail: Mail,
    step: Step,
    earlier: tuple[Step, ...],
    settings: Mapping[str, Any],
    *,
    bucket: str,
    key: str = "mail/{ses_id}",
    content: Literal["raw", "ses"] = "raw",
    sse: Literal["AES256", "aws:kms"] | None = None,
    kms_key: str | None = None,
    storage_class: Literal[
        "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE", "REDUCED_REDUNDANCY"
    ]
    | None = None,
    if_exists: Literal["fail", "keep", "replace"] = "fail",
    scan: bool = False,
) -> str:
    """Store the mail as an object of S3, once: a repeat finds it there and changes nothing.

    bucket: its name. key: where in it; `{id}` or `{ses_id}`, which SES uses, must be in it, and there are `{date}`, `{year}`, `{month}`, `{day}`, facts,
    captures and set values. content: raw, the octets as they came in, or ses, as SES would store them: its header block and what add-header added
    in front. sse: encryption at rest, AES256 or aws:kms, by default the bucket's. kms_key: id, alias/NAME or ARN, with aws:kms. storage_class: by
    default STANDARD. if_exists: what to do when another mail is there: fail, keep it, or replace it. scan: as in sns, with `content: ses`.

    The object has the mail's id in its metadata `inbox-mail`. It needs the permission s3:PutObject, and s3:GetObject to look at what is there.
    """
    place = Place(bucket, aws_names.check_key(key), sse, kms_key, storage_class, if_exists)
    if content == "raw":
        head, skip = b"", 0
    else:
        head, skip = aws_mail.shown(mail, aws_mail.head_of(mail), step, earlier, settings, scan=scan).front()
    return put(mail, place, head, skip, settings)


def put(mail: Mail, place: Place, head: bytes, skip: int, settings: Mapping[str, Any]) -> str:
    """Put a mail there, `head` in the place of its first `skip` octets; gives what happened. Deferred, Failed."""
    service = client("s3", settings)
    with aws_mail.stream(mail, head, skip) as octets:
        if place.if_exists == "replace":
            _put(service, place, mail, octets)
        elif there := _put_new(service, place, mail, octets):
            return there
    return f"s3://{place}"


def _put_new(service: Any, place: Place, mail: Mail, octets: BinaryIO) -> str | None:
    """Put it unless something is there already, of which the words are given.

    Only AWS is known to honour IfNoneMatch: others ignore it in silence or refuse it, so there it is looked at first. Two workers could
    still meet there; they would write the same octets.
    """
    if not service.meta.endpoint_url.endswith(_OF_AWS):
        with contextlib.suppress(AwsMissing):
            return _there_already(service, place, mail, octets)
    try:
        _put(service, place, mail, octets, IfNoneMatch="*")
    except AwsError as error:
        if error.code in _IS_THERE:
            return _there_already(service, place, mail, octets)
        if error.code not in _WITHOUT_CONDITIONS:
            raise
        _put(service, place, mail, octets)
    return None


def _put(service: Any, place: Place, mail: Mail, octets: BinaryIO, **condition: str) -> None:
    octets.seek(0)
    with calling(f"s3:PutObject {place}"):
        service.put_object(Body=octets, **place.arguments(mail), **condition)


def _there_already(service: Any, place: Place, mail: Mail, octets: BinaryIO) -> str:
    """What is there is this mail: by its metadata, or by size and MD5. Failed when it is another; AwsMissing when it is gone."""
    with calling(f"s3:HeadObject {place}"):
        found = service.head_object(Bucket=place.bucket, Key=place.key)
    mark = found.get("Metadata", {}).get(MARK)
    if mark == mail.id or _same(found, octets):
        return f"s3://{place} was there already"
    if place.if_exists == "keep":
        return f"s3://{place} is another object, which was kept"
    whose = f"mail {mark}" if mark else "something else"
    raise Failed(f"s3://{place} holds {whose}; give the option key more of the mail's own, or if_exists: keep or replace")


def _same(found: Mapping[str, Any], octets: BinaryIO) -> bool:
    octets.seek(0)
    digest = hashlib.md5(usedforsecurity=False)
    while block := octets.read(1 << 20):
        digest.update(block)
    return found.get("ContentLength") == octets.tell() and str(found.get("ETag", "")).strip('"') == digest.hexdigest()


def overflow(view: aws_mail.Shown, where: Mapping[str, str] | None, settings: Mapping[str, Any], what: str) -> Place:
    """Put a mail that is too large for a message into S3, as SES stores it; Failed when no place is given."""
    if where is None:
        raise Failed(f"{what}; give `overflow: {{bucket: NAME, key: mail/{{ses_id}}}}`, and the message says where the mail is")
    place = Place(**{**where, "key": aws_names.check_key(where["key"])})  # type: ignore[arg-type]
    put(view.mail, place, *view.front(), settings)
    return place


def check(options: Mapping[str, Any], _recipients: tuple[str, ...], _settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the options: a bucket that a mail would choose, a key that two mails could have or that climbs."""
    yield from aws_names.storing_problems(options)
