"""Names of things of AWS as settings hold them: checked when settings are read, so that a slip is told before the first call."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator


def _bucket(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", text, re.DOTALL):
        raise ValueError(f"{text!r} names no bucket; write BUCKET or BUCKET/PREFIX")
    return text.rstrip("/")


def _topic(text: str) -> str:
    if not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}", text):
        raise ValueError(f"{text!r} is no topic; write its ARN, arn:aws:sns:REGION:ACCOUNT:NAME")
    return text


def _account(text: str) -> str:
    if not re.fullmatch(r"\d{12}", text):
        raise ValueError(f"{text!r} is no account; its number has 12 digits")
    return text


def _queue(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@]+/[^\s]*[A-Za-z0-9_-](\.fifo)?", text):
        raise ValueError(f"{text!r} is no queue; write its URL, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")
    return text


def _identity(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", text.lower()):
        raise ValueError(f"{text!r} is no domain; write example.com: its subdomains are verified with it")
    return text.lower()


def _endpoint(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", text):
        raise ValueError(f"{text!r} is no web address; write http://HOST:PORT")
    return text


Bucket = Annotated[str, AfterValidator(_bucket)]
"""`BUCKET` or `BUCKET/PREFIX`, without a slash at its end."""

Topic = Annotated[str, AfterValidator(_topic)]
Account = Annotated[str, AfterValidator(_account)]
QueueUrl = Annotated[str, AfterValidator(_queue)]
Identity = Annotated[str, AfterValidator(_identity)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]

Check = Literal["spam", "virus", "spf", "dkim", "dmarc"]
"""What SES checks of a mail."""

Word = Literal["PASS", "FAIL", "GRAY", "PROCESSING_FAILED"]
"""What it may say."""
