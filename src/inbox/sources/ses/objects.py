"""Events of S3: in its own format, where keys are URL-encoded, and in EventBridge's, where they are not (ses.md section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from inbox.sources.ses.errors import Unreadable
from inbox.sources.ses.fields import SETUP, id_of_key, mapping, moment, number, text
from inbox.sources.ses.records import Object, Place

TEST = Object(None, ignore="s3-test")
"""What S3 sends when notifications are set up."""


def s3_record(record: Mapping[str, Any], topic: str | None) -> Object:
    """One of `Records` of an S3 event. Raises Unreadable."""
    if not (text(record, "eventName") or "ObjectCreated:").removeprefix("s3:").startswith("ObjectCreated:"):
        return Object(None, ignore="not-created", topic=topic, original=record)
    s3 = mapping(record, "s3")
    thing = mapping(s3, "object")
    key = unquote_plus(text(thing, "key") or "")
    place = _place(text(mapping(s3, "bucket"), "name"), key, text(thing, "versionId"), text(thing, "eTag"), number(thing, "size"))
    return _object(place, record, "eventTime", topic)


def eventbridge(event: Mapping[str, Any], topic: str | None) -> Object:
    """An event of S3 by EventBridge. Raises Unreadable."""
    if text(event, "detail-type") != "Object Created":
        return Object(None, ignore="not-created", topic=topic, original=event)
    detail = mapping(event, "detail")
    thing = mapping(detail, "object")
    bucket = text(mapping(detail, "bucket"), "name")
    place = _place(bucket, text(thing, "key") or "", text(thing, "version-id"), text(thing, "etag"), number(thing, "size"))
    return _object(place, event, "time", topic)


def _place(bucket: str | None, key: str, version: str | None, etag: str | None, size: int | None) -> Place:
    if not bucket or not key:
        raise Unreadable("unknown", "the S3 event names no bucket or no key; s3.bucket.name and s3.object.key say where the object is")
    return Place(bucket, key, version, etag, size)


def _object(place: Place, event: Mapping[str, Any], time: str, topic: str | None) -> Object:
    setup = place.key.rpartition("/")[2] == SETUP
    return Object(place, id_of_key(place.key), "setup" if setup else None, moment(event, time), topic, event)
