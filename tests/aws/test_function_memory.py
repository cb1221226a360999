"""A mail of 40 MB, the largest that SES takes, in a function of 256 MB: looked at, stored, forwarded to a bucket."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys

from conftest import ROOT

ID = "o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"
RULES = """
version: 1
domains: [example.com]
rules:
- {name: look, when: {attachment.type: application/pdf, text: {has: words}}, do: [{s3: {bucket: copies, key: "{id}"}}, {store: {table: mails}}]}
default: [discard]
"""
PROGRAM = """
import json, pathlib, re
from inbox import lambda_handler
mail = {"timestamp": "2025-11-05T10:00:00.000Z", "source": "jane@example.org", "messageId": "ID", "destination": []}
action = {"type": "Lambda", "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:f", "invocationType": "RequestResponse"}
event = {"Records": [{"eventSource": "aws:ses", "ses": {"mail": mail, "receipt": {"recipients": ["a@example.com"], "action": action}}}]}
print(json.dumps({"answer": lambda_handler(event), "kib": int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])}))
"""


def mail_of(octets: int) -> bytes:
    """A text and an attachment, about so large."""
    pdf = base64.encodebytes(b"%PDF-1.7\n" + os.urandom(1 << 20)).replace(b"\n", b"\r\n")
    head = b'From: jane@example.org\r\nSubject: large\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    text = b"--b\r\n\r\nwords\r\n--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head + text + pdf * (octets // len(pdf)) + b"--b--\r\n"


def test_the_largest_mail_fits_a_function_of_256_mb(aws, tmp_path):
    s3, raw = aws.client("s3"), mail_of(40_000_000)
    for bucket in ("inbound-mail", "copies"):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket="inbound-mail", Key=f"mail/{ID}", Body=raw)
    (tmp_path / "rules.yaml").write_text(RULES)
    environment = {
        **os.environ,
        **aws.env,
        "PYTHONPATH": str(ROOT / "src"),
        "INBOX_STORE": str(tmp_path / "data"),
        "INBOX_SES__BUCKETS": "inbound-mail/mail",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("ID", ID)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["answer"] == {"disposition": "CONTINUE"}
    (copy,) = s3.list_objects_v2(Bucket="copies")["Contents"]
    assert copy["Size"] == len(raw)
    assert said["kib"] < 256 * 1024
