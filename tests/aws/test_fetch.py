"""Mail brought from S3, over HTTP from moto's server: streamed, bounded, whole or not at all."""

from __future__ import annotations

import pytest

from inbox.aws import AwsMissing
from inbox.config import validate
from inbox.sources import ses
from inbox.sources.ses.errors import OutOfBounds
from inbox.sources.ses.records import Object, Place, Received

ID = "o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"
RAW = b"From: jane@example.org\r\nSubject: hello\r\n\r\nwords\r\n"


@pytest.fixture
def settings(aws, tmp_path):
    ses = {"buckets": ["inbound-mail/mail"], "size": 1 << 20}
    return validate({"ses": ses, "aws": aws.settings, "dir": tmp_path / "data"})


@pytest.fixture
def s3(aws):
    found = aws.client("s3")
    found.create_bucket(Bucket="inbound-mail")
    found.create_bucket(Bucket="secrets")
    return found


def received(key=f"mail/{ID}", bucket="inbound-mail", **more):
    return Received(ID, "jane@example.org", ("a@example.com", "b@example.com"), {"spam": "pass"}, "S3", Place(bucket, key, **more))


def test_a_small_mail_comes_in_memory_with_the_envelope_that_ses_saw(s3, settings, tmp_path):
    s3.put_object(Bucket="inbound-mail", Key=f"mail/{ID}", Body=RAW)
    mail = ses.fetch(received(), settings, tmp_path)
    assert (mail.content.data, mail.source_key) == (RAW, f"ses:{ID}")
    assert mail.envelope.to_dict() | {"verdicts": {"spam": "pass"}} == mail.envelope.to_dict()
    assert (mail.envelope.sender, mail.envelope.recipients, mail.envelope.source) == (
        "jane@example.org",
        ("a@example.com", "b@example.com"),
        "ses",
    )


def test_a_large_mail_comes_in_a_file(s3, settings, tmp_path):
    raw = RAW + b"x" * 300_000
    s3.put_object(Bucket="inbound-mail", Key=f"mail/{ID}", Body=raw)
    mail = ses.fetch(received(), settings, tmp_path)
    assert mail.content.data is None
    assert (mail.raw, mail.size) == (raw, len(raw))
    assert list(tmp_path.iterdir()) == [mail.content.path]


def test_a_version_is_honoured(s3, settings, tmp_path):
    s3.put_bucket_versioning(Bucket="inbound-mail", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="inbound-mail", Key=f"mail/{ID}", Body=RAW)["VersionId"]
    s3.put_object(Bucket="inbound-mail", Key=f"mail/{ID}", Body=b"something else")
    assert ses.fetch(received(version=first), settings, tmp_path).raw == RAW


@pytest.mark.parametrize(
    ("bucket", "key"),
    [
        ("secrets", f"mail/{ID}"),
        ("inbound-mail", ID),
        ("inbound-mail", f"mailer/{ID}"),
        ("inbound-mail", f"mail/../{ID}"),
        ("inbound-mail", "mail/../../secrets/x"),
        ("inbound-mail/mail", "mail/x"),
    ],
)
def test_what_the_settings_do_not_list_is_not_asked_for(bucket, key, settings, tmp_path):
    def nobody(*asked):
        raise AssertionError(asked)

    with pytest.raises(OutOfBounds) as caught:
        ses.fetch(received(key, bucket), settings, tmp_path, client=nobody)
    assert caught.value.code == "bucket"


def test_an_object_over_the_limit_is_told_before_it_is_asked_for(settings, tmp_path):
    def nobody(*asked):
        raise AssertionError(asked)

    with pytest.raises(OutOfBounds) as caught:
        ses.fetch(received(size=10**13), settings, tmp_path, client=nobody)
    assert caught.value.code == "size"


def test_an_object_over_the_limit_whose_size_no_event_said_is_not_read(s3, settings, tmp_path):
    s3.put_object(Bucket="inbound-mail", Key=f"mail/{ID}", Body=b"x" * (2 << 20))
    with pytest.raises(OutOfBounds):
        ses.fetch(received(), settings, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_is_not_there_may_come_yet(s3, settings, tmp_path):
    with pytest.raises(AwsMissing, match="NoSuchKey"):
        ses.fetch(received(), settings, tmp_path)


def test_an_object_of_somebody_else_is_no_mail(s3, settings, tmp_path):
    s3.put_object(Bucket="inbound-mail", Key="mail/report", Body=b"a,b,c\n")
    with pytest.raises(ses.SesError, match="header fields of SES"):
        ses.fetch(Object(Place("inbound-mail", "mail/report")), settings, tmp_path)
