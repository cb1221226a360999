"""What is likely not meant in the settings of SES: for `inbox doctor`. Nothing is asked of AWS."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox.config import Settings

_LOCAL = ("127.", "localhost:", "[::1]:")


def advice(settings: Settings) -> Iterator[tuple[str, str]]:
    """(verdict, words) for each thing to say: `ok`, `warning` or `wrong`. Nothing when SES is not used."""
    if not (settings.sns or settings.sqs or settings.ses.buckets or settings.ses.topics):
        return
    if find_spec("boto3") is None:
        yield "wrong", "boto3 is missing: pip install 'inboxd[aws]'"
    if not settings.ses.topics:
        words = "no [ses] topics are listed: whatever comes through SNS is refused"
        yield ("wrong", words) if settings.sns else ("warning", f"{words}; events of S3 and raw delivery to a queue are not")
    if not settings.ses.buckets:
        yield "warning", "no [ses] buckets are listed: only mail within messages (an SNS action, 150 KB at most) is taken"
    if settings.sns and not settings.sns.startswith(_LOCAL):
        yield (
            "warning",
            f"the endpoint on {settings.sns} speaks plain HTTP; let it listen on 127.0.0.1, behind a proxy that has a certificate",
        )
    yield (
        "ok",
        "let the S3 action publish on a topic (events of S3 alone name one recipient of a mail); an SNS action needs the encoding Base64",
    )
