"""The mail that a record names: brought from S3 in pieces, decrypted where SES has encrypted it, with the envelope that SES saw."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from inbox import aws
from inbox.model import Envelope, Mail, Raw, new_id
from inbox.sources.ses.block import HEAD, Block, is_setup_notice, read_block
from inbox.sources.ses.decrypt import check_seal, deciphered, read_seal
from inbox.sources.ses.errors import Incomplete, OutOfBounds, Undecipherable, Unfinished
from inbox.sources.ses.records import Object, Place, Received

if TYPE_CHECKING:
    from inbox.config import Settings
    from inbox.tables import Ses

_PIECE = 256 * 1024
_SMALL = 64 * 1024
_SEALED = 16
"""Octets by which an encrypted object is larger than its mail."""

Client = Callable[..., Any]
"""Makes the client of an AWS service: `inbox.aws.client`."""


def fetch(record: Received | Object, settings: Settings, folder: Path, *, client: Client = aws.client) -> Mail | None:
    """The mail of a record; None when there is nothing to keep (`record.ignore`, or SES's notice of a set-up).

    Octets over 64 KiB are in a file in `folder`, which the caller removes once the mail is kept. Raises SesError (OutOfBounds before any
    call, Undecipherable, Unfinished) and `inbox.aws.AwsError`; then no octet of it was used, and nothing is left in the folder.
    """
    if record.ignore:
        return None
    if isinstance(record, Received) and record.content is not None:
        return _received(record, Raw.of(record.content))
    place = record.place
    if place is None:
        raise OutOfBounds(
            "bucket", f"a Lambda event does not say where mail {record.message_id} is; set [ses] buckets to BUCKET/PREFIX", about=record
        )
    check_place(place, settings.ses)
    content = _download(place, settings, folder, client)
    return _received(record, content) if isinstance(record, Received) else _found(record, place, content)


def check_place(place: Place, settings: Ses) -> None:
    """OutOfBounds unless the settings list the place, and its size is not over their limit."""
    if not any(_within(place, entry) for entry in settings.buckets) or {".", ".."} & set(place.key.split("/")):
        raise OutOfBounds(
            "bucket", f"{place} is in no place that is listed; add {place.bucket} or a prefix in it to [ses] buckets if it is yours"
        )
    _check_size(place, place.size, settings)


def _within(place: Place, entry: str) -> bool:
    bucket, _, prefix = entry.partition("/")
    return place.bucket == bucket and (not prefix or place.key.startswith(f"{prefix}/"))


def _check_size(place: Place, size: int | None, settings: Ses) -> None:
    if size is not None and size > settings.size + _SEALED:
        raise OutOfBounds("size", f"{place} has {size:,} octets; [ses] size takes {settings.size:,}")


def _download(place: Place, settings: Settings, folder: Path, client: Client) -> Raw:
    ask = {"Bucket": place.bucket, "Key": place.key, **({"VersionId": place.version} if place.version else {})}
    of_aws = settings.aws.model_dump(exclude_none=True)
    with aws.calling(f"s3:GetObject {place}"):
        answer = client("s3", of_aws).get_object(**ask)
        with contextlib.closing(answer["Body"]) as body:
            size = int(answer["ContentLength"])
            _check_size(place, size, settings.ses)
            pieces = _whole(body.iter_chunks(_PIECE), size, place)
            seal = read_seal(answer.get("Metadata", {}), place.key)
            if seal is not None:
                check_seal(seal, place.key, settings.ses.account)
                pieces = deciphered(pieces, seal, _unwrapping(place, of_aws, client), place.key)
            return _spooled(pieces, folder)


def _unwrapping(place: Place, of_aws: Mapping[str, Any], client: Client) -> Callable[[bytes, Mapping[str, str]], bytes]:
    def unwrap(wrapped: bytes, context: Mapping[str, str]) -> bytes:
        try:
            with aws.calling(f"kms:Decrypt for {place}"):
                key: bytes = client("kms", of_aws).decrypt(CiphertextBlob=wrapped, EncryptionContext=dict(context))["Plaintext"]
                return key
        except aws.AwsError as error:
            if error.code in ("InvalidCiphertextException", "IncorrectKeyException"):
                raise Undecipherable("decrypt", f"object {place.key} cannot be decrypted: {error}") from None
            raise

    return unwrap


def _whole(pieces: Iterable[bytes], size: int, place: Place) -> Iterator[bytes]:
    """The pieces of an object; Unfinished when they end early."""
    came = 0
    for piece in pieces:
        came += len(piece)
        yield piece
    if came != size:
        raise Unfinished("truncated", f"{place} ended after {came:,} of {size:,} octets")


def _spooled(pieces: Iterable[bytes], folder: Path) -> Raw:
    """The octets of a mail: in memory up to 64 KiB, in a file of `folder` beyond."""
    first = bytearray()
    rest = iter(pieces)
    for piece in rest:
        first += piece
        if len(first) > _SMALL:
            break
    else:
        return Raw.of(bytes(first))
    path = folder / f"mail-{secrets.token_hex(8)}"
    try:
        with path.open("xb") as file:
            size, sha256 = _written(file, first, rest)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Raw(size, sha256, path=path)


def _written(file: BinaryIO, first: bytes | bytearray, rest: Iterable[bytes]) -> tuple[int, str]:
    digest, size = hashlib.sha256(first), len(first)
    file.write(first)
    for piece in rest:
        digest.update(piece)
        size += len(piece)
        file.write(piece)
    return size, digest.hexdigest()


def _received(record: Received, content: Raw) -> Mail:
    block = _block(content)
    return _mail(record, record.message_id, record.sender, record.recipients, record.verdicts, content, block)


def _found(record: Object, place: Place, content: Raw) -> Mail | None:
    """A mail of which only the object is known: the block names its id and one recipient."""
    block = _block(content)
    if block is None:
        if is_setup_notice(_head(content)):
            return None
        raise Incomplete(
            "unknown", f"{place} does not begin with the header fields of SES; only mail that SES has stored is taken", about=record
        )
    verdicts = {name: word.lower() for name, word in block.verdicts.items()}
    return _mail(record, block.message_id, block.sender, (block.recipient,), verdicts, content, block)


def _mail(
    record: Received | Object,
    message_id: str,
    sender: str | None,
    recipients: tuple[str, ...],
    verdicts: Mapping[str, str],
    content: Raw,
    block: Block | None,
) -> Mail:
    about = {"helo": block.helo, "ip": block.ip} if block else {}
    envelope = Envelope(sender, recipients, source="ses", verdicts=dict(verdicts) or None, **about)
    return Mail(new_id(), envelope, content, record.at or datetime.now(UTC), f"ses:{message_id}")


def _block(content: Raw) -> Block | None:
    return read_block(_head(content))


def _head(content: Raw) -> bytes:
    with content.open() as stream:
        return stream.read(HEAD)
