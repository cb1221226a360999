"""Any octets are a mail: reading them never raises, ends in good time, and says what JSON can say."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import inbox

TOKENS = (
    b"Content-Type: multipart/mixed; boundary=b\n\n--b\n", b"\n--b--\n", b"\nFrom: ", b"\nSubject: =?utf-8?q?", b"?=", b"=?utf-8?b?", b"\nContent-Transfer-Encoding: base64\n",
    b"quoted-printable", b"\nContent-Disposition: attachment; filename*0*=utf-8''", b"\nContent-Type: message/rfc822\n", b"\nContent-Type: text/html; charset=",
    b"\nReceived: ", b"\nDate: ", b"message/delivery-status", b"begin 644 x\n", b"\n> ", b"\n-- \n", b"<blockquote>", b"<div", b"\r\n", b"\r", b"\0", b"\xff", b"--", b"=", b";", b"(", b'"', b"\x78\x9f\x3e\x22",
)  # fmt: skip
LONGEST = 10.0
"""Seconds of CPU that no input of a fuzzer may take to be read twice: its inputs are small."""

_ROOT = Path(__file__).parent.parent.parent


def check(data: bytes) -> None:
    """The octets of a mail."""
    began = time.process_time()
    message = inbox.parse(data)
    told = message.to_dict()
    json.dumps(told).encode()
    assert told["size"] == len(data)
    assert all(len(item.content()) == item.size for item in message.attachments), "an attachment is not as long as it says"
    assert not any(set(header.value) & set("\r\n\0") for header in message.headers), "a header has more than one line"
    assert inbox.parse(data).to_dict() == told, "read again it is another message"
    took = time.process_time() - began
    assert took < LONGEST, f"{took:.1f} s for {len(data)} octets"


def seeds() -> Iterator[bytes]:
    """The mails of the project, and the hostile ones beside it where they are."""
    shared = Path(os.environ.get("INBOX_SHARED", _ROOT.parent / "shared"))
    for path in (*sorted((_ROOT / "fixtures" / "mail").glob("*.eml")), *sorted((shared / "cases" / "eml").glob("*.eml"))):
        if path.stat().st_size < 20_000:
            yield path.read_bytes()
