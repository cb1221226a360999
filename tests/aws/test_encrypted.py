"""Large mails, plain and encrypted as SES does it with a key of KMS: whole, and with little memory."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from inbox.config import validate
from inbox.sources import ses
from inbox.sources.ses.errors import Undecipherable
from inbox.sources.ses.records import Place, Received

ID = "o3vrnil0e2ic28trm7dfk3kc2v0cnbeccl4nbp0g"
LARGE = 40_000_000
EXTRA = 60 << 20

PROGRAM = r"""
import json, re, sys
from pathlib import Path
from inbox.config import validate
from inbox.sources import ses
from inbox.sources.ses.records import Place, Received

def fetch(name):
    record = Received(name, None, ("a@example.com",), {}, "S3", Place("inbound-mail", name))
    return ses.fetch(record, settings, Path(sys.argv[2]))

def peak():
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

settings = validate(json.loads(sys.argv[1]))
fetch(sys.argv[3])
before = peak()
mail = fetch(sys.argv[4])
print(json.dumps([mail.size, mail.sha256, peak() - before]))
"""


@pytest.fixture
def s3(aws):
    found = aws.client("s3")
    found.create_bucket(Bucket="inbound-mail")
    return found


@pytest.fixture
def seal(aws):
    """Encrypt as SES does: (object, metadata)."""
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]

    def sealed(mail: bytes, message_id: str) -> tuple[bytes, dict[str, str]]:
        context = {"aws:ses:message-id": message_id, "aws:ses:rule-name": "r", "aws:ses:source-account": "123456789012", "kms_cmk_id": key}
        data_key = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)
        iv = os.urandom(12)
        about = {
            "x-amz-key-v2": base64.b64encode(data_key["CiphertextBlob"]).decode(),
            "x-amz-iv": base64.b64encode(iv).decode(),
            "x-amz-cek-alg": "AES/GCM/NoPadding",
            "x-amz-tag-len": "128",
            "x-amz-wrap-alg": "kms",
            "x-amz-matdesc": json.dumps(context),
            "x-amz-unencrypted-content-length": str(len(mail)),
        }
        return AESGCM(data_key["Plaintext"]).encrypt(iv, mail, None), about

    return sealed


@pytest.fixture
def settings(aws, tmp_path):
    return {"ses": {"buckets": ["inbound-mail"]}, "aws": aws.settings, "dir": str(tmp_path / "data")}


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_a_mail_of_40_mb_needs_less_than_60_mb(encrypted, s3, seal, settings, aws, tmp_path):
    mail = (os.urandom(1 << 20) * 39)[:LARGE]
    for name, octets in (("small", b"From: a\r\n\r\n"), ("large", mail)):
        body, about = seal(octets, name) if encrypted else (octets, {})
        s3.put_object(Bucket="inbound-mail", Key=name, Body=body, Metadata=about)
    command = [sys.executable, "-c", PROGRAM, json.dumps(settings), str(tmp_path), "small", "large"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **aws.env})
    assert done.returncode == 0, done.stderr
    size, sha256, extra = json.loads(done.stdout)
    assert (size, sha256) == (LARGE, hashlib.sha256(mail).hexdigest())
    assert extra < EXTRA
    assert len(list(tmp_path.glob("mail-*"))) == 1


def fetch(settings, folder: Path):
    record = Received(ID, None, ("a@example.com",), {}, "S3", Place("inbound-mail", ID))
    return ses.fetch(record, validate(settings), folder)


@pytest.mark.parametrize("size", [10, 300_000])
def test_one_bit_less_leaves_nothing_behind(size, s3, seal, settings, tmp_path):
    body, about = seal(b"x" * size, ID)
    s3.put_object(Bucket="inbound-mail", Key=ID, Body=body, Metadata=about)
    assert fetch(settings, tmp_path).raw == b"x" * size
    for path in tmp_path.glob("mail-*"):
        path.unlink()
    s3.put_object(Bucket="inbound-mail", Key=ID, Body=body[:-1] + bytes([body[-1] ^ 1]), Metadata=about)
    with pytest.raises(Undecipherable):
        fetch(settings, tmp_path)
    assert list(tmp_path.glob("mail-*")) == []


def test_a_key_that_was_wrapped_for_another_mail_is_no_key(s3, seal, settings, tmp_path):
    body, about = seal(b"secret", "another")
    context = json.loads(about["x-amz-matdesc"]) | {"aws:ses:message-id": ID}
    s3.put_object(Bucket="inbound-mail", Key=ID, Body=body, Metadata=about | {"x-amz-matdesc": json.dumps(context)})
    with pytest.raises(Undecipherable, match="kms:Decrypt"):
        fetch(settings, tmp_path)
