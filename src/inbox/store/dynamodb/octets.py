"""Octets: raw mails in the table (up to 64 KiB), in S3 under a name of ours, or where somebody else put them; and what is too large for an item."""

from __future__ import annotations

import base64
import hashlib
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO, cast

from inbox import aws
from inbox.errors import Failed, StoreError
from inbox.model import Mail, Raw
from inbox.store.dynamodb.layout import day, raw_key
from inbox.store.dynamodb.table import Table

SMALL = 64 * 1024
"""Octets up to which a raw mail lies in the table."""

LARGEST = 350 * 1024
"""Octets of one value; an item may have 400 KB in all."""

_PIECE = 256 * 1024
_IN_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredRaw(Raw):
    """The octets of a stored mail, which are fetched when somebody reads them, and checked against size and hash."""

    mail_id: str = ""
    octets: Octets | None = field(default=None, compare=False, repr=False)

    def read(self) -> bytes:
        with self.open() as stream:
            return stream.read()

    def open(self) -> BinaryIO:
        assert self.octets is not None
        return self.octets.open(self)


class Octets:
    """`prefix`: (bucket, beginning of keys) for what does not fit into the table; None: there is no such place. `s3`: makes the client."""

    def __init__(self, table: Table, s3: Any, prefix: tuple[str, str] | None) -> None:
        self._table, self._s3, self._prefix = table, s3, prefix

    # raw mails

    def keep(self, mail: Mail) -> tuple[str | None, bytes | None]:
        """Where the octets are: (their place in S3, None), written there now unless they have one already; or (None, octets for the table)."""
        content = mail.content
        if content.place is not None:
            return content.place, None
        if content.size <= SMALL:
            return None, content.read()
        bucket, prefix = self._room(f"a mail of {content.size:,} octets")
        key = f"{prefix}{day(mail.received_at)}/{mail.id}.eml"
        with content.open() as stream:
            self._put(bucket, key, stream, bytes.fromhex(content.sha256))
        return f"s3://{bucket}/{key}", None

    def open(self, raw: StoredRaw) -> BinaryIO:
        """A stream over the octets, whole and checked. FileNotFoundError when they were removed, StoreError when they are others."""
        spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  whoever asked closes it
        digest = hashlib.sha256()
        for piece in self._pieces(raw):
            digest.update(piece)
            spool.write(piece)
        if spool.tell() != raw.size or digest.hexdigest() != raw.sha256:
            raise StoreError(f"the octets of mail {raw.mail_id} are not those that were kept; {raw.place or 'the table'} has been changed")
        spool.seek(0)
        return cast("BinaryIO", spool)

    def _pieces(self, raw: StoredRaw) -> Iterator[bytes]:
        if raw.place is not None:
            with self._object(raw.place) as body:
                yield from body.iter_chunks(_PIECE)
            return
        item = self._table.get(raw_key(raw.mail_id))
        if item is None:
            raise FileNotFoundError("the raw mail was removed; only its receipt is left")
        yield item["data"]

    # values

    def pack(self, name: str, data: bytes) -> dict[str, Any]:
        """Attributes that hold `data`, compressed; in S3 under `name` when that is too large."""
        small = zlib.compress(data, 6)
        if len(small) <= LARGEST:
            return {"z": small}
        bucket, prefix = self._room(f"{name} ({len(small):,} octets compressed)")
        key = f"{prefix}values/{name}-{hashlib.sha256(small).hexdigest()}"
        self._put(bucket, key, small, hashlib.sha256(small).digest())
        return {"place": f"s3://{bucket}/{key}"}

    def unpack(self, item: Mapping[str, Any]) -> bytes:
        """What `pack` has put away."""
        if "z" in item:
            return zlib.decompress(item["z"])
        with self._object(item["place"]) as body:
            return zlib.decompress(body.read())

    # S3

    def _room(self, what: str) -> tuple[str, str]:
        if self._prefix is None:
            raise StoreError(f"{what} is too large for the table; say where such go: dynamodb://{self._table.name}?raw=s3://BUCKET/PREFIX")
        return self._prefix

    def _put(self, bucket: str, key: str, body: bytes | IO[bytes], sha256: bytes) -> None:
        """Write an object; one that is there already under this name holds the same. S3 compares the octets with their hash."""
        try:
            with aws.calling(f"s3:PutObject {bucket}/{key}"):
                self._s3().put_object(
                    Bucket=bucket, Key=key, Body=body, IfNoneMatch="*", ChecksumSHA256=base64.b64encode(sha256).decode("ascii")
                )
        except aws.AwsError as error:
            if error.code not in ("PreconditionFailed", "412"):
                raise StoreError(f"the store failed: {error}; nothing was kept, it is tried again") from None
        except Failed as error:
            raise StoreError(f"the store failed: {error}") from None

    @contextmanager
    def _object(self, place: str) -> Iterator[Any]:
        """The body of an object, `s3://BUCKET/KEY` or `s3://BUCKET/KEY?versionId=VERSION`."""
        bucket, _, rest = place.removeprefix("s3://").partition("/")
        key, _, version = rest.partition("?versionId=")
        ask = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
        try:
            with aws.calling(f"s3:GetObject {bucket}/{key}"):
                answer = self._s3().get_object(**ask)
                with closing(answer["Body"]) as body:
                    yield body
        except aws.AwsMissing:
            raise FileNotFoundError(f"{place} is gone; only the receipt of the mail is left") from None
        except (aws.AwsError, Failed) as error:
            raise StoreError(f"the store failed: {error}; it is tried again") from None
