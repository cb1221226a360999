"""A second S3, which checks access keys and does not know IfNoneMatch: it writes the same octets again, so that a repeat changes nothing."""

from __future__ import annotations

import pytest

from inbox.config import validate
from inbox.sources import ses
from inbox.sources.ses import Place, Received
from inbox.testing import inbox_for, make_mail

BUCKET, ID = "inbound-mail", "o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"
RULES = """
version: 1
domains: [example.com]
rules: [{name: copy, do: [{s3: {bucket: inbound-mail, key: "out/{ses_id}"}}]}]
default: [discard]
"""


@pytest.fixture
def s3(s3rver, client_at):
    s3 = client_at(s3rver)("s3")
    s3.create_bucket(Bucket=BUCKET)
    yield s3
    for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        s3.delete_object(Bucket=BUCKET, Key=found["Key"])
    s3.delete_bucket(Bucket=BUCKET)


@pytest.mark.parametrize("size", [100, 300_000])
def test_a_mail_is_fetched_octet_by_octet(s3, s3rver, tmp_path, size):
    raw = b"Subject: hello\r\n\r\n" + b"x" * size
    s3.put_object(Bucket=BUCKET, Key=f"mail/{ID}", Body=raw)
    settings = validate({"ses": {"buckets": [f"{BUCKET}/mail"]}, "aws": {"region": "us-east-1", "endpoint": s3rver}})
    mail = ses.fetch(Received(ID, None, ("a@example.com",), {}, "S3", Place(BUCKET, f"mail/{ID}")), settings, tmp_path)
    assert mail.raw == raw


def test_a_copy_is_put_once_and_a_repeat_has_no_effect(s3, s3rver):
    box = inbox_for(RULES, aws={"region": "us-east-1", "endpoint": s3rver})
    mail = make_mail()
    first, again = box.process(mail), box.process(mail)
    assert [receipt.state for receipt in (first, again)] == ["settled", "settled"], (first.outcomes, again.outcomes)
    (found,) = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read() == mail.raw
