"""Everything that SES sends, as samples, and what must be made of it (../shared/ses/expected.jsonl): every line, key by key."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import Any

import pytest

from conftest import SHARED
from inbox.sources import ses
from inbox.sources.ses.block import read_block
from inbox.sources.ses.errors import SesError
from inbox.sources.ses.records import Object, Place

EXPECTED = SHARED / "ses" / "expected.jsonl"
LINES = [json.loads(line) for line in EXPECTED.read_text(encoding="utf-8").splitlines()] if EXPECTED.exists() else []
EVENTS = [line for line in LINES if line["kind"] not in ("mail", "rules")]
MAILS = [line for line in LINES if line["kind"] == "mail"]


def line_of(record: Any) -> dict[str, Any]:
    """A record in the words of expected.jsonl."""
    place, kind = getattr(record, "place", None), record.kind
    bounce = f"{record.bounce_type}/{record.bounce_subtype}" if getattr(record, "bounce_type", None) else None
    content = getattr(record, "content", None)
    recipients = getattr(record, "recipients", None)
    ignored = record.ignore in ("setup", "not-created", "s3-test") and kind == "object"
    return {
        "kind": kind,
        "message_id": None if ignored else getattr(record, "message_id", None),
        "recipients": None if recipients is None else list(recipients),
        "action": getattr(record, "action", None),
        "sender": getattr(record, "sender", None),
        "bucket": place and place.bucket,
        "key": place and place.key,
        "dedupe": record.dedupe,
        "topic": getattr(record, "topic", None),
        "ignore": record.ignore,
        "error": None,
        "sha256": hashlib.sha256(content).hexdigest() if content is not None else None,
        "disposition": getattr(record, "disposition", None),
        "feedback": getattr(record, "feedback", None),
        "bounce": bounce,
        "complaint": getattr(record, "complaint", None),
        "delay": getattr(record, "delay", None),
    }


def line_of_error(error: SesError) -> dict[str, Any]:
    about = line_of(error.about) if error.about else dict.fromkeys(("message_id", "recipients", "action", "sender"))
    return {**about, "kind": error.kind, "topic": error.topic, "error": error.code}


def line_of_item(item: ses.Item) -> dict[str, Any]:
    assert len(item.records) <= 1
    return line_of_error(item.error) if item.error else line_of(item.records[0])


def read(payload: Any, certificate: Any, settings: Any) -> dict[str, Any]:
    try:
        batch = ses.read(payload, certificate=certificate, settings=settings)
    except SesError as error:
        return line_of_error(error)
    if len(batch.items) == 1:
        return line_of_item(batch.items[0])
    failures = [{"itemIdentifier": id_} for id_ in batch.failures]
    nothing = dict.fromkeys(("message_id", "recipients", "action"))
    return {"kind": "batch", **nothing, "records": [line_of_item(item) for item in batch], "batchItemFailures": failures}


def only(found: Any, wanted: Any) -> Any:
    """What was found, as far as something is said of it."""
    if isinstance(wanted, dict):
        return {key: only(found.get(key), value) for key, value in wanted.items() if key != "file"}
    return [only(*pair) for pair in zip(found, wanted, strict=True)] if isinstance(wanted, list) and isinstance(found, list) else found


@pytest.mark.parametrize("line", EVENTS, ids=lambda line: line["file"])
def test_an_event_is_read_as_expected(line, sample, certificate, settings):
    found = read(sample(line["file"].removesuffix(".json")), certificate, settings)
    assert only(found, line) == {key: value for key, value in line.items() if key != "file"}


class Objects:
    """S3 and KMS as far as these samples need them: the octets of one file, its metadata, and the answer that KMS must be asked for."""

    def __init__(self, octets: bytes, metadata: dict[str, str], kms: dict[str, Any]) -> None:
        self.octets, self.metadata, self.kms = octets, metadata, kms

    def __call__(self, service: str, settings: Any) -> Objects:
        return self

    def get_object(self, **asked: str) -> dict[str, Any]:
        from botocore.response import StreamingBody

        body = StreamingBody(io.BytesIO(self.octets), len(self.octets))
        return {"Body": body, "ContentLength": len(self.octets), "Metadata": self.metadata}

    def decrypt(self, **asked: Any) -> dict[str, Any]:
        assert asked == {
            "CiphertextBlob": base64.b64decode(self.kms["CiphertextBlob"]),
            "EncryptionContext": self.kms["EncryptionContext"],
        }
        return {"Plaintext": base64.b64decode(self.kms["Plaintext"])}


@pytest.mark.parametrize("line", MAILS, ids=lambda line: line["file"])
def test_a_stored_mail_is_read_as_expected(line, samples, settings, tmp_path):
    pytest.importorskip("boto3")
    path = samples / line["file"]
    about = json.loads(path.with_suffix(".json").read_text()) if path.suffix == ".bin" else {"Metadata": {}, "kms": {}}
    stored = Objects(path.read_bytes(), about["Metadata"], about["kms"])
    record = Object(Place("inbound-mail", "mail/o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"))
    try:
        mail = ses.fetch(record, settings, tmp_path, client=stored)
    except SesError as error:
        assert (error.kind, error.code) == (line["kind"], line["error"])
        assert list(tmp_path.iterdir()) == []
        return
    if "ignore" in line:
        assert mail is None
        return
    block = read_block(mail.raw)
    assert mail.source_key == f"ses:{line['message_id']}"
    assert (mail.sha256, mail.size) == (line["sha256"], line["size"])
    assert list(mail.envelope.recipients) == line["recipients"]
    assert mail.envelope.sender == line["sender"]
    assert dict.fromkeys(line["verdicts"]) | dict(block.verdicts) == line["verdicts"]
    assert mail.envelope.verdicts == {name: word.lower() for name, word in line["verdicts"].items() if word}


def test_every_line_is_tested():
    if not LINES:
        pytest.skip("no ../shared here (INBOX_SHARED)")
    assert len(EVENTS) + len(MAILS) + sum(line["kind"] == "rules" for line in LINES) == len(LINES) == 70
